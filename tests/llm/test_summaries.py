"""Summaries by a model: what no longer fits is remembered in few words."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import ActionError, RequestRefused
from circuit_breaker.executors import AssistantExecutor
from circuit_breaker.llm import ConversationMemory, summaries_by
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import Image, ToolCall
from circuit_breaker.testing.models import ScriptedProvider

CALL = ToolCall(id="1", name="look", arguments='{"at": 7}')


async def test_a_model_summarises_what_falls_out():
    """J4: the model is given the summary so far and what fell out, calls and results included."""
    model = ScriptedProvider("Ann lives in Rome.", " Ann, Rome, 7 is red. ")
    memory = ConversationMemory(max_messages=1, summarize=summaries_by(model, "small", words=30))
    memory.add(user("I am Ann, in Rome.", Image(url="https://x/y.png")), user("Look."))
    await memory.condense()
    memory.add(assistant(CALL), tool_result(CALL, "red"), user("And now?"))
    await memory.condense()
    first, second = (request.messages for request in model.requests)

    assert "Ann, Rome, 7 is red." == memory.summary
    assert "at most 30 words" in first[0].content
    assert "user: I am Ann, in Rome." == first[1].content
    assert [
        "Summary so far: Ann lives in Rome.", "user: Look.", 'assistant: [calls look with {"at": 7}]',
        "tool: [look gave red]",
    ] == second[1].content.splitlines()  # fmt: skip


def remembering(*turns, summary="They said hello."):
    """An assistant that is shown one message, and what summarises the others."""
    model = ScriptedProvider(*turns, name="openai")
    small = ScriptedProvider(summary, name="small")
    memory = ConversationMemory("Be kind.", max_messages=2, summarize=summaries_by(small, "small"))
    return AssistantExecutor.under(providers=[model])().with_memory(memory), model


async def test_an_assistant_is_shown_the_summary():
    """J3, J4: an assistant whose memory makes summaries asks for one before it answers, and the model is shown it."""
    one, model = remembering("Hello.", "Yes.", "Still.")
    for text in ("Hi.", "Sure?", "And now?"):
        await one.update_context(input=text).execute()
    shown = [message.content for message in model.requests[2].messages]

    assert shown[0] == "Be kind."
    assert "They said hello." in shown[1]
    assert "And now?" == shown[-1]


async def test_a_summary_that_fails_is_an_error_of_the_work():
    """J4: what could not be summarised is not lost, and the next execution tries again."""
    one, _ = remembering("Hello.", "Yes.", summary=RequestRefused("no", provider="small", model="small"))
    for text in ("Hi.", "Sure?"):
        await one.update_context(input=text).execute()
    with pytest.raises(ActionError, match="no"):
        await one.update_context(input="And now?").execute()

    assert 0 < one.memory.usage.waiting
