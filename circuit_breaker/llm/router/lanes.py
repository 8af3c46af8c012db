"""The lanes of a router together: opened, added, removed, looked after and closed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Self, overload

from circuit_breaker.errors import ProviderNotFound, nearest
from circuit_breaker.llm.provider import ProviderHealth
from circuit_breaker.llm.router.access import Access
from circuit_breaker.llm.router.circuit import CircuitChanged, CircuitPolicy
from circuit_breaker.llm.router.config import Probing
from circuit_breaker.llm.router.health import examine, overall
from circuit_breaker.llm.router.lane import CircuitStatus, Lane

__all__ = ["Lanes"]

FRESH = 30.0
"""Seconds for which the health of a provider, once found, is told again."""


class Lanes(Sequence[Lane]):
    """The lanes, as an async context manager that opens and closes the providers.

    Args:
        accesses: The first of them.
        policy: When circuits open.
        now: The time in seconds, which never goes back.
        wall: The time of day.
        told: Called when a circuit changes.
    """

    def __init__(
        self,
        accesses: Sequence[Access],
        *,
        policy: CircuitPolicy,
        now: Callable[[], float],
        wall: Callable[[], datetime],
        told: Callable[[CircuitChanged], None],
    ) -> None:
        self._policy, self._now, self._wall, self._told = policy, now, wall, told
        self._lanes = [self._lane(access) for access in accesses]
        self._stack: AsyncExitStack | None = None

    def _lane(self, access: Access) -> Lane:
        return Lane(access, policy=self._policy, now=self._now, told=self._told)

    @overload
    def __getitem__(self, place: int) -> Lane: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Lane]: ...

    def __getitem__(self, place: int | slice) -> Lane | Sequence[Lane]:
        return self._lanes[place]

    def __len__(self) -> int:
        return len(self._lanes)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            for lane in self._lanes:
                await lane.open()
                stack.push_async_callback(self._close, lane)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._stack is not None:
            stack, self._stack = self._stack, None
            await stack.aclose()

    async def _close(self, lane: Lane) -> None:
        """Closes a lane, unless it was removed before."""
        if lane in self._lanes:
            await lane.close()

    async def add(self, access: Access) -> None:
        """Adds a lane; if the others are open, opens it."""
        lane = self._lane(access)
        if self._stack is not None:
            await lane.open()
            self._stack.push_async_callback(self._close, lane)
        self._lanes.append(lane)

    async def remove(self, name: str, key: str | None, *, patience: float) -> None:
        """Removes a provider, or one of its keys, and closes it when it has answered.

        Raises:
            ProviderNotFound: There is none of that name and key.
        """
        gone = [lane for lane in self.named(name) if key in {None, lane.access.key}]
        if not gone:
            raise ProviderNotFound(f"the provider '{name}' has no key '{key}'", provider=name)
        for lane in gone:
            self._lanes.remove(lane)
        if self._stack is not None:
            await asyncio.gather(*(lane.close(patience=patience) for lane in gone))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the providers."""
        return tuple(dict.fromkeys(lane.name for lane in self._lanes))

    def of(self, name: str) -> list[Lane]:
        """The lanes of a provider; none where there is no such provider."""
        return [lane for lane in self._lanes if lane.name == name]

    def named(self, name: str) -> list[Lane]:
        """The lanes of a provider.

        Raises:
            ProviderNotFound: There is none of that name.
        """
        if found := self.of(name):
            return found
        hint = nearest(name, self.names) or "add one with add_provider"
        raise ProviderNotFound(f"there is no provider '{name}'", provider=name, remedy=hint)

    async def health(self, *, fresh: bool, timeout: float) -> list[ProviderHealth]:  # noqa: ASYNC109
        """The health of each provider; who was not asked of late is asked now, all where it is to be fresh."""
        old = [lane for lane in self._lanes if fresh or self._stale(lane)]
        await asyncio.gather(*(examine(lane, timeout=timeout, wall=self._wall) for lane in old))
        return [overall(self.of(name)) for name in self.names]

    def _stale(self, lane: Lane) -> bool:
        checked = lane.health.last_check
        return checked is None or (self._wall() - checked).total_seconds() > FRESH

    async def find_models(self, timeout: float) -> dict[str, tuple[str, ...]]:  # noqa: ASYNC109
        """The models that each provider serves, after all were asked."""
        await asyncio.gather(*(examine(lane, timeout=timeout, wall=self._wall, models=True) for lane in self._lanes))
        return {
            name: tuple(dict.fromkeys(model for lane in self.of(name) for model in lane.models)) for name in self.names
        }

    async def probe(self, policy: Probing) -> None:
        """Asks the providers now and then how they are; runs until it is cancelled."""
        while True:
            for lane in tuple(self._lanes):
                await examine(lane, timeout=policy.timeout, wall=self._wall, models=policy.models)
            await asyncio.sleep(policy.interval)

    def circuits(self) -> tuple[CircuitStatus, ...]:
        """How the circuits stand that were ever used."""
        return tuple(status for lane in self._lanes for status in lane.circuits())
