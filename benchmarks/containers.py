"""What a container costs beyond the container itself; on a Docker engine of its own, since others would disturb it."""

from __future__ import annotations

import asyncio
import functools
import statistics
import time
import tracemalloc
from collections.abc import Callable, Coroutine
from typing import Any

from benchmarks.registry import Peer, benchmark
from circuit_breaker.executors import StandaloneContext
from circuit_breaker.executors.docker import DockerExecutor
from tests.services.dockerd import missing, running
from tests.services.images import BUSYBOX

ROUNDS = 15
MANY = 50
PLACES = 8
FLOOD = 10_000_000


def offered(unit: str, *peers: Peer) -> Callable[[Callable[[], float]], Callable[[], float]]:
    """A benchmark where an engine can be started, and nothing elsewhere."""
    return (lambda measure: measure) if missing() else benchmark(unit, *peers)


def on_an_engine(work: Callable[[type[DockerExecutor]], Coroutine[Any, Any, float]]) -> Callable[[], float]:
    """The figure that the work gives on an engine."""

    @functools.wraps(work)
    def measured() -> float:
        with running() as engine:
            return asyncio.run(work(DockerExecutor.under(base_url=engine.address, concurrency=PLACES)))

    return measured


@offered("ms", Peer("docker-cli", "run"))
@on_an_engine
async def container_run(kind: type[DockerExecutor]) -> float:
    """One container that prints a word, from the call to its outcome; the median."""
    await kind(image=BUSYBOX, command="echo warm").execute()
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        await kind(image=BUSYBOX, command="echo hello").execute()
        times.append(time.perf_counter() - begun)
    return statistics.median(times) * 1e3


@offered("s", Peer("docker-cli", "many"))
@on_an_engine
async def fifty_containers_through_eight_places(kind: type[DockerExecutor]) -> float:
    """50 containers that print a word, 8 at a time."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(MANY):
            group.create_task(kind(image=BUSYBOX, command=["echo", str(number)]).execute())
    return time.perf_counter() - begun


@offered("ms")
@on_an_engine
async def container_cancelled(kind: type[DockerExecutor]) -> float:
    """From the cancellation of a running container until it is gone; the longest of all rounds."""
    return max([await _cancelled(kind) for _ in range(ROUNDS)]) * 1e3


async def _cancelled(kind: type[DockerExecutor]) -> float:
    class Signal(StandaloneContext):
        def log(self, line: str, *, stream: str = "stdout") -> None:  # noqa: ARG002 - that it comes is what counts
            loop.call_soon_threadsafe(told.set)

    loop, told = asyncio.get_running_loop(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        work = kind(image=BUSYBOX, command=["sh", "-c", "echo ready; sleep 60"]).bind(Signal())
        task = group.create_task(work.execute())
        await told.wait()
        begun = time.perf_counter()
        task.cancel()
    return time.perf_counter() - begun


@offered("MB")
@on_an_engine
async def memory_of_a_flood(kind: type[DockerExecutor]) -> float:
    """The most memory that 10 MB of output take, all of it passed on line by line."""

    class Count(StandaloneContext):
        lines = 0

        def log(self, line: str, *, stream: str = "stdout") -> None:  # noqa: ARG002 - only counted
            self.lines += 1

    await kind(image=BUSYBOX, command="true").execute()
    script = f"yes 0123456789abcde | head -c {FLOOD}"
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        await kind(image=BUSYBOX, command=["sh", "-c", script], output="none").bind(Count()).execute()
        return (tracemalloc.get_traced_memory()[1] - before) / 1e6
    finally:
        tracemalloc.stop()
