"""What is OpenAI's own: renamed members, strict schemas, Azure, vectors and money."""

from __future__ import annotations

import base64
import struct
from decimal import Decimal

import pytest

from circuit_breaker.errors import (
    ResponseInvalid,
)
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, ToolCall
from circuit_breaker.llm.providers import CustomProvider, OpenAIProvider
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from tests.llm.exchanges import sent
from tests.llm.faces import KEY, ChatFace, CustomFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks

FACE = ChatFace()
RESPONSES = ResponsesFace()


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


async def test_extra_members_do_not_override_what_the_request_says():
    """What the user says in the vendor's own words stands beside the request, and lifts no bound on it."""
    seen, _ = await sent(
        asks(FACE, max_tokens=10, n=2, extra={"max_tokens": 999, "max_completion_tokens": 999, "n": 8})
    )

    assert 2 == seen.body["n"]
    assert 10 in {seen.body.get("max_tokens"), seen.body.get("max_completion_tokens")}


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


async def test_mended_answers_cost_what_all_of_them_cost():
    """H7: each answer that did not fit has its price too."""
    form = ResponseFormat(kind="json_object")
    replies = [Reply(body=FACE.whole(Said(pieces=(text,)))) for text in ("no", "{}")]
    async with faulty(*replies) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE, response_format=form))

    assert Decimal("0.0001875") == response.cost.dollars.normalize()
    assert 14 == response.usage.output_tokens
