"""The demo, killed again and again over two hundred files, ends as if it had never been."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import attrs
import pytest

from circuit_breaker import connect
from circuit_breaker.engine import CaseQuery
from circuit_breaker.workflow.events import ActionFailed, ActionStarted, Event, TransitionFired, TransitionRefused
from tests.cli.drafts import write_drafts

FILES = 200
KILLS = 10
PARALLEL = {"measure_clarity", "measure_completeness"}
ENDS = (TransitionFired, TransitionRefused, ActionFailed)


@attrs.frozen
class Demo:
    """The demo over a directory, with one journal."""

    pages: Path
    journal: Path

    def begin(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "circuit_breaker.cli", "demo", self.pages, "--db", self.journal]
        options = ["--pace", "0.05", "--at-once", "8", "--json"]
        return subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)

    def end(self) -> dict[str, dict]:
        """What it says of each file when nobody disturbs it."""
        out, _ = self.begin().communicate(timeout=100)
        return {each["file"]: each for each in json.loads(out)["files"]}

    def kill(self, dice: random.Random) -> None:
        """Begins it, and kills it at a random moment after the first thing that it wrote."""
        before = self.written()
        with self.begin() as process:
            while process.poll() is None and self.written() == before:
                time.sleep(0.005)
            time.sleep(dice.uniform(0.0, 0.4))
            process.send_signal(signal.SIGKILL)
        assert -signal.SIGKILL == process.returncode, "it was done before it could be killed"

    def written(self) -> tuple[int, ...]:
        """What tells whether anything was added to the journal."""
        files = [self.journal, self.journal.with_name(f"{self.journal.name}-wal")]
        return tuple(file.stat().st_mtime_ns for file in files if file.exists())

    def events(self) -> dict[str, list[Event]]:
        """The events of every case."""
        return asyncio.run(self._events())

    async def _events(self) -> dict[str, list[Event]]:
        async with connect(self.journal) as journal:
            return {case.id: await journal.events(case.id) for case in await journal.find(CaseQuery(limit=2 * FILES))}


def path(events: list[Event]) -> list[str | frozenset[str]]:
    """What fired and what was refused, in order; of two branches that go on at once either may be first."""
    steps: list[str | frozenset[str]] = []
    for event in events:
        if isinstance(event, TransitionFired) and event.transition in PARALLEL:
            others = steps.pop() if isinstance(steps[-1], frozenset) else frozenset()
            steps.append(others | {event.transition})
        elif isinstance(event, TransitionFired | TransitionRefused):
            steps.append(f"{event.type} {event.transition}")
    return steps


def ended_twice(events: list[Event]) -> list[str]:
    """The actions that ended more than once, or that began again after their end."""
    ends = Counter(event.key for event in events if isinstance(event, ENDS) and event.key)
    last_end = {event.key: event.sequence for event in events if isinstance(event, ENDS)}
    again = [e.key for e in events if isinstance(e, ActionStarted) and e.sequence > last_end.get(e.key, sys.maxsize)]
    return [key for key, count in ends.items() if count > 1] + again


@pytest.mark.crash
@pytest.mark.slow
def test_a_demo_that_was_killed_ends_like_one_that_was_not(tmp_path):
    """Over 200 files with 10 kills: the same states, scores and paths, and no action is done twice."""
    write_drafts(tmp_path / "pages", FILES)
    calm = Demo(tmp_path / "pages", tmp_path / "calm.db")
    killed = Demo(tmp_path / "pages", tmp_path / "killed.db")
    dice = random.Random(7)  # noqa: S311 - nobody is to be surprised

    expected = calm.end()
    for _ in range(KILLS):
        killed.kill(dice)
    found = killed.end()

    told = ("state", "status", "words", "clarity", "completeness")
    assert FILES == len(found)
    assert {name: [each[key] for key in told] for name, each in expected.items()} == {
        name: [each[key] for key in told] for name, each in found.items()
    }
    calm_events, killed_events = calm.events(), killed.events()
    assert {case: path(events) for case, events in calm_events.items()} == {
        case: path(events) for case, events in killed_events.items()
    }
    assert {"approved", "rejected_for_good"} == {each["state"] for each in found.values()}
    assert [] == [key for events in killed_events.values() for key in ended_twice(events)]
    assert sum(map(len, killed_events.values())) > sum(map(len, calm_events.values())), "no action was interrupted"
