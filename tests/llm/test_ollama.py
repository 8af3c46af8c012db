"""What is Ollama's own: options, objects as arguments, images as bytes, and errors in the middle of lines."""

from __future__ import annotations

import base64

import pytest
from aiohttp import web

from circuit_breaker.errors import ModelNotFound, RequestRefused, ResponseInvalid
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.request import ResponseFormat, ToolDefinition
from circuit_breaker.llm.session import Connections
from circuit_breaker.llm.stream import StreamFailed
from tests.llm import exchanges
from tests.llm.faces import QUICK, OllamaFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks, streamed
from tests.services.web import site

FACE = OllamaFace()


async def sent(request, **options):
    """What goes to Ollama, and what comes back."""
    return await exchanges.sent(request, face=FACE, **options)


EXTRA = {"options": {"num_ctx": 512, "num_predict": -1}, "messages": []}


async def test_how_to_answer_goes_under_options():
    """B14: temperature, top_p and top_k are options; max_tokens is num_predict there."""
    request = asks(FACE, temperature=0.7, top_p=0.9, top_k=40, max_tokens=5, extra=EXTRA)
    seen, _ = await sent(request)

    assert {
        "temperature": 0.7, "top_p": 0.9, "top_k": 40, "num_predict": 5, "num_ctx": 512
    } == seen.body["options"]  # fmt: skip
    assert "POST /api/chat" == seen.line
    assert seen.body["stream"] is False


async def test_arguments_are_objects_and_results_name_their_tool():
    """Calls go back with objects, results with the name of the tool; ids stay with us."""
    call = ToolCall(id="x", name="f", arguments='{"a": 1}')
    seen, _ = await sent(asks(FACE, user("?"), assistant(call), tool_result(call, "42"), user("!")))

    _, said, result, _ = seen.body["messages"]
    assert [{"function": {"name": "f", "arguments": {"a": 1}}}] == said["tool_calls"]
    assert {"role": "tool", "content": "42", "tool_name": "f"} == result


async def test_calls_without_an_id_get_one():
    """G30: two calls of one tool are told apart."""
    said = Said(pieces=(), calls=(("f", {"a": 1}), ("f", {"a": 1})))
    _, response = await sent(asks(FACE, tools=(ToolDefinition(name="f"),)), said=said)

    assert [{"a": 1}, {"a": 1}] == [arguments_of(call) for call in response.tool_calls]
    assert 2 == len({call.id for call in response.tool_calls})


@pytest.mark.parametrize(("effort", "expected"), [("none", False), ("low", "low"), ("high", "high"), ("xhigh", True)])
async def test_thinking_is_asked_for(effort, expected):
    """How much to think is a switch or a level."""
    seen, _ = await sent(asks(FACE, reasoning_effort=effort))

    assert expected == seen.body["think"]


async def test_a_form_is_a_schema_or_json():
    """The schema goes out as it is."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    said = Said(pieces=('{"a": 1}',))
    seen, _ = await sent(asks(FACE, response_format=ResponseFormat(kind="json_schema", schema=schema)), said=said)
    other, _ = await sent(asks(FACE, response_format=ResponseFormat(kind="json_object")), said=said)

    assert (schema, "json") == (seen.body["format"], other.body["format"])


async def test_a_tool_that_must_be_called_is_the_only_one():
    """Ollama cannot be told which tool to call; it is told of no other, and the response says so."""
    tools = ToolDefinition(name="f"), ToolDefinition(name="g")
    seen, response = await sent(asks(FACE, tools=tools, tool_choice="g"))
    none, _ = await sent(asks(FACE, tools=tools, tool_choice="none"))

    assert ["g"] == [tool["function"]["name"] for tool in seen.body["tools"]]
    assert "tool_choice" in [loss.what for loss in response.losses]
    assert not none.body.get("tools")


async def test_models_stay_in_memory_as_wanted():
    """keep_alive goes along."""
    seen, _ = await sent(asks(FACE), keep_alive="10m")

    assert "10m" == seen.body["keep_alive"]


async def test_its_own_thoughts_go_back_and_files_do_not():
    """Thoughts of Ollama's are given back to it; a file is left out, and the response says so."""
    messages = user("?", File(data="cGRm")), assistant(Thinking(text="hm", provider="ollama"), "a"), user("!")
    seen, response = await sent(asks(FACE, *messages))

    assert "hm" == seen.body["messages"][1]["thinking"]
    assert "cGRm" not in str(seen.body)
    assert any("file" in f"{loss.what}{loss.why}" for loss in response.losses)


async def test_images_are_fetched_from_public_addresses_only():
    """An address that comes with a request may not lead to this machine unless the operator allows it."""
    async with site(lambda _: web.Response(body=b"png", content_type="image/png")) as images:
        request = asks(FACE, user("?", Image(url=f"{images.url}/a.png")))
        allowed = Connections(timeouts=QUICK.timeouts, allow=(images.place,))
        seen, _ = await sent(request, connections=allowed)
        with pytest.raises(RequestRefused, match="loopback"):
            await sent(request)

    assert [base64.b64encode(b"png").decode()] == seen.body["messages"][0]["images"]
    assert 1 == len(images.seen)


@pytest.mark.parametrize(("url", "told"), [("ftp://x/a.png", "http"), ("{}/missing.png", "404")])
async def test_an_image_that_cannot_be_had_is_told(url, told):
    """A wrong address, or a server that has no such image."""
    async with site(lambda _: web.Response(status=404)) as images:
        request = asks(FACE, user("?", Image(url=url.format(images.url))))
        allowed = Connections(timeouts=QUICK.timeouts, allow=(images.place,))
        with pytest.raises(RequestRefused, match=told):
            await sent(request, connections=allowed)


async def test_an_error_between_lines_ends_the_stream():
    """A line with an error is the last."""
    body = FACE.events(Said())[0] + FACE.broken("out of memory")
    async with (
        faulty(Reply(body=body, headers={"Content-Type": FACE.stream_type})) as server,
        FACE.provider(server.url) as provider,
    ):
        last = (await streamed(provider, asks(FACE)))[-1]

    assert isinstance(last, StreamFailed)
    assert "out of memory" in str(last.error)


async def test_a_model_that_was_not_pulled_is_not_found():
    """The words of the server say which error it is."""
    body = dumped({"error": "model 'x' not found, try pulling it first"})
    async with faulty(Reply(status=404, body=body)) as server, FACE.provider(server.url) as provider:
        with pytest.raises(ModelNotFound, match="try pulling"):
            await provider.complete(asks(FACE))


async def test_a_missing_count_is_zero_of_what_is_known():
    """With a cached prompt the server does not count it."""
    body = dumped({"model": "m", "message": {"content": "a"}, "done": True, "eval_count": 3})
    async with faulty(Reply(body=body)) as server, FACE.provider(server.url) as provider:
        response = await provider.complete(asks(FACE))

    assert (0, 3) == (response.usage.input_tokens, response.usage.output_tokens)


async def test_too_few_vectors_are_an_invalid_response():
    """A text without a vector is told; nothing is asked for nothing."""
    async with faulty(Reply(body=FACE.vectors([[1.0]], 1))) as server, FACE.provider(server.url) as provider:
        with pytest.raises(ResponseInvalid):
            await provider.embed(["a", "b"], model="m")
        assert () == (await provider.embed([], model="m")).vectors
