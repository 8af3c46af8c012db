"""A server that others have written understands our requests to Anthropic and Google, and we its answers."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta
from tests.llm.provider_contract import ONCE, asks, streamed
from tests.llm.test_aimock import FIXTURES, TEXT, WEATHER
from tests.llm.vendor_faces import AnthropicFace, GoogleFace
from tests.services.aimock import aimock

pytestmark = pytest.mark.service("aimock")

every_face = pytest.mark.parametrize("face", [AnthropicFace(), GoogleFace()], ids=lambda face: face.kind)


@pytest.fixture(scope="module")
def address():
    with aimock(FIXTURES) as url:
        yield url


@every_face
@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer(address, face, stream):
    """The text comes back, whole and streamed, and why it ended."""
    request = asks(face, user("greet me"))
    async with face.provider(address) as provider:
        events = await streamed(provider, request) if stream else [StreamEnded(await provider.complete(request))]

    assert (TEXT, "stop") == (events[-1].response.content, events[-1].response.finish_reason)
    assert not stream or "".join(event.text for event in events if isinstance(event, TextDelta)) == TEXT


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
