"""OpenAI's responses: items, thoughts that go back, refusals, and failures."""

from __future__ import annotations

from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.llm.parts import File, Image, Thinking, ToolCall
from circuit_breaker.llm.providers import OpenAIProvider
from circuit_breaker.llm.request import ResponseFormat, ToolDefinition
from circuit_breaker.llm.stream import StreamFailed
from tests.llm.exchanges import sent, told
from tests.llm.faces import KEY, ChatFace, ResponsesFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import asks

FACE = ChatFace()
RESPONSES = ResponsesFace()


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


async def test_what_a_response_says_beside_the_text_is_kept():
    """Where a text is from, and what the vendor's own tools did, stand in extra, whole and streamed."""
    cited = {"type": "url_citation", "url": "https://x.org"}
    text = {"type": "output_text", "text": "hi", "annotations": [cited]}
    output = [{"type": "web_search_call", "id": "ws"}, {"type": "message", "content": [text]}]
    body = {"id": "r", "status": "completed", "output": output}
    async with faulty(Reply(body=dumped(body))) as server, RESPONSES.provider(server.url) as provider:
        whole = await provider.complete(asks(RESPONSES))
    done = [
        RESPONSES._event("response.output_item.done", at, {"output_index": at, "item": item})
        for at, item in enumerate(output)
    ]
    last = (await told([*done, RESPONSES._event("response.completed", 3, {"response": body})], face=RESPONSES))[-1]

    assert {"annotations": [cited], "output": [output[0]]} == whole.extra
    assert whole.extra == last.response.extra


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


async def test_tools_and_forms_of_a_response_are_strict_where_they_can_be():
    """A tool that is strict, a file, and any JSON object, as this interface has them."""
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
    form = ResponseFormat(kind="json_object")
    tools = ToolDefinition(name="f", parameters=schema, strict=True), ToolDefinition(name="g")
    files = File(data="cGRm", name="a.pdf"), File(url="https://x.org/a.pdf")
    request = asks(RESPONSES, user("?", *files), tools=tools, tool_choice="required", response_format=form)
    seen, _ = await sent(request, face=RESPONSES, said=Said(pieces=('{"a": 1}',)))

    assert [True, False] == [tool["strict"] for tool in seen.body["tools"]]
    assert seen.body["tools"][0]["parameters"]["additionalProperties"] is False
    assert {"type": "json_object"} == seen.body["text"]["format"]
    content = seen.body["input"][0]["content"]
    assert ["a.pdf", "https://x.org/a.pdf"] == [content[1].get("filename"), content[2].get("file_url")]


async def test_a_schema_of_a_response_may_be_sent_as_it_is():
    """A form that need not be strict goes out unchanged."""
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    form = ResponseFormat(kind="json_schema", schema=schema, strict=False)
    seen, _ = await sent(asks(RESPONSES, response_format=form), face=RESPONSES, said=Said(pieces=('{"a": 1}',)))

    assert (schema, False) == (seen.body["text"]["format"]["schema"], seen.body["text"]["format"]["strict"])


async def test_a_response_may_refuse_and_say_more():
    """A refusal, a second thought, arguments in one piece, and members that we do not know."""
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'}
    body = {"id": "r", "model": "m", "status": "completed", "output": [], "safety_identifier": "x"}
    kinds = [
        ("response.created", {"response": body}),
        ("response.reasoning_summary_part.added", {"output_index": 0, "summary_index": 0}),
        ("response.reasoning_summary_text.delta", {"delta": "one"}),
        ("response.reasoning_summary_part.added", {"output_index": 0, "summary_index": 1}),
        ("response.reasoning_summary_text.delta", {"delta": "two"}),
        ("response.output_item.done", {"output_index": 0, "item": {"type": "reasoning", "summary": []}}),
        ("response.refusal.delta", {"delta": "I can't."}),
        ("response.output_item.added", {"output_index": 1, "item": {**call, "arguments": ""}}),
        ("response.output_item.done", {"output_index": 1, "item": call}),
        ("response.completed", {"response": body}),
    ]
    events = [RESPONSES._event(kind, n, more) for n, (kind, more) in enumerate(kinds)]
    response = (await told([b"data: \n\n", *events], face=RESPONSES))[-1].response

    assert ("one\n\ntwo", "I can't.") == (response.message.thinking, response.content)
    assert ["one\n\ntwo"] == [part.text for part in response.message.parts if isinstance(part, Thinking)]
    assert ['{"a": 1}'] == [call.arguments for call in response.tool_calls]
    assert "content_filter" == response.finish_reason
    assert {"safety_identifier": "x"} == response.extra


async def test_a_whole_response_may_refuse():
    """Two summaries are one thought with a blank line between."""
    summaries = [{"type": "summary_text", "text": text} for text in ("one", "two")]
    refusal = {"type": "message", "content": [{"type": "refusal", "refusal": "I can't."}]}
    body = {"id": "r", "output": [{"type": "reasoning", "summary": summaries}, refusal, {"type": "web_search_call"}]}
    async with faulty(Reply(body=dumped(body))) as server, RESPONSES.provider(server.url) as provider:
        response = await provider.complete(asks(RESPONSES))

    assert ("one\n\ntwo", "I can't.") == (response.message.thinking, response.content)
    assert "content_filter" == response.finish_reason
    assert response.usage.estimated
