"""Arithmetic of expressions: 64-bit whole numbers that never wrap, IEEE 754 doubles, and ``+`` for texts and lists.

Nothing is converted silently: ``1 + 1.0`` is an error, as in CEL. Division of whole numbers truncates toward zero, and
the sign of a remainder is that of the dividend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final

from circuit_breaker.rules.expression.budget import Budget, Exhausted
from circuit_breaker.rules.expression.values import Unanswerable, kind

__all__ = ["CHARACTERS", "ELEMENTS", "INT_MAX", "INT_MIN", "arithmetic", "in_range", "negate"]

INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1

CHARACTERS: Final = 1_000_000
"""Characters that a text built by an expression may have."""

ELEMENTS: Final = 100_000
"""Elements that a list built by an expression may have."""


def in_range(value: int) -> int:
    """The whole number itself.

    Raises:
        Unanswerable: When it does not fit into 64 bits.
    """
    if INT_MIN <= value <= INT_MAX:
        return value
    raise Unanswerable("integer overflow: whole numbers have 64 bits")


def negate(value: Any) -> int | float:
    """``-value`` of a number.

    Raises:
        Unanswerable: When it is none, or when the result does not fit into 64 bits.
    """
    if type(value) is int:
        return in_range(-value)
    if type(value) is float:
        return -value
    raise Unanswerable(f"cannot negate a {kind(value)}")


def arithmetic(symbol: str, left: Any, right: Any, *, budget: Budget) -> Any:
    """``left symbol right`` for one of ``+ - * / %``.

    Raises:
        Unanswerable: When the operator has no meaning for such values, on overflow, on division of a whole number by
            zero, and when a text or list becomes too large.
        Exhausted: When the budget does not allow to join so much.
    """
    kinds = (kind(left), kind(right))
    if kinds == ("int", "int"):
        return _INTEGERS[symbol](left, right)
    if kinds == ("double", "double") and symbol in _DOUBLES:
        return _DOUBLES[symbol](left, right)
    if symbol == "+" and kinds == ("string", "string"):
        return _join_texts(left, right, budget)
    if symbol == "+" and kinds == ("list", "list"):
        return _join_lists(left, right, budget)
    hint = "; convert one of them with int() or double()" if {*kinds} == {"int", "double"} else ""
    raise Unanswerable(f"cannot compute {kinds[0]} {symbol} {kinds[1]}{hint}")


def _quotient(left: int, right: int) -> int:
    if right == 0:
        raise Unanswerable("division by zero")
    magnitude = abs(left) // abs(right)
    return in_range(magnitude if (left < 0) == (right < 0) else -magnitude)


def _remainder(left: int, right: int) -> int:
    return left - right * _quotient(left, right)


def _divide(left: float, right: float) -> float:
    if right != 0.0:
        return left / right
    if left == 0.0 or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, math.copysign(1.0, left) * math.copysign(1.0, right))


def _join_texts(left: str, right: str, budget: Budget) -> str:
    size = len(left) + len(right)
    if size > CHARACTERS:
        raise Exhausted(f"a text of {size:,} characters is too long: the limit is {CHARACTERS:,}")
    budget.spend(1)
    budget.spend_characters(size)
    return left + right


def _join_lists(left: list[Any], right: list[Any], budget: Budget) -> list[Any]:
    size = len(left) + len(right)
    if size > ELEMENTS:
        raise Exhausted(f"a list of {size:,} elements is too long: the limit is {ELEMENTS:,}")
    budget.spend(1)
    budget.spend_elements(size)
    return [*left, *right]


_INTEGERS: Final[dict[str, Callable[[int, int], int]]] = {
    "+": lambda left, right: in_range(left + right),
    "-": lambda left, right: in_range(left - right),
    "*": lambda left, right: in_range(left * right),
    "/": _quotient,
    "%": _remainder,
}

_DOUBLES: Final[dict[str, Callable[[float, float], float]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": _divide,
}
