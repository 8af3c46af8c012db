"""What our providers send is what the vendors' own SDKs send for the same request."""

from __future__ import annotations

import pytest

pytest.importorskip("anthropic")
pytest.importorskip("google.genai")
pytest.importorskip("ollama")
pytest.importorskip("openai")

from circuit_breaker.llm.request import ChatCompletionRequest
from tests.llm.faces import Said
from tests.llm.faulty import Reply, faulty
from tests.llm.provider_contract import streamed
from tests.llm.sdk.asked import OURS, THEIRS
from tests.llm.sdk.clients import SDKS

pytestmark = [
    pytest.mark.oracle,
    pytest.mark.filterwarnings("ignore:The model 'claude:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]
KEYS = ("authorization", "x-api-key", "x-goog-api-key", "anthropic-version")
ANSWER = Said(pieces=('{"city": ', '"Rom"}'))


def plain(value):
    """A request without members that say nothing, and Google's names, which has several for one thing, in one form."""
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    told = {
        "mimeType" if name == "mime_type" else name: plain(inner)
        for name, inner in value.items()
        if inner not in (None, "", {}, [], False)
    }
    return {name: inner.lower() if name in {"type", "mode"} else inner for name, inner in told.items()}


def sent(asking):
    """The line, the headers that matter and the body of a request."""
    keys = {name: asking.headers[name] for name in KEYS if name in asking.headers}
    return asking.line, keys, plain(asking.body)


@pytest.mark.parametrize("case", OURS)
@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_request_is_that_of_the_sdk(sdk, case):
    """G21: address, key and body of a request are those of the vendor's own SDK."""
    theirs = {"model": sdk.face.model, **THEIRS[type(sdk).__name__][case]}
    async with faulty(Reply(body=sdk.face.whole(ANSWER), sized=True)) as server:
        async with sdk.face.provider(server.url, **sdk.spoken) as provider:
            await provider.complete(ChatCompletionRequest(model=sdk.face.model, **OURS[case]))
        await sdk.whole(server.url, theirs)

    ours, wanted = map(sent, server.seen)
    assert wanted == ours


@pytest.mark.parametrize("sdk", SDKS, ids=lambda sdk: type(sdk).__name__)
async def test_a_request_for_a_stream_is_that_of_the_sdk(sdk):
    """G21: the same where the answer is streamed; of OpenAI we ask for the usage as well, which an SDK leaves out."""
    theirs = {"model": sdk.face.model, **THEIRS[type(sdk).__name__]["text"]}
    if type(sdk).__name__ == "OpenAIChat":
        theirs["stream_options"] = {"include_usage": True}
    reply = Reply(body=b"".join(sdk.face.events(ANSWER)), headers={"Content-Type": sdk.face.stream_type})
    async with faulty(reply) as server:
        async with sdk.face.provider(server.url, **sdk.spoken) as provider:
            await streamed(provider, ChatCompletionRequest(model=sdk.face.model, **OURS["text"]))
        await sdk.streamed(server.url, theirs)

    ours, wanted = map(sent, server.seen)
    assert wanted == ours
