"""Killed at random moments, alone and in company: each event has made each function run exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from circuit_breaker import connect
from circuit_breaker.engine import CaseQuery
from tests.functions.crash_program import FUNCTIONS, PER_CASE

ROOT = Path(__file__).parents[2]
CASES = 120
LIMIT = 60


def begun(file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.functions.crash_program", str(file), str(CASES)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_again_and_again(file: Path, times: int, *, at_once: int) -> int:
    """Begins processes and kills them after a while; says how many were killed in the middle of their work."""
    dice, killed = random.Random(7), 0  # noqa: S311 - the moments need not be secret
    for _ in range(times):
        children = [begun(file) for _ in range(at_once)]
        for child in children:
            assert child.stdout.readline() == "ready\n"
        try:
            assert children[0].wait(timeout=dice.uniform(0.02, 0.25)) == 0
        except subprocess.TimeoutExpired:
            killed += 1
        finally:
            for child in children:
                child.kill()
                child.communicate()
    return killed


def finish(file: Path) -> None:
    with begun(file) as child:
        try:
            assert child.wait(timeout=LIMIT) == 0
        finally:
            child.kill()


async def executions(file: Path) -> Counter[str]:
    """How many executions of each function there are; every one has succeeded."""
    found: Counter[str] = Counter()
    async with connect(file) as journal:
        for definition in FUNCTIONS:
            cases = await journal.find(CaseQuery(workflow=definition.workflow.name, limit=10_000))
            assert {("completed", ("succeeded",))} == {(case.status, case.states) for case in cases}
            found[definition.id] = len(cases)
        assert [] == await journal.records.find("function-delay")
    return found


@pytest.mark.crash
@pytest.mark.parametrize("at_once", [1, 2])
async def test_each_event_makes_a_function_run_exactly_once(tmp_path, at_once):
    """F18, ZA21: as many executions as events, chains and delayed chains included, however often it was killed."""
    file = tmp_path / "work.db"
    assert kill_again_and_again(file, 8, at_once=at_once) >= 4
    finish(file)

    assert {"first": 2 * CASES, "linked": 2 * CASES, "later": 2 * CASES} == await executions(file)
    assert PER_CASE * CASES == sum((await executions(file)).values())
