"""Streams through the router: failover before the first content, never after it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal

import attrs
import pytest

from circuit_breaker.errors import ConnectionFailed, NoProviderAvailable, ProviderOverloaded, ResponseInvalid
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.response import Loss
from circuit_breaker.llm.router import Budget, CachePolicy
from circuit_breaker.llm.stream import StreamContinued, StreamEnded, StreamFailed, StreamStarted, TextDelta
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import CHEAP, Provider, asked, asking, routed

TEXT = "a text that comes in several pieces"
BROKEN = ModelTurn(says=TEXT, breaks_after=2)


async def events_of(router, request, **caller):
    async with router.stream(request, **caller) as stream:
        return [event async for event in stream]


def text_of(events):
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_stream_goes_through():
    """G1: the events of the provider come as they are, and the last has the response with cost and attempts."""
    async with routed(Provider(TEXT, name="a", price=CHEAP)) as router:
        events = await events_of(router, asking())

    assert [StreamStarted, StreamEnded] == [type(events[0]), type(events[-1])]
    response = events[-1].response
    assert (TEXT, TEXT, "a", 1) == (text_of(events), response.content, response.provider, len(response.attempts))
    assert response.cost.dollars > 0


async def test_chunks_have_the_shape_of_openai():
    """G1, G4: choices[0].delta.content holds the next piece, the last chunk the usage."""
    async with routed(Provider(TEXT, name="a")) as router:
        chunks = [chunk async for chunk in router.chat_completion_stream(asking())]

    assert TEXT == "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert ("assistant", "chat.completion.chunk") == (chunks[0].choices[0].delta.role, chunks[0].object)
    assert ["stop"] == [choice.finish_reason for choice in chunks[-2].choices]
    assert chunks[-1].usage.total_tokens > 0


@pytest.mark.parametrize("failing", [ProviderOverloaded("no"), ModelTurn(says=TEXT, breaks_after=0)])
async def test_before_the_first_content_it_fails_over(failing):
    """G10, pain 35: a refusal, and a stream that starts and breaks before any content, lead to another provider."""
    first, other = Provider(failing, name="a"), Provider(TEXT, name="b")
    async with routed(first, other) as router:
        events = await events_of(router, asking())

    assert (TEXT, "b", 1) == (text_of(events), events[-1].response.provider, len(events_starting(events)))
    assert [("a", "failed"), ("b", "answered")] == [
        (attempt.provider, attempt.outcome) for attempt in events[-1].response.attempts
    ]


def events_starting(events):
    return [event for event in events if isinstance(event, StreamStarted)]


async def test_after_content_it_never_fails_over():
    """G10, pain 35: what broke off after content ends with what was delivered, and nobody else is asked."""
    first, other = Provider(BROKEN, name="a", price=CHEAP), Provider(TEXT, name="b")
    async with routed(first, other) as router:
        events = await events_of(router, asking())

    failed = events[-1]
    assert isinstance(failed, StreamFailed)
    assert ([1, 0], text_of(events)) == (asked(first, other), failed.partial.content)
    assert ("a", "m", 1, "error") == (
        failed.error.provider, failed.error.model, failed.error.attempt, failed.partial.finish_reason
    )  # fmt: skip
    assert failed.partial.cost.dollars > 0


async def test_chunks_end_with_the_error():
    """G1: a stream of chunks that breaks off raises what broke it."""
    async with routed(Provider(BROKEN, name="a")) as router:
        with pytest.raises(ConnectionFailed):
            _ = [chunk async for chunk in router.chat_completion_stream(asking())]


async def test_it_may_go_on_with_another_model_and_says_so():
    """Pain 35: where the request allows it another model goes on; an event, a loss and the attempts say so."""
    first, other = Provider(BROKEN, name="a", price=CHEAP), Provider(" and the rest", name="b", price=CHEAP)
    async with routed(first, other) as router:
        events = await events_of(router, asking(continuation=True))

    response = events[-1].response
    assert [("b", "m")] == [(event.provider, event.model) for event in events if isinstance(event, StreamContinued)]
    assert text_of(events) == response.content
    assert response.content.endswith("and the rest")
    assert "b/m wrote the rest" in response.losses[0].why
    assert ["failed", "answered"] == [attempt.outcome for attempt in response.attempts]
    assert response.cost.dollars == sum(attempt.dollars for attempt in response.attempts)
    assert [TEXT[:16], "user"] == [other.requests[0].messages[-2].content, other.requests[0].messages[-1].role]


class Noting(Provider):
    """A provider that says more of its answers than we know, and could not send all that was asked for."""

    @asynccontextmanager
    async def stream(self, request):
        async with super().stream(request) as events:
            yield self._noted(events)

    async def _noted(self, events):
        async for event in events:
            match event:
                case StreamFailed():
                    yield StreamFailed(event.error, self._more(event.partial))
                case StreamEnded():
                    yield StreamEnded(self._more(event.response))
                case _:
                    yield event

    def _more(self, response):
        told = {"logprobs": {"content": [self.name]}}
        choice = attrs.evolve(response.choices[0], extra=told)
        losses = (Loss("top_k", "dropped", f"{self.name} has none"), Loss("seed", "dropped", "nobody has one"))
        return attrs.evolve(response, choices=(choice,), losses=losses, extra={"served_by": self.name})


async def test_what_both_models_said_beside_the_text_is_put_together():
    """Pain 35: members that we do not know, and losses, are those of both; what both lost is told once."""
    async with routed(Noting(BROKEN, name="a"), Noting(" rest", name="b")) as router:
        response = (await events_of(router, asking(continuation=True)))[-1].response

    assert {"logprobs": {"content": ["a", "b"]}} == response.choices[0].extra
    assert {"served_by": "b"} == response.extra
    assert ["a has none", "nobody has one", "b has none"] == [
        loss.why for loss in response.losses if loss.how == "dropped"
    ]


async def test_chunks_tell_of_another_model_that_goes_on():
    """Pain 35: in chunks the same is told by a member of the chunk."""
    async with routed(Provider(BROKEN, name="a"), Provider("rest", name="b")) as router:
        chunks = [chunk async for chunk in router.chat_completion_stream(asking(continuation=True))]

    assert ["b/m"] == [chunk.continued_by for chunk in chunks if chunk.continued_by]


async def test_calls_of_tools_are_not_continued():
    """Pain 35: half a call of a tool is nothing to go on with."""
    call = ModelTurn(says="text", calls=(ToolCall(id="1", name="t", arguments='{"a": 1}' * 9),), breaks_after=3)
    first, other = Provider(call, name="a"), Provider("rest", name="b")
    async with routed(first, other) as router:
        events = await events_of(router, asking(continuation=True))

    assert isinstance(events[-1], StreamFailed)
    assert [1, 0] == asked(first, other)


async def test_when_nobody_can_go_on_the_first_failure_is_told():
    """Pain 35: continuation that is allowed and impossible ends as without it."""
    async with routed(Provider(BROKEN, name="a"), Provider(always=ProviderOverloaded("no"), name="b")) as router:
        events = await events_of(router, asking(continuation=True))

    assert isinstance(events[-1], StreamFailed)
    assert "a" == events[-1].error.provider


async def test_when_nobody_begins_the_error_comes_on_entering():
    """G10: where nobody begins to answer, entering raises what all of them said."""
    async with routed(
        Provider(ProviderOverloaded("x"), name="a"), Provider(always=ConnectionFailed("y"), name="b")
    ) as router:
        with pytest.raises(NoProviderAvailable):
            async with router.stream(asking()):
                pytest.fail("it must not open")


async def test_leaving_stops_the_provider_and_settles():
    """Pain 36: who leaves a stream early stops the provider's, and pays for what was read and written until then."""
    provider = Provider(ModelTurn(says=TEXT, between=0.01), name="a", price=CHEAP)
    async with routed(provider, budgets=[Budget("all", dollars="1")]) as router:
        async with aclosing(router.chat_completion_stream(asking())) as chunks:
            async for _ in chunks:
                break
        (standing,) = await router.budgets()

    assert 1 == provider.stopped
    assert (Decimal(0), True) == (standing.reserved_dollars, Decimal(0) < standing.dollars < Decimal("0.001"))


