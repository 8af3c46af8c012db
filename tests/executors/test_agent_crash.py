"""An agent goes on where it was after ``kill -9``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuit_breaker import connect
from circuit_breaker.workflow.events import StepFinished

PROGRAM = Path(__file__).with_name("agent_program.py")


def command(folder: Path) -> list[str]:
    return [sys.executable, str(PROGRAM), str(folder / "journal.db"), str(folder)]


async def finished(folder: Path) -> list[str]:
    """The names of the steps that the journal knows as finished."""
    async with connect(f"sqlite:///{folder / 'journal.db'}") as journal:
        return [event.name for event in await journal.events("one") if isinstance(event, StepFinished)]


def kill_in_the_last_tool(folder: Path) -> None:
    """Starts the program, and kills it when its last tool has begun and all before it is in the journal."""
    begun = folder / "begun"
    with subprocess.Popen(command(folder)) as process:
        patience = time.monotonic() + 60
        while not begun.exists() or "tool last" not in begun.read_text():
            assert process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.05)
        assert ["1/model", "1/tool/0/work", "1/tool/1/work", "2/model"] == sorted(asyncio.run(finished(folder)))
        process.kill()


@pytest.mark.crash
def test_a_restart_asks_no_model_and_calls_no_tool_again(tmp_path):
    """B10: of two calls of the model and three of tools, only the one that had not finished is made again."""
    kill_in_the_last_tool(tmp_path)
    (tmp_path / "go").touch()
    subprocess.run(command(tmp_path), check=True, timeout=60)

    before = ["model 0", "tool first", "tool second", "model 1", "tool last"]
    assert [*before, "tool last", "model 2"] == (tmp_path / "begun").read_text().splitlines()

    keys = [line.split() for line in (tmp_path / "keys").read_text().splitlines()]
    assert (4, 3) == (len(keys), len({key for _, key in keys})), "the call that was made again has the same key"

    async def ended():
        async with connect(f"sqlite:///{tmp_path / 'journal.db'}") as journal:
            return await journal.load("one")

    case = asyncio.run(ended())
    agent = case.token.results["agent"]
    assert ("completed", "It is done.") == (case.status, agent["report"])
    assert '{"done": ["first", "second", "last"]}' == agent["tool_calls"][-1]["result"]
