"""Budgets: what may be spent in a time, by whom. What a call could cost at most is reserved before it is made.

A reservation is a lease, which whoever took it renews. So many calls at once cannot spend more than the budget has.
When a process is killed nobody knows what its calls took: its leases end by themselves, and from then on what they held
counts as spent, until it is settled with what was really spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final, Literal, Protocol, get_args

import attrs

from circuit_breaker.errors import Fault
from circuit_breaker.llm.several import texts_of

__all__ = ["Budget", "Claim", "Ledger", "MemoryLedger", "Period", "Standing", "Unsettled"]

Period = Literal["hour", "day", "week", "month", "total"]
PERIODS: Final = get_args(Period)
DIMENSIONS: Final = ("tenant", "key", "provider", "model")

Claim = tuple[str, Decimal | None, int | None]
"""An account, and what it may hold: US dollars and tokens, None where it does not limit these."""

Standing = tuple[Decimal, int, Decimal, int]
"""How an account stands: US dollars and tokens spent, then US dollars and tokens reserved."""

Unsettled = tuple[str, str, Decimal, int]
"""A lease that ended by itself: its name, its account, and the US dollars and tokens that count as spent."""


def _decimal(value: Decimal | str | int | None) -> Decimal | None:
    if isinstance(value, float):
        raise TypeError(f"dollars are given as a text or a Decimal, such as '{value}', not as a float")
    return None if value is None else Decimal(value)


@attrs.frozen
class Budget:
    """What may be spent.

    Attributes:
        name: What it is called.
        dollars: US dollars in a period, exactly: a text or a Decimal; None for no limit.
        tokens: Tokens in a period, input and output together; None for no limit.
        period: ``"hour"``, ``"day"``, ``"week"``, ``"month"`` (all in UTC) or ``"total"``.
        per: Who has one each: some of ``"tenant"``, ``"key"``, ``"provider"`` and ``"model"``; all share it when empty.
        tenant: The tenant that it is of, or None for all.
        key: The caller's key that it is of, or None for all.
        unpriced: Whether models of unknown price may be used under a limit of dollars; their tokens alone count then.
        answer: The most tokens of an answer where the request does not say. A budget needs such a bound.
    """

    name: str
    dollars: Decimal | None = attrs.field(default=None, kw_only=True, converter=_decimal)
    tokens: int | None = attrs.field(default=None, kw_only=True)
    period: Period = attrs.field(default="month", kw_only=True)
    per: tuple[str, ...] = attrs.field(default=(), kw_only=True, converter=texts_of)
    tenant: str | None = attrs.field(default=None, kw_only=True)
    key: str | None = attrs.field(default=None, kw_only=True)
    unpriced: Literal["refuse", "allow"] = attrs.field(default="refuse", kw_only=True)
    answer: int = attrs.field(default=4_096, kw_only=True)

    def faults(self) -> list[Fault]:
        """What is wrong with it; empty when nothing is."""
        place = f"budget '{self.name}'"
        found = []
        if not self.name or "|" in self.name:
            found.append(Fault(place, "is no name", "leave out '|'"))
        if self.dollars is None and self.tokens is None:
            found.append(Fault(place, "limits nothing", "give dollars or tokens"))
        if (self.dollars is not None and not self.dollars >= 0) or (self.tokens is not None and self.tokens < 0):
            found.append(Fault(place, "is negative", "give 0 or more"))
        if self.period not in PERIODS:
            found.append(
                Fault(f"{place}.period", f"there is no period {self.period!r}", f"one of: {', '.join(PERIODS)}")
            )
        found.extend(
            Fault(f"{place}.per", f"nobody knows {name!r}", f"some of: {', '.join(DIMENSIONS)}")
            for name in self.per
            if name not in DIMENSIONS
        )
        return found

    def covers(self, *, tenant: str, key: str) -> bool:
        """Whether calls of this tenant with this key count."""
        return self.tenant in {None, tenant} and self.key in {None, key}

    def account(self, at: datetime, **who: str) -> str:
        """The account of a call in the ledger.

        Args:
            at: When the call is made.
            who: Its tenant, key, provider and model.
        """
        parts = [f"{name}={who[name]}".replace("|", "||") for name in self.per]
        return " | ".join([self.name, _period(self.period, at), *parts])


def _period(period: Period, at: datetime) -> str:
    at = at.astimezone(UTC)
    if period == "week":
        year, week, _ = at.isocalendar()
        return f"{year}-W{week:02}"
    return at.strftime({"hour": "%Y-%m-%dT%H", "day": "%Y-%m-%d", "month": "%Y-%m", "total": "total"}[period])


class Ledger(Protocol):
    """Where budgets are kept; what is needed of a storage, in plain values. All times are seconds since 1970."""

    async def reserve(
        self, lease: str, claims: Sequence[Claim], *, dollars: Decimal, tokens: int, now: float, expires: float
    ) -> str | None:
        """Reserves in all accounts or in none.

        Args:
            lease: A name for the reservation that nobody else uses.
            claims: The accounts with their limits.
            dollars: US dollars, as much in each account.
            tokens: Tokens, as many in each account.
            now: The time.
            expires: When the reservation ends by itself; what it holds counts as spent then.

        Returns:
            None; or, when nothing was reserved, the first account that has not enough left.
        """
        ...

    async def settle(self, lease: str, *, dollars: Decimal, tokens: int, now: float) -> None:
        """Ends a reservation and counts what was really spent, once; also after the reservation has ended by itself."""
        ...

    async def renew(self, lease: str, *, expires: float) -> None:
        """Lets a reservation last longer."""
        ...

    async def standing(self, account: str, *, now: float) -> Standing:
        """How an account stands; one that nobody has used yet has spent nothing."""
        ...

    async def unsettled(self, *, now: float) -> list[Unsettled]:
        """The leases that ended by themselves; each may still be settled."""
        ...


ZERO: Final = Decimal(0)


@attrs.define(eq=False)
class _Account:
    dollars: Decimal = ZERO
    tokens: int = 0
    held_dollars: Decimal = ZERO
    held_tokens: int = 0

    def hold(self, dollars: Decimal, tokens: int) -> None:
        self.held_dollars += dollars
        self.held_tokens += tokens

    def count(self, lease: _Lease) -> None:
        """What a lease holds is spent from now on."""
        self.hold(-lease.dollars, -lease.tokens)
        self.dollars += lease.dollars
        self.tokens += lease.tokens


@attrs.define(eq=False)
class _Lease:
    accounts: tuple[str, ...]
    dollars: Decimal
    tokens: int
    expires: float
    lapsed: bool = False


class MemoryLedger:
    """A :class:`Ledger` that lasts as long as the process: each start, and each further process, has all budgets anew.

    Where that must not be, use :func:`circuit_breaker.storage.budgets`.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}
        self._leases: dict[str, _Lease] = {}
        self._sweep_at = float("inf")

    async def reserve(
        self, lease: str, claims: Sequence[Claim], *, dollars: Decimal, tokens: int, now: float, expires: float
    ) -> str | None:
        """Reserves in all accounts or in none; see :class:`Ledger`."""
        self._lapse(now)
        for name, most_dollars, most_tokens in claims:
            account = self._accounts.setdefault(name, _Account())
            if most_dollars is not None and account.dollars + account.held_dollars + dollars > most_dollars:
                return name
            if most_tokens is not None and account.tokens + account.held_tokens + tokens > most_tokens:
                return name
        for name, _, _ in claims:
            self._accounts[name].hold(dollars, tokens)
        self._leases[lease] = _Lease(tuple(name for name, _, _ in claims), dollars, tokens, expires)
        self._sweep_at = min(self._sweep_at, expires)
        return None

    async def settle(self, lease: str, *, dollars: Decimal, tokens: int, now: float) -> None:
        """Ends a reservation and counts what was spent; see :class:`Ledger`."""
        self._lapse(now)
        if (held := self._leases.pop(lease, None)) is None:
            return
        for name in held.accounts:
            account = self._accounts[name]
            if not held.lapsed:
                account.count(held)
            account.dollars += dollars - held.dollars
            account.tokens += tokens - held.tokens

    async def renew(self, lease: str, *, expires: float) -> None:
        """Lets a reservation last longer; see :class:`Ledger`."""
        if (held := self._leases.get(lease)) is not None and not held.lapsed:
            held.expires = expires

    async def standing(self, account: str, *, now: float) -> Standing:
        """How an account stands; see :class:`Ledger`."""
        self._lapse(now)
        found = self._accounts.get(account, _Account())
        return (found.dollars, found.tokens, found.held_dollars, found.held_tokens)

    async def unsettled(self, *, now: float) -> list[Unsettled]:
        """The leases that ended by themselves; see :class:`Ledger`."""
        self._lapse(now)
        ended = [(lease, held) for lease, held in self._leases.items() if held.lapsed]
        return [(lease, name, held.dollars, held.tokens) for lease, held in ended for name in held.accounts]

    def _lapse(self, now: float) -> None:
        """Ends the reservations whose time is over, and counts what they held."""
        if now < self._sweep_at:
            return
        for held in self._leases.values():
            if not held.lapsed and held.expires <= now:
                held.lapsed = True
                for name in held.accounts:
                    self._accounts[name].count(held)
        lasting = (held.expires for held in self._leases.values() if not held.lapsed)
        self._sweep_at = min(lasting, default=float("inf"))
