"""Killed with ``kill -9`` at random moments and started again, every case ends as if nothing had happened."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from circuit_breaker import connect
from circuit_breaker.engine import CaseQuery
from circuit_breaker.workflow.events import StepFinished, TransitionFired

PROGRAM = Path(__file__).with_name("crash_program.py")
MOST = 20


def command(folder: Path) -> list[str]:
    (folder / "files").mkdir(parents=True, exist_ok=True)
    return [sys.executable, str(PROGRAM), str(folder / "journal.db"), str(folder / "effects"), str(folder / "files")]


def run(folder: Path) -> None:
    subprocess.run(command(folder), check=True, timeout=60, stdout=subprocess.DEVNULL)


def kill_until_done(folder: Path) -> int:
    """Starts the program and kills it in the middle of its work, again and again. Says how often it was killed."""
    dice = random.Random(20)  # noqa: S311 - the moments need not be secret
    for killed in range(MOST):
        with subprocess.Popen(command(folder), stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            try:
                process.wait(timeout=dice.uniform(0.03, 0.2))
            except subprocess.TimeoutExpired:
                process.kill()
            else:
                return killed
    run(folder)
    return MOST


async def story(folder: Path) -> dict[str, Any]:
    """What became of every case: where it ended, with which data, and how often each transition fired from where."""
    told: dict[str, Any] = {}
    async with connect(f"sqlite:///{folder / 'journal.db'}") as journal:
        for summary in await journal.find(CaseQuery(limit=1000)):
            case = await journal.load(summary.id)
            assert case is not None
            events = await journal.events(summary.id)
            assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
            fired = Counter(
                (e.transition, tuple(s for _, s in e.consumed), tuple(s for _, s in e.produced))
                for e in events
                if isinstance(e, TransitionFired)
            )
            tokens = sorted((token.state, comparable(token.data, folder)) for token in case.marking)
            told[summary.id] = (case.status, tokens, fired)
    return told


def comparable(data: Any, folder: Path) -> str:
    """The data without what differs from run to run: the folder, and the number in an idempotency key."""
    words = repr(sorted(data.items())).replace(str(folder), "FOLDER")
    return "".join(":N" if part.isdigit() else part for part in words.replace("'", ":'").split(":"))


async def finished_steps(folder: Path) -> list[str]:
    async with connect(f"sqlite:///{folder / 'journal.db'}") as journal:
        found = [await journal.events(summary.id) for summary in await journal.find(CaseQuery(limit=1000))]
    steps = (event for events in found for event in events if isinstance(event, StepFinished))
    return [step.key for step in steps if step.name == "measured"]


@pytest.mark.crash
def test_a_killed_program_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """States, data and firings are those of a run that nobody killed, and what must not be repeated is not."""
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    run(calm)
    assert kill_until_done(stormy) >= 3
    assert asyncio.run(story(calm)) == asyncio.run(story(stormy))
    payments = [line for line in (stormy / "effects").read_text().splitlines() if line.startswith("paid ")]
    assert len(payments) == len(set(payments))
    steps = asyncio.run(finished_steps(stormy))
    assert len(steps) == len(set(steps))
