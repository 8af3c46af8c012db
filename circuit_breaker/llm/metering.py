"""Metering: what the calls of one provider took, told to whoever pays for them, also where they failed.

Who pays opens a :class:`Meter` around the provider with :func:`metered`; the provider notes its calls in the one that
is in force. Nothing has to be passed on, so providers around other providers need not know of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import attrs

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.usage import NO_USAGE, Usage

__all__ = ["Meter", "meter", "metered"]


@attrs.define(eq=False)
class Meter:
    """What calls took so far.

    Attributes:
        persists: Whether the provider may ask again by itself; if not, somebody else is asked instead.
        paid: Whether somebody pays by it, who decides whether what failed, but may cost, is asked for again.
        calls: How many calls may have to be paid.
        unknown: Of how many of them nobody knows what they took.
        usage: What the others took, where somebody pays.
    """

    persists: bool = True
    paid: bool = True
    calls: int = 0
    unknown: int = 0
    usage: Usage = NO_USAGE

    @contextmanager
    def call(self) -> Iterator[None]:
        """Notes a call; one that fails counts if it may have to be paid all the same, as does one that is given up."""
        self.calls += 1
        self.unknown += 1
        try:
            yield
        except LLMError as error:
            if not error.charged:
                self.calls -= 1
                self.unknown -= 1
            raise

    def took(self, usage: Usage) -> None:
        """Notes what the last call took."""
        self.unknown -= 1
        if self.paid:
            self.usage += usage

    def retries(self, wanted: Retries) -> Retries:
        """How often the provider may ask again by itself: never where whoever pays has set nothing aside for it."""
        if not self.paid:
            return wanted
        return attrs.evolve(wanted, most=wanted.most if self.persists else 0, charged=False)


_IN_FORCE: ContextVar[Meter | None] = ContextVar("meter", default=None)


def meter() -> Meter:
    """The meter that is in force; one that nobody reads where nobody wants to know."""
    return _IN_FORCE.get() or Meter(paid=False)


@contextmanager
def metered(found: Meter) -> Iterator[None]:
    """Lets a meter be in force for the calls inside of the block."""
    before = _IN_FORCE.set(found)
    try:
        yield
    finally:
        _IN_FORCE.reset(before)
