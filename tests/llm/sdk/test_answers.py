"""The bytes of our fake vendors are understood by the vendors' own SDKs as they are by our providers."""

from __future__ import annotations

import attrs
import pytest

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")
pytest.importorskip("ollama")
pytest.importorskip("openai")

from circuit_breaker.llm.messages import user
from circuit_breaker.llm.providers import (
    AnthropicProvider,
    CustomProvider,
    GoogleProvider,
    OllamaProvider,
    OpenAIProvider,
)
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.stream import StreamEnded
from tests.llm.faces import CustomFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import streamed
from tests.llm.sdk.clients import SDKS, Understood

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:The model 'claude:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

CALLS = (("weather_now", {"city": "Köln", "days": [1, 2]}), ("other", {}))
ANSWERS = {
    "text": Said(),
    "calls": Said(pieces=(), calls=CALLS),
    "all": Said(thinking=("Let me ", "see."), calls=CALLS),
    "cut": Said(length=True),
}
HELLO = {
    "OpenAIChat": {"messages": [{"role": "user", "content": "Hello?"}]},
    "OpenAIResponses": {"input": "Hello?"},
    "Anthropic": {"messages": [{"role": "user", "content": "Hello?"}], "max_tokens": 100},
    "Google": {"contents": "Hello?"},
    "Ollama": {"messages": [{"role": "user", "content": "Hello?"}]},
}


def hello(sdk):
    return {"model": sdk.face.model, **HELLO[type(sdk).__name__]}


def meant(sdk, said):
    """What the fake means to say."""
    reason = "length" if said.length else "tool_calls" if said.calls else "stop"
    thinking = "".join(said.thinking)
    cached = 0 if sdk.face.kind == "ollama" else 3
    tokens = (said.input_tokens, said.output_tokens, cached)
    return Understood(text=said.text, calls=said.calls, thinking=thinking, tokens=tokens, reason=reason)


async def ours(sdk, server, *, whole):
    request = ChatCompletionRequest(model=sdk.face.model, messages=[user("Hello?")])
    async with sdk.face.provider(server.url) as provider:
        if whole:
            return Understood.ours(await provider.complete(request))
        (ended,) = [event for event in await streamed(provider, request) if isinstance(event, StreamEnded)]
        return Understood.ours(ended.response)


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_whole_answer_means_the_same_to_the_sdk(sdk, said):
    """G1: text, calls, thoughts, tokens and reason of a whole answer are those that the vendor's own SDK reads."""
    async with faulty(Reply(body=sdk.face.whole(said), sized=True)) as server:
        theirs = await sdk.whole(server.url, hello(sdk))
        found = await ours(sdk, server, whole=True)

    assert meant(sdk, said) == found
    assert theirs == (found if theirs.thinking else attrs.evolve(found, thinking=""))


@pytest.mark.parametrize("said", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_stream_means_the_same_to_the_sdk(sdk, said):
    """G2: the same of a stream."""
    body = b"".join(sdk.face.events(said))
    async with faulty(Reply(body=body, headers={"Content-Type": sdk.face.stream_type})) as server:
        theirs = await sdk.streamed(server.url, hello(sdk))
        found = await ours(sdk, server, whole=False)

    assert meant(sdk, said) == found
    assert theirs == (found if theirs.thinking else attrs.evolve(found, thinking=""))


def test_every_provider_of_the_set_has_a_vendor_to_be_compared_with():
    """ZA13: OpenAI, Anthropic, Google, Ollama and any address that speaks as OpenAI does are the providers."""
    compared = {sdk.face.kind for sdk in SDKS} | {CustomFace.kind}

    assert compared == {"openai", "anthropic", "google", "ollama", "custom"}
    assert compared == {
        kind.kind for kind in (OpenAIProvider, AnthropicProvider, GoogleProvider, OllamaProvider, CustomProvider)
    }


async def test_an_address_that_speaks_as_openai_does_is_understood_by_its_sdk():
    """ZA13: what a server such as vLLM says, with thoughts of its own spelling, means the same to both."""
    sdk, said = SDKS[0], ANSWERS["all"]
    async with faulty(Reply(body=CustomFace().whole(said), sized=True)) as server:
        theirs = await sdk.whole(server.url, hello(sdk))
        async with CustomFace().provider(server.url) as provider:
            request = ChatCompletionRequest(model="qwen2.5-coder", messages=[user("Hello?")])
            found = Understood.ours(await provider.complete(request))

    assert attrs.evolve(theirs, thinking="Let me see.") == found
