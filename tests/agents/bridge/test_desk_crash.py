"""The desk of the examples from the command line: killed again and again, its history is that of an undisturbed run."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from circuit_breaker import connect
from circuit_breaker.agents.events import ExecutionComplete, Thinking, ToolCallEvent, ToolResultEvent, decode
from circuit_breaker.agents.store import AgentStore, stream_of
from circuit_breaker.workflow.events import Event, TokenChanged, TransitionFired

EXAMPLE = Path(__file__).parents[3] / "examples" / "editorial_desk.py"
DATA = json.dumps({"content": "Nets are sound. A net that is sound can always finish."})
KILLS = 4


@attrs.frozen
class Desk:
    """The example with a journal of its own."""

    folder: Path

    @property
    def journal(self) -> Path:
        return self.folder / "desk.db"

    def command(self, *words: str) -> subprocess.Popen[str]:
        program = [sys.executable, "-m", "circuit_breaker.cli", *words, "--storage", f"sqlite:///{self.journal}"]
        environment = {**os.environ, "DESK_PACE": "0.15"}
        return subprocess.Popen(
            program, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, cwd=self.folder
        )

    def begin(self) -> subprocess.Popen[str]:
        return self.command("run", str(EXAMPLE), "--id", "text-1", "--data", DATA)

    def go_on(self) -> subprocess.Popen[str]:
        return self.command("work", "--until-idle", "-w", str(EXAMPLE))

    def publish(self) -> subprocess.Popen[str]:
        return self.command("fire", "text-1", "publish", "--by", "ann", "-w", str(EXAMPLE))

    def written(self) -> tuple[int, ...]:
        """What tells whether anything was added to the journal."""
        files = [self.journal, self.journal.with_name(f"{self.journal.name}-wal")]
        return tuple(file.stat().st_mtime_ns for file in files if file.exists())

    def has_case(self) -> bool:
        """Whether the case has begun: nobody could go on with what was never written."""
        return self.journal.exists() and bool(asyncio.run(self._events()))

    async def _events(self) -> list[Event]:
        async with connect(f"sqlite:///{self.journal}") as journal:
            return await journal.events("text-1")

    def kill(self, process: subprocess.Popen[str], wait: float, *, after: Callable[[], bool] | None = None) -> None:
        """Kills it so long after the first thing that it wrote, or after that moment; or finds it done."""
        before = self.written()
        reached = after or (lambda: self.written() != before)
        with process:
            while process.poll() is None and not reached():
                time.sleep(0.005)
            time.sleep(wait)
            process.send_signal(signal.SIGKILL)

    def told(self) -> dict[str, Any]:
        """What the journal has of the case and of its agents."""
        return asyncio.run(self._told())

    async def _told(self) -> dict[str, Any]:
        async with connect(f"sqlite:///{self.journal}") as journal:
            executions = await AgentStore(journal).executions()
            events = {
                one.agent_id: [decode(raw) for raw in await journal.streams.read(stream_of(one.id))]
                for one in executions
            }
            return {
                "case": path(await journal.events("text-1")),
                "agents": Counter(one.agent_id for one in executions),
                "calls": {agent: calls(of) for agent, of in events.items()},
                "tokens": {one.agent_id: one.usage["total_tokens"] for one in executions},
                "status": {one.status for one in executions},
            }


def path(events: list[Event]) -> list[tuple[str, str]]:
    """What moved and what was changed, in order, and by whom."""
    moves = [event for event in events if isinstance(event, TransitionFired | TokenChanged)]
    return [(getattr(event, "transition", "changed"), event.by) for event in moves]


def calls(events: list[Any]) -> Counter[Any]:
    """How often each call of a model and of a tool is told, and the end."""
    return Counter(
        (type(event).__name__, event.iteration if isinstance(event, Thinking) else getattr(event, "call_id", ""))
        for event in events
        if isinstance(event, ToolCallEvent | ToolResultEvent | ExecutionComplete)
        or (isinstance(event, Thinking) and event.status == "calling_model")
    )


def ended(process: subprocess.Popen[str]) -> str:
    """What a command said that was not disturbed."""
    out, _ = process.communicate(timeout=60)
    return out


@pytest.mark.crash
@pytest.mark.slow
def test_a_desk_that_is_killed_asks_nothing_twice(tmp_path):
    """N4 O4: a transition agent, a place agent and a person; each model and tool call is in the history once."""
    calm, wild = Desk(tmp_path / "calm"), Desk(tmp_path / "wild")
    for desk in (calm, wild):
        desk.folder.mkdir()
    assert "is waiting in reviewed" in ended(calm.begin())
    assert "is completed in published" in ended(calm.publish())

    dice = random.Random(7)  # noqa: S311 - moments, not secrets
    wild.kill(wild.begin(), 0.1, after=wild.has_case)
    for _ in range(KILLS):
        wild.kill(wild.go_on(), dice.uniform(0.0, 0.4))
    ended(wild.go_on())
    assert "is completed in published" in ended(wild.publish())

    assert calm.told() == wild.told()
    assert {1} == {times for of in wild.told()["calls"].values() for times in of.values()}
    assert {"content-classifier": 1, "content-reviewer": 1} == wild.told()["agents"]
