"""What only Anthropic has: its headers, blocks, thoughts, events and errors."""

from __future__ import annotations

import base64

import attrs
import pytest

from circuit_breaker.errors import (
    ContentFiltered,
    ContextTooLong,
    ProviderOverloaded,
    QuotaExhausted,
    RequestRefused,
)
from circuit_breaker.llm.adapting import adapted
from circuit_breaker.llm.messages import ChatMessage, assistant, system, tool_result, user
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall
from circuit_breaker.llm.profiles import Profiles
from circuit_breaker.llm.providers import AnthropicProvider
from circuit_breaker.llm.providers.anthropic_messages import MessagesDialect
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.stream import StreamEnded, StreamFailed
from tests.llm.faces import KEY, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import FORM, ONCE, WEATHER, asks, streamed
from tests.llm.vendor_faces import AnthropicFace

FACE = AnthropicFace()
CALL = ToolCall(id="toolu_1", name="weather.now", arguments='{"city": "Rom"}')
THOUGHT = Thinking(text="hm", signature="sig", provider="anthropic")


def sent(*messages, model="claude-sonnet-4-5", **options):
    """The document that goes out, and what is lost on the way."""
    request = ChatCompletionRequest(model=model, messages=messages or (user("?"),), **options)
    draft = adapted(request, Profiles.of_family("anthropic").of(model), kind="anthropic")
    body = MessagesDialect().body(draft)
    return body, [(loss.what, loss.how) for loss in draft.losses]


async def answered(*replies, patience=ONCE, request=None):
    async with faulty(*replies) as server, FACE.provider(server.url, patience=patience) as provider:
        return await provider.complete(request or asks(FACE)), server.seen


async def told(body, **options):
    """The events of a stream of these bytes."""
    reply = Reply(body=body, headers={"Content-Type": FACE.stream_type}, **options)
    async with faulty(reply) as server, FACE.provider(server.url, patience=ONCE) as provider:
        return await streamed(provider, asks(FACE))


# the request


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, {"x-api-key": KEY, "anthropic-version": "2023-06-01"}),
        (
            {"auth": "bearer", "version": "2026-10-21"},
            {"authorization": f"Bearer {KEY}", "anthropic-version": "2026-10-21"},
        ),
        ({"betas": ("a", "b")}, {"x-api-key": KEY, "anthropic-beta": "a,b"}),
    ],
)  # fmt: skip
async def test_the_key_and_the_version_are_sent_as_configured(options, expected):
    """G15: newer clients send a bearer and a newer version, older ones a header of Anthropic's own."""
    async with faulty(Reply(body=FACE.whole(Said()))) as server, FACE.provider(server.url, **options) as provider:
        await provider.complete(asks(FACE))

    headers = server.seen[0].headers
    assert expected == {name: headers.get(name) for name in expected}
    assert ("authorization" in headers) == ("auth" in options)
    assert "POST /v1/messages" == server.seen[0].line


def test_max_tokens_is_always_sent():
    """Pains 45: the vendor wants it; the profile knows how many."""
    assert 8192 == sent()[0]["max_tokens"]
    assert 4096 == sent(model="claude-3-haiku-20240307")[0]["max_tokens"]
    assert 9 == sent(max_tokens=9)[0]["max_tokens"]


def test_instructions_are_a_member_of_their_own():
    """One plain text is a text; several, or one to be cached, are blocks."""
    cached = ChatMessage("system", Text("B", {"cache_control": {"type": "ephemeral"}}))

    assert "A" == sent(system("A"), user("?"))[0]["system"]
    assert [
        {"type": "text", "text": "A"},
        {"type": "text", "text": "B", "cache_control": {"type": "ephemeral"}},
    ] == sent(system("A"), cached, user("?"))[0]["system"]


