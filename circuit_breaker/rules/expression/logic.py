"""Closures for ``&& || ! ?:``. A failure beside ``&&`` and ``||`` counts only where nothing else decides, as in CEL."""

from __future__ import annotations

from typing import Any

from circuit_breaker.rules.expression.source import Closure
from circuit_breaker.rules.expression.values import Unanswerable, kind

__all__ = ["choice", "joined", "negation", "truth"]


def truth(value: object, what: str) -> bool:
    """The value itself, when it is a bool.

    Raises:
        Unanswerable: When it is none; ``what`` names who wanted one.
    """
    if value is True or value is False:
        return value
    raise Unanswerable(f"{what} takes no {kind(value)}, only a bool")


def joined(terms: tuple[Closure, ...], *, decisive: bool) -> Closure:
    """The terms joined by ``&&`` (``decisive`` is False) or ``||`` (it is True).

    The first decisive answer ends it; without one the first failure is raised.
    """
    symbol, other = ("||", False) if decisive else ("&&", True)

    def answer(source: Any) -> bool:
        failure: Unanswerable | None = None
        for term in terms:
            try:
                value = term(source)
                if value is decisive:
                    return not other
                if value is not other:
                    truth(value, symbol)
            except Unanswerable as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return other

    return answer


def negation(operand: Closure) -> Closure:
    """``!operand``."""
    return lambda source: not truth(operand(source), "!")


def choice(condition: Closure, then: Closure, otherwise: Closure) -> Closure:
    """``condition ? then : otherwise``; only what is chosen is evaluated."""
    return lambda source: then(source) if truth(condition(source), "?:") else otherwise(source)
