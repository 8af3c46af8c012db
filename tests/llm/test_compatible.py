"""The compatible face: OpenAI's documents to our values and back."""

from __future__ import annotations

import json
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import errors
from circuit_breaker.errors import CircuitBreakerError, DocumentInvalid, ResponseInvalid
from circuit_breaker.llm.chunks import ChunkWriter, chunk_document
from circuit_breaker.llm.compatible import (
    error_document,
    request_document,
    response_document,
    response_from,
    status_of,
)
from circuit_breaker.llm.compatible_requests import request_from
from circuit_breaker.llm.messages import ChatMessage, assistant, system, tool_result, user
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, RoutingOptions, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Choice, Loss
from circuit_breaker.llm.router import Attempt
from circuit_breaker.llm.stream import StreamContinued, StreamEnded, StreamStarted, TextDelta, ThinkingDelta
from circuit_breaker.llm.stream import ToolCallDelta as Piece
from circuit_breaker.llm.usage import Cost, Usage

CALL = ToolCall(id="c1", name="search", arguments='{"q": 1}')
FULL = ChatCompletionRequest(
    model="cb:smart-chat",
    messages=[
        system("Be brief."),
        user("What is this?", Image(url="https://example.org/a.png", detail="low"), name="ann"),
        user(Image(data="AAAA", media_type="image/jpeg"), File(data="BBBB", name="a.pdf"), File(file_id="f1")),
        assistant("I look.", CALL),
        tool_result(attrs.evolve(CALL, name=""), "found"),
    ],
    temperature=0.5,
    max_tokens=100,
    top_p=0.9,
    top_k=40,
    frequency_penalty=0.1,
    presence_penalty=-0.1,
    stop=("END",),
    seed=7,
    n=2,
    tools=[ToolDefinition(name="search", description="Searches.", parameters={"type": "object"}, strict=True)],
    tool_choice="search",
    parallel_tool_calls=False,
    response_format=ResponseFormat(kind="json_schema", schema={"type": "object"}, name="reply", strict=False),
    reasoning_effort="low",
    stream=True,
    user="ann",
    metadata={"case": "1"},
    circuit_breaker=RoutingOptions(routing_strategy="lowest_cost", fallback_models=["a/b"], continuation=True),
    unknown={"logit_bias": {"1": 2}, "service_tier": "flex"},
)
PLAIN = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}


def through_json(document):
    return json.loads(json.dumps(document))


def test_a_request_comes_back_as_it_was():
    """G1, G2: every member of a request, what only a vendor knows included, survives its document."""
    assert FULL == request_from(through_json(request_document(FULL)))


@given(
    st.lists(st.text(min_size=1), min_size=1, max_size=4),
    st.floats(0, 2) | st.none(),
    st.integers(1, 100) | st.none(),
    st.sampled_from(["auto", "none", "required"]),
)
def test_any_request_comes_back(texts, temperature, max_tokens, choice):
    """G2: whatever the texts hold."""
    request = ChatCompletionRequest(
        model="m", messages=[user(text) for text in texts], temperature=temperature, max_tokens=max_tokens,
        tool_choice=choice,
    )  # fmt: skip

    assert request == request_from(through_json(request_document(request)))


def test_a_plain_request_is_a_plain_document():
    """G1: what has its default value is not written."""
    assert PLAIN == request_document(request_from(PLAIN))


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        ({"max_completion_tokens": 5}, {"max_tokens": 5}),
        ({"stop": "x"}, {"stop": ("x",)}),
        ({"temperature": 1}, {"temperature": 1}),
        ({"response_format": {"type": "json_object"}}, {"response_format": ResponseFormat(kind="json_object")}),
        ({"tool_choice": None, "tools": None, "stop": None, "metadata": None}, {"tool_choice": "auto"}),
    ],
)
def test_other_spellings_are_read(given_, expected):
    """G2: what OpenAI's clients send in other forms means the same."""
    request = request_from({**PLAIN, **given_})

    assert expected == {name: getattr(request, name) for name in expected}


