"""What a conversation remembers."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.memory import ConversationMemory
from circuit_breaker.llm.messages import ChatMessage, assistant, system, tool_result, user
from circuit_breaker.llm.parts import Image, Thinking, ToolCall
from circuit_breaker.llm.tokens import count_tokens


def said(memory):
    return [message.content for message in memory.history]


def test_it_is_made_as_the_documents_make_it():
    """J1: a system prompt and 4,000 tokens; any number of messages."""
    memory = ConversationMemory(system_prompt="Be kind.")

    assert ("Be kind.", 4000, None) == (memory.system_prompt, memory.max_tokens, memory.max_messages)


def test_messages_are_added_read_and_cleared():
    """J2: ``add_message``, ``messages``, ``clear``; the system prompt stands first, can be set, and is not cleared."""
    memory = ConversationMemory("Be kind.")
    memory.add_message("user", "New message")
    memory.add_message("assistant", "Response")
    memory.system_prompt = "Be brief."

    assert (system("Be brief."), user("New message"), assistant("Response")) == memory.messages
    memory.clear()
    assert (system("Be brief."),) == memory.messages
    memory.system_prompt = ""
    assert () == memory.messages


def test_the_oldest_messages_are_dropped_by_number():
    """J3, ZA33: at most ``max_messages``; the system prompt is none of them."""
    memory = ConversationMemory("Be kind.", max_messages=2)
    for number in range(5):
        memory.add_message("user", str(number))

    assert ["3", "4"] == said(memory)
    assert 3 == memory.usage.dropped


def test_the_oldest_messages_are_dropped_by_tokens():
    """J4, ZA33: at most ``max_tokens``, the system prompt included; how full it is can be watched."""
    memory = ConversationMemory("Be kind.", max_tokens=60)
    for number in range(9):
        memory.add_message("user", f"message number {number}")

    assert memory.usage.tokens == int(count_tokens(memory.messages)) <= 60
    assert 0.7 < memory.usage.share <= 1
    assert "message number 8" == said(memory)[-1]
    assert memory.usage.estimated


def test_what_was_said_last_is_kept_even_if_it_is_too_long():
    """A request without its question would be worse than one that is too long."""
    memory = ConversationMemory("Be kind.", max_tokens=10)
    memory.add_message("user", "word " * 100)

    assert (1, True) == (memory.usage.messages, memory.usage.share > 1)


def test_a_longer_system_prompt_makes_room_for_itself():
    """What is set later counts as well."""
    memory = ConversationMemory("", max_tokens=60)
    memory.add(*(user(f"message number {number}") for number in range(5)))
    memory.system_prompt = "word " * 30

    assert memory.usage.tokens <= 60
    assert "message number 4" == said(memory)[-1]


CALLS = (ToolCall(id="a", name="t"), ToolCall(id="b", name="t"))


def test_calls_and_results_are_dropped_together():
    """A result without its call, or a call without its result, would make every later request fail."""
    memory = ConversationMemory(max_messages=4)
    memory.add(user("do it"), assistant(Thinking(text="hm", signature="s"), *CALLS))
    memory.add(*(tool_result(call, "done") for call in CALLS))
    assert 4 == memory.usage.messages

    memory.add_message("user", "next")
    assert ["", "", "", "next"] == said(memory)
    memory.add_message("assistant", "last")
    assert ["next", "last"] == said(memory)


def test_thoughts_stay_with_the_calls_they_led_to():
    """A vendor wants the thoughts back with the calls, signature and all."""
    memory = ConversationMemory()
    call = assistant(Thinking(text="hm", signature="s"), CALLS[0])
    memory.add(user("do it"), call, tool_result(CALLS[0], "done"))

    assert call is memory.messages[1]


def test_a_late_result_joins_its_call():
    """A result that comes after something else was said stands where its call is."""
    memory = ConversationMemory()
    memory.add(assistant(CALLS[0]), user("and?"), tool_result(CALLS[0], "done"))

    assert ["assistant", "tool", "user"] == [message.role for message in memory.history]


def test_a_result_without_a_call_is_refused():
    """Nothing of what was given with it is added."""
    memory = ConversationMemory()
    with pytest.raises(DataInvalid, match="no message that calls 'a'"):
        memory.add(user("hello"), tool_result(CALLS[0], "done"))

    assert () == memory.messages


def test_system_messages_in_between_are_kept():
    """What the model was told to do on the way is not forgotten."""
    memory = ConversationMemory(max_messages=2)
    memory.add(system("Rules."), *(user(str(number)) for number in range(5)))

    assert ["Rules.", "4"] == said(memory)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": None}, "max_tokens"),
        ({"max_messages": -1}, "max_messages"),
        ({"max_tokens": 1.5}, "max_tokens"),
    ],
)
def test_limits_are_positive(limits, name):
    """A limit that can never hold is refused."""
    with pytest.raises(ValueError, match=name):
        ConversationMemory(**limits)


def test_there_are_four_roles():
    """A misspelt role is named."""
    with pytest.raises(ValueError, match="'usr'"):
        ConversationMemory().add_message("usr", "hello")


async def test_what_falls_out_can_be_summarised():
    """The function is given the summary so far and the messages; the summary stands before the history."""
    seen = []

    async def summarise(before, messages):
        seen.append((before, [message.content for message in messages]))
        return f"{before}{len(messages)} "

    memory = ConversationMemory("Be kind.", max_messages=2, summarize=summarise)
    memory.add(*(user(str(number)) for number in range(4)))
    assert 2 == memory.usage.waiting
    await memory.condense()
    memory.add(user("4"))

    assert "2 1 " == await memory.condense()
    assert [("", ["0", "1"]), ("2 ", ["2"])] == seen
    assert ["Be kind.", "Summary of the conversation before:\n2 1 ", "3", "4"] == [m.content for m in memory.messages]
    assert 0 == memory.usage.waiting


async def test_a_summary_that_fails_loses_nothing():
    """The messages wait for the next attempt."""
    answers = [ConnectionError("away"), "short"]

    def summarise(before, messages):
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return f"{answer} {len(messages)}"

    memory = ConversationMemory(max_messages=1, summarize=summarise)
    memory.add(user("1"), user("2"))
    with pytest.raises(ConnectionError):
        await memory.condense()

    assert "short 1" == await memory.condense() == memory.summary == await memory.condense()


async def test_without_a_function_nothing_waits():
    """What is not summarised is forgotten, and what waits too long as well."""
    memory = ConversationMemory(max_messages=1)
    memory.add(user("1"), user("2"))
    assert ("", 0) == (await memory.condense(), memory.usage.waiting)

    bounded = ConversationMemory(max_tokens=20, summarize=lambda before, messages: "")
    bounded.add(*(user(f"message number {number}") for number in range(100)))
    assert bounded.usage.waiting < 40


def test_it_is_written_and_read_back_without_a_loss():
    """J6: the whole of it is one plain JSON document."""
    memory = ConversationMemory("Be kind.", 500, 3, summarize=lambda before, messages: "")
    memory.add(user("look", Image(url="https://x/y.png")), assistant(Thinking(text="t", signature="s"), CALLS[0]))
    memory.add(tool_result(CALLS[0], "done", is_error=True), user("next"))
    document = json.loads(json.dumps(memory.export()))
    again = ConversationMemory.restore(document, summarize=lambda before, messages: "")

    assert (memory.messages, memory.usage, document) == (again.messages, again.usage, again.export())


def test_a_document_that_is_no_memory_is_refused():
    """A wrong document, and one of a later release, are told."""
    document = ConversationMemory().export()
    for wrong, reason in (
        ({}, "is no memory"),
        ({**document, "version": 2}, "version 2"),
        ({**document, "max_tokens": "many"}, "max_tokens is 'many'"),
        ({**document, "messages": [{"role": "x"}]}, r"data\[0\]\.role"),
    ):
        with pytest.raises(DataInvalid, match=reason):
            ConversationMemory.restore(wrong)


@st.composite
def conversations(draw):
    """Conversations in which tools are called and answered."""
    messages = []
    for number in range(draw(st.integers(1, 12))):
        calls = [ToolCall(id=f"{number}-{at}", name="t") for at in range(draw(st.integers(0, 3)))]
        messages.append(user("word " * draw(st.integers(0, 20))))
        if calls:
            messages.append(assistant(*calls))
            messages.extend(tool_result(call, "r" * draw(st.integers(0, 30))) for call in calls)
    return messages


@given(conversations(), st.integers(1, 200), st.integers(1, 10))
def test_no_call_is_ever_left_without_its_result(messages, max_tokens, max_messages):
    """J7: whatever is dropped, what is left is a conversation that every vendor takes."""
    memory = ConversationMemory("Be kind.", max_tokens, max_messages)
    memory.add(*messages)
    calls = [call.id for message in memory.history for call in message.tool_calls]
    results = [result.call_id for message in memory.history for result in message.tool_results]

    assert calls == results
    assert messages[-1] == memory.history[-1]
    assert list(memory.history) == messages[len(messages) - len(memory.history) :]
    assert isinstance(memory.messages[0], ChatMessage)
