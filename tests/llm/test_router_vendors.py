"""The router over real providers and a faulty server: the failures that gateways are known for."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack, asynccontextmanager

import attrs
import pytest

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.patience import Patience, Retries, Timeouts
from circuit_breaker.llm.request import ToolDefinition
from circuit_breaker.llm.router import Access, Failover, LLMConfig, LLMRouter
from circuit_breaker.llm.stream import StreamEnded, StreamFailed, TextDelta
from tests.llm.faces import KEY, ChatFace, Said
from tests.llm.faulty import Reply, faulty
from tests.llm.routing import asking
from tests.llm.vendor_faces import AnthropicFace

AT_ONCE = Patience(
    timeouts=Timeouts(connect=1.0, first_byte=0.3, idle=0.3, total=5.0), retries=Retries(most=0, pause=0.0)
)
FIRST, SECOND = AnthropicFace(), ChatFace()
SAID = Said(pieces=("It ", "works."))
PAGE = b"<html><body>502 Bad Gateway</body></html>"


def streaming(face, events, **options):
    return Reply(headers={"Content-Type": face.stream_type}, body=b"".join(events), **options)


def head(face):
    """The events of a stream before its first content."""
    return face.events(SAID)[:1]


# What the first vendor does to a streamed request before any content.
BEFORE_CONTENT = {
    "too much to do": Reply(status=529, body=FIRST.error(529, "overloaded")),
    "a page": Reply(status=502, body=PAGE, headers={"Content-Type": "text/html"}),
    "a page with 200": Reply(body=PAGE, headers={"Content-Type": "text/html"}),
    "a key that is refused": Reply(status=401, body=FIRST.error(401, "invalid x-api-key")),
    "a limit": Reply(status=429, body=FIRST.error(429, "slow down"), headers={"Retry-After": "60"}),
    "200, a start, an error": streaming(FIRST, [*head(FIRST), FIRST.broken("overloaded")]),
    "200, a start, the end": streaming(FIRST, head(FIRST), fault="truncate"),
    "200, a start, a reset": streaming(FIRST, head(FIRST), fault="reset"),
    "200, a start, nothing more": streaming(FIRST, head(FIRST), fault="stall"),
    "nothing at all": Reply(late=5.0),
    "invalid JSON": streaming(FIRST, [*head(FIRST), b"event: content_block_delta\ndata: {\n\n"]),
}


@asynccontextmanager
async def two(first, second, **config):
    """A router over Anthropic, which answers as told, and OpenAI behind it; and their servers."""
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(faulty(reply)) for reply in (first, second)]
        providers = [
            Access(face.provider(server.url, patience=AT_ONCE), models=(face.model,))
            for face, server in zip((FIRST, SECOND), servers, strict=True)
        ]
        policy = Failover(order=("openai",), cooldown=0)
        router = LLMRouter(LLMConfig(providers=providers, failover=policy, **config))
        yield await stack.enter_async_context(router), servers


async def events_of(router, request):
    async with router.stream(request) as stream:
        return [event async for event in stream]


@pytest.mark.parametrize("fault", BEFORE_CONTENT)
async def test_the_fallback_gets_the_request(fault):
    """Pain 35: whatever the first vendor does before its first content, the second answers, and it is told."""
    async with two(BEFORE_CONTENT[fault], streaming(SECOND, SECOND.events(SAID))) as (router, servers):
        events = await events_of(router, asking(FIRST.model))

    response = events[-1].response
    assert (SAID.text, "openai", 1) == (response.content, response.provider, len(servers[1].seen))
    assert ["failed", "answered"] == [attempt.outcome for attempt in response.attempts]
    assert KEY not in repr(response)


@pytest.mark.parametrize("fault", [name for name in BEFORE_CONTENT if "200, a start" not in name])
async def test_a_whole_answer_fails_over_as_well(fault):
    """Pain 35: the same holds for an answer that comes whole."""
    async with two(BEFORE_CONTENT[fault], Reply(body=SECOND.whole(SAID))) as (router, _):
        response = await router.chat_completion(asking(FIRST.model))

    assert (SAID.text, "openai") == (response.content, response.provider)


@pytest.mark.parametrize("fault", ["reset", "truncate", "stall"])
async def test_after_content_the_fallback_gets_nothing(fault):
    """Pain 35: what breaks off after content ends with it; the second vendor is not asked."""
    cut = streaming(FIRST, FIRST.events(SAID)[:4], fault=fault)
    async with two(cut, streaming(SECOND, SECOND.events(SAID))) as (router, servers):
        events = await events_of(router, asking(FIRST.model))

    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert isinstance(events[-1], StreamFailed)
    assert (text, []) == (events[-1].partial.content, servers[1].seen)
    assert isinstance(events[-1].error, LLMError)


async def test_another_vendor_goes_on_where_that_is_allowed():
    """Pain 35: with continuation the second vendor is shown what there is, and writes the rest."""
    cut = streaming(FIRST, FIRST.events(SAID)[:4], fault="reset")
    rest = attrs.evolve(SAID, pieces=("... and goes on.",))
    async with two(cut, streaming(SECOND, SECOND.events(rest))) as (router, servers):
        events = await events_of(router, asking(FIRST.model, continuation=True))

    assert isinstance(events[-1], StreamEnded)
    content = events[-1].response.content
    shown = servers[1].seen[0].body["messages"][-2]
    assert content == shown["content"] + rest.text


async def test_a_request_that_only_one_vendor_takes_is_adapted_for_the_other():
    """Pain 41: parameters of one vendor do not break the failover to another; what was dropped is told."""
    busy = Reply(status=529, body=FIRST.error(529, "overloaded"))
    async with two(busy, Reply(body=SECOND.whole(SAID))) as (router, servers):
        request = asking(
            FIRST.model, temperature=0.5, top_k=40, parallel_tool_calls=False, tools=[ToolDefinition(name="t")]
        )
        response = await router.chat_completion(request)

    assert "top_k" not in servers[1].seen[0].body
    assert ["top_k"] == [loss.what for loss in response.losses]


async def test_leaving_a_stream_stops_the_vendor():
    """Pain 36: the vendor sees the connection close within 200 ms of the reader's leaving."""
    endless = streaming(FIRST, FIRST.events(SAID)[:4], fault="stall")
    async with two(endless, Reply()) as (router, servers):
        async with router.stream(asking(FIRST.model)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    break
        left = time.monotonic()
        await servers[0].seen[0].gone.wait()

    assert servers[0].seen[0].left - left < 0.2


async def test_the_cost_is_that_of_the_profile():
    """H7: a real provider's answer is priced exactly by its profile."""
    async with two(Reply(body=FIRST.whole(SAID)), Reply()) as (router, _):
        response = await router.chat_completion(asking(FIRST.model))

    assert response.cost.dollars is not None
    assert response.cost.dollars == response.attempts[0].dollars
