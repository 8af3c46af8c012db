"""Processes that carry out executions and are killed, and several of them on one database."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import pytest

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.events import is_last
from circuit_breaker.storage import connect
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, events_of, live, script, told
from tests.agents.worker import ROUNDS, ledger, model

ROOT = Path(__file__).parents[2]
KEYS = ("a", "b", "c")
QUICK = AgentEngineConfig(poll=0.01, cleanup_interval=0.05)


@contextmanager
def process(database: Path, notes: Path, *keys: str):
    """A process that carries out executions with these keys; it is killed at the end of the block."""
    command = [sys.executable, "-m", "tests.agents.worker", str(database), str(notes), *keys]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def calls(notes: Path) -> Counter[str]:
    """How often each call was made."""
    return Counter(notes.read_text().splitlines()) if notes.exists() else Counter()


async def check(database: Path, notes: Path, kills: int) -> None:
    """Every call was made once, or once more for each time that it was cut short, and the events are in order."""
    async with connect(database) as storage, at_work(storage=storage, model=script(), config=QUICK) as engine:
        executions = await engine.executions()
        assert sorted(KEYS) == sorted(one.key for one in executions)
        made = calls(notes)
        for execution in executions:
            events = await events_of(engine, execution.id)
            assert "completed" == execution.status
            assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
            assert 1 == sum(map(is_last, events))
            names = [type(event).__name__ for event in events]
            assert ROUNDS == names.count("ToolCallEvent") == names.count("ToolResultEvent")
            assert ROUNDS + 1 == names.count("UsageUpdate")
            assert execution.unpriced_calls == ROUNDS + 1
        assert 2 * ROUNDS * 3 + 3 == len(made)
        assert sum(made.values()) - len(made) <= kills * len(KEYS)


@pytest.mark.crash
@pytest.mark.slow
async def test_killed_at_any_moment_nothing_finished_is_done_again(tmp_path):
    """Killed with signal 9 again and again at random moments: what was finished is not done again, what was cut short
    is done once more, and in the end every execution is completed with every call once in its events.
    """
    database, notes, kills, chance = tmp_path / "a.db", tmp_path / "notes", 0, random.Random(7)  # noqa: S311 - moments, not secrets
    while True:
        with process(database, notes, *KEYS) as child:
            await asyncio.to_thread(child.stdout.readline)
            await asyncio.sleep(chance.uniform(0, 0.03))
            if child.poll() is None and kills < 8:
                kills += 1
                continue
            assert "done\n" == await asyncio.to_thread(child.stdout.readline)
        break
    assert kills
    await check(database, notes, kills)


@pytest.mark.slow
async def test_two_processes_never_do_the_same_thing(tmp_path):
    """Two processes that are asked for the same executions at the same time carry out each of them once."""
    database, notes = tmp_path / "a.db", tmp_path / "notes"
    with process(database, notes, *KEYS) as one, process(database, notes, *KEYS) as other:
        for child in (one, other):
            lines = [await asyncio.to_thread(child.stdout.readline) for _ in range(2)]
            assert "done\n" == lines[-1]
    await check(database, notes, 0)


@pytest.mark.crash
@pytest.mark.slow
async def test_a_living_process_takes_over_from_a_dead_one(tmp_path):
    """Whoever is at work beside a process that dies goes on with its executions, and followers see no seam."""
    database, notes = tmp_path / "a.db", tmp_path / "notes"
    with process(database, notes, *KEYS) as child:
        await asyncio.to_thread(child.stdout.readline)
        tools = [ledger(notes)]
        async with (
            connect(database) as storage,
            at_work(storage=storage, model=model(notes), tools=tools, config=QUICK) as engine,
        ):
            executions = await engine.executions()
            child.kill()
            followed = await asyncio.gather(*(live(engine, one.id) for one in executions))
            for one, documents in zip(executions, followed, strict=True):
                assert documents == await engine.events.read(one.id)
    await check(database, notes, 1)


async def test_another_process_cancels(tmp_path):
    """An execution is cancelled from another engine on the same database, whose process is asked to do so."""
    hanging = script(always=HANG)
    async with (
        connect(tmp_path / "a.db") as here,
        connect(tmp_path / "a.db") as there,
        at_work(agent(), storage=there, model=hanging, config=QUICK) as working,
        at_work(storage=here, model=script(), config=QUICK) as asking,
    ):
        begun = await working.start("helper", {"q": "?"})
        assert await asking.cancel(begun.id, by="ann")

        assert "cancelled" == (await working.execution(begun.id)).status
        assert [] == await here.records.find("agent_cancellation")
        assert "cancelled" == told(await events_of(asking, begun.id))[-1]


async def test_what_a_dead_process_left_can_be_cancelled(tmp_path):
    """An execution whose process is gone ends when it is cancelled; no model is asked for it."""
    silent = script()
    patient = AgentEngineConfig(cleanup_interval=60)
    async with connect(tmp_path / "a.db") as here, at_work(storage=here, model=silent, config=patient) as engine:
        async with connect(tmp_path / "a.db") as there, at_work(agent(), storage=there, model=script(HANG)) as dying:
            begun = await dying.start("helper", {"q": "?"})
            await asyncio.sleep(0.01)
        assert await engine.cancel(begun.id)

        done = await engine.wait(begun.id)
        assert ("cancelled", []) == (done.status, silent.requests)
        assert ["resumed", "cancelled"] == told(await events_of(engine, begun.id))[-2:]


async def test_two_engines_that_recover_at_once_take_up_each_execution_once(tmp_path):
    """Of several engines that find what a dead process left, one goes on with each execution."""
    async with (
        connect(tmp_path / "a.db") as storage,
        at_work(agent(), storage=storage, model=script(always=HANG)) as engine,
    ):
        ids = [(await engine.start("helper", {"q": "?"})).id for _ in range(5)]
        await asyncio.sleep(0.01)
    one, other = script(always="One."), script(always="Other.")
    async with (
        connect(tmp_path / "a.db") as first,
        connect(tmp_path / "a.db") as second,
        at_work(storage=first, model=one, config=QUICK) as left,
        at_work(storage=second, model=other, config=QUICK) as right,
    ):
        done = [await (left if number % 2 else right).wait(each) for number, each in enumerate(ids)]
        for each in ids:
            assert 1 == told(await events_of(left, each)).count("resumed")
    assert ["completed"] * 5 == [each.status for each in done]
    assert 5 == len(one.requests) + len(other.requests)
