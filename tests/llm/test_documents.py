"""Messages, requests, responses and events as documents."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DataInvalid, LLMError, RateLimitExceeded
from circuit_breaker.llm.documents import from_document, messages_from_document, to_document
from circuit_breaker.llm.messages import ChatMessage, assistant, user
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Choice, Loss
from circuit_breaker.llm.stream import StreamEnded, StreamEvent, StreamFailed, StreamStarted, TextDelta, ToolCallDelta
from circuit_breaker.llm.usage import Cost, Usage

texts = st.text(max_size=10)
extras = st.dictionaries(texts, st.one_of(texts, st.integers(), st.lists(texts, max_size=2)), max_size=2)
parts = st.one_of(
    st.builds(Text, texts, extras),
    st.builds(Image, url=texts),
    st.builds(File, data=st.none() | texts, name=texts),
    st.builds(Thinking, text=texts, signature=st.none() | texts, provider=texts),
    st.builds(ToolCall, id=texts, name=texts, arguments=texts, extra=extras),
    st.builds(ToolResult, call_id=texts, content=texts, is_error=st.booleans()),
)
messages = st.builds(
    ChatMessage,
    st.sampled_from(["system", "user", "assistant", "tool"]),
    st.lists(parts, max_size=3),
    name=st.none() | texts,
    extra=extras,
)


@given(st.lists(messages, max_size=4))
def test_messages_come_back_as_they_were(given_messages):
    """Every part with everything in it survives being written as JSON."""
    document = json.loads(json.dumps(to_document(given_messages)))

    assert tuple(given_messages) == messages_from_document(document)


REQUEST = ChatCompletionRequest(
    model="m",
    messages=[user("hi")],
    stop="x",
    tools=[ToolDefinition(name="t", parameters={"type": "object"})],
    response_format=ResponseFormat(kind="json_object"),
    extra={"seen": [1]},
)
RESPONSE = ChatCompletionResponse(
    id="r",
    model="m",
    choices=(Choice(message=assistant("hello"), finish_reason="length"),),
    usage=Usage(input_tokens=3, estimated=True),
    cost=Cost(Decimal("0.10"), "yours"),
    losses=(Loss("top_k", "dropped", "unknown"),),
)


@pytest.mark.parametrize("value", [REQUEST, RESPONSE])
def test_requests_and_responses_come_back_as_they_were(value):
    """Numbers, money and losses survive."""
    assert value == from_document(json.loads(json.dumps(to_document(value))), type(value))


def test_the_events_of_a_stream_come_back_as_they_were():
    """A document says which event it is; an error keeps its class and what it tells."""
    error = RateLimitExceeded("slow", provider="p", model="m", retry_after=2.5, status=429, remedy="wait")
    events = [
        StreamStarted(id="r", model="m"),
        TextDelta(text="he"),
        ToolCallDelta(call=0, id="1", name="t", arguments=""),
        StreamEnded(RESPONSE),
        StreamFailed(error, RESPONSE),
    ]
    again = from_document(json.loads(json.dumps(to_document(events))), list[StreamEvent])

    assert events[:4] == again[:4]
    assert isinstance(again[4].error, RateLimitExceeded)
    assert error.to_document() == again[4].error.to_document()


def test_an_error_of_an_unknown_class_is_an_error_of_a_model():
    """A recording of another release can be read."""
    document = to_document(StreamFailed(LLMError("odd"), RESPONSE))
    document["error"]["code"] = "from_the_future"

    assert type(from_document(document, StreamFailed).error) is LLMError


def test_what_is_usual_is_left_out():
    """A document is short: members with their default value do not stand in it."""
    assert [{"role": "user", "parts": [{"type": "text", "text": "hi"}]}] == to_document([user("hi")])


def test_all_faults_of_a_document_are_told():
    """Each with its place, and a hint where a word is misspelt."""
    document = [{"role": "user", "parts": [{"type": "txt"}, {"type": "text", "text": 5}, 7]}, {"parts": []}]
    with pytest.raises(DataInvalid) as wrong:
        messages_from_document(document)

    for told in ("did you mean 'text'", "data[0].parts[0]", "5 is no str", "7 is no mapping", "data[1].role"):
        assert told in str(wrong.value)


@pytest.mark.parametrize("document", [{}, "text", None])
def test_a_conversation_is_a_list(document):
    """Anything else is told at once."""
    with pytest.raises(DataInvalid, match="list of messages"):
        messages_from_document(document)
