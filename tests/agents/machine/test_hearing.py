"""Messages to state machines are found again, whatever comes with them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.bridge import StateMachineAgent, WorkflowAgent
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.errors import DataInvalid
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
