"""Messages to state machines are found again, whatever comes with them."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.errors import AgentError, AgentNotFound, DataInvalid
from circuit_breaker.testing import HANG, ModelTurn
from circuit_breaker.workflow.events import SignalReceived
from tests.agents.machine.test_machine import BOT, CLERK, ORDER, at_work
from tests.agents.machine.test_machine_approvals import ASKING, CALL

MUCH = {f"value {number}": number for number in range(40)}


async def _said_twice(asked: ChatRequest) -> tuple[list[str], int]:
    """What a machine answers to a message that is said twice, and how often its model was asked."""
    async with at_work("Hello.", "Again?") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        return [(await bot.chat(asked)).message for _ in range(2)], len(model.requests)


async def test_a_message_with_a_large_context_is_answered_once():
    """L3: 40 values of the caller do not hide the execution that answers; the same key gives the same answer."""
    assert (["Hello.", "Hello."], 1) == await _said_twice(ChatRequest("Hi", {**MUCH, "machine": MUCH}, key="one"))


@pytest.mark.parametrize("length", [200, 201, 5000])
async def test_a_message_with_a_long_key_is_answered_once(length):
    """L3: a key may be longer than what executions are found by."""
    assert (["Hello.", "Hello."], 1) == await _said_twice(ChatRequest("Hi", key="é" * length))


async def test_a_long_key_is_known_while_a_person_decides():
    """F6: the same message, said again while it waits for a yes, is the one that waits, and nothing new."""
    asked = ChatRequest("my order", key="k" * 300)
    async with at_work(CALL) as (engine, agents, _):
        bot = await StateMachineAgent.deploy(engine, agents, ASKING)
        waits = [await bot.chat(asked) for _ in range(2)]

    assert {("approval_needed", waits[0].execution_id)} == {(one.status, one.execution_id) for one in waits}


@given(st.integers(0, 60), st.integers(0, 60))
def test_what_executions_are_found_again_by_comes_first(metadata, own):
    """L3: neither the metadata of a token nor the values of a caller take the place of what is looked for."""
    context = ExecutionContext(
        tenant_id="t",
        workflow_context={"metadata": {f"m{number}": "x" for number in range(metadata)}, "resource_id": "case"},
        custom_context={
            **{f"k{number}": number for number in range(own)},
            "machine": {"message_id": "one"},
            "visit": "v",
        },
    )
    keys = context.keys()
    sought = ("workflow_context.resource_id", "custom_context.machine.message_id", "custom_context.visit")
    assert ["case", "one", "v"] == [keys.get(path) for path in sought]
    assert len(keys) == min(32, metadata + own + 4)


@pytest.mark.parametrize("wrong", ["a b", "é", "x" * 101, "a/b", "..", "-a"])
async def test_an_id_that_no_conversation_can_have_begins_nothing(wrong):
    """L3: there is one clear error before a case begins, so that none stays open."""
    async with at_work(workflows=[ORDER]) as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT, conversation_id=wrong)
        clerk = await WorkflowAgent.deploy(engine, agents, CLERK)
        for told in (bot.chat("Hi"), clerk.chat(ChatRequest("Hi", conversation_id=wrong))):
            with pytest.raises(DataInvalid, match="no id of a conversation"):
                await told

        assert ([], [], "") == (await engine.cases(), model.requests, clerk.conversation_id)


@pytest.mark.parametrize(("kind", "definition"), [(StateMachineAgent, BOT), (WorkflowAgent, CLERK)])
async def test_the_first_message_of_a_key_begins_one_case(kind, definition):
    """L3 L5: who says it again without knowing the conversation gets the same answer, and goes on in the same case."""
    async with at_work("Hello.", "Again?", workflows=[ORDER]) as (engine, agents, model):
        answers = [
            await (await kind.deploy(engine, agents, definition)).chat(ChatRequest("Hi", key="one")) for _ in range(2)
        ]

        assert answers[0] == answers[1]
        assert (1, 1) == (len(model.requests), len(await engine.cases()))


async def test_keys_of_different_tenants_begin_different_cases():
    """L3 P1: what one tenant calls a message says nothing about the messages of another."""
    async with at_work("Hello.", "Hello.") as (engine, agents, _):
        said = [ChatRequest("Hi", {"tenant_id": tenant}, key="one") for tenant in "abb"]
        ids = [(await (await StateMachineAgent.deploy(engine, agents, BOT)).chat(one)).conversation_id for one in said]

    assert ids[0] != ids[1] == ids[2]


async def test_two_engines_that_are_told_the_same_at_once_begin_one_case(tmp_path):
    """L3: two who say it at the same moment, each with engines of its own, have one answer between them."""
    file = f"sqlite:///{tmp_path}/work.db"
    async with at_work("Hello.", storage=file) as (engine, agents, _), at_work("Hello.", storage=file) as (*other, _):
        bots = [await StateMachineAgent.deploy(*each, BOT) for each in ((engine, agents), other)]
        answers = await asyncio.gather(*(bot.chat(ChatRequest("Hi", key="one")) for bot in bots))

        assert answers[0] == answers[1]
        assert (1, 1) == (len(await engine.cases()), len(await agents.executions()))


async def test_a_message_that_is_said_by_several_at_once_is_heard_once():
    """L3: whoever says it under its key at the same moment, the machine moves by it once, its model is asked once."""
    async with at_work("Hello.", "Again?", "And again?") as (engine, agents, model):
        bots = [await StateMachineAgent.deploy(engine, agents, BOT, conversation_id="talk") for _ in range(3)]
        answers = await asyncio.gather(*(bot.chat(ChatRequest("Hi", key="one")) for bot in bots))
        heard = [event for event in await engine.history("talk") if isinstance(event, SignalReceived)]

    assert [answers[0]] * 3 == answers
    assert (1, 1) == (len(heard), len(model.requests))


async def test_nobody_talks_to_an_agent_that_was_removed():
    """L3: where it is gone since it was deployed, that is said."""
    async with at_work("Hello.") as (engine, agents, model):
        bot = await StateMachineAgent.deploy(engine, agents, BOT)
        await agents.remove("bot")
        with pytest.raises(AgentNotFound, match="there is no agent 'bot'"):
            await bot.chat("Hi")

    assert [] == model.requests


async def test_a_message_that_another_engine_will_answer_is_waited_for(tmp_path):
    """L3: said while another engine answers, a message is heard after that, and its answer comes to who said it."""
    file, slow = f"sqlite:///{tmp_path}/work.db", ModelTurn(says="One.", between=0.3, pieces=2)
    async with at_work(slow, "Two.", storage=file) as (engine, agents, _), at_work("Two.", storage=file) as (*other, _):
        first = await StateMachineAgent.deploy(engine, agents, BOT, conversation_id="talk")
        second = await StateMachineAgent.deploy(*other, "bot", conversation_id="talk")
        one, said = await _one_then(agents, first.chat("one"), second.chat("two"))

        assert ("One.", "Two.", "greeting") == (one.message, said.message, await second.state())
        assert 2 == len(await agents.executions())


async def test_what_is_said_while_an_answer_comes_to_need_a_person_is_refused_then():
    """F6 L3: who has said it is told what is waited for, and it is answered after the decision."""
    slow = ModelTurn(says="...", calls=CALL.calls, between=0.1, pieces=3)
    async with at_work(slow, "It is A-7.", "Yes.") as (engine, agents, _):
        bots = [await StateMachineAgent.deploy(engine, agents, ASKING, conversation_id="talk") for _ in range(2)]
        asked, refused = await _one_then(agents, bots[0].chat("my order"), bots[1].chat("hm?"))
        done = await bots[0].approve(asked, asked.approval["digest"])

        assert "approval_needed" == asked.status
        assert f"waits for a yes or no to execution '{asked.execution_id}'" in str(refused)
        assert ["It is A-7.", "Yes."] == [done.message, (await agents.executions())[-1].final_response]


async def test_what_another_engine_has_left_is_said_after_a_while(tmp_path):
    """L3: where whoever had the message neither answers nor goes on, that is told, and nothing waits for ever."""
    file, poll = f"sqlite:///{tmp_path}/work.db", AgentEngineConfig(poll=0.01)
    async with at_work(ModelTurn(says=HANG), storage=file) as (engine, agents, _):
        first = await StateMachineAgent.deploy(engine, agents, BOT, conversation_id="talk")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first.chat("one"), 0.2)
        async with at_work("Two.", storage=file, config=poll) as (*other, _):
            second = await StateMachineAgent.deploy(*other, "bot", conversation_id="talk")
            await agents.cancel((await agents.executions())[0].id)
            with pytest.raises(AgentError, match="another process has the conversation, and does not go on"):
                await second.chat("two")


async def _one_then(agents, first, second):
    """What comes of two messages, of which the second is said while the first one is being answered."""

    async def meanwhile():
        while not await agents.executions():  # noqa: ASYNC110 - the other engine cannot ring
            await asyncio.sleep(0.01)
        return await second

    return await asyncio.gather(first, meanwhile(), return_exceptions=True)
