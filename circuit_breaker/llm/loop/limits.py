"""Limits: when a loop has to stop although the model would go on."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import attrs

from circuit_breaker.errors import DefinitionError, Fault

__all__ = ["LoopLimits", "exact_dollars"]


def exact_dollars(value: Any) -> Any:
    """The amount, exactly as it is written; what is no amount is left for whoever judges it."""
    try:
        return value if value is None or isinstance(value, bool) else Decimal(str(value))
    except InvalidOperation:
        return value


@attrs.frozen(kw_only=True)
class LoopLimits:
    """What a loop may take; None where there is no limit.

    Attributes:
        iterations: How often the model is asked.
        tokens: Of input and output together; an answer may be no longer than what is left.
        dollars: US dollars; no further call is made once they are spent.
        seconds: Of time, counted over all the parts of an interrupted loop.
        repeats: How often the same call may give the same result. The next time the model is told so in place of a
            result; when it calls once more, the loop stops.
        repairs: How often the model may mend an answer that does not fit the form it was asked for.
        unpriced: Whether, under a limit of dollars, models may be asked whose price nobody knows.

    Raises:
        DefinitionError: A limit is none; every fault is named.
    """

    iterations: int | None = 10
    tokens: int | None = None
    dollars: Decimal | None = attrs.field(default=None, converter=exact_dollars)
    seconds: float | None = None
    repeats: int = 2
    repairs: int = 2
    unpriced: bool = False

    def __attrs_post_init__(self) -> None:
        if faults := list(self._faults()):
            raise DefinitionError("the limits of the loop are not valid", faults=faults)

    def _faults(self) -> Iterator[Fault]:
        for name in ("iterations", "tokens"):
            value = getattr(self, name)
            if value is not None and not (_is_whole(value) and value >= 1):
                yield Fault(name, f"{value!r:.40} is no limit", "give a whole number from 1, or None")
        for name in ("dollars", "seconds"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                yield Fault(name, f"{value!s:.40} is no limit", "give a number above 0, or None")
        for name, least in (("repeats", 1), ("repairs", 0)):
            value = getattr(self, name)
            if not (_is_whole(value) and value >= least):
                yield Fault(name, f"{value!r:.40} is no number of times", f"give a whole number from {least}")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) and value == value  # noqa: PLR0124