def test_results_are_blocks_of_the_users_before_what_the_user_says():
    """Results and the user's next words are one message, results first."""
    body, _ = sent(user("?"), assistant(THOUGHT, "I look.", CALL), tool_result(CALL, "no", is_error=True), user("And?"))

    assert [
        {"role": "user", "content": [{"type": "text", "text": "?"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "toolu_1", "name": "weather_now", "input": {"city": "Rom"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "no", "is_error": True},
                {"type": "text", "text": "And?"},
            ],
        },
    ] == body["messages"]


def test_past_tools_are_declared_although_none_may_be_called():
    """A conversation with calls is refused if the request names no tools."""
    body, _ = sent(user("?"), assistant(CALL), tool_result(CALL, "1"))

    assert [{"name": "weather_now", "input_schema": {"type": "object"}}] == body["tools"]
    assert {"type": "none"} == body["tool_choice"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, None),
        ({"tool_choice": "none"}, {"type": "none"}),
        ({"tool_choice": "required"}, {"type": "any"}),
        ({"tool_choice": "weather.now"}, {"type": "tool", "name": "weather_now"}),
        ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
        ({"tool_choice": "required", "parallel_tool_calls": False}, {"type": "any", "disable_parallel_tool_use": True}),
    ],
)
def test_which_tool_is_called(options, expected):
    """What the request wants of tools, in the vendor's words."""
    assert expected == sent(tools=(WEATHER,), **options)[0].get("tool_choice")


def test_images_and_documents_are_blocks():
    """By their bytes, by an address that holds these, by an address, by the vendor's own id, or as text."""
    text = base64.b64encode("Grüße".encode()).decode()
    body, _ = sent(
        user(
            Image(data="aW1n"),
            Image(url="data:image/webp;base64,aW1n"),
            Image(url="https://example.com/a.png"),
            File(data="cGRm", name="plan.pdf"),
            File(file_id="file_1"),
            File(data=text, media_type="text/markdown"),
            File(url="https://example.com/a.pdf"),
        )
    )

    blocks = body["messages"][0]["content"]
    assert ["image"] * 3 + ["document"] * 4 == [block["type"] for block in blocks]
    assert {"type": "base64", "media_type": "image/webp", "data": "aW1n"} == blocks[1]["source"]
    assert {"type": "url", "url": "https://example.com/a.png"} == blocks[2]["source"]
    assert "plan.pdf" == blocks[3]["title"]
    assert {"type": "file", "file_id": "file_1"} == blocks[4]["source"]
    assert {"type": "text", "media_type": "text/plain", "data": "Grüße"} == blocks[5]["source"]
    assert {"type": "url", "url": "https://example.com/a.pdf"} == blocks[6]["source"]


def test_arguments_that_were_no_object_stand_in_one():
    """What a model once wrote wrongly does not poison the conversation."""
    broken = attrs.evolve(CALL, arguments="{broken")
    body, losses = sent(user("?"), assistant(broken), tool_result(broken, "no JSON", is_error=True))

    assert {"arguments": "{broken"} == body["messages"][1]["content"][0]["input"]
    assert ("messages.tool_calls", "changed") in losses


def test_blanks_at_the_end_of_what_the_model_goes_on_with_are_cut_off():
    """The vendor refuses them."""
    body, _ = sent(user("?"), assistant("Once upon \n"), model="claude-3-haiku")

    assert "Once upon" == body["messages"][-1]["content"][0]["text"]
    hidden = Thinking(redacted="xyz", provider="anthropic")
    body, _ = sent(user("?"), assistant("Once upon ", hidden), model="claude-3-haiku")
    assert "Once upon " == body["messages"][-1]["content"][0]["text"]


def test_who_is_behind_it_is_told_and_the_rest_of_the_metadata_lost():
    """The vendor takes the id of a user only."""
    body, losses = sent(user="u-1", metadata={"team": "a"})

    assert {"user_id": "u-1"} == body["metadata"]
    assert ("metadata", "dropped") in losses
    assert {"user_id": "u-2"} == sent(metadata={"user_id": "u-2"})[0]["metadata"]


def test_what_some_models_do_not_take_together():
    """Newer models refuse top_p beside temperature; a temperature above 1 is none."""
    body, losses = sent(temperature=1.5, top_p=0.9)

    assert (1.0, False) == (body["temperature"], "top_p" in body)
    assert {("temperature", "changed"), ("top_p", "dropped")} <= set(losses)
    assert 0.9 == sent(model="claude-3-opus-20240229", temperature=0.5, top_p=0.9)[0]["top_p"]


