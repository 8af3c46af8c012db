"""What is OpenAI's own: renamed members, strict schemas, Azure, errors by code, and servers that imitate it badly."""

from __future__ import annotations

import base64
import json
import struct
from decimal import Decimal

import attrs
import pytest

from circuit_breaker.errors import (
    AuthenticationFailed,
    ContentFiltered,
    ContextTooLong,
    ModelNotFound,
    QuotaExhausted,
    RateLimitExceeded,
    ResponseInvalid,
)
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.providers import CustomProvider, OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta
from tests.llm.faces import KEY, QUICK, ChatFace, CustomFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks, streamed

FACE = ChatFace()
RESPONSES = ResponsesFace()


async def sent(request, *, face=FACE, said=None, **options):
    """What goes to the vendor, and what comes back."""
    async with faulty(Reply(body=face.whole(said or Said()))) as server, face.provider(server.url, **options) as it:
        response = await it.complete(request)
    return server.seen[0], response


async def told(events, *, face=FACE, request=None, **reply):
    """The events of a stream of these bytes."""
    headers = {"Content-Type": "text/event-stream"}
    async with (
        faulty(Reply(body=b"".join(events), headers=headers, **reply)) as server,
        face.provider(server.url) as provider,
    ):
        return await streamed(provider, request or asks(face))


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


# how to answer


async def test_members_are_renamed_for_models_that_think():
    """Pains 41: max_tokens is max_completion_tokens where a model wants it, and temperature is left out."""
    request = ChatCompletionRequest(model="o1", messages=(user("?"),), max_tokens=9, temperature=0.2)
    seen, response = await sent(request)

    assert 9 == seen.body["max_completion_tokens"]
    assert not {"max_tokens", "temperature"} & seen.body.keys()
    assert [("temperature", "dropped"), ("max_tokens", "renamed")] == [(x.what, x.how) for x in response.losses]


async def test_too_many_stops_are_cut():
    """OpenAI takes four stops; the rest are left out, and the response says so."""
    seen, response = await sent(asks(FACE, stop=list("abcdef")))

    assert list("abcd") == seen.body["stop"]
    assert [("stop", "changed")] == [(loss.what, loss.how) for loss in response.losses]


async def test_top_k_is_dropped():
    """G31: OpenAI has no top_k."""
    seen, response = await sent(asks(FACE, top_k=40))

    assert "top_k" not in seen.body
    assert ("top_k", "dropped") == (response.losses[0].what, response.losses[0].how)


async def test_top_k_goes_to_servers_that_know_it():
    """G31: vLLM takes it."""
    face = CustomFace()
    seen, response = await sent(asks(face, top_k=40), face=face)

    assert 40 == seen.body["top_k"]
    assert () == response.losses


async def test_parallel_calls_are_not_mentioned_without_tools():
    """Pains 41: OpenAI refuses parallel_tool_calls in a request without tools."""
    seen, _ = await sent(asks(FACE, parallel_tool_calls=False))

    assert "parallel_tool_calls" not in seen.body


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("auto", None), ("required", "required"), ("a.b", {"type": "function", "function": {"name": "a_b"}})],
)
async def test_the_choice_of_a_tool_is_sent(choice, expected):
    """A tool that must be called is named as the vendor calls it."""
    seen, _ = await sent(asks(FACE, tools=(ToolDefinition(name="a.b"),), tool_choice=choice))

    assert expected == seen.body.get("tool_choice")


async def test_the_keys_and_the_request_are_in_their_places():
    """The key is a bearer token; the model, messages and stream cannot be overwritten by unknown members."""
    seen, _ = await sent(asks(FACE, extra={"model": "x", "stream": True, "logit_bias": {"1": 2}}))

    assert f"Bearer {KEY}" == seen.headers["authorization"]
    assert ("gpt-4o", False, {"1": 2}) == (seen.body["model"], seen.body["stream"], seen.body["logit_bias"])


