"""Talking to an agent that was deployed: a message has one answer, and waits for nobody without saying so."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.agents import AgentMemory, AgentPrompts
from circuit_breaker.agents.chat import Agent, ChatRequest
from circuit_breaker.errors import AgentError
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import Wrapped, agent, at_work, script

TALKER = agent("talker", type="conversational", inputs=(), prompts=AgentPrompts(system="x"), memory=AgentMemory())
PAYER = TALKER.evolve(tools=("pay",), approve=("pay",))
CALL = ModelTurn(calls=(("pay", {}),))
HI = ChatRequest("Hi", key="one")


@tool
def pay() -> str:
    """Pays."""
    return "paid"


async def test_the_first_message_of_a_key_begins_one_conversation():
    """J7: who says it again without knowing the conversation gets the same answer, and goes on in the same one."""
    model = script("Hello.", "Still here.")
    async with at_work(TALKER, model=model) as engine:
        first, again = Agent(engine, "talker"), Agent(engine, "talker")
        answers = [await one.chat(HI) for one in (first, again)]
        await again.chat("Hm")

        assert answers[0] == answers[1]
        assert first.conversation_id == again.conversation_id == answers[0].conversation_id
        assert [2] == [one.turns for one in await engine.conversations.listed()]
    assert "Hello." in str(model.requests[1].messages)


async def test_two_engines_that_are_told_the_same_at_once_begin_one_conversation():
    """J7: two who say it at the same moment, each with its own engine, have one answer between them."""
    model = script("Hello.")
    async with connect("memory://") as storage, at_work(TALKER, storage=storage, model=model) as engine:
        async with at_work(storage=storage, model=model) as other:
            both = [Agent(one, "talker") for one in (engine, other)]
            answers = await asyncio.gather(*(one.chat(HI) for one in both))

        assert answers[0] == answers[1]
        assert 1 == len(await engine.conversations.listed()) == len(model.requests)


class Meeting(Wrapped):
    """A storage of which the first two who look for a conversation know of each other's look before they go on."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.records, self._looks, self._both = self, 0, asyncio.Barrier(2)

    def __getattr__(self, name):
        return getattr(self._storage.records, name, None) or getattr(self._storage, name)

    async def get(self, kind, name):
        found = await self._storage.records.get(kind, name)
        if kind == "conversation" and self._looks < 2:
            self._looks += 1
            await self._both.wait()
        return found


async def test_who_is_slower_to_begin_a_conversation_finds_that_of_the_other():
    """J7: both have seen that there is none, one begins it, and the other one speaks in it."""
    async with (
        connect("memory://") as storage,
        at_work(TALKER, storage=Meeting(storage), model=script("Hi!")) as engine,
    ):
        answers = await asyncio.gather(*(Agent(engine, "talker").chat(HI) for _ in range(2)))

        assert answers[0] == answers[1]
        assert 1 == len(await engine.conversations.listed())


async def test_a_key_that_was_kept_without_its_execution_is_used():
    """J7: where a process ended between the two, the message is said once, in the conversation of its key."""
    async with at_work(TALKER, model=script("Hello.")) as engine:
        await engine.storage.records.put("agent_key", "one", {"execution": "left"}, expected=0)
        answers = [await Agent(engine, "talker").chat(HI) for _ in range(2)]

    assert answers[0] == answers[1]
    assert "left" == answers[0].execution_id


async def test_an_agent_without_a_memory_answers_without_a_conversation():
    """J7: nothing is begun for it, and a message of a key has one answer all the same."""
    async with at_work(TALKER.evolve(memory=None), model=script("Hello.")) as engine:
        answers = [await Agent(engine, "talker").chat(HI) for _ in range(2)]

        assert ("", []) == (answers[0].conversation_id, await engine.conversations.listed())
    assert answers[0] == answers[1]


async def test_a_later_message_of_a_key_is_found_where_it_was_said():
    """J7: a fresh partner that says it again, whatever message it was, goes on in the conversation that has it."""
    async with at_work(TALKER, model=script("Hello.", "Yes.")) as engine:
        first, again = Agent(engine, "talker"), Agent(engine, "talker")
        await first.chat("Hi")
        answers = [await one.chat(ChatRequest("Really?", key="two")) for one in (first, again)]

        assert answers[0] == answers[1]
        assert (again.conversation_id, 1) == (first.conversation_id, len(await engine.conversations.listed()))


async def test_nothing_else_is_said_before_a_person_has_decided():
    """F6: a message that would wait for a decision is refused with what is waited for; afterwards it can be said."""
    async with at_work(PAYER, model=script(CALL, "Done.", "Yes."), tools=[pay]) as engine:
        payer = Agent(engine, "talker")
        asked = await payer.chat(ChatRequest("Pay", key="one"))
        async with asyncio.timeout(5):
            with pytest.raises(AgentError, match="waits for a yes or no to pay of execution"):
                await payer.chat("hello?")
            assert asked == await payer.chat(ChatRequest("Pay", key="one"))
        await payer.approve(await payer.waiting(), asked.approval["digest"])

        assert "Yes." == (await payer.chat("really?")).message
        assert 2 == len(await engine.executions())
