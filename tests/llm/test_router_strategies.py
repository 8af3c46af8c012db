"""The order in which equally suitable providers are asked."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.router import Access, LoadBalancing
from circuit_breaker.llm.router.latency import Latency
from circuit_breaker.llm.router.strategy import STRATEGIES
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import CHEAP, DEAR, Provider, Time, asking, routed


async def answered(router, times, **options):
    return [(await router.chat_completion(asking(**options))).provider for _ in range(times)]


def two(**options):
    return [Access(Provider(always=name, name=name), models=("m",), **options.get(name, {})) for name in "ab"]


async def test_by_priority_the_lowest_number_comes_first():
    """ZB4: priority asks the same provider as long as it answers."""
    async with routed(*two(b={"priority": -1}), load_balancing="priority") as router:
        assert ["b", "b"] == await answered(router, 2)


async def test_round_robin_takes_turns():
    """G9, ZB4: round robin asks one after the other; explaining takes nobody's turn."""
    async with routed(*two(), load_balancing="round_robin") as router:
        router.explain(asking())
        assert ["a", "b", "a", "b"] == await answered(router, 4)


async def test_the_weight_is_a_share():
    """G9, ZB4: with weights 3 and 1 the first gets about three quarters; the same seed gives the same choices."""
    balancing = LoadBalancing("weighted", seed=7)
    runs = []
    for _ in range(2):
        async with routed(*two(a={"weight": 3.0}), load_balancing=balancing) as router:
            router.explain(asking())
            runs.append(await answered(router, 400))
            router.explain(asking())
            assert router.explain(asking()) == router.explain(asking())

    assert runs[0] == runs[1]
    assert 270 <= Counter(runs[0])["a"] <= 330


async def test_several_keys_share_the_work():
    """G25: requests are spread over the keys of one provider, and the response says which it was."""
    keys = [Access(Provider(always="yes", name="p"), key=key) for key in ("1", "2")]
    async with routed(*keys, load_balancing="round_robin") as router:
        found = [(await router.chat_completion(asking("p/m"))).attempts[-1].key for _ in range(4)]

    assert ["1", "2", "1", "2"] == found


async def test_the_quickest_is_asked_once_all_are_known():
    """ZB4: least latency asks each once, and then who begins to answer soonest."""
    time = Time()

    def slowly(seconds):
        def answer(_):
            time.seconds += seconds
            return "yes"

        return answer

    slow, quick = Provider(always=slowly(2.0), name="a"), Provider(always=slowly(0.5), name="b")
    async with routed(slow, quick, time=time, load_balancing="least_latency") as router:
        assert ["a", "b", "b", "b"] == await answered(router, 4)
        told = router.explain(asking(max_latency_ms=1000.0))
        assert (["b"], 500.0) == ([way.provider for way in told.candidates], told.candidates[0].median_ms)


async def test_the_cheapest_comes_first_and_unknown_prices_last():
    """ZB4: lowest cost orders by what the request would cost; nobody takes an unknown price for none."""
    providers = [Provider(always="x", name="unknown")]
    providers += [Provider(always="x", name=name, price=price) for name, price in [("dear", DEAR), ("cheap", CHEAP)]]
    async with routed(*providers, load_balancing="lowest_cost") as router:
        told = router.explain(asking())

    assert ["cheap", "dear", "unknown"] == [way.provider for way in told.candidates]


@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_request_chooses_its_strategy_and_providers(strategy):
    """ZB4: every strategy can be asked for by name; among equals a preferred provider comes first."""
    async with routed(*two()) as router:
        told = router.explain(asking(routing_strategy=strategy, preferred_providers=["b"]))

    assert strategy == told.strategy
    assert ["b", "a"] == [way.provider for way in told.candidates]


async def test_preference_does_not_overrule_price():
    """ZB4: a preferred provider that is dearer stays behind the cheaper one."""
    providers = [Provider(name=name, price=price) for name, price in [("dear", DEAR), ("cheap", CHEAP)]]
    async with routed(*providers, load_balancing="lowest_cost") as router:
        told = router.explain(asking(preferred_providers=["dear"]))

    assert ["cheap", "dear"] == [way.provider for way in told.candidates]


async def test_a_full_provider_is_passed_by():
    """G25: a key that takes no more calls at once comes last; where all are full one waits for a place."""
    full, other = [
        Access(Provider(always=ModelTurn(says="yes", after=0.01), name=name), models=("m",), max_concurrent=1)
        for name in "ab"
    ]
    async with routed(full, other) as router:
        found = await asyncio.gather(*(router.chat_completion(asking()) for _ in range(3)))

    assert ["a", "b"] == [response.provider for response in found[:2]]
    assert "yes" == found[2].content


@given(st.lists(st.floats(0.001, 100.0), min_size=1, max_size=64))
def test_the_median_lies_in_the_middle(samples):
    """ZB4: of measurements made at the same time half are at most the median, and half at least."""
    latency = Latency()
    for seconds in samples:
        latency.note(seconds, at=0.0)

    assert sum(seconds <= latency.median for seconds in samples) * 2 >= len(samples)
    assert sum(seconds >= latency.median for seconds in samples) * 2 >= len(samples)


def test_new_measurements_count_more():
    """ZB4: three slow answers of now outweigh five quick ones of ten minutes ago; without any there is no median."""
    latency = Latency()
    assert latency.median is None
    for at, seconds in [(0.0, 0.1)] * 5 + [(600.0, 2.0)] * 3:
        latency.note(seconds, at=at)

    assert (2.0, 8) == (latency.median, len(latency))