async def test_files_and_images_are_parts_of_a_message():
    """Images by address or bytes, and files, go as OpenAI has them."""
    parts = Image(url="https://x.org/a.png", detail="low"), File(data="cGRm", name="a.pdf"), File(file_id="file-1")
    seen, _ = await sent(asks(FACE, user("look", *parts)))

    content = seen.body["messages"][0]["content"]
    assert ["text", "image_url", "file", "file"] == [part["type"] for part in content]
    assert {"url": "https://x.org/a.png", "detail": "low"} == content[1]["image_url"]
    assert "data:application/pdf;base64,cGRm" == content[2]["file"]["file_data"]


async def test_each_result_of_a_tool_is_a_message():
    """Calls and their results go back in pairs."""
    calls = ToolCall(id="a", name="f"), ToolCall(id="b", name="f", arguments="")
    messages = user("?"), assistant(*calls), *(tool_result(call, call.id) for call in calls)
    seen, _ = await sent(asks(FACE, *messages, tools=(ToolDefinition(name="f"),)))

    _, said, first, second = seen.body["messages"]
    assert ["{}", "{}"] == [call["function"]["arguments"] for call in said["tool_calls"]]
    assert said["content"] is None
    assert [("tool", "a"), ("tool", "b")] == [(m["role"], m["tool_call_id"]) for m in (first, second)]


# the form of an answer


async def test_a_schema_goes_out_in_the_strict_dialect():
    """Every object is closed and says all of its members; what the dialect has not is checked by us, and told."""
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "minLength": 2}, "b": {"type": "integer"}},
        "required": ["a"],
    }
    request = asks(FACE, response_format=ResponseFormat(kind="json_schema", schema=schema))
    seen, response = await sent(request, said=Said(pieces=('{"a": "xx", "b": null}',)))

    form = seen.body["response_format"]["json_schema"]
    assert form["strict"]
    assert ["a", "b"] == form["schema"]["required"]
    assert form["schema"]["additionalProperties"] is False
    assert ["integer", "null"] == form["schema"]["properties"]["b"]["type"]
    assert {"a": "xx"} == response.parsed
    assert [("response_format.schema", "checked")] == [(loss.what, loss.how) for loss in response.losses]


async def test_a_list_is_wrapped():
    """An answer that is no object is asked for as the member of one."""
    form = ResponseFormat(kind="json_schema", schema={"type": "array", "items": {"type": "integer"}})
    seen, response = await sent(asks(FACE, response_format=form), said=Said(pieces=('{"answer": [1, 2]}',)))

    assert "object" == seen.body["response_format"]["json_schema"]["schema"]["type"]
    assert [1, 2] == response.parsed


async def test_any_json_object_may_be_asked_for():
    """A form without a schema is any object."""
    form = ResponseFormat(kind="json_object")
    seen, response = await sent(asks(FACE, response_format=form), said=Said(pieces=('{"a": 1}',)))

    assert {"type": "json_object"} == seen.body["response_format"]
    assert {"a": 1} == response.parsed


@pytest.mark.parametrize(
    ("parameters", "strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}, True),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        ({"type": "object", "additionalProperties": {"type": "string"}}, False),
    ],
)
async def test_a_strict_tool_is_strict_where_it_can_be(parameters, strict):
    """Arguments that may be left out cannot be held to by the vendor; they stay as they are."""
    tool = ToolDefinition(name="f", parameters=parameters, strict=True)
    seen, _ = await sent(asks(FACE, tools=(tool,)))

    assert strict == seen.body["tools"][0]["function"]["strict"]