# thinking


def test_how_much_to_think_is_a_number_of_tokens():
    """ZB4: for models that are told so; what a thinking model does not take is dropped."""
    body, losses = sent(reasoning_effort="medium", max_tokens=40000, temperature=0.2, top_k=5)

    assert {"type": "enabled", "budget_tokens": 8192} == body["thinking"]
    assert not {"temperature", "top_k"} & body.keys()
    assert [("temperature", "dropped"), ("top_k", "dropped")] == losses
    assert 2048 == sent(reasoning_effort="high", max_tokens=4096)[0]["thinking"]["budget_tokens"]
    assert "thinking" not in sent(reasoning_effort="none")[0]


def test_newer_models_are_told_how_hard_to_try():
    """They decide by themselves how long to think."""
    body, _ = sent(model="claude-opus-4-6", reasoning_effort="minimal", top_p=0.5)

    assert {"type": "adaptive"} == body["thinking"]
    assert {"effort": "low"} == body["output_config"]
    assert 0.95 == body["top_p"]
    assert {"type": "disabled"} == sent(model="claude-opus-4-6", reasoning_effort="none")[0]["thinking"]


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        ((user("?"), assistant(CALL), tool_result(CALL, "1")), {"tools": (WEATHER,)}),
        ((user("?"), assistant("I look.", CALL), tool_result(CALL, "1"), user("And?")), {"tools": (WEATHER,)}),
        ((user("?"),), {"tools": (WEATHER,), "tool_choice": "required"}),
        ((user("?"),), {"max_tokens": 1500}),
    ],
)
def test_what_excludes_thinking(messages, options):
    """Pains 42: calls that another model made without a thought, a tool that must be called, no room."""
    body, losses = sent(*messages, reasoning_effort="high", **options)

    assert "thinking" not in body
    assert ("reasoning_effort", "dropped") in losses


def test_thinking_goes_on_after_calls_that_it_stands_before():
    """The vendor's own thoughts stand before its calls, and it may think on."""
    body, _ = sent(
        user("?"), assistant(THOUGHT, CALL), tool_result(CALL, "1"), tools=(WEATHER,), reasoning_effort="low"
    )

    assert "enabled" == body["thinking"]["type"]


def test_a_newer_model_that_must_call_a_tool_does_not_think():
    """These exclude each other."""
    body, losses = sent(model="claude-opus-4-6", reasoning_effort="high", tools=(WEATHER,), tool_choice="required")

    assert {"type": "disabled"} == body["thinking"]
    assert ("reasoning_effort", "dropped") in losses


def test_a_paused_answer_is_sent_again_as_it_is():
    """An answer that stopped within a tool of the vendor's own goes back last, without a word of the user's."""
    search = '{"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}}'
    paused = assistant(Text("I search."), Thinking(redacted=search, provider="anthropic"))
    body, losses = sent(user("?"), paused, model="claude-opus-5")

    assert ("assistant", "server_tool_use") == (
        body["messages"][-1]["role"],
        body["messages"][-1]["content"][-1]["type"],
    )
    assert [] == losses


async def test_thoughts_return_as_they_came():
    """ZB4: signed, hidden, and blocks that only the vendor knows, in their order, streamed or whole."""
    search = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "sig"},
        {"type": "redacted_thinking", "data": "xyz"},
        search,
        {"type": "text", "text": "Found."},
    ]
    body = {"id": "m", "model": "x", "content": content, "stop_reason": "pause_turn", "usage": {"output_tokens": 3}}
    begun = [
        content[0] | {"thinking": "", "signature": ""},
        content[1],
        search | {"input": {}},
        {"type": "text", "text": ""},
    ]
    deltas = [
        [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "sig"}],
        [],
        [{"type": "input_json_delta", "partial_json": piece} for piece in ('{"quer', 'y": "x"}')],
        [{"type": "text_delta", "text": "Found."}],
    ]  # fmt: skip
    events = [FACE.event("message_start", message={**body, "content": [], "stop_reason": None})]
    for index, block in enumerate(begun):
        events.append(FACE.event("content_block_start", index=index, content_block=block))
        events += [FACE.event("content_block_delta", index=index, delta=delta) for delta in deltas[index]]
        events.append(FACE.event("content_block_stop", index=index))
    events += [FACE.event("message_delta", delta={"stop_reason": "pause_turn"}), FACE.event("message_stop")]
    streamed_ = (await told(b"".join(events), cuts=5))[-1].response
    whole, _ = await answered(Reply(body=dumped(body)))

    assert whole.message == streamed_.message
    assert ("paused", "pause_turn") == (whole.finish_reason, whole.choices[0].raw_finish_reason)
    assert content == sent(user("?"), whole.message, user("!"))[0]["messages"][1]["content"]


