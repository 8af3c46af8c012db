"""Steps that have finished are not done again after ``kill -9``."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import pytest

from circuit_breaker import Case, connect
from circuit_breaker.workflow.events import StepFinished

PROGRAM = Path(__file__).with_name("steps_program.py")


def command(folder: Path, mode: str) -> list[str]:
    return [sys.executable, str(PROGRAM), str(folder / "journal.db"), str(folder), mode]


async def finished(folder: Path) -> list[str]:
    """The names of the steps that the journal knows as finished."""
    async with connect(f"sqlite:///{folder / 'journal.db'}") as journal:
        return [event.name for event in await journal.events("one") if isinstance(event, StepFinished)]


async def ended(folder: Path) -> Case:
    async with connect(f"sqlite:///{folder / 'journal.db'}") as journal:
        case = await journal.load("one")
    assert case is not None
    return case


def kill_before_the_last(folder: Path, mode: str) -> None:
    """Starts the program, and kills it when all steps but the last have finished."""
    with subprocess.Popen(command(folder, mode)) as process:
        patience = time.monotonic() + 30
        while not (folder / "begun").exists() or len(asyncio.run(finished(folder))) < 2:
            assert process.poll() is None
            assert time.monotonic() < patience
            time.sleep(0.05)
        while "last" not in (folder / "begun").read_text():
            time.sleep(0.05)
        process.kill()


@pytest.mark.crash
@pytest.mark.parametrize("mode", ["sequence", "parallel"])
def test_a_restart_does_only_what_had_not_finished(tmp_path, mode):
    """B13: of three steps two had finished; after the restart only the third is done again."""
    kill_before_the_last(tmp_path, mode)
    (tmp_path / "go").touch()
    subprocess.run(command(tmp_path, mode), check=True, timeout=30)

    second = "after first" if mode == "sequence" else "second"
    begun = (tmp_path / "begun").read_text().splitlines()
    assert sorted(["first", second, "last", "last"]) == sorted(begun)
    case = asyncio.run(ended(tmp_path))
    assert ("completed", "done") == (case.status, case.state)
    results = case.token.results["steps"]["results"]
    assert ["first", second, "last"] == [results[name]["made"] for name in ("first", "second", "last")]