async def test_a_refusal_is_filtered_content():
    """A model that refuses has answered, and its end says so."""
    message = {"role": "assistant", "content": None, "refusal": "I can't."}
    body = {"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    async with faulty(Reply(body=dumped(body))) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE, response_format=ResponseFormat(kind="json_object")))

    assert ("content_filter", "I can't.") == (response.finish_reason, response.content)
    assert 1 == len(server.seen)


# streams of servers that imitate it


async def test_comments_and_returns_do_not_matter():
    """Keep-alive comments, CR and CRLF, and a mark at the beginning are no part of the answer."""
    events = [b": ping\n\n", *FACE.events(Said())]
    for end in (b"\r", b"\r\n"):
        body = b"\xef\xbb\xbf" + b"".join(events).replace(b"\n", end)
        assert Said().text == text_of(await told([body], cuts=1))


async def test_an_answer_may_end_without_done():
    """An end of the bytes after the reason is an end."""
    assert isinstance((await told(FACE.events(Said())[:-1]))[-1], StreamEnded)


async def test_done_without_a_reason_is_a_stop():
    """A server that never says why it ended has stopped."""
    *before, _, _, done = FACE.events(Said())
    last = (await told([*before, done]))[-1]

    assert "stop" == last.response.finish_reason


async def test_nothing_but_done_has_failed():
    """A stream that holds no answer is none."""
    last = (await told([FACE.chunk({}, choices=[]), b"data: [DONE]\n\n"]))[-1]

    assert isinstance(last, StreamFailed)
    assert isinstance(last.error, ResponseInvalid)


async def test_usage_is_counted_once():
    """Pains 34: usage that comes twice, or in every chunk, is that of the last."""
    usage = [{"prompt_tokens": n, "completion_tokens": n} for n in (1, 2, 3)]
    events = [FACE.chunk({"content": "a"}, usage=one) for one in usage]
    done = FACE.chunk({}, "stop", usage={"prompt_tokens": 5, "completion_tokens": 6})
    last = (await told([*events, done, done]))[-1]

    assert (5, 6) == (last.response.usage.input_tokens, last.response.usage.output_tokens)


async def test_missing_usage_is_estimated():
    """A vendor that says nothing of tokens is not taken to have used none."""
    last = (await told([FACE.chunk({"content": "word " * 100}), FACE.chunk({}, "stop")]))[-1]

    assert last.response.usage.estimated
    assert 50 < last.response.usage.output_tokens < 200


async def test_a_last_delta_repeats_nothing():
    """Pains 34: null content, no delta at all and empty choices add nothing."""
    events = [
        FACE.chunk({"role": "assistant", "content": None}),
        FACE.chunk({"content": "a"}),
        FACE.chunk(None),
        FACE.chunk({"content": ""}, "stop"),
        FACE.chunk({}, choices=[]),
        FACE.chunk({}, choices=None),
    ]

    assert "a" == text_of(await told(events))


async def test_several_answers_are_kept_apart():
    """Deltas of two answers come in any order; each answer is whole."""

    def choice(index, delta, reason=None):
        return FACE.chunk({}, choices=[{"index": index, "delta": delta, "finish_reason": reason}])

    events = [choice(0, {"content": "a"}), choice(1, {"content": "x"}), choice(1, {"content": "y"}, "stop"),
              choice(0, {"content": "b"}, "length")]  # fmt: skip
    last = (await told(events, request=asks(FACE, n=2)))[-1]

    assert ["ab", "xy"] == [one.message.content for one in last.response.choices]
    assert ["length", "stop"] == [one.finish_reason for one in last.response.choices]


async def test_a_whole_answer_in_place_of_a_stream_is_streamed():
    """A server that cannot stream gives the same events at once."""
    events = await told([FACE.whole(Said())], cuts=0)
    async with faulty(Reply(body=FACE.whole(Said()))) as server, FACE.provider(server.url) as provider:
        events = await streamed(provider, asks(FACE))

    assert Said().text == text_of(events)
    assert isinstance(events[-1], StreamEnded)


async def test_members_that_we_do_not_know_come_back():
    """ZB5: what the vendor says beyond what we know is kept."""
    body = json.loads(FACE.whole(Said())) | {"service_tier": "flex"}
    async with faulty(Reply(body=dumped(body))) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE))

    assert {"service_tier": "flex"} == response.extra


# errors by code


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "context_length_exceeded", ContextTooLong),
        (400, "content_filter", ContentFiltered),
        (429, "insufficient_quota", QuotaExhausted),
        (429, "rate_limit_exceeded", RateLimitExceeded),
        (404, "model_not_found", ModelNotFound),
        (404, "DeploymentNotFound", ModelNotFound),
        (401, "invalid_api_key", AuthenticationFailed),
    ],
)
async def test_the_code_says_which_error_it_is(status, code, expected):
    """Codes say more than the number."""
    body = dumped({"error": {"message": "no", "type": "t", "code": code}})
    patience = attrs.evolve(QUICK, retries=attrs.evolve(QUICK.retries, most=0))
    async with (
        faulty(Reply(status=status, body=body)) as server,
        FACE.provider(server.url, patience=patience) as provider,
    ):
        with pytest.raises(expected) as caught:
            await provider.complete(asks(FACE))

    assert expected is type(caught.value)