def test_messages_in_other_forms_are_read():
    """G3: a developer's message is one of the system; content may be a list, null or missing."""
    messages = [
        {"role": "developer", "content": [{"type": "text", "text": "Be "}, "brief."]},
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "function": {"name": "t", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": "1", "content": [{"type": "text", "text": "ok"}]},
        {"role": "assistant", "refusal": None, "annotations": []},
    ]
    read = request_from({"model": "m", "messages": messages}).messages

    assert ("system", "Be brief.") == (read[0].role, read[0].content)
    assert ("{}", "ok") == (read[1].tool_calls[0].arguments, read[2].tool_results[0].content)
    assert {} == read[3].extra


def test_all_that_is_wrong_with_a_request_is_told():
    """G2: every fault of a document is told at once with its place."""
    wrong = {
        "model": 5,
        "messages": [
            7,
            {"role": "boss", "content": "x"},
            {"role": "user", "content": 3},
            {"role": "user", "content": [{"type": "video"}]},
            {"role": "tool", "content": "x"},
            {"role": "assistant", "tool_calls": "x"},
            {"role": "assistant", "tool_calls": [{"id": 1}]},
        ],
        "temperature": "warm",
        "max_tokens": 1.5,
        "stream": "yes",
        "stop": [1],
        "tools": ["x"],
        "tool_choice": 1,
        "response_format": {"type": "xml"},
        "metadata": [],
        "circuit_breaker": {
            "strategy": "x", "max_latency_ms": -1, "fallback_models": "a", "continuation": 1, "task_type": 2,
        },
    }  # fmt: skip
    with pytest.raises(DocumentInvalid) as told:
        request_from(wrong)
    places = [fault.place for fault in told.value.faults]

    assert 21 == len(places)
    assert {"model", "messages[1].role", "messages[3].content[0]", "circuit_breaker.strategy", "tools[0]"} < set(places)


@pytest.mark.parametrize("document", [None, [], {}, {"model": "m", "messages": []}, {"model": "m", "messages": "x"}])
def test_what_is_no_request_is_told(document):
    """G2: a document of another form is an error and no crash."""
    with pytest.raises(DocumentInvalid):
        request_from(document)


def test_values_out_of_range_are_told():
    """G19: what the request itself finds wrong is told in the same way."""
    with pytest.raises(DocumentInvalid, match="temperature"):
        request_from({**PLAIN, "temperature": 9, "tools": []})
    with pytest.raises(DocumentInvalid, match="a list of tools"):
        request_from({**PLAIN, "tools": "x"})


RESPONSE = ChatCompletionResponse(
    id="r1",
    model="gpt-4",
    provider="a",
    created=5,
    choices=(
        Choice(
            message=ChatMessage("assistant", [Thinking(text="hm", provider="openai"), Text("yes"), CALL]),
            finish_reason="tool_calls",
            raw_finish_reason="tool_calls",
        ),
    ),
    usage=Usage(
        input_tokens=10, output_tokens=5, cached_tokens=3, cache_write_tokens=2, reasoning_tokens=1
    ),
    cost=Cost(Decimal("0.00010"), "a list"),
    requested_model="best",
    losses=(Loss("top_k", "dropped", "nobody takes it"),),
    attempts=(Attempt(number=1, provider="a", model="gpt-4", outcome="answered", dollars=Decimal("0.0001")),),
    request_id="q1",
    extra={"system_fingerprint": "fp"},
)  # fmt: skip


def test_a_response_has_the_shape_of_openai():
    """G4: id, object, created, model, choices and usage are as OpenAI has them; the rest is in a member of ours."""
    document = through_json(response_document(RESPONSE))

    assert {"id": "r1", "object": "chat.completion", "created": 5, "model": "gpt-4"}.items() <= document.items()
    assert ("yes", "search") == (
        document["choices"][0]["message"]["content"],
        document["choices"][0]["message"]["tool_calls"][0]["function"]["name"],
    )
    assert 15 == document["usage"]["total_tokens"]
    assert ("0.00010", "best", "0.0001") == (
        document["circuit_breaker"]["dollars"],
        document["circuit_breaker"]["requested_model"],
        document["circuit_breaker"]["attempts"][0]["dollars"],
    )


def test_a_plain_response_tells_little():
    """G4: what there is nothing to say of is left out."""
    plain = ChatCompletionResponse(id="1", model="m", choices=(Choice(message=assistant("yes")),))

    assert {"provider": "", "cost": "unpriced"} == response_document(plain)["circuit_breaker"]


def test_a_response_comes_back():
    """G4: what OpenAI's form can hold survives, with what only a vendor knows."""
    back = response_from(through_json(response_document(RESPONSE)))

    assert (RESPONSE.choices, RESPONSE.usage, RESPONSE.extra) == (back.choices, back.usage, dict(back.extra))
    assert ("a", "best") == (back.provider, back.requested_model)


@pytest.mark.parametrize("document", [{"choices": 5}, {"choices": [{}]}, {}])
def test_what_is_no_response_is_told(document):
    """G4: a document of another form is an error of ours."""
    with pytest.raises((DocumentInvalid, ResponseInvalid)):
        response_from(document)


def test_reasons_that_openai_does_not_know_are_stop():
    """G4: a client gets only reasons that it knows."""
    other = attrs.evolve(RESPONSE, choices=(attrs.evolve(RESPONSE.choices[0], finish_reason="other"),))

    assert "stop" == response_document(other)["choices"][0]["finish_reason"]


def test_chunks_add_up():
    """G4: deltas of text, thoughts and calls come as chunks whose pieces join to the answer."""
    writer = ChunkWriter()
    events = [
        StreamStarted(id="r1", model="gpt-4"),
        ThinkingDelta(text="hm"),
        TextDelta(text="yes"),
        Piece(call=0, id="c1", name="search", arguments='{"q"'),
        Piece(call=0, id="c1", name="search", arguments=": 1}"),
        StreamContinued(provider="b", model="n", error=ResponseInvalid("cut")),
        StreamEnded(RESPONSE),
    ]
    documents = [through_json(chunk_document(chunk)) for event in events for chunk in writer.chunks(event)]
    deltas = [choice["delta"] for document in documents for choice in document["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]

    assert {"role": "assistant", "reasoning_content": "hm"} == deltas[0]
    assert ("search", '{"q": 1}') == (
        calls[0]["function"]["name"],
        "".join(call["function"]["arguments"] for call in calls),
    )
    assert [{"continued_by": "b/n"}] == [one["circuit_breaker"] for one in documents if "circuit_breaker" in one]
    assert ("tool_calls", 15, {"r1"}) == (
        documents[-2]["choices"][0]["finish_reason"],
        documents[-1]["usage"]["total_tokens"],
        {document["id"] for document in documents},
    )


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (errors.RequestRefused("x"), 400, "invalid_request_error"),
        (errors.ModelNotFound("x"), 404, "invalid_request_error"),
        (errors.BudgetExceeded("x"), 429, "insufficient_quota"),
        (errors.RateLimitExceeded("x"), 429, "rate_limit_error"),
        (errors.AuthenticationFailed("x"), 502, "server_error"),
        (errors.NoProviderAvailable("x"), 503, "server_error"),
        (errors.ResponseTimeout("x"), 504, "server_error"),
        (CircuitBreakerError("x"), 500, "server_error"),
    ],
)
def test_errors_have_the_shape_of_openai(error, status, kind):
    """G12: an error is told as OpenAI tells it, with our code; our key being wrong is no fault of the caller."""
    document = error_document(error)["error"]

    assert (status, kind, error.code) == (status_of(error), document["type"], document["code"])
