"""State machines and workflow agents that wait for a person: who talks is told, and answers."""

from __future__ import annotations

import pytest

from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.errors import AgentError, DataInvalid
from circuit_breaker.testing import ModelTurn
from tests.agents.machine.test_machine import BOT, CLERK, ORDER, at_work

ASKING = BOT.evolve(tools=("order_of",), approve=("order_of",))
CALL = ModelTurn(calls=(("order_of", {"customer": "Ann"}),))


async def test_who_talks_is_told_what_a_person_must_decide():
    """L3: a turn that needs a yes comes back with the calls, and goes on with the decision to its answer."""
    async with at_work(CALL, "It is A-7.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        asked = await bot.chat("my order")
        waiting = await bot.waiting()
        done = await bot.approve(asked, asked.approval["digest"], by="ann")

        assert ("approval_needed", "order_of") == (asked.status, asked.approval["calls"][0]["name"])
        assert (asked, None) == (waiting, await bot.waiting())
        assert ("It is A-7.", "helping") == (done.message, await bot.state())
    assert "A-7 of Ann" in str(model.requests[1].messages)
    assert asked.execution_id == done.execution_id


async def test_a_no_is_told_to_the_model():
    """L3: a call that is refused is not made, and the machine goes on with what the model says then."""
    async with at_work(CALL, "Then not.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        done = await bot.approve(await bot.chat("my order"), False)

    assert "Then not." == done.message
    assert "A-7 of Ann" not in str(model.requests[1].messages)


async def test_a_decision_is_waited_for_across_a_restart(tmp_path):
    """L3: the next process knows what is waited for, and the answer belongs to the same execution."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work(CALL, storage=file) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        asked = await bot.chat(ChatRequest("my order", key="one"))
    async with at_work("It is A-7.", storage=file) as (engine, agents, _):
        again = await StateMachineAgent.deploy(engine, agents, "bot", conversation_id=bot.conversation_id)
        same = await again.chat(ChatRequest("my order", key="one"))
        waiting = await again.waiting()
        done = await again.approve(waiting, waiting.approval["digest"])

        assert (asked, asked) == (same, waiting)
        assert ("It is A-7.", asked.execution_id) == (done.message, done.execution_id)
        assert "helping" == await again.state()


async def test_nothing_else_can_be_said_before_the_decision():
    """L3: what is said meanwhile is refused with what is waited for; after the decision it can be said."""
    async with at_work(CALL, "It is A-7.", "Yes.") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        asked = await bot.chat("my order")
        with pytest.raises(AgentError, match="waits for a yes or no to order_of"):
            await bot.chat("hello?")
        with pytest.raises(DataInvalid):
            await bot.approve(asked, "another digest")
        await bot.approve(asked, asked.approval["digest"])

        assert "Yes." == (await bot.chat("really?")).message


async def test_what_was_answered_is_given_again_before_the_decision():
    """L3: a message that is said again under its key has its answer, also while another one waits for a person."""
    async with at_work("Hello.", CALL) as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        first = await bot.chat(ChatRequest("hello", key="one"))
        await bot.chat(ChatRequest("my order", key="two"))

        assert first == await bot.chat(ChatRequest("hello", key="one"))
        with pytest.raises(AgentError, match="waits for a yes or no"):
            await bot.chat(ChatRequest("hello", key="three"))
    assert 2 == len(model.requests)


async def test_a_decision_made_elsewhere_moves_the_machine_when_it_is_talked_to_next():
    """L3: who decides by the engine of agents need not know the machine; the next message finds it in its new state."""
    async with at_work(CALL, "It is A-7.", "Yes.") as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        asked = await bot.chat("my order")
        await agents.approve(asked.execution_id, asked.approval["digest"])
        await agents.wait(asked.execution_id)
        answer = await bot.chat("really?")

        assert ("Yes.", "helping") == (answer.message, await bot.state())


async def test_nobody_waits_before_anything_was_said():
    """L3: an agent to which nothing was said waits for nobody."""
    async with at_work() as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        assert await bot.waiting() is None
        bot.conversation_id = "unknown"
        assert await bot.waiting() is None


async def test_a_workflow_agent_waits_for_a_person_too():
    """L5: a tool that needs a yes is asked about, and the same conversation goes on with it."""
    careful = CLERK.evolve(tools=("order_of",), approve=("order_of",))
    async with at_work(CALL, "It is A-7.", workflows=[ORDER]) as (engine, agents, _):
        clerk = await WorkflowAgent.deploy(engine, agents, careful)
        asked = await clerk.chat(ChatRequest("Which?", key="one"))
        same = await clerk.chat(ChatRequest("Which?", key="one"))
        with pytest.raises(AgentError, match="waits for a yes or no"):
            await clerk.chat("hello?")
        done = await clerk.approve(asked, asked.approval["digest"])

    assert ("approval_needed", asked) == (asked.status, same)
    assert ("It is A-7.", asked.execution_id) == (done.message, done.execution_id)
