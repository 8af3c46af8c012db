"""Clocks for all sides: what a call costs, how many are done in a second. Needs the standard library only."""

from __future__ import annotations

import json
import statistics
import sys
import time
import timeit
from collections.abc import Callable, Mapping
from pathlib import Path

__all__ = ["Figure", "megabytes", "microseconds", "middle", "per_second", "report"]

Figure = Callable[[], float]
ROUNDS = 7


def microseconds(call: Callable[[], object], *, calls: int = 1, seconds: float = 0.1) -> float:
    """Microseconds of processor time of one step, where ``call`` does ``calls`` of them: the median of seven rounds."""
    timer = timeit.Timer(call, timer=time.process_time)
    number = 1
    while (spent := timer.timeit(number)) < seconds:
        number = max(number + 1, int(number * min(10.0, 1.2 * seconds / max(spent, 1e-9))))
    return statistics.median(timer.repeat(ROUNDS, number)) / number / calls * 1e6


def per_second(work: Callable[[], int]) -> float:
    """Steps a second of work that is done once and says how many steps it took."""
    start = time.perf_counter()
    steps = work()
    return steps / (time.perf_counter() - start)


def middle(figure: Figure, rounds: int = ROUNDS) -> float:
    """The median of several rounds of a figure that swings, as all do that wait for a disk or for another process."""
    return statistics.median(figure() for _ in range(rounds))


def megabytes(directory: Path) -> float:
    """What the files of a directory hold, in units of 1,000,000 bytes."""
    return sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6


def report(library: str, figures: Mapping[str, tuple[str, Figure]]) -> None:
    """The command line of a peer's script: measures the figure that is named and prints it as one JSON line."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in figures:
        sys.exit(f"usage: {sys.argv[0]} {'|'.join(figures)}")
    unit, figure = figures[name]
    print(json.dumps({"peer": library, "name": name, "value": figure(), "unit": unit}))
