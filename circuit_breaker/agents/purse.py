"""The purse of an execution: what it and all that it wants may take together.

A call sets aside what it can take at the worst before it is made, in the purse of its execution and in all above. What
does not fit waits until others have given back what they did not need. A call waits only for others that have set aside
something higher up, or are under way; so none waits in a ring, and somebody always gives back. While an execution is in
a call of its own, those that it wants have what that call leaves, and the rest once it is over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.agents.account import Account
from circuit_breaker.errors import BudgetExceeded

__all__ = ["NOTHING", "Most", "Purse", "Reservation"]


@attrs.frozen
class Most:
    """The most that a call can take; None where nobody knows, or there is no limit.

    Attributes:
        tokens: Of input and output.
        dollars: US dollars.
        answer: Tokens of the answer.
        each: US dollars that one token of the answer costs.
    """

    tokens: int | None = None
    dollars: Decimal | None = None
    answer: int | None = None
    each: Decimal | None = None

    def longest(self, left: Most) -> int | None:
        """The most tokens that the answer may have where only so much is left; None where its worst is no more."""
        tokens = None if _fits(self.tokens, left.tokens) else left.tokens
        paid = None
        if self.each and left.dollars is not None and not _fits(self.dollars, left.dollars):
            paid = max(1, int(left.dollars / self.each))
        found = _least(tokens, paid)
        return None if found is None or _fits(self.answer, found) else int(found)


@attrs.define(eq=False)
class Purse:
    """What may be taken, and what was; the purse above pays as well.

    Attributes:
        owner: The execution.
        tokens: The most tokens, or None.
        dollars: The most US dollars, or None.
        above: The purse of the execution that wants this one.
        spent: Tokens.
        paid: US dollars.
    """

    owner: str
    tokens: int | None = None
    dollars: Decimal | None = None
    above: Purse | None = None
    spent: int = 0
    paid: Decimal = Decimal(0)
    _out: dict[Reservation, Most] = attrs.field(factory=dict)
    _turn: asyncio.Lock = attrs.field(factory=asyncio.Lock)
    _bell: asyncio.Event = attrs.field(factory=asyncio.Event)

    @property
    def limited(self) -> bool:
        """Whether there is a limit, here or above."""
        return next(self._limits(), None) is not None

    def _limits(self) -> Iterator[Purse]:
        """The purses that have a limit, from here upwards."""
        purse: Purse | None = self
        while purse is not None:
            if purse.tokens is not None or purse.dollars is not None:
                yield purse
            purse = purse.above

    def spend(self, tokens: int, dollars: Decimal) -> None:
        """Notes what was taken, here and above."""
        self.spent += tokens
        self.paid += dollars
        if self.above is not None:
            self.above.spend(tokens, dollars)

    def note(self, account: Account) -> None:
        """Notes what was taken before, of which the purses above know already."""
        self.spent += account.usage.total_tokens
        self.paid += account.dollars

    async def reserve(self, most: Most) -> Reservation:
        """What is set aside for a call until it is given back, once there is room for it.

        A call that is alone gets what is left, also where its worst is more than that, or is not known.

        Raises:
            BudgetExceeded: All is taken, of this execution or of one that wants it.
        """
        for purse in self._limits():
            purse._check()
        reservation = Reservation(self)
        try:
            for purse in self._limits():
                await purse._set_aside(most, reservation)
        except BaseException:
            reservation.give_back()
            raise
        return reservation

    async def _set_aside(self, most: Most, reservation: Reservation) -> None:
        async with self._turn:  # who came first is served first, so that many small calls keep no large one waiting
            self._check()
            while self._out and not self._has_room(most):
                self._bell.clear()
                await self._bell.wait()
                self._check()
            left = self._left()
            reservation.shorten(most.longest(left))
            self._out[reservation] = Most(_least(most.tokens, left.tokens), _least(most.dollars, left.dollars))

    def _check(self) -> None:
        """Nothing, when another call may be made.

        Raises:
            BudgetExceeded: All is taken.
        """
        if self.tokens is not None and self.spent >= self.tokens:
            raise self._empty(f"{self.spent} of {self.tokens} tokens")
        if self.dollars is not None and self.paid >= self.dollars:
            raise self._empty(f"${self.paid:f} of ${self.dollars:f}")

    def _left(self) -> Most:
        """What is neither taken nor set aside; None where there is no limit."""
        held = self._out.values()
        tokens = None if self.tokens is None else self.tokens - self.spent - sum(one.tokens or 0 for one in held)
        dollars = None if self.dollars is None else self.dollars - self.paid - sum(one.dollars or 0 for one in held)
        return Most(tokens, dollars)

    def _has_room(self, most: Most) -> bool:
        left = self._left()
        return _fits(most.tokens, left.tokens) and _fits(most.dollars, left.dollars)

    def give_back(self, reservation: Reservation) -> None:
        """Ends a reservation, here and above; who waits looks again."""
        for purse in self._limits():
            if purse._out.pop(reservation, None) is not None:
                purse._bell.set()

    def _empty(self, taken: str) -> BudgetExceeded:
        return BudgetExceeded(
            f"execution '{self.owner}' and those that it wants have taken {taken}",
            remedy="raise the limit of its agent",
        )


@attrs.define(eq=False)
class Reservation:
    """What is set aside for one call.

    Attributes:
        payer: The purse of the execution that makes the call; None where nothing is limited.
        longest: The most tokens that its answer may have, where its worst was more than what is left; None where not.
    """

    payer: Purse | None = None
    longest: int | None = None

    def shorten(self, longest: int | None) -> None:
        """Allows the answer no more tokens than these."""
        self.longest = _least(self.longest, longest)

    def give_back(self) -> None:
        """Ends it; what the call took is spent before."""
        if self.payer is not None:
            self.payer.give_back(self)


NOTHING: Final = Reservation()
"""What is set aside where there is no limit."""


def _fits(wanted: Any, left: Any) -> bool:
    """Whether there is so much left; what nobody knows never fits, and everything where there is no limit."""
    return left is None or (wanted is not None and wanted <= left)


def _least(*values: Any) -> Any:
    return min((value for value in values if value is not None), default=None)
