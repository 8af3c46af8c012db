"""What executors add to the work: around a call, around a process, and when it has to end."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.registry import benchmark
from benchmarks.timing import microseconds
from circuit_breaker import BaseExecutor, after_execute, before_execute, parameter, validate
from circuit_breaker.executors import SubprocessExecutor
from circuit_breaker.executors.serverless.contract import Invocation
from circuit_breaker.executors.serverless.local import LocalBackend

HANDLER = "def handler(payload, context):\n    return {'words': len(payload['text'].split())}\n"
BARE = f"""import json, sys
{HANDLER}
given = json.loads(sys.stdin.buffer.read())
sys.stdout.write(json.dumps({{"output": handler(given["payload"], given["context"])}}))
"""
TEN_MEGABYTES = f"import sys\nfor _ in range(100_000): sys.stdout.write({'x' * 99!r} + chr(10))"
ROUNDS = 41

Local = SubprocessExecutor.under(programs="*")


@parameter("text", description="What is counted", min_length=1)
@parameter("least", default=1, minimum=1, description="The shortest word that counts")
class Words(BaseExecutor):
    """Counts words: every kind of hook, and next to no work."""

    text: str
    least: int

    @validate
    def text_is_no_path(self, context: dict[str, object]) -> None:
        """Looks at a parameter."""
        if str(context["text"]).startswith("/"):
            raise ValueError("a path")

    @before_execute
    def prepare(self, context: dict[str, object]) -> None:
        """Does nothing."""

    async def execute_internal(self, context: dict[str, object]) -> dict[str, object]:
        """Says four."""
        return {"words": 4, "least": context["least"]}

    @after_execute
    def note(self, result: dict[str, object]) -> None:
        """Does nothing."""


@benchmark("µs")
def executor_machinery() -> float:
    """An executor made and executed: parameters, a validation, hooks and the outcome; its work is nothing."""

    def once() -> None:
        work = Words(text="to be or not", least=2).execute()
        with suppress(StopIteration):
            work.send(None)

    return microseconds(once)


@benchmark("times")
def local_function_over_bare_process() -> float:
    """The cold start of a local Python function, over the same function as a program of its own.

    Both are run by the same interpreter with the same flags, read JSON and write JSON; they take turns.
    """
    return asyncio.run(_cold_starts())


async def _cold_starts() -> float:
    with tempfile.TemporaryDirectory() as folder:
        backend, bare = _functions(Path(folder))
        call = Invocation(function_name="words", payload={"text": "to be or not"}, timeout=20.0)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(await _seconds(lambda: backend.invoke(call)))
            theirs.append(await _seconds(bare))
        return statistics.median(ours) / statistics.median(theirs)


def _functions(folder: Path) -> tuple[LocalBackend, Callable[[], Awaitable[object]]]:
    """The function as a folder, and what runs it as a program."""
    (folder / "words").mkdir()
    (folder / "words" / "handler.py").write_text(HANDLER)
    program = folder / "bare.py"
    program.write_text(BARE)
    given = json.dumps({"payload": {"text": "to be or not"}, "context": {}}).encode()

    async def bare() -> object:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(program)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        said, _ = await process.communicate(given)
        return json.loads(said)["output"]

    return LocalBackend(functions=folder), bare


async def _seconds(call: Callable[[], Awaitable[object]]) -> float:
    begun = time.perf_counter()
    await call()
    return time.perf_counter() - begun


@benchmark("ms")
def program_start() -> float:
    """Running ``true`` through the executor, from its parameters to its outcome."""

    async def work() -> float:
        return statistics.median([await _seconds(Local(command="true").execute) for _ in range(ROUNDS)])

    return asyncio.run(work()) * 1e3


@benchmark("ms")
def cancel_to_stopped() -> float:
    """From the cancellation of a program that does not want to end until all of it is gone; the longest of five."""
    command = ["sh", "-c", "trap '' TERM; sleep 60 & while :; do sleep 60; done"]

    async def once() -> float:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(Local(command=command).execute())
            await asyncio.sleep(0.1)
            begun = time.perf_counter()
            task.cancel()
            await asyncio.wait([task])
            return time.perf_counter() - begun

    async def work() -> float:
        return max([await once() for _ in range(5)])

    return asyncio.run(work()) * 1e3


@benchmark("MB")
def memory_of_ten_megabytes_of_output() -> float:
    """What memory grows by, at most, while a program prints ten megabytes in lines that are logged, not kept."""
    tracemalloc.start()
    try:
        asyncio.run(_print_ten_megabytes())
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@benchmark("MB/s")
def output_throughput() -> float:
    """How fast the output of a program is taken in, line by line."""
    return 10 / asyncio.run(_seconds_of_output())


async def _seconds_of_output() -> float:
    return await _seconds(_print_ten_megabytes)


async def _print_ten_megabytes() -> None:
    await Local(command=[sys.executable, "-I", "-S", "-c", TEN_MEGABYTES], output="none").execute()
