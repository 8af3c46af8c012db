"""The 43 patterns with an engine on SQLite that ends without a word, in the middle of what it does."""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from circuit_breaker import Engine, connect
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow import Case
from circuit_breaker.workflow.patterns.catalogue import PATTERNS, Pattern, pattern
from tests.workflow.patterns.playing import do, play_engine
from tests.workflow.patterns.scenarios import SCENARIOS

ROOT = Path(__file__).parents[3]
KILLED = (3, 9, 15, 17, 25, 31, 36, 38)


async def images(shown: Pattern, folder: Path) -> list[Path]:
    """What lies on the disk before each step of the scenario, taken while the engine has it open, and at the end."""
    found: list[Path] = []
    live, scenario = folder / "live", SCENARIOS[shown.number]
    live.mkdir()
    workflow = shown.workflow()
    async with Engine(workflow, storage=connect(live / "work.db"), clock=ManualClock()) as engine:
        await engine.start(workflow, id="c", data=scenario.data)
        for number, step in enumerate(scenario.steps):
            found.append(folder / f"image-{number}")
            shutil.copytree(live, found[-1])
            await do(engine, "c", step)
    return [*found, live]


async def taken_up(shown: Pattern, image: Path) -> Case:
    """The case after another engine has taken up what lies on the disk and gone on to the end."""
    async with Engine(shown.workflow(), storage=connect(image / "work.db"), clock=ManualClock()) as engine:
        case = await play_engine(engine, SCENARIOS[shown.number], "c")
        return await engine.get(case)


@pytest.mark.parametrize("shown", PATTERNS, ids=lambda shown: shown.code)
async def test_an_engine_that_is_gone_leaves_all_that_is_needed(shown: Pattern, tmp_path: Path) -> None:
    """Taken up from the disk as it was before any step, each case ends as the pattern says."""
    for image in await images(shown, tmp_path):
        SCENARIOS[shown.number].holds(await taken_up(shown, image))


def program(journal: Path, life: int) -> int:
    command = [sys.executable, "-m", "tests.workflow.patterns.crash_program", str(journal), str(life)]
    return subprocess.run([*command, *map(str, KILLED)], cwd=ROOT, timeout=60, check=False).returncode


@pytest.mark.crash
def test_a_killed_program_goes_on_with_every_pattern(tmp_path: Path) -> None:
    """Killed with ``kill -9`` again and again, wherever it is, the program brings each case to its end."""
    journal = tmp_path / "work.db"
    lives = [program(journal, life) for life in (5, 19, 23)]
    assert [-signal.SIGKILL] * 3 == lives
    assert 0 == program(journal, 0)
    for number in KILLED:
        SCENARIOS[number].holds(asyncio.run(ended(journal, pattern(number))))


async def ended(journal: Path, shown: Pattern) -> Case:
    workflow = shown.workflow()
    async with Engine(workflow, storage=connect(journal)) as engine:
        return await engine.get(workflow.name)
