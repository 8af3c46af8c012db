"""What cases cost while they wait, and what an import costs."""

from __future__ import annotations

import asyncio
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks.registry import benchmark
from benchmarks.review_loop import DATA, STEPS, document
from benchmarks.timing import megabytes
from circuit_breaker import Engine, connect

IMPORT = "from circuit_breaker import Workflow, states, flow, rule, field"


@benchmark("MB")
def hundred_thousand_waiting_cases() -> float:
    """The size on disk of 100,000 cases that wait for a person."""

    async def work(file: Path) -> None:
        async with Engine(document, storage=connect(f"sqlite:///{file}")) as engine:
            for _ in range(100):
                async with asyncio.TaskGroup() as group:
                    for _ in range(1000):
                        group.create_task(engine.start("document", data=DATA))

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(work(Path(folder) / "work.db"))
        return megabytes(Path(folder))


@benchmark("KB")
def memory_growth_per_waiting_case() -> float:
    """Memory that each of 20,000 waiting cases on SQLite adds, beyond the few that stay resident."""

    async def work(file: Path) -> float:
        async with Engine(document, storage=connect(f"sqlite:///{file}"), resident=100) as engine:
            await _start(engine, 2000)
            before = _held()
            await _start(engine, 20_000)
            return (_held() - before) / 20_000 / 1000

    with tempfile.TemporaryDirectory() as folder:
        return _traced(Path(folder) / "work.db", work)


async def _start(engine: Engine, count: int) -> None:
    for _ in range(count // 1000):
        async with asyncio.TaskGroup() as group:
            for _ in range(1000):
                group.create_task(engine.start("document", data=DATA))


@benchmark("KB")
def resident_case() -> float:
    """Memory of a waiting case that is resident in an engine, beyond its data."""
    return _resident(())


@benchmark("KB")
def resident_case_after_three_steps() -> float:
    """The same with the history of three steps in memory."""
    return _resident(STEPS)


def _resident(steps: tuple[str, ...]) -> float:
    async def work(file: Path) -> float:
        async with Engine(document, storage=connect(f"sqlite:///{file}"), resident=10_000) as engine:
            await _start(engine, 1000)
            before = _held()
            for _ in range(1000):
                case = await engine.start("document", data=DATA)
                for name in steps:
                    await engine.fire(case, name, by="ann")
            return (_held() - before) / 1000 / 1000 - sys.getsizeof(DATA) / 1000

    with tempfile.TemporaryDirectory() as folder:
        return _traced(Path(folder) / "work.db", work)


def _traced(file: Path, work: Callable[[Path], Coroutine[Any, Any, float]]) -> float:
    tracemalloc.start()
    try:
        return float(asyncio.run(work(file)))
    finally:
        tracemalloc.stop()


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


@benchmark("ms")
def import_time() -> float:
    """The names of a first program, imported in a fresh interpreter, beyond what the interpreter itself takes."""
    return _seconds(IMPORT) * 1e3 - _seconds("pass") * 1e3


def _seconds(program: str, rounds: int = 11) -> float:
    """Seconds of processor time of a program; its byte code is kept, as that of an installed package is."""
    clock = "import resource; u = resource.getrusage(resource.RUSAGE_SELF); print(u.ru_utime + u.ru_stime)"
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", f"{program}\n{clock}"]
    runs = [
        subprocess.run(command, capture_output=True, text=True, check=True, env=kept).stdout for _ in range(rounds + 1)
    ]
    return statistics.median(float(seconds) for seconds in runs[1:])
