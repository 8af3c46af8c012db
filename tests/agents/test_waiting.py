"""The time of executions: it runs while they are worked on, and stands still while they wait."""

from __future__ import annotations

import asyncio

from circuit_breaker.agents import AgentLimits, AgentMemory, AgentPrompts
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.errors import ConversationNotFound
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing import HANG
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import agent, at_work, call, script

ONE = AgentEngineConfig(max_concurrent_executions=1)
TALKS = {"type": "conversational", "inputs": (), "memory": AgentMemory(), "prompts": AgentPrompts(system="You help.")}


@tool
def pay() -> str:
    """Pays."""
    return "paid"


async def test_who_was_approved_may_wait_for_a_place():
    """F6: after a yes the only place is taken for longer than the time of the execution, which does not run."""

    def turn(request):
        last = request.messages[-1]
        if "slow" in str(last.content):
            return ModelTurn(says="slow", after=0.6)
        return "done" if last.tool_results else call("pay")

    asking = agent("a", tools=("pay",), approve=("pay",), limits=AgentLimits(timeout=0.5))
    async with at_work(asking, agent("b"), model=script(always=turn), tools=[pay], config=ONE) as engine:
        asked = await engine.run("a", {"q": "?"})
        await engine.start("b", {"q": "slow"})
        await engine.approve(asked.id, asked.approval["digest"])
        done = await engine.wait(asked.id)

    assert ("completed", "done") == (done.status, done.final_response)
    assert done.idle > 0.5


async def test_who_was_at_work_when_the_process_ended_may_wait_for_a_place():
    """I4: four executions go on in a process with one place, each with all of its time."""
    async with connect("memory://") as storage:
        helper = agent("a", limits=AgentLimits(timeout=0.6))
        async with at_work(helper, storage=storage, model=script(always=HANG)) as engine:
            begun = [await engine.start("a", {"q": "?"}) for _ in range(4)]
            await asyncio.sleep(0.02)
        slow = script(always=ModelTurn(says="ok", after=0.25))
        async with at_work(storage=storage, model=slow, config=ONE) as engine:
            done = [await engine.wait(one.id) for one in begun]

    assert ["completed"] * 4 == [one.status for one in done]


async def test_who_has_not_begun_has_its_time_once():
    """J1: what an execution waits for its conversation before it begins is not added to its time."""

    def turn(request):
        return ModelTurn(says="slow", after=0.8) if "slow" in str(request.messages[-1].content) else HANG

    talkers = agent("a", **TALKS), agent("b", limits=AgentLimits(timeout=0.3), **TALKS)
    async with at_work(*talkers, model=script(always=turn), config=ONE) as engine:
        talk = await engine.conversations.create("a")
        await engine.start("a", {"message": "slow"}, conversation=talk.id)
        late = await engine.wait((await engine.start("b", {"message": "hang"}, conversation=talk.id)).id)

    assert ("timed_out", 0.0) == (late.status, late.idle)
    assert 0.3 <= late.seconds < 0.7


class Deleted:
    """A memory of a conversation in which somebody else has the turn, and that is deleted then."""

    async def enters(self, execution):
        return False

    async def enter(self, execution):
        raise ConversationNotFound("the conversation is gone")

    async def recall(self, definition, execution, summarize=None):
        await self.enter(execution)


async def test_a_conversation_may_be_gone_when_its_turn_comes():
    """Who waits for a place and for a conversation that is deleted then fails for it once there is a place."""
    model = script(ModelTurn(says="slow", after=0.1), always="Yes.")
    helper, talker = agent("helper"), agent("talker", **TALKS)
    async with asyncio.timeout(5), at_work(helper, talker, model=model, memory=Deleted(), config=ONE) as engine:
        talk = await engine.conversations.create("talker")
        first = await engine.start("helper", {"q": "?"})
        late = await engine.start("talker", {"message": "?"}, conversation=talk.id)
        done, failed = await engine.wait(first.id), await engine.wait(late.id)
        after = await engine.run("helper", {"q": "?"})

    assert ["completed", "failed", "completed"] == [done.status, failed.status, after.status]
    assert "conversation_not_found" == failed.error["code"]
    assert done.ended_at <= failed.ended_at
