"""Field conditions as functions of a token, specialised once so that judging costs little more than the comparison.

Each condition has two functions: it *holds*, or it *fails*. Where the value is missing or not comparable neither is
true, so that a negation of what nobody knows does not pass.
"""

from __future__ import annotations

import operator as compare
from collections.abc import Callable
from typing import Any, Final

from circuit_breaker.rules.operators import OPERATIONS, RuleOperator
from circuit_breaker.rules.path import Path
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Test", "against_constant", "against_field"]

Test = Callable[[Any], bool]
"""Judges a token."""


def against_constant(path: Path, operator: RuleOperator, constant: Any) -> tuple[Test, Test]:
    """Whether the field holds against the constant, and whether it definitely fails."""
    operation = OPERATIONS[operator]
    answer = operation.bind(constant)
    read = path.reader()
    absent = operation.absent

    def asked(token: Any) -> bool | None:
        seen = read(token)
        return absent if seen is MISSING else answer(seen)

    return _fast(path, operator, constant, lambda token: asked(token) is True), lambda token: asked(token) is False


def against_field(path: Path, operator: RuleOperator, other: Path) -> tuple[Test, Test]:
    """Whether the field holds against another field, and whether it definitely fails."""
    bind = OPERATIONS[operator].bind
    left, right = path.reader(), other.reader()

    def asked(token: Any) -> bool | None:
        seen, wanted = left(token), right(token)
        return None if seen is MISSING or wanted is MISSING else bind(wanted)(seen)

    return (lambda token: asked(token) is True), (lambda token: asked(token) is False)


def _fast(path: Path, operator: RuleOperator, constant: Any, slow: Test) -> Test:
    """The hot path: a field right under ``data`` against a number or a text; ``slow`` judges all that is unusual."""
    if path.namespace == "data" and len(path.steps) == 1 and operator in _COMPARISONS:
        if type(constant) is int or type(constant) is float:
            return _number(path.steps[0], _COMPARISONS[operator], constant, slow)
        if type(constant) is str:
            return _text(path.steps[0], _COMPARISONS[operator], constant, slow)
    return slow


_COMPARISONS: Final[dict[RuleOperator, Callable[[Any, Any], bool]]] = {
    RuleOperator.EQUALS: compare.eq,
    RuleOperator.NOT_EQUALS: compare.ne,
    RuleOperator.GREATER_THAN: compare.gt,
    RuleOperator.LESS_THAN: compare.lt,
    RuleOperator.GREATER_THAN_OR_EQUAL: compare.ge,
    RuleOperator.LESS_THAN_OR_EQUAL: compare.le,
}


def _number(key: str, holds: Callable[[Any, Any], bool], wanted: float, slow: Test) -> Test:
    def test(token: Any) -> bool:
        data = token.data
        if isinstance(data, dict):
            seen = data.get(key)
            kind = type(seen)
            if kind is int or kind is float:
                return holds(seen, wanted)
        return slow(token)

    return test


def _text(key: str, holds: Callable[[Any, Any], bool], wanted: str, slow: Test) -> Test:
    def test(token: Any) -> bool:
        data = token.data
        if isinstance(data, dict):
            seen = data.get(key)
            if type(seen) is str:
                return holds(seen, wanted)
        return slow(token)

    return test
