"""What many executions of one agent share, and what is known of how long they take."""

from __future__ import annotations

import asyncio

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import agent, at_work, script


async def test_a_definition_is_made_once_for_all_executions():
    """P15: however often an agent is asked, its definition is one value until another is registered."""
    async with at_work(agent(), model=script(always="Yes.")) as engine:
        first = await engine.definition("helper")
        done = [await engine.run("helper", {"q": "?"}) for _ in range(3)]
        again = [await engine.definition("helper", one.agent_version) for one in done]
        assert [first] * 3 == again
        assert 1 == len({id(one) for one in [await engine.definition("helper") for _ in range(3)]})
        await engine.register(agent(description="another"))
        assert "another" == (await engine.definition("helper")).description


async def test_work_and_waiting_are_told_apart():
    """P15, P9: how long an execution was at work is on its record, without the time that it waited for its turn."""
    config = AgentEngineConfig(max_concurrent_executions=1)
    model = script(always=ModelTurn(says="Yes.", after=0.05))
    async with at_work(agent(), model=model, config=config) as engine:
        begun = [await engine.start("helper", {"q": "?"}) for _ in range(3)]
        done = await asyncio.gather(*(engine.wait(one.id) for one in begun))
    last = max(done, key=lambda one: one.ended_at)
    waited = 2 * 0.05
    assert all(one.seconds > 0.04 for one in done)
    assert last.seconds <= (last.ended_at - last.created_at).total_seconds() - 0.9 * waited


async def test_an_engine_can_be_opened_again():
    """What was closed works as before when it is opened again, and takes up what was left."""
    async with connect("memory://") as storage:
        engine = AgentEngine(storage, providers=[script(HANG, always="Yes.")])
        async with engine:
            await engine.register(agent())
            left = await engine.start("helper", {"q": "?"})
            await asyncio.sleep(0.01)
        async with engine:
            done = [await engine.wait(left.id), await engine.run("helper", {"q": "?"})]
    assert ["Yes.", "Yes."] == [one.final_response for one in done]


async def test_an_agent_is_ensured_once():
    """An agent that is there in the same version stays as it is; another version is registered."""
    async with at_work(agent(), model=script()) as engine:
        known = await engine.definition("helper")
        assert known == await engine.ensure(agent())
        new = await engine.ensure(agent(description="another"))
        assert new == await engine.definition("helper") != known
        assert "fresh" == (await engine.ensure(agent("fresh"))).id


async def test_tools_are_given_once():
    """Whoever gives tools for executions gives them once, however often he is named."""
    asked = []

    def tools_for(definition, execution):
        asked.append(execution.id)
        return Toolset()

    async with at_work(agent(), model=script("Yes.")) as engine:
        for _ in range(2):
            engine.give_tools(tools_for)
        done = await engine.run("helper", {"q": "?"})
    assert [done.id] == asked
