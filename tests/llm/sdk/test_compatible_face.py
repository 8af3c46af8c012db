"""OpenAI's own SDK against our compatible face: whatever vendor answers, it reads what we read."""

from __future__ import annotations

import attrs
import pytest

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")
pytest.importorskip("ollama")
pytest.importorskip("openai")

from circuit_breaker.llm.chunks import ChunkWriter, chunk_document
from circuit_breaker.llm.compatible import response_document
from circuit_breaker.llm.compatible_requests import request_from
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.stream import StreamEnded
from tests.llm.faces import ChatFace, Said, dumped
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import streamed
from tests.llm.sdk.asked import CHAT, OURS
from tests.llm.sdk.clients import SDKS, OpenAIChat, Understood

pytestmark = pytest.mark.oracle

CLIENT = OpenAIChat()
CHATTING = ChatFace()
SAID = Said(thinking=("Let me ", "see."), calls=(("weather_now", {"city": "Köln"}), ("other", {})))
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Hello?"}]}


async def answered(face, *, stream):
    """What our provider makes of the vendor's answer: the response, or the events."""
    body = b"".join(face.events(SAID)) if stream else face.whole(SAID)
    request = ChatCompletionRequest(model=face.model, messages=[user("Hello?")])
    reply = Reply(body=body, headers={"Content-Type": face.stream_type} if stream else {})
    async with faulty(reply) as server, face.provider(server.url) as provider:
        return await (streamed(provider, request) if stream else provider.complete(request))


def wanted(response):
    """What the client is to understand: all but the thoughts, which it does not know."""
    return attrs.evolve(Understood.ours(response), thinking="")


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_whole_answer_of_any_vendor_is_read(sdk):
    """G4: a response, written in OpenAI's form, is to OpenAI's SDK what it is to us."""
    response = await answered(sdk.face, stream=False)
    async with faulty(Reply(body=dumped(response_document(response)), sized=True)) as server:
        assert wanted(response) == await CLIENT.whole(server.url, HELLO)


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_stream_of_any_vendor_is_read(sdk):
    """G4: the chunks that we write of a stream add up, in OpenAI's SDK, to what they are to us."""
    events = await answered(sdk.face, stream=True)
    writer = ChunkWriter()
    chunks = [chunk_document(chunk) for event in events for chunk in writer.chunks(event)]
    body = b"".join(b"data: " + dumped(chunk) + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
    async with faulty(Reply(body=body, headers={"Content-Type": CHATTING.stream_type})) as server:
        theirs = await CLIENT.streamed(server.url, HELLO)

    (ended,) = [event for event in events if isinstance(event, StreamEnded)]
    assert wanted(ended.response) == theirs


@pytest.mark.parametrize("case", OURS)
async def test_what_the_sdk_sends_is_the_request_that_was_meant(case):
    """G1: the body that OpenAI's SDK sends is read as the request that we would have written."""
    async with faulty(Reply(body=CHATTING.whole(Said(pieces=("{}",))), sized=True)) as server:
        await CLIENT.whole(server.url, {"model": "auto", **CHAT[case]})
    read, meant = request_from(server.seen[0].body), ChatCompletionRequest(model="auto", **OURS[case])

    for name in ("model", "tools", "tool_choice", "temperature", "max_tokens", "stop", "response_format"):
        assert getattr(meant, name) == getattr(read, name), name
    assert [(one.role, one.content) for one in meant.messages] == [(one.role, one.content) for one in read.messages]
    assert [one.tool_calls for one in meant.messages] == [one.tool_calls for one in read.messages]
