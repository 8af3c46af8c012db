"""The purse: reserves for each call what it could cost at most in all budgets that it falls under, and settles it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal

import attrs

from circuit_breaker.errors import BudgetExceeded, StorageError
from circuit_breaker.llm.pricing import worst_case
from circuit_breaker.llm.router.budget import Budget, Claim, Ledger
from circuit_breaker.llm.router.needs import Needs
from circuit_breaker.llm.router.route import Route
from circuit_breaker.llm.usage import Usage

__all__ = ["BudgetStanding", "Caller", "Purse", "Reservation"]

LEASE = 600.0
"""Seconds after which a reservation ends by itself when the process that made it is gone."""


@attrs.frozen
class Caller:
    """Who asks.

    Attributes:
        tenant: Whose request it is.
        key: The key with which the caller came in, or its name; never a provider's key.
    """

    tenant: str = ""
    key: str = ""


@attrs.frozen(kw_only=True)
class BudgetStanding:
    """How an account of a budget stands.

    Attributes:
        budget: The name of the budget.
        account: The account: the budget, the period, and whose it is.
        dollars: US dollars spent.
        tokens: Tokens spent.
        reserved_dollars: US dollars that calls of now could still cost.
        reserved_tokens: Tokens that calls of now could still take.
        most_dollars: The limit in US dollars, or None.
        most_tokens: The limit in tokens, or None.
    """

    budget: str
    account: str
    dollars: Decimal
    tokens: int
    reserved_dollars: Decimal
    reserved_tokens: int
    most_dollars: Decimal | None
    most_tokens: int | None


@attrs.frozen(eq=False)
class Reservation:
    """What is held for one call, until it is settled."""

    purse: Purse
    lease: str

    async def settle(self, usage: Usage, dollars: Decimal | None) -> None:
        """Counts what was spent, and gives the rest back.

        Where the ledger fails all of it counts as spent when the reservation lapses: no answer is lost for that, which
        would have to be paid once more.
        """
        with suppress(StorageError):
            await self.purse.settle(self.lease, dollars=dollars or Decimal(0), tokens=usage.total_tokens)

    async def release(self) -> None:
        """Gives all of it back."""
        await self.purse.settle(self.lease, dollars=Decimal(0), tokens=0)


class Purse:
    """The budgets of a router.

    Args:
        budgets: What may be spent.
        ledger: Where that is kept.
        wall: The time of day.
        lease: Seconds after which a reservation ends by itself.
    """

    def __init__(
        self, budgets: Sequence[Budget], ledger: Ledger, *, wall: Callable[[], datetime], lease: float = LEASE
    ) -> None:
        self.budgets = tuple(budgets)
        self._ledger = ledger
        self._wall = wall
        self._lease = lease
        self._held: set[str] = set()

    def covering(self, caller: Caller) -> list[Budget]:
        """The budgets that a caller's calls fall under."""
        return [budget for budget in self.budgets if budget.covers(tenant=caller.tenant, key=caller.key)]

    async def reserve(
        self, budgets: Sequence[Budget], caller: Caller, route: Route, *, needs: Needs, answer: int
    ) -> Reservation:
        """Holds what a call could cost at most.

        Args:
            budgets: Those that it falls under.
            caller: Who asks.
            route: Who is asked.
            needs: How much there is to read.
            answer: The most tokens of the answers.

        Raises:
            BudgetExceeded: A budget has not enough left; nothing is held.
        """
        read, written = needs.worst(answer)
        dollars = self._most(budgets, route, read, written)
        at = self._wall()
        claims = [(_account(budget, caller, route, at), budget.dollars, budget.tokens) for budget in budgets]
        lease, tokens = uuid.uuid4().hex, read + written
        now = at.timestamp()
        try:
            lacking = await self._ledger.reserve(
                lease, claims, dollars=dollars, tokens=tokens, now=now, expires=now + self._lease
            )
        except asyncio.CancelledError:  # it may have been made all the same
            await self.settle(lease, dollars=Decimal(0), tokens=0)
            raise
        if lacking is not None:
            raise await self._exceeded(lacking, claims, route, dollars, tokens)
        self._held.add(lease)
        return Reservation(self, lease)

    def _most(self, budgets: Sequence[Budget], route: Route, read: int, written: int) -> Decimal:
        if (price := route.profile.price) is not None:
            return worst_case(read, written, price)
        strict = next((found for found in budgets if found.dollars is not None and found.unpriced == "refuse"), None)
        if strict is not None:
            raise BudgetExceeded(
                f"nobody knows what the model '{route.model}' costs, and budget '{strict.name}' is in dollars",
                provider=route.lane.name,
                model=route.model,
                remedy="give the model a price in a profile, or the budget unpriced='allow'",
            )
        return Decimal(0)

    async def _exceeded(
        self, account: str, claims: Sequence[Claim], route: Route, dollars: Decimal, tokens: int
    ) -> BudgetExceeded:
        spent, used, held, held_tokens = await self._ledger.standing(account, now=self._wall().timestamp())
        _, most, most_tokens = next(claim for claim in claims if claim[0] == account)
        told = []
        if most is not None:
            told.append(
                f"{_money(spent)} of {_money(most)} spent and {_money(held)} reserved, "
                f"the call could cost {_money(dollars)}"
            )
        if most_tokens is not None:
            told.append(
                f"{used:,} of {most_tokens:,} tokens used and {held_tokens:,} reserved, the call could take {tokens:,}"
            )
        return BudgetExceeded(
            f"budget '{account}' has not enough left: {'; '.join(told)}",
            provider=route.lane.name,
            model=route.model,
            remedy="wait for the next period, raise the budget, or ask for less with max_tokens",
        )

    async def settle(self, lease: str, *, dollars: Decimal, tokens: int) -> None:
        """Ends a reservation; see :class:`Reservation`."""
        self._held.discard(lease)
        await self._ledger.settle(lease, dollars=dollars, tokens=tokens, now=self._wall().timestamp())

    async def standings(self, caller: Caller) -> tuple[BudgetStanding, ...]:
        """How the budgets of a caller stand that depend on no provider or model."""
        at = self._wall()
        found = []
        for budget in self.covering(caller):
            if not {"provider", "model"}.isdisjoint(budget.per):
                continue
            account = budget.account(at, tenant=caller.tenant, key=caller.key)
            dollars, tokens, held, held_tokens = await self._ledger.standing(account, now=at.timestamp())
            found.append(
                BudgetStanding(
                    budget=budget.name,
                    account=account,
                    dollars=dollars,
                    tokens=tokens,
                    reserved_dollars=held,
                    reserved_tokens=held_tokens,
                    most_dollars=budget.dollars,
                    most_tokens=budget.tokens,
                )
            )
        return tuple(found)

    async def keep(self) -> None:
        """Lets the reservations of calls that take long last on; runs until it is cancelled."""
        while True:
            await asyncio.sleep(self._lease / 3)
            expires = self._wall().timestamp() + self._lease
            with suppress(StorageError):  # the next time may do; until then the reservations last
                for lease in tuple(self._held):
                    await self._ledger.renew(lease, expires=expires)


def _account(budget: Budget, caller: Caller, route: Route, at: datetime) -> str:
    return budget.account(at, tenant=caller.tenant, key=caller.key, provider=route.lane.name, model=route.model)


def _money(dollars: Decimal) -> str:
    return f"${dollars.normalize():f}"
