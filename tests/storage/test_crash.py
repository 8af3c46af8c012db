"""Journals of processes that are killed in the middle of their work."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuit_breaker.errors import VersionConflict
from circuit_breaker.storage import connect
from tests.storage.cases import last, moved, started

ROOT = Path(__file__).parents[2]
CASES, PAIR = 8, 2
DELAYS = (0.0, 0.131, 0.017, 0.003, 0.089, 0.05, 0.007, 0.11, 0.031, 0.07)  # seconds


class Child:
    """A process of ours that appends pairs of events to several cases, and prints what was acknowledged."""

    def __init__(self, file: Path) -> None:
        command = [sys.executable, "-m", "tests.storage.appender", str(file)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.worker = self.process.stdout.readline().strip()

    def kill(self) -> dict[str, int]:
        """Kills it with signal 9; gives the last number that it had acknowledged of each case."""
        self.process.kill()
        lines = self.process.stdout.read().split("\n")[:-1]
        self.process.stdout.close()
        self.process.wait()
        return {case_id: int(sequence) for case_id, sequence in map(str.split, lines)}


@pytest.mark.crash
async def test_what_was_acknowledged_survives_kill_9(tmp_path):
    """Killed ten times in the middle: every acknowledged event is there, no append by half, and the cases go on."""
    file = tmp_path / "work.db"
    acknowledged: dict[str, int] = {}
    for delay in DELAYS:
        child = Child(file)
        await asyncio.sleep(delay)
        acknowledged |= child.kill()
        async with connect(file) as journal:
            assert not await journal.alive(child.worker)
            for case_id in map(str, range(CASES)):
                case = await journal.load(case_id)
                held = case.sequence if case is not None else 0
                assert acknowledged.get(case_id, 0) <= held
                assert held % PAIR == (1 if held else 0)
                assert list(range(1, held + 1)) == [event.sequence for event in await journal.events(case_id)]
    assert sum(acknowledged.values()) > 10 * CASES


@pytest.mark.crash
async def test_a_worker_is_dead_as_soon_as_it_is_killed(tmp_path):
    """A process that has the file open is alive, stopped or not; killed it is dead at once, and leaves nothing."""
    file = tmp_path / "work.db"
    child = Child(file)
    async with connect(file) as journal:
        assert await journal.alive(child.worker)
        child.kill()
        assert not await journal.alive(child.worker)
        assert [f"work.db-worker-{journal.worker}"] == [each.name for each in tmp_path.glob("*-worker-*")]


@pytest.mark.crash
async def test_two_processes_share_the_file(tmp_path):
    """While another process writes the same cases, ours either wins or is told, and the events have no gap."""
    file = tmp_path / "work.db"
    child = Child(file)
    won = lost = 0
    async with connect(file) as journal:
        deadline = time.monotonic() + 20
        while (not won or not lost) and time.monotonic() < deadline:
            for case_id in map(str, range(CASES)):
                case = moved(await journal.load(case_id) or started(case_id))
                await asyncio.sleep(DELAYS[(won + lost) % len(DELAYS)] / 50)
                try:
                    await journal.append(case, last(case))
                    won += 1
                except VersionConflict:
                    lost += 1
        child.kill()
        assert min(won, lost) > 0
        for case_id in map(str, range(CASES)):
            case, events = await journal.load(case_id), await journal.events(case_id)
            assert list(range(1, case.sequence + 1)) == [event.sequence for event in events]
