"""A server that others have written understands our requests, and we its answers."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta
from tests.llm.faces import ChatFace, CustomFace, OllamaFace, ResponsesFace
from tests.llm.provider_contract import ONCE, asks, streamed
from tests.services.aimock import aimock

pytestmark = pytest.mark.service("aimock")

TEXT = "Guten Tag, wie geht es Ihnen? 🦊"
FIXTURES = [
    {"match": {"userMessage": "greet"}, "response": {"content": TEXT}},
    {"match": {"inputText": "gravity", "endpoint": "embedding"}, "response": {"embedding": [0.5, -0.25, 2.0]}},
    {
        "match": {"userMessage": "weather"},
        "response": {
            "toolCalls": [
                {"name": "weather", "arguments": '{"city": "Köln"}'},
                {"name": "weather", "arguments": '{"city": "Rom"}'},
            ]
        },
    },
]
WEATHER = ToolDefinition(name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}})
FACES = [ChatFace(), ResponsesFace(), CustomFace(), OllamaFace()]
every_face = pytest.mark.parametrize("face", FACES, ids=lambda face: type(face).__name__)


@pytest.fixture(scope="module")
def address():
    with aimock(FIXTURES) as url:
        yield url


@every_face
async def test_a_whole_answer(address, face):
    """The text comes back, and why it ended."""
    async with face.provider(address) as provider:
        response = await provider.complete(asks(face, user("greet me")))

    assert (TEXT, "stop") == (response.content, response.finish_reason)


@every_face
async def test_a_streamed_answer(address, face):
    """Its deltas add up to the text."""
    async with face.provider(address) as provider:
        events = await streamed(provider, asks(face, user("greet me")))

    assert TEXT == "".join(event.text for event in events if isinstance(event, TextDelta))
    assert isinstance(events[-1], StreamEnded)


@every_face
@pytest.mark.parametrize("stream", [False, True])
async def test_calls_of_tools(address, face, stream):
    """Two calls, with whole arguments and ids of their own."""
    request = asks(face, user("the weather?"), tools=(WEATHER,))
    async with face.provider(address) as provider:
        response = (await streamed(provider, request))[-1].response if stream else await provider.complete(request)

    assert [{"city": "Köln"}, {"city": "Rom"}] == [arguments_of(call) for call in response.tool_calls]
    assert 2 == len({call.id for call in response.tool_calls})
    assert "tool_calls" == response.finish_reason


@every_face
async def test_what_it_does_not_know_is_an_error(address, face):
    """A request that it has no answer for is refused with an error of ours."""
    async with face.provider(address, patience=ONCE) as provider:
        with pytest.raises(LLMError):
            await provider.complete(asks(face, user("something else")))


@every_face
@pytest.mark.parametrize("chaos", ["--chaos-drop", "--chaos-malformed", "--chaos-disconnect", "--chaos-ratelimit"])
async def test_chaos_is_an_error_of_ours(face, chaos):
    """Errors, broken JSON, broken connections and limits: each is one of our errors, whole or streamed."""
    with aimock(FIXTURES, chaos, "1") as url:
        async with face.provider(url, patience=ONCE) as provider:
            with pytest.raises(LLMError):
                await provider.complete(asks(face, user("greet me")))
            try:
                last = (await streamed(provider, asks(face, user("greet me"))))[-1]
            except LLMError:
                return
    assert isinstance(last, StreamFailed)


@pytest.mark.parametrize("face", FACES[:3], ids=lambda face: type(face).__name__)  # of Ollama it has an older form
async def test_vectors_and_models(address, face):
    """Texts become vectors, and models are listed."""
    async with face.provider(address) as provider:
        found = await provider.embed(["What is gravity?"], model="text-embedding-3-small")
        models = await provider.models()

    assert [0.5, -0.25, 2.0] == pytest.approx(found.vectors[0])
    assert models
