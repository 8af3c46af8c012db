"""What many executions of one agent share, and what is known of how long they take."""

from __future__ import annotations

import asyncio

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.testing.model_turns import ModelTurn
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
