"""Hedging: a second provider when the first takes long."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from circuit_breaker.errors import NoProviderAvailable, ProviderOverloaded
from circuit_breaker.llm.router import Budget, Hedging
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import CHEAP, Provider, asked, asking, routed

SOON = Hedging(after=0.01, least=0.0)
SLOW = ModelTurn(says="slow", after=5.0)


async def whole(router):
    return await router.chat_completion(asking())


async def streamed(router):
    async with router.stream(asking()) as events:
        return [event async for event in events][-1].response


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_the_second_answers_when_the_first_takes_long(ask):
    """Hedging: after the delay a second is asked, the first is stopped at once, and its cost is counted."""
    slow, quick = Provider(SLOW, name="a", price=CHEAP), Provider("quick", name="b", price=CHEAP)
    async with routed(slow, quick, hedging=SOON, budgets=[Budget("all", dollars="1")]) as router:
        async with asyncio.timeout(2.0):
            response = await ask(router)
        (standing,) = await router.budgets()

    assert ("quick", [1, 1]) == (response.content, asked(slow, quick))
    assert response.cost.dollars < standing.dollars
    assert Decimal(0) == standing.reserved_dollars


async def test_both_attempts_are_told():
    """Hedging: the response says that the slower one was cancelled, and what it cost as far as one can tell."""
    async with routed(Provider(SLOW, name="a", price=CHEAP), Provider("quick", name="b"), hedging=SOON) as router:
        response = await whole(router)

    assert [("a", "cancelled", True), ("b", "answered", False)] == [
        (attempt.provider, attempt.outcome, attempt.dollars is not None) for attempt in response.attempts
    ]


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_a_quick_first_is_left_alone(ask):
    """Hedging: nobody else is asked when the first answers in time."""
    first, second = Provider("quick", name="a"), Provider("second", name="b")
    async with routed(first, second, hedging=Hedging(after=1.0)) as router:
        assert "quick" == (await ask(router)).content

    assert [1, 0] == asked(first, second)


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_the_first_may_still_win(ask):
    """Hedging: a second that fails does not disturb the first."""
    first = Provider(ModelTurn(says="first", after=0.05), name="a")
    second = Provider(ProviderOverloaded("no"), name="b")
    async with routed(first, second, hedging=SOON) as router:
        assert "first" == (await ask(router)).content


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_when_both_fail_the_next_is_asked(ask):
    """Hedging: two failures are two attempts, and failover goes on."""

    async def late(_):
        await asyncio.sleep(0.03)
        raise ProviderOverloaded("late")

    failing = Provider(late, name="a"), Provider(ProviderOverloaded("no"), name="b")
    async with routed(*failing, Provider("third", name="c"), hedging=SOON) as router:
        assert "third" == (await ask(router)).content


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_when_all_fail_all_are_told(ask):
    """Hedging: the error holds what both said."""
    failing = [Provider(always=ProviderOverloaded(name), name=name) for name in "ab"]
    async with routed(*failing, hedging=Hedging(after=0.0, least=0.0)) as router:
        with pytest.raises(NoProviderAvailable) as wrong:
            await ask(router)

    assert {"a", "b"} == {error.message for error in wrong.value.errors}


async def test_without_measurements_nothing_is_hedged():
    """Hedging: the delay is the 95th percentile, which takes ten measurements to know."""
    calls = 0

    async def answer(_):
        nonlocal calls
        calls += 1
        return ModelTurn(says="first", after=0.0 if calls <= 10 else 0.5)

    first, second = Provider(always=answer, name="a"), Provider(always="second", name="b")
    async with routed(first, second, hedging=Hedging(least=0.01)) as router:
        found = [(await whole(router)).content for _ in range(11)]

    assert ["first"] * 10 + ["second"] == found


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_giving_up_stops_both(ask):
    """Hedging, pain 36: when the caller gives up, neither goes on, and nothing stays reserved."""
    slow = [Provider(SLOW, name=name, price=CHEAP) for name in "ab"]
    async with routed(*slow, hedging=SOON, budgets=[Budget("all", dollars="1")]) as router:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await ask(router)
        (standing,) = await router.budgets()

    assert ([1, 1], Decimal(0)) == (asked(*slow), standing.reserved_dollars)


async def test_a_hedged_stream_can_be_left_early():
    """Hedging, pain 36: leaving a stream that a task of its own reads stops the provider."""
    endless = Provider(ModelTurn(says="x" * 4000, between=0.001), name="a")
    async with routed(endless, Provider("y", name="b"), hedging=Hedging(after=1.0)) as router:
        stream = router.stream(asking())
        async with stream as events:
            await anext(events)
            await anext(events)

    assert 1 == endless.stopped
