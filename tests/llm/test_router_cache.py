"""The cache: the same answer for exactly the same request of the same tenant."""

from __future__ import annotations

from decimal import Decimal

import attrs
import pytest

from circuit_breaker.llm.messages import ChatMessage, user
from circuit_breaker.llm.parts import Image, Thinking
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat, ToolDefinition
from circuit_breaker.llm.router import CachePolicy
from circuit_breaker.llm.router.cache import fingerprint
from circuit_breaker.testing.model_turns import ModelTurn
from tests.llm.routing import CHEAP, Provider, Time, asked, asking, routed

BASE = asking("m", "hello", temperature=0.5)


async def test_the_same_request_is_answered_once():
    """G27: the second time the answer is the kept one, took no tokens, cost nothing, and says so."""
    provider = Provider("one", "two", name="a", price=CHEAP)
    async with routed(provider, cache=CachePolicy()) as router:
        first, second = [await router.chat_completion(asking()) for _ in range(2)]

    assert ("one", 1) == (second.content, len(provider.requests))
    assert (Decimal(0), "cache", 0) == (second.cost.dollars, second.cost.source, second.usage.total_tokens)
    assert ["answered", "cached"] == [first.attempts[0].outcome, second.attempts[0].outcome]


async def test_no_tenant_gets_the_answer_of_another():
    """Pain 69: the tenant is part of the key, the tenant without a name included."""
    provider = Provider("one", "two", "three", name="a")
    async with routed(provider, cache=CachePolicy()) as router:
        found = [(await router.chat_completion(asking(), tenant=tenant)).content for tenant in ("x", "y", "", "x")]

    assert ["one", "two", "three", "one"] == found


async def test_without_a_policy_nothing_is_kept():
    """G27: answers are kept only where that was asked for."""
    provider = Provider("one", "two", name="a")
    async with routed(provider) as router:
        assert ["one", "two"] == [(await router.chat_completion(asking())).content for _ in range(2)]


async def test_answers_grow_old_and_are_not_too_many():
    """G27: an answer is given again for its time only, and the least used go first."""
    time = Time()
    provider = Provider(*(str(number) for number in range(9)), name="a")
    async with routed(provider, time=time, cache=CachePolicy(ttl=10.0, most=2)) as router:

        async def ask(text):
            return (await router.chat_completion(asking("m", text))).content

        assert ["0", "1", "0", "2", "0", "3"] == [await ask(text) for text in "abacab"]
        time.seconds = 11.0
        assert "4" == await ask("a")


async def test_half_an_answer_is_not_kept():
    """G27: an answer that was cut off is asked for again."""
    provider = Provider(ModelTurn(says="ha", finish_reason="length"), "whole", name="a")
    async with routed(provider, cache=CachePolicy()) as router:
        assert ["ha", "whole"] == [(await router.chat_completion(asking())).content for _ in range(2)]


async def test_after_failover_the_answer_belongs_to_who_gave_it():
    """G27: the answer of another model is not given for the first one."""
    first, other = Provider(ConnectionError(), "first", name="a"), Provider("other", name="b")
    async with routed(first, other, cache=CachePolicy()) as router:
        assert ["other", "first"] == [(await router.chat_completion(asking())).content for _ in range(2)]
        assert "other" == (await router.chat_completion(asking("b/m"))).content

    assert [2, 1] == asked(first, other)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0.6},
        {"max_tokens": 5},
        {"seed": 1},
        {"stop": ("x",)},
        {"user": "ann"},
        {"extra": {"logit_bias": {"1": 2}}},
        {"metadata": {"a": 1}},
        {"tools": (ToolDefinition(name="t"),)},
        {"response_format": ResponseFormat(kind="json_object")},
        {"messages": (user("Hello"),)},
        {"messages": (user("hello", name="ann"),)},
        {"messages": (user("hello", Image(data="AAAA")),)},
        {"messages": (user("hello", Image(data="AAAB")),)},
        {"messages": (user("hello"), ChatMessage("assistant", Thinking(signature="1")))},
        {"messages": (user("hello"), ChatMessage("assistant", Thinking(signature="2")))},
    ],
)
def test_every_part_of_a_request_counts(change):
    """Pain 69: requests that differ in anything, what is not shown included, have other keys."""
    keys = [fingerprint(one, tenant="t", provider="p", model="m") for one in (BASE, attrs.evolve(BASE, **change))]

    assert keys[0] != keys[1]


def test_all_these_changes_differ_from_each_other():
    """Pain 69: two images, or two signatures, that are not shown in a repr are still two."""
    requests = [
        ChatCompletionRequest(model="m", messages=[user(Image(data=data))]) for data in ("AAAA", "AAAB", "AAAC")
    ]

    assert 3 == len({fingerprint(one, tenant="t", provider="p", model="m") for one in requests})


def test_routing_does_not_count():
    """G27: how a request is routed, and whether it is streamed, leaves its key as it is."""
    other = attrs.evolve(asking("alias", "hello", temperature=0.5, routing_strategy="weighted"), stream=True)
    keys = {fingerprint(one, tenant="t", provider="p", model="m") for one in (BASE, other)}

    assert 1 == len(keys)
