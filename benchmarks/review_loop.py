"""The loop draft -> review -> approved -> draft with one data guard a step: pure, in memory, and durable on SQLite."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.registry import Peer, benchmark
from benchmarks.timing import megabytes, microseconds, middle
from circuit_breaker import Case, Engine, Workflow, connect, field, flow, states

draft, review, approved = states("draft", "review", "approved")
good = field("score") >= 8
STEPS = ("submit", "approve", "reopen")
document = Workflow(
    "document",
    flow(draft >> review).transition("submit").guard(good).manual(),
    flow(review >> approved).transition("approve").guard(good).manual(),
    flow(approved >> draft).transition("reopen").guard(good).manual(),
)
MOMENT = datetime(2030, 1, 1, tzinfo=UTC)
DATA = {"score": 9, "title": "Plan"}


@benchmark("µs", Peer("transitions", "step"))
def pure_firing() -> float:
    """One firing as a pure function, immutable history included."""
    case = document.start("case", at=MOMENT, data=DATA)

    def loop() -> None:
        nonlocal case
        case = document.fire(case, "submit", at=MOMENT, by="ann")
        case = document.fire(case, "approve", at=MOMENT, by="ann")
        case = document.fire(case, "reopen", at=MOMENT, by="ann")

    return microseconds(loop, calls=3)


@benchmark("µs", Peer("langgraph", "step_sync"), Peer("langgraph", "step_async"), Peer("python-statemachine", "step"))
def engine_in_memory() -> float:
    """One firing through the engine, on the journal in memory."""
    return asyncio.run(_in_memory())


async def _in_memory(rounds: int = 7, loops: int = 3000) -> float:
    async with Engine(document, storage=connect("memory://")) as engine:
        case = await engine.start("document", data=DATA)
        figures = [await _timed(engine, case, loops) for _ in range(rounds)]
    return sorted(figures)[rounds // 2]


async def _timed(engine: Engine, case: Case, loops: int) -> float:
    begun = time.process_time()
    for _ in range(loops):
        for name in STEPS:
            await engine.fire(case, name, by="ann")
    return (time.process_time() - begun) / loops / len(STEPS) * 1e6


def durable(cases: int, loops: int) -> float:
    """Firings a second, each acknowledged when it is on disk."""

    async def one(engine: Engine) -> None:
        case = await engine.start("document", data=DATA)
        for _ in range(loops):
            for name in STEPS:
                await engine.fire(case, name, by="ann")

    async def work(engine: Engine) -> int:
        async with asyncio.TaskGroup() as group:
            for _ in range(cases):
                group.create_task(one(engine))
        return cases * (loops * len(STEPS) + 1)

    return _on_disk(work)


def _on_disk(work: Callable[[Engine], Awaitable[int]]) -> float:
    async def measured(file: Path) -> float:
        async with Engine(document, storage=connect(f"sqlite:///{file}")) as engine:
            loop = asyncio.get_running_loop()
            begun = loop.time()
            steps = await work(engine)
            return steps / (loop.time() - begun)

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(measured(Path(folder) / "work.db"))


@benchmark(
    "firings/s", Peer("langgraph", "durable_hundred"), Peer("dbos", "durable_hundred"), Peer("raw-sqlite", "group")
)
def durable_over_100_cases() -> float:
    """Durable firings a second over a hundred cases at once."""
    return durable(100, 100)


@benchmark("firings/s", Peer("raw-sqlite", "commit"), Peer("langgraph", "durable_one"), Peer("dbos", "durable_one"))
def durable_one_case() -> float:
    """Durable firings a second of one case alone."""
    return middle(partial(durable, 1, 2000))


@benchmark("MB", Peer("langgraph", "journal_size"))
def journal_of_800_kilobytes() -> float:
    """The size of the files after 800 steps that each add 1 KB to the data."""
    growing = Workflow("growing", flow(draft >> draft).transition("add").manual())

    async def work(file: Path) -> None:
        async with Engine(growing, storage=connect(f"sqlite:///{file}")) as engine:
            case = await engine.start("growing")
            for step in range(800):
                await engine.fire(case, "add", data={f"key{step}": "x" * 1000})

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder) / "work.db"))
        return megabytes(Path(folder))


@benchmark("ms")
def read_after_10000_steps() -> float:
    """The first read of a journal that was just opened: a case of ten thousand steps, 98 events after its snapshot."""

    async def work(file: Path) -> float:
        url = f"sqlite:///{file}"
        async with Engine(document, storage=connect(url)) as engine:
            case = await engine.start("document", data=DATA)
            for step in range(10_097):
                await engine.fire(case, STEPS[step % 3])
        return sorted([await _first_read(url, case.id) for _ in range(15)])[7] * 1e3

    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(work(Path(folder) / "work.db"))


async def _first_read(url: str, case: str) -> float:
    async with connect(url) as journal:
        begun = time.perf_counter()
        await journal.load(case)
        return time.perf_counter() - begun