async def test_an_account_that_is_used_up_is_not_asked_again():
    """Waiting does not fill an account."""
    body = dumped({"error": {"message": "no", "type": "insufficient_quota", "code": "insufficient_quota"}})
    async with faulty(Reply(status=429, body=body)) as server, FACE.provider(server.url) as provider:
        with pytest.raises(QuotaExhausted):
            await provider.complete(asks(FACE))

    assert 1 == len(server.seen)


async def test_the_message_of_a_server_tells_that_it_is_too_long():
    """It has no code with vLLM."""
    body = dumped({"object": "error", "message": "This model's maximum context length is 4096 tokens.", "code": 400})
    async with faulty(Reply(status=400, body=body)) as server, FACE.provider(server.url) as provider:
        with pytest.raises(ContextTooLong):
            await provider.complete(asks(FACE))


async def test_a_key_is_needed():
    """ZA16: without a key nothing is asked, and the error says what to give."""
    async with OpenAIProvider(base_url="http://127.0.0.1:1") as provider:
        with pytest.raises(AuthenticationFailed, match="api_key"):
            await provider.complete(asks(FACE))


# other addresses


async def test_azure_is_known_by_its_address():
    """G14: the key goes in a header of its own, the version in the query, and the deployment is in the address."""
    base = "https://me.openai.azure.com/openai/deployments/four"
    async with OpenAIProvider(api_key=KEY, base_url=base, api_version="2024-10-21") as provider:
        call = provider._call("chat/completions", await provider.asked("o3"), b"")
        models = provider._url(provider.models_path)

    assert KEY == call.headers["api-key"]
    assert "Authorization" not in call.headers
    assert f"{base}/chat/completions?api-version=2024-10-21" == str(call.url)
    assert "https://me.openai.azure.com/openai/models?api-version=2024-10-21" == str(models)
    assert "chat/completions" == provider.dialect("o3").path(None)


async def test_the_account_is_named():
    """An organization and a project go in their headers."""
    seen, _ = await sent(asks(FACE), organization="org", project="proj")

    assert ("org", "proj") == (seen.headers["openai-organization"], seen.headers["openai-project"])


async def test_a_custom_server_has_headers_of_its_own():
    """G18: headers may be secrets; no key is needed."""
    async with (
        faulty(Reply(body=FACE.whole(Said()))) as server,
        CustomProvider(base_url=f"{server.url}/v1/", headers={"X-Team": lambda: "blue"}, model="q") as provider,
    ):
        await provider.complete(asks(FACE))

    assert "blue" == server.seen[0].headers["x-team"]
    assert "authorization" not in server.seen[0].headers
    assert "POST /v1/chat/completions" == server.seen[0].line


@pytest.mark.parametrize("address", ["ftp://x", "nonsense", "http://me:pw@x/v1", "http://x/v1?key=1"])
def test_an_address_that_is_none_is_refused(address):
    """A wrong base address is told when the provider is made."""
    with pytest.raises(ValueError, match="base address"):
        CustomProvider(base_url=address)


async def test_vectors_may_be_packed():
    """OpenAI is asked for floats of 32 bits in base64."""
    packed = base64.b64encode(struct.pack("<2f", 0.5, -2.0)).decode()
    body = dumped({"data": [{"index": 0, "embedding": packed}], "usage": {"prompt_tokens": 1}})
    async with faulty(Reply(body=body)) as server, FACE.provider(server.url) as provider:
        found = await provider.embed(["a"], model="text-embedding-3-small")

    assert ((0.5, -2.0),) == found.vectors
    assert "base64" == server.seen[0].body["encoding_format"]


