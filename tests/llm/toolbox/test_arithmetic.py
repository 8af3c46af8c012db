"""Arithmetic from text."""

from __future__ import annotations

import contextlib
import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.llm.toolbox import CalculatorTool
from circuit_breaker.llm.toolbox.arithmetic import ArithmeticFault, worked_out


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("2 ** 3 ** 2", "512"),
        ("-2 ** 2", "-4"),
        ("2 ** -1", "0.5"),
        ("0.1 + 0.2", "0.3"),
        ("7 // -2", "-4"),
        ("-7 % 3", "2"),
        ("6 ÷ 2 × 3 − 1", "8"),
        ("2^10", "1024"),
        ("1.5e3 + .5", "1500.5"),
        ("max(1, 2 + 3, min(9, 4))", "5"),
        ("round(3.14159, 2) + floor(-1.5) + ceil(1.2) + abs(-2)", "5.14"),
        ("sqrt(2) * sqrt(2) - 2 < 0", None),
        ("factorial(20)", "2432902008176640000"),
        ("round(sin(pi / 6) * cos(0) + tan(0) + atan(0) + asin(0) + acos(1), 9)", "0.5"),
        ("ln(exp(1)) + log10(1000) + round(e, 2)", "6.72"),
    ],
)
def test_it_calculates_as_people_do(text, value):
    """Precedence, decimal fractions, functions and the signs that people write."""
    if value is None:
        with pytest.raises(ArithmeticFault):
            worked_out(text)
    else:
        assert abs(Decimal(value) - worked_out(text)) < Decimal("1e-12")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "ends where a number should follow"),
        ("(1", r"ends where '\)' should follow"),
        ("1 2", "'2' at position 2"),
        ("__import__('os')", "'_' at position 0"),
        ("x + 1", "'x' at position 0 is not understood; known:"),
        ("max 3", r"'3' at position 4"),
        ("sqrt(1, 2)", r"sqrt\(\) takes 1 numbers"),
        ("1 / 0", "division by zero"),
        ("5 % 0", "has no result"),
        ("sqrt(-1)", "not defined"),
        ("asin(2)", r"asin\(2\) is not defined"),
        ("factorial(-1)", "is not defined"),
        ("round(1, 99)", "is not defined"),
        ("ln(0)", "no finite result"),
    ],
)
def test_what_is_no_arithmetic_is_told(text, reason):
    """The message says where, or why there is no result."""
    with pytest.raises(ArithmeticFault, match=reason):
        worked_out(text)


@pytest.mark.parametrize(
    "text",
    ["10**10**10", "9**9**9**9**9", "(" * 500 + "1", "-" * 900 + "1", "1" * 5000, "1e99999 * 2", "exp(10**9)",
     "factorial(10**6)", "2**" * 300 + "2", "sqrt(" * 100 + "2" + ")" * 100],
)  # fmt: skip
def test_what_would_take_for_ever_is_refused_at_once(text):
    """Size, depth and magnitude are bounded, so that no text holds up a machine."""
    started = time.perf_counter()
    with pytest.raises(ArithmeticFault):
        worked_out(text)
    assert time.perf_counter() - started < 5


@given(st.recursive(st.integers(0, 99).map(str), lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
    lambda three: f"({three[0]} {three[1]} {three[2]})"), max_leaves=8))  # fmt: skip
def test_it_agrees_with_fractions(text):
    """Sums and products of whole numbers come out as exact arithmetic has them."""
    total = _by_fractions(text.replace("(", " ( ").replace(")", " ) ").split())
    assert total == Fraction(worked_out(text))


@given(st.text(max_size=40))
def test_any_text_is_a_number_or_a_fault(text):
    """Nothing else ever comes out of it."""
    with contextlib.suppress(ArithmeticFault):
        assert worked_out(text).is_finite()


def _by_fractions(tokens):
    token = tokens.pop(0)
    if token != "(":  # noqa: S105
        return Fraction(int(token))
    one, sign, other = _by_fractions(tokens), tokens.pop(0), _by_fractions(tokens)
    tokens.pop(0)
    return {"+": one + other, "-": one - other, "*": one * other}[sign]


@pytest.mark.parametrize(
    ("text", "result"), [("1/4", "0.25"), ("100 * 1.10", "110"), ("10 ** 40", "1E+40"), ("1/3", "0." + "3" * 34)]
)
def test_the_calculator_tells_every_digit(text, result):
    """K6: the tool gives the result as text, without zeros that say nothing."""
    assert {"expression": text, "result": result} == CalculatorTool().execute(text)
