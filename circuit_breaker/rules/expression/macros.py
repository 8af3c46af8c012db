"""Closures for the macros: ``all exists exists_one filter map`` over the elements of a list or the keys of a map.

Every turn takes steps from the budget, as many as the body is long.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from circuit_breaker.rules.expression.logic import truth
from circuit_breaker.rules.expression.source import Closure, Frame
from circuit_breaker.rules.expression.values import Unanswerable, kind, mapping

__all__ = ["Loop", "iteration"]


@attrs.frozen
class Loop:
    """What the macros have in common.

    Attributes:
        operand: Gives the list or map.
        slot: Where in :attr:`Frame.variables` the variable stands.
        weight: Steps that one turn takes.
        body: What is computed for each element.
        only: The condition of ``map`` with three arguments.
    """

    operand: Closure
    slot: int
    weight: int
    body: Closure
    only: Closure | None = None

    def turns(self, frame: Frame) -> Iterator[Any]:
        """Each element, after it has been made the value of the variable."""
        value = self.operand(frame)
        value_kind = kind(value)
        if value_kind not in ("list", "map"):
            raise Unanswerable(f"a {value_kind} has no elements to go through")
        for element in value if value_kind == "list" else mapping(value):
            frame.spend(self.weight)
            frame.variables[self.slot] = element
            yield element


def iteration(name: str, loop: Loop) -> Closure:
    """The macro of that name."""
    if name in ("all", "exists"):
        return _decided(loop, name, decisive=name == "exists")
    return {"exists_one": _exactly_one, "filter": _filtered, "map": _mapped}[name](loop)


def _decided(loop: Loop, name: str, *, decisive: bool) -> Closure:
    """``all`` and ``exists``: ``&&`` and ``||`` over the elements, which absorb failures in the same way."""

    def answer(frame: Frame) -> bool:
        failure: Unanswerable | None = None
        for _ in loop.turns(frame):
            try:
                if truth(loop.body(frame), name) is decisive:
                    return decisive
            except Unanswerable as error:
                failure = failure or error
        if failure is not None:
            raise failure
        return not decisive

    return answer


def _exactly_one(loop: Loop) -> Closure:
    return lambda frame: sum(truth(loop.body(frame), "exists_one") for _ in loop.turns(frame)) == 1


def _filtered(loop: Loop) -> Closure:
    return lambda frame: [element for element in loop.turns(frame) if truth(loop.body(frame), "filter")]


def _mapped(loop: Loop) -> Closure:
    only = loop.only
    if only is None:
        return lambda frame: [loop.body(frame) for _ in loop.turns(frame)]
    return lambda frame: [loop.body(frame) for _ in loop.turns(frame) if truth(only(frame), "map")]
