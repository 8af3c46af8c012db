"""Closures that compare. Most rules hold a path against a constant, so that shape has a closure of its own."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Final

from circuit_breaker.rules.expression.budget import Budget
from circuit_breaker.rules.expression.source import Closure
from circuit_breaker.rules.expression.values import ORDERINGS, contains, equal, order

__all__ = ["FLIPPED", "against_constant", "between", "one_of"]

FLIPPED: Final = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
"""The operator that says the same with the sides exchanged."""

_DIRECT: Final[dict[str, Callable[[Any, Any], bool]]] = {"==": operator.eq, "!=": operator.ne, **ORDERINGS}


def _compare(symbol: str, left: Any, right: Any, budget: Budget | None) -> bool:
    if symbol == "in":
        return contains(left, right, budget=budget)
    if symbol in ORDERINGS:
        return order(symbol, left, right)
    return equal(left, right, budget=budget) is (symbol == "==")


def between(symbol: str, left: Closure, right: Closure, *, metered: bool) -> Closure:
    """Compares any two values; the source is the budget too when ``metered``."""
    if metered:
        return lambda source: _compare(symbol, left(source), right(source), source)
    return lambda source: _compare(symbol, left(source), right(source), None)


def against_constant(symbol: str, read: Closure, constant: Any) -> Closure:
    """Compares what is read with a scalar; Python itself compares where both have the same plain type."""
    direct = _DIRECT[symbol]
    first, second = (int, float) if type(constant) in (int, float) else (str, str)
    if type(constant) not in (int, float, str):
        return lambda source: _compare(symbol, read(source), constant, None)

    def compare(source: Any) -> bool:
        value = read(source)
        cls = type(value)
        if cls is first or cls is second:
            return direct(value, constant)
        return _compare(symbol, value, constant, None)

    return compare


def one_of(read: Closure, constants: tuple[Any, ...]) -> Closure:
    """Tells whether what is read equals one of the constants."""
    texts = frozenset(constant for constant in constants if type(constant) is str)

    def compare(source: Any) -> bool:
        value = read(source)
        return value in texts if type(value) is str else contains(value, constants)

    return compare
