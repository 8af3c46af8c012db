"""What tokens cost."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.pricing import cost_of, dollars_of, worst_case
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.usage import Usage

PRICE = Price(
    input=Decimal(3), output=Decimal(15), cached=Decimal("0.30"), cache_write=Decimal("3.75"), source="a list"
)
TOKENS = st.integers(0, 10_000_000)
DOLLARS = st.decimals(0, 1000, places=4)


def test_each_kind_of_token_has_its_price():
    """H7: fresh, cached and written input and output are each counted at their own price, thoughts as output."""
    usage = Usage(
        input_tokens=1_000_000, cached_tokens=400_000, cache_write_tokens=100_000, output_tokens=10_000,
        reasoning_tokens=9_000,
    )  # fmt: skip

    assert Decimal("1.5") + Decimal("0.12") + Decimal("0.375") + Decimal("0.15") == dollars_of(usage, PRICE)
    assert "a list" == cost_of(usage, ModelProfile(price=PRICE)).source


def test_an_unknown_price_is_not_zero():
    """H7: without a price the cost is told as unpriced."""
    cost = cost_of(Usage(input_tokens=5), ModelProfile())

    assert (None, "unpriced") == (cost.dollars, str(cost))


def test_unknown_prices_of_the_cache_are_those_of_input():
    """H7: where nobody knows what cached input costs it costs what input does."""
    usage = Usage(input_tokens=1_000_000, cached_tokens=500_000, cache_write_tokens=500_000)

    assert Decimal(2) == dollars_of(usage, Price(input=Decimal(2), output=Decimal(0)))


def test_a_long_call_has_another_price():
    """H7: above a length some vendors take more for the whole call."""
    price = Price(
        input=Decimal(1), output=Decimal(1), longer_than=100, longer=Price(input=Decimal(2), output=Decimal(3))
    )

    assert Decimal("0.000101") == dollars_of(Usage(input_tokens=100, output_tokens=1), price)
    assert Decimal("0.000205") == dollars_of(Usage(input_tokens=101, output_tokens=1), price)


@given(TOKENS, TOKENS, DOLLARS, DOLLARS)
def test_it_is_exact(read, written, dear, cheap):
    """H7: no cent is lost by rounding: a call costs what its parts cost."""
    price = Price(input=dear, output=cheap)
    parts = [Usage(input_tokens=read), Usage(output_tokens=written)]

    assert sum(dollars_of(part, price) for part in parts) == dollars_of(parts[0] + parts[1], price)


@given(st.tuples(TOKENS, TOKENS, TOKENS, TOKENS), st.tuples(DOLLARS, DOLLARS, DOLLARS))
def test_nothing_costs_more_than_the_worst_case(tokens, dollars):
    """Pain 71: whatever part comes from a cache or goes into it, the worst case is as dear or dearer."""
    fresh, cached, written, answer = tokens
    price = Price(input=dollars[0], output=dollars[1], cached=dollars[2], cache_write=dollars[1])
    usage = Usage(
        input_tokens=fresh + cached + written, cached_tokens=cached, cache_write_tokens=written, output_tokens=answer
    )

    assert dollars_of(usage, price) <= worst_case(usage.input_tokens, answer, price)
