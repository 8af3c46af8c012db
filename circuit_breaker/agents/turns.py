"""Turns: who may run, when not all can; each in his turn, so that nobody with much to do keeps others waiting.

Tenants take turns, and the agents of a tenant among themselves; whoever came first to an agent is first there.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import attrs

from circuit_breaker.errors import LimitReached

__all__ = ["Seat", "Turns"]


@attrs.define(eq=False)
class Seat:
    """A place to work, or in the line for one; an async context manager that waits for it and gives it back.

    Attributes:
        tenant: Who wants it.
        agent: For which agent.
        turns: Whose place it is; None for one beside all others.
    """

    tenant: str = ""
    agent: str = ""
    turns: Turns | None = None
    _turn: asyncio.Future[None] | None = None

    @property
    def taken(self) -> bool:
        """Whether the work may begin."""
        return self._turn is None

    def line_up(self) -> None:
        """Waits from now on."""
        self._turn = asyncio.get_running_loop().create_future()

    def offer(self) -> None:
        """Gives the place to whoever waits for it."""
        turn, self._turn = self._turn, None
        if turn is not None and not turn.done():
            turn.set_result(None)

    async def __aenter__(self) -> Self:
        if self._turn is not None:
            try:
                await self._turn
            except asyncio.CancelledError:
                self.leave()
                raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.leave()

    def leave(self) -> None:
        """Gives the place back, or leaves the line."""
        turns, self.turns = self.turns, None
        if turns is not None:
            turns.left(self)


class Turns:
    """So many places, for one tenant after the other.

    Args:
        places: How many work at the same time.
        most: How many may wait.
    """

    def __init__(self, places: int, *, most: int) -> None:
        self._free = places
        self._most = most
        self._line: dict[str, dict[str, dict[Seat, None]]] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return self._waiting

    def seat(self, tenant: str, agent: str, *, always: bool = False) -> Seat:
        """A place at once where one is free, else one in the line.

        Args:
            tenant: For whom.
            agent: For which agent.
            always: Whether the line may be longer than allowed: for what was let in once.

        Raises:
            LimitReached: Too many wait already.
        """
        seat = Seat(tenant, agent, self)
        if self._free:
            self._free -= 1
            return seat
        if self._waiting >= self._most and not always:
            raise LimitReached(f"{self._waiting} executions wait for their turn already", remedy="ask again later")
        seat.line_up()
        self._line.setdefault(tenant, {}).setdefault(agent, {})[seat] = None
        self._waiting += 1
        return seat

    def left(self, seat: Seat) -> None:
        """Passes on the place that somebody had, or forgets that he waited."""
        if seat.taken:
            self._pass_on()
        else:
            self._waiting -= 1
            agents = self._line[seat.tenant]
            del agents[seat.agent][seat]
            self._tidy(seat.tenant, seat.agent)

    def _pass_on(self) -> None:
        if not self._line:
            self._free += 1
            return
        tenant = next(iter(self._line))
        agents = self._line.pop(tenant)
        agent = next(iter(agents))
        seats = agents.pop(agent)
        seat = next(iter(seats))
        del seats[seat]
        agents[agent] = seats  # at the end: the others come first
        self._line[tenant] = agents
        self._tidy(tenant, agent)
        self._waiting -= 1
        seat.offer()

    def _tidy(self, tenant: str, agent: str) -> None:
        if not self._line[tenant][agent]:
            del self._line[tenant][agent]
        if not self._line[tenant]:
            del self._line[tenant]