async def test_too_few_vectors_are_an_invalid_response():
    """A text without a vector is told, and not guessed."""
    async with faulty(Reply(body=FACE.vectors([[1.0]], 1))) as server, FACE.provider(server.url) as provider:
        with pytest.raises(ResponseInvalid):
            await provider.embed(["a", "b"], model="m")


async def test_no_texts_have_no_vectors():
    """Nothing is asked for nothing."""
    async with faulty(Reply()) as server, FACE.provider(server.url) as provider:
        assert () == (await provider.embed([], model="m")).vectors

    assert [] == server.seen


# money


async def test_an_answer_says_what_it_cost():
    """H7: dollars in decimals, those of the cache at their price."""
    _, response = await sent(asks(FACE))

    assert Decimal("0.0000937500") == response.cost.dollars.quantize(Decimal("0.0000000001"))
    assert "genai-prices" in response.cost.source


async def test_a_model_without_a_price_is_unpriced():
    """H7: nobody knows is not the same as free."""
    face = CustomFace()
    _, response = await sent(asks(face), face=face)

    assert response.cost.dollars is None


# responses


async def test_responses_are_asked_as_they_want():
    """Input items, a tool without a function inside, nothing kept at the vendor's, and thoughts that come encrypted."""
    tool = ToolDefinition(name="a.b", description="x")
    thought = Thinking(text="hm", signature='{"type": "reasoning", "id": "rs"}', provider="openai")
    call = ToolCall(id="c1", name="a.b")
    messages = user("?", Image(data="aaaa")), assistant(thought, "I call", call), tool_result(call, "42")
    request = asks(RESPONSES, *messages, tools=(tool,), tool_choice="a.b", max_tokens=5, reasoning_effort="low", n=2)
    seen, response = await sent(request, face=RESPONSES)

    kinds = [item.get("type") or item["role"] for item in seen.body["input"]]
    assert ["user", "reasoning", "assistant", "function_call", "function_call_output"] == kinds
    assert {"type": "function", "name": "a_b"} == seen.body["tool_choice"]
    assert (5, False, "low") == (seen.body["max_output_tokens"], seen.body["store"], seen.body["reasoning"]["effort"])
    assert ["reasoning.encrypted_content"] == seen.body["include"]
    assert ("n", "dropped") in [(loss.what, loss.how) for loss in response.losses]
    assert "POST /v1/responses" == seen.line


async def test_thoughts_of_a_response_go_back():
    """What came encrypted goes back as it came."""
    said = Said(thinking=("hm",))
    _, response = await sent(asks(RESPONSES), face=RESPONSES, said=said)
    seen, _ = await sent(asks(RESPONSES, user("?"), response.message, user("!")), face=RESPONSES)

    back = next(item for item in seen.body["input"] if item.get("type") == "reasoning")
    assert ("rs_1", "xyz") == (back["id"], back["encrypted_content"])


async def test_a_response_of_a_form_is_asked_for():
    """A schema stands under text.format."""
    form = ResponseFormat(kind="json_schema", schema={"type": "object", "properties": {"a": {"type": "integer"}}})
    seen, response = await sent(asks(RESPONSES, response_format=form), face=RESPONSES, said=Said(pieces=('{"a": 1}',)))

    assert seen.body["text"]["format"]["strict"]
    assert {"a": 1} == response.parsed


async def test_a_response_that_failed_says_why():
    """A response may fail after it has begun."""
    body = {"status": "failed", "output": [], "error": {"code": "server_error", "message": "overheated"}}
    events = [RESPONSES._event("response.failed", 1, {"response": body})]
    last = (await told(events, face=RESPONSES))[-1]

    assert isinstance(last, StreamFailed)
    assert "overheated" in str(last.error)


async def test_the_profile_says_how_a_model_is_asked():
    """Models that think are asked by responses; all others by chat completions; unless one says otherwise."""
    provider = OpenAIProvider(api_key=KEY)

    assert ["responses", "chat/completions"] == [provider.dialect(m).path(None) for m in ("gpt-5.1", "gpt-4o")]
    assert "chat/completions" == OpenAIProvider(api_key=KEY, api="chat").dialect("gpt-5.1").path(None)