async def test_a_provider_that_breaks_the_contract_is_told():
    """G10: a stream that raises or ends without an end is a failure with what came before, and no crash."""

    class Careless(Provider):
        @asynccontextmanager
        async def stream(self, request):
            async def events():
                yield StreamStarted(id="1", model="m")
                yield TextDelta(text="half")
                if request.seed:
                    raise ValueError("sk-secret")

            yield events()

    async with routed(Careless(name="a")) as router:
        ended = await events_of(router, asking())
        raised = await events_of(router, asking(seed=1))

    assert [ResponseInvalid] * 2 == [type(events[-1].error) for events in (ended, raised)]
    assert "sk-secret" not in str(raised[-1].error)


async def test_a_thousand_streams_at_once():
    """G1: 1,000 streams run side by side through one router, each with its own text."""

    def echo(request):
        return ModelTurn(says=request.messages[0].content, between=0.0)

    async with routed(Provider(always=echo, name="a")) as router:

        async def one(number):
            return text_of(await events_of(router, asking("m", f"text number {number} " * 10)))

        texts = await asyncio.gather(*(one(number) for number in range(1000)))

    assert [f"text number {number} " * 10 for number in range(1000)] == texts


async def test_a_kept_answer_is_streamed_too():
    """G27: what is in the cache comes as a stream with the same content, and costs nothing."""
    turn = ModelTurn(thinks="hm", says=TEXT, calls=(ToolCall(id="1", name="t", arguments="{}"),))
    provider = Provider(turn, name="a", price=CHEAP)
    async with routed(provider, cache=CachePolicy()) as router:
        first, second = [await events_of(router, asking()) for _ in range(2)]

    assert ([1], TEXT) == (asked(provider), text_of(second))
    assert first[-1].response.choices == second[-1].response.choices
    assert (Decimal(0), "cached") == (second[-1].response.cost.dollars, second[-1].response.attempts[0].outcome)
