"""A request: what it may be made of, and what is wrong with one."""

from __future__ import annotations

import pytest

from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.request import ChatCompletionRequest, ToolDefinition


def test_every_fault_of_a_request_is_named():
    """All at once, each with what to do: the model, the messages, numbers, tools and the choice among them."""
    tools = (ToolDefinition(name="a"), ToolDefinition(name="a"))
    request = ChatCompletionRequest(model="", messages=(), temperature=3, n=0, tools=tools, tool_choice="b")

    assert ["temperature", "n", "model", "messages", "tool_choice", "tools"] == [one.place for one in request.faults()]
    assert all(one.remedy for one in request.faults())


def test_one_text_at_which_an_answer_ends_is_several():
    """A text is a list of one, whoever leaves the brackets out."""
    one, several = (ChatCompletionRequest(model="m", messages=[user("?")], stop=stop) for stop in ("x", ["x"]))

    assert ("x",) == one.stop == several.stop
    assert [] == one.faults()


@pytest.mark.parametrize(
    ("role", "content", "told"), [("nobody", "x", "role of a message is one of"), ("user", 1, "is a text or parts")]
)
def test_what_is_no_message_is_refused(role, content, told):
    """Who speaks, and what is said, is checked when a message is made."""
    with pytest.raises((TypeError, ValueError), match=told):
        ChatMessage(role, content)