# the form of an answer


def test_a_form_is_asked_for_by_the_vendors_own_member():
    """ZB11: where the model has it; what the dialect cannot say is checked on our side."""
    body, losses = sent(response_format=FORM)

    form = body["output_config"]["format"]
    assert "json_schema" == form["type"]
    assert form["schema"]["additionalProperties"] is False
    assert "maximum" not in str(form)
    assert ("response_format.schema", "checked") in losses


def test_what_the_user_says_of_the_output_stands_beside_the_form():
    """A member of the vendor's own does not push ours out."""
    extra = {"output_config": {"effort": "max", "format": {"type": "other"}}, "max_tokens": 99_999}
    body, _ = sent(model="claude-opus-4-6", response_format=FORM, max_tokens=5000, extra=extra)

    assert ("max", "json_schema") == (body["output_config"]["effort"], body["output_config"]["format"]["type"])
    assert 5000 == body["max_tokens"]


def test_a_form_that_the_dialect_cannot_carry_is_told_in_words():
    """Pains 43: a map has no words in the dialect, so the model is told what is wanted, and we check."""
    schema = {"type": "object", "additionalProperties": {"type": "integer"}}
    body, losses = sent(system("A"), user("?"), response_format=ResponseFormat(kind="json_schema", schema=schema))

    assert "output_config" not in body
    assert "JSON Schema" in body["system"][1]["text"]
    assert [("response_format.schema", "checked")] == losses


def test_older_models_are_asked_by_a_tool():
    """ZB11: a tool that must be called takes the answer."""
    body, _ = sent(model="claude-3-haiku-20240307", response_format=FORM)

    assert {"type": "tool", "name": "answer"} == body["tool_choice"]


def test_strict_tools_have_closed_schemas():
    """A tool that is to be kept to its schema is sent so where the model can be."""
    strict = attrs.evolve(WEATHER, strict=True)

    assert sent(tools=(strict,))[0]["tools"][0]["strict"] is True
    assert "strict" not in sent(tools=(strict,), model="claude-3-haiku-20240307")[0]["tools"][0]


def test_alternatives_of_all_arguments_are_checked_on_our_side():
    """The vendor refuses them at the top of a tool's schema."""
    tool = ToolDefinition(name="x", parameters={"anyOf": [{"required": ["a"]}], "properties": {"a": {}}})
    body, losses = sent(tools=(tool,))

    assert {"type": "object", "properties": {"a": {}}} == body["tools"][0]["input_schema"]
    assert [("tools.x", "checked")] == losses


# the answer


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("refusal", "content_filter"),
        ("model_context_window_exceeded", "length"), ("pause_turn", "paused"), ("new_reason", "other"),
    ],
)  # fmt: skip
async def test_why_it_ended(reason, expected):
    """G22: the vendor's word is translated, and kept; an answer that was filtered has ended, and is no error."""
    body = {"id": "m", "model": "x", "content": [{"type": "text", "text": "a"}], "stop_reason": reason}
    response, _ = await answered(Reply(body=dumped(body | {"stop_sequence": "END"})))

    assert (expected, reason) == (response.finish_reason, response.choices[0].raw_finish_reason)
    assert "END" == response.extra["stop_sequence"]


async def test_tokens_of_the_cache_count_as_input_once():
    """G23: they are told beside the input; the counts of a stream are of all so far, and absent ones stay."""
    *_, last = await told(b"".join(FACE.events(Said())))

    usage = last.response.usage
    assert (11, 7, 3, 2) == (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.cache_write_tokens)


