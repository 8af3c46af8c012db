"""Executions that a tool has begin belong to the one that calls it, whoever begins them."""

from __future__ import annotations

import asyncio

import attrs
import pytest

from circuit_breaker.agents import AgentLimits, AgentPrompts
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.errors import LimitReached
from circuit_breaker.llm.tools import tool
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.llm.usage import Usage
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import agent, at_work, call, script

NARROW = AgentEngineConfig(max_concurrent_executions=1)
MUCH = Usage(input_tokens=5000, output_tokens=5000)


def asking(begin):
    """A model whose first agent calls a tool that has the second one work, and the tool."""

    async def ask(text: str) -> str:
        """Asks another."""
        return await begin(text)

    def turn(request):
        if "SECOND" in request.messages[0].content:
            return ModelTurn(says="helped", usage=MUCH)
        return "done" if request.messages[-1].tool_results else call("ask", text="?")

    return script(always=turn), lambda definition, _: Toolset(tool(ask)) if definition.id == "first" else Toolset()


FIRST = agent("first", limits=AgentLimits(tokens=1000))
SECOND = agent("second", prompts=AgentPrompts(system="SECOND", user_template="{q}"))


async def test_what_a_tool_waits_for_does_not_wait_for_the_place_of_its_caller():
    """R2: with one place, an agent whose tool asks another without naming a parent comes to its end."""

    async def begin(_):
        return (await engine.run("second", {"q": "?"})).final_response

    model, tools_for = asking(begin)
    async with at_work(FIRST, SECOND, model=model, tools_for=tools_for, config=NARROW) as engine, asyncio.timeout(10):
        await engine.run("first", {"q": "?"})
        [first, second] = await engine.executions()
    assert (first.id, 1) == (second.parent_id, second.depth)


async def test_what_a_tool_has_others_do_counts_for_its_caller():
    """R1: what is taken inside of a tool is paid from the purse of the one that calls it."""

    async def begin(_):
        return (await engine.run("second", {"q": "?"})).status

    model, tools_for = asking(begin)
    async with at_work(FIRST, SECOND, model=model, tools_for=tools_for) as engine:
        done = await engine.run("first", {"q": "?"})
    assert ("failed", "budget_exceeded") == (done.status, done.error["code"])


async def test_what_begins_after_its_caller_is_over_belongs_to_nobody():
    """R1: what a tool has left going on, and begins something later, is on its own."""
    later, over = [], asyncio.Event()

    async def work():
        await over.wait()
        later.append(await engine.run("second", {"q": "?"}))

    async def begin(_):
        group.create_task(work())
        return "soon"

    model, tools_for = asking(begin)
    async with at_work(FIRST, SECOND, model=model, tools_for=tools_for) as engine, asyncio.TaskGroup() as group:
        await engine.run("first", {"q": "?"})
        while any(engine.office.roster):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.001)
        over.set()
    assert [("completed", "", 0)] == [(one.status, one.parent_id, one.depth) for one in later]


async def test_an_engine_on_another_storage_knows_nothing_of_the_caller():
    """R1: an execution cannot belong to one that its storage does not have."""

    async def begin(_):
        return (await other.run("second", {"q": "?"})).final_response

    model, tools_for = asking(begin)
    async with (
        connect("memory://") as elsewhere,
        at_work(SECOND, storage=elsewhere, model=model) as other,
        at_work(FIRST, model=model, tools_for=tools_for) as engine,
    ):
        assert "completed" == (await engine.run("first", {"q": "?"})).status
        [second] = await other.executions()
    assert "" == second.parent_id


@pytest.mark.parametrize(("most", "depths"), [(1, [0]), (2, [0, 1]), (3, [0, 1, 2])])
async def test_the_depth_of_an_agent_binds_all_that_it_wants(most, depths):
    """R1: however deep the others may go, those inside of one another are no more than the outermost allows."""

    async def begin(_):
        try:
            return (await engine.run("deep", {"q": "?"})).status
        except LimitReached as error:
            return error.message

    async def ask(text: str) -> str:
        """Asks another."""
        return await begin(text)

    model = script(always=lambda request: "done" if request.messages[-1].tool_results else call("ask", text="?"))
    narrow = agent("narrow", limits=AgentLimits(depth=most))
    async with at_work(narrow, agent("deep"), model=model, tools_for=lambda *_: Toolset(tool(ask))) as engine:
        await engine.run("narrow", {"q": "?"})
        assert depths == [one.depth for one in await engine.executions()]


async def test_an_outer_agent_that_is_gone_binds_nobody():
    """R1: what nobody knows any more of an execution that wants another is not held against that."""
    async with at_work(
        agent("narrow", limits=AgentLimits(depth=1)), agent("deep"), model=script(always="Yes.")
    ) as engine:
        outer = await engine.run("narrow", {"q": "?"})
        lost = attrs.evolve(outer, agent_version="none")
        assert "completed" == (await engine.run("deep", {"q": "?"}, parent=lost)).status
