"""What those get who follow or wait when the engine is closed."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import AgentError
from circuit_breaker.storage import connect
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, live, script

QUICK = AgentEngineConfig(poll=0.001)


async def test_who_follows_or_waits_is_told_that_the_engine_is_closed():
    """A follower and whoever waits for an execution that goes on elsewhere end with an error when the engine does."""

    async def told(work):
        with pytest.raises(AgentError, match="the engine of agents is closed"):
            await work

    async with (
        connect("memory://") as storage,
        asyncio.timeout(5),
        asyncio.TaskGroup() as group,
        at_work(agent(), storage=storage, model=script(HANG), config=QUICK) as engine,
    ):
        begun = await engine.start("helper", {"q": "?"})
        for work in (live(engine, begun.id), engine.wait(begun.id)):
            group.create_task(told(work))
        await asyncio.sleep(0.01)


async def test_an_execution_that_is_over_can_be_read_when_the_engine_is_closed():
    """What was written stays readable: its events to the last one, and how it stands."""
    async with connect("memory://") as storage:
        async with at_work(agent(), storage=storage, model=script("Yes.")) as engine:
            done = await engine.run("helper", {"q": "?"})
        assert done.events == len(await live(engine, done.id))
        assert done == await engine.wait(done.id)


async def test_an_engine_that_was_never_opened_follows_what_others_do():
    """Looking on needs no engine at work: what another one writes is followed to its end."""
    model = script("Yes.")
    async with (
        connect("memory://") as storage,
        at_work(agent(), storage=storage, model=model, config=QUICK) as engine,
    ):
        begun = await engine.start("helper", {"q": "?"})
        seen = await live(AgentEngine(storage, config=QUICK), begun.id)
        assert seen == await engine.events.read(begun.id)