async def test_where_a_text_is_from_is_told():
    """Citations are kept for whoever asks."""
    citation = {"type": "char_location", "cited_text": "x"}
    block = {"type": "text", "text": "a", "citations": [citation]}
    whole, _ = await answered(Reply(body=dumped({"id": "m", "content": [block], "stop_reason": "end_turn"})))
    events = FACE.events(Said())
    cited = FACE.event("content_block_delta", index=0, delta={"type": "citations_delta", "citation": citation})
    *_, last = await told(b"".join([*events[:3], cited, *events[3:]]))

    assert [citation] == whole.extra["citations"] == last.response.extra["citations"]


async def test_events_need_no_names_and_unknown_ones_are_passed_over():
    """A proxy that loses the names, an index that is missing, a new kind of event: the answer is the same."""
    nameless = b"".join(event.partition(b"\n")[2] for event in FACE.events(Said()))
    new = b'event: new\ndata: {"type": "new"}\n\n'
    *_, last = await told(new + nameless.replace(b'"index": 0, ', b""))

    assert isinstance(last, StreamEnded)
    assert Said().text == last.response.content


async def test_a_message_that_never_says_why_it_stopped_has_stopped():
    """The end is an end."""
    events = [event for event in FACE.events(Said()) if b"message_delta" not in event]
    *_, last = await told(b"".join(events))

    assert "stop" == last.response.finish_reason


@pytest.mark.parametrize(
    ("status", "message", "expected"),
    [
        (402, "no money", QuotaExhausted),
        (400, "Your credit balance is too low to access the API", QuotaExhausted),
        (400, "Output blocked by content filtering policy", ContentFiltered),
        (400, "input length and `max_tokens` exceed context limit: 1 + 2 > 3", ContextTooLong),
        (400, "messages: roles must alternate", RequestRefused),
        (529, "Overloaded", ProviderOverloaded),
    ],
)
async def test_what_is_wrong_is_an_error_of_its_own(status, message, expected):
    """G12: also what the vendor says in words only."""
    with pytest.raises(expected, match=message[:10]):
        await answered(Reply(status=status, body=FACE.error(status, message)))


async def test_a_request_refused_in_the_middle_is_not_asked_again():
    """An error in a stream has no number; its type says what it is."""
    error = FACE.event("error", error={"type": "invalid_request_error", "message": "no"})
    *_, last = await told(FACE.events(Said())[0] + error)

    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, RequestRefused)


@pytest.mark.parametrize("body", [b'{"error": "upstream"}', b"[]", b'{"error": 7}'])
async def test_errors_of_another_form_are_told_by_their_status(body):
    """Not everything in between speaks as the vendor does."""
    with pytest.raises(ProviderOverloaded):
        await answered(Reply(status=503, body=body))


# the rest


async def test_tokens_are_counted_by_the_vendor():
    """G23: nothing is answered, and nothing of how to answer is sent."""
    async with faulty(Reply(body=b'{"input_tokens": 42}')) as server, FACE.provider(server.url) as provider:
        assert 42 == await provider.count_tokens(asks(FACE, system("A"), user("?"), tools=(WEATHER,)))

    assert {"model", "messages", "system", "tools"} == server.seen[0].body.keys()
    assert "POST /v1/messages/count_tokens" == server.seen[0].line


async def test_models_are_listed_page_by_page():
    """G6: as many requests as there are pages."""
    pages = [
        Reply(body=dumped({"data": [{"id": "b"}], "has_more": True})),
        Reply(body=dumped({"data": [{"id": "a"}], "has_more": False})),
    ]
    async with faulty(*pages) as server, FACE.provider(server.url) as provider:
        assert ("a", "b") == await provider.models()

    assert "after_id=b" in server.seen[1].line


async def test_it_makes_no_vectors():
    """Anthropic has no embeddings, and says so before anything is sent."""
    async with AnthropicProvider(api_key=KEY) as provider:
        with pytest.raises(RequestRefused, match="no embeddings"):
            await provider.embed(["a"], model="claude-3-haiku")
