"""Numbers as they are given from outside."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.numbers import is_amount, is_count, is_duration

NONE = [None, True, False, "5", float("nan"), float("inf"), float("-inf"), 1j, [1]]


@pytest.mark.parametrize("value", NONE, ids=repr)
def test_what_is_no_finite_number_is_no_number(value):
    """M6: neither a text nor a truth nor what has no end is a count, a time or an amount."""
    assert [False] * 3 == [is_count(value), is_duration(value), is_amount(value)]


@given(st.integers(), st.integers(-5, 5))
def test_a_count_is_whole_and_enough(value, least):
    """M6: a whole number counts from the least one on, and a broken one never."""
    assert (value >= least) == is_count(value, least=least)
    assert not is_count(value + 0.5 if abs(value) < 2**50 else 0.5)


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers())
def test_a_time_is_above_zero_unless_the_least_one_is_named(value):
    """M6: zero seconds are a time only where it is said."""
    assert (value > 0) == is_duration(value)
    assert (value >= 0) == is_duration(value, least=0)


@given(st.decimals())
def test_an_amount_may_be_a_decimal(value):
    """M6: dollars are exact; what is no finite Decimal is no amount, and none is a time."""
    assert (value.is_finite() and value > 0) == is_amount(value)
    assert not is_duration(value)
    assert is_amount(Decimal("1e-400"))
