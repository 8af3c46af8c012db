"""The doorway: sees tokens enter the states that agents keep, and change there, and begins visits.

Each place agent has a cursor in storage: the position up to which every event was dealt with. The first time it goes
through all that the journal has, so that tokens count that were there before. What is read again begins nothing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

import attrs
import structlog

from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.bridge.visits import Visit, Visits
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import derived_id
from circuit_breaker.engine.running import only
from circuit_breaker.errors import CaseNotFound, StorageCorrupt, words_of
from circuit_breaker.workflow.case import entered
from circuit_breaker.workflow.events import Event, TokenChanged

__all__ = ["Doorway"]

CURSOR: Final = "place-cursor"
PAGE: Final = 200
SAVED_EVERY: Final = 1000

Deal = Callable[[PlaceAgent, Event], Awaitable[None]]

_log = structlog.get_logger("circuit_breaker.places")


class Doorway:
    """Goes through the events of all cases, page by page.

    Args:
        engine: The engine of workflows.
        visits: Where visits are kept.
        placed: The place agents.
    """

    def __init__(self, engine: Engine, visits: Visits, placed: Iterable[PlaceAgent]) -> None:
        self.visits = visits
        self._engine = engine
        self._placed = {each.name: each for each in placed}
        self._reached: dict[str, int] = {}
        self._saved: dict[str, int] = {}

    @property
    def reached(self) -> int:
        """The position up to which every event was dealt with here."""
        return min(self._reached.values(), default=0)

    async def read_on(self) -> bool:
        """Deals with the next page of events; whether there may be more."""
        if not self._placed:
            return False
        await self._find_cursors()
        page = await self._engine.storage.feed(self.reached, limit=PAGE)
        dealing = [
            (placed, entry.event)
            for entry in page
            for placed in self._placed.values()
            if entry.position > self._reached[placed.name] and entry.workflow == placed.workflow
        ]
        await self._all_at_once(dealing)
        for placed, event in dealing:
            await self._dealt(placed, event, self._look_again)
        if page:
            self._reached = {name: max(reached, page[-1].position) for name, reached in self._reached.items()}
            await self.save()
        return len(page) == PAGE

    async def _find_cursors(self) -> None:
        for name in self._placed:
            if name not in self._reached:
                record = await self._engine.storage.records.get(CURSOR, name)
                self._reached[name] = self._saved[name] = 0 if record is None else record.document["position"]

    async def _all_at_once(self, dealing: Iterable[tuple[PlaceAgent, Event]]) -> None:
        """Begins the visits of a page at the same time, so that they share a commit."""
        try:
            async with asyncio.TaskGroup() as group:
                for placed, event in dealing:
                    group.create_task(self._dealt(placed, event, self._enter))
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    async def _dealt(self, placed: PlaceAgent, event: Event, deal: Deal) -> None:
        try:
            await deal(placed, event)
        except (CaseNotFound, StorageCorrupt) as error:  # one case that cannot be read keeps no other waiting
            _log.warning("a case cannot be read", case=event.case, error=words_of(error))

    async def _enter(self, placed: PlaceAgent, event: Event) -> None:
        for token_id, state in entered(event):
            if state == placed.place:
                await self._begin(placed, event, token_id)

    async def _begin(self, placed: PlaceAgent, event: Event, token_id: str) -> None:
        case = await self._engine.get(event.case)
        visit = Visit(
            id=derived_id(event.at, "visit", placed.name, event.case, event.sequence, token_id),
            place_agent=placed.name,
            case=event.case,
            token=token_id,
            place=placed.place,
            event=event.sequence,
            entered=event.at,
            due=placed.schedule.first(event.at),
        )
        if not case.closed and visit.standing(case) is not None:  # else it has gone on already
            await self.visits.begin(visit)

    async def _look_again(self, placed: PlaceAgent, event: Event) -> None:
        """Lets those be judged again whose conditions did not hold, when their token was changed."""
        if not isinstance(event, TokenChanged) or event.state != placed.place:
            return
        for visit in await self.visits.listed(token=event.token, place_agent=placed.name, status="unmet"):
            case = await self._engine.get(visit.case)
            if visit.standing(case) is not None:
                await self.visits.wait(attrs.evolve(visit, status="due", due=event.at))
            else:
                await self.visits.end(attrs.evolve(visit, status="left", reason=f"the token had left '{visit.place}'"))

    async def save(self, *, always: bool = False) -> None:
        """Writes down how far the events were read, now and then."""
        for name, reached in self._reached.items():
            if reached > self._saved[name] and (always or reached - self._saved[name] >= SAVED_EVERY):
                await self._engine.storage.records.put(CURSOR, name, {"position": reached})
                self._saved[name] = reached
