"""Dispatch: goes through the events of all cases, and begins what they give functions a reason for, each once.

Each function has a cursor in storage: the position up to which every event was dealt with. Before it moves on, what
an event asks for has been begun under an id that is derived from the event; so what is dealt with again after a crash,
or by several processes at once, finds that it has begun. A page of events is read before the registry is looked at:
whatever could have asked for something in it was registered by then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs
import structlog

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Entry, Journal
from circuit_breaker.engine.running import only
from circuit_breaker.errors import VersionConflict
from circuit_breaker.functions.allowance import Allowances
from circuit_breaker.functions.crew import Crew
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.occasions import Reasons
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.requests import REFUSED, Later, Request, begin_once
from circuit_breaker.functions.timetable import Delays

__all__ = ["Cursors", "Dispatch", "Starts"]

KIND: Final = "function-cursor"
PAGE: Final = 200
SAVED_EVERY: Final = 1000


@attrs.define
class _Cursor:
    """Up to where a function has dealt with events, what of that is written down, and what it leaves out."""

    reached: int
    saved: int
    gaps: Iterable[tuple[int, int]]


class Cursors:
    """The cursors of the functions of one storage."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._known: dict[str, _Cursor] = {}

    async def begin(self, function: str) -> None:
        """Lets a function begin with what happens from now on, and with what waited for it when it was suspended."""
        record = await self._journal.records.get(KIND, function)
        now = await self._journal.position()
        held: dict[str, Any] = {"position": now} if record is None else dict(record.document)
        end = held.pop("end", None)
        if end is not None and held["position"] >= end:
            held = {"position": now}
        elif end is not None:
            held["gaps"] = [*held.get("gaps", ()), (end, now)]
        await self._journal.records.put(KIND, function, held)
        self._known.pop(function, None)

    async def suspend(self, function: str) -> None:
        """Remembers up to where events count for a function that waits for none from now on."""
        await self.save()
        record = await self._journal.records.get(KIND, function)
        if record is not None:
            document = {**record.document, "end": await self._journal.position()}
            await self._journal.records.put(KIND, function, document)

    async def reached(self, function: str) -> int:
        """Up to where a function has dealt with events."""
        if function not in self._known:
            record = await self._journal.records.get(KIND, function)
            position = record.document["position"] if record is not None else await self._journal.position()
            gaps = record.document.get("gaps", ()) if record is not None else ()
            self._known[function] = _Cursor(position, position, gaps)
        return self._known[function].reached

    def counts(self, function: str, position: int) -> bool:
        """Whether the function waited for events when that one happened, and has not dealt with it."""
        cursor = self._known.get(function)
        if cursor is None:
            return False
        return position > cursor.reached and not any(begin < position <= end for begin, end in cursor.gaps)

    async def advance(self, function: str, position: int, *, save: bool) -> None:
        """Moves a cursor on; it is written down when that is asked for, and otherwise now and then."""
        cursor = self._known.get(function)
        if cursor is None:
            return  # it has begun anew meanwhile
        cursor.reached = max(cursor.reached, position)
        if save or cursor.reached - cursor.saved >= SAVED_EVERY:
            await self._save(function, cursor)

    async def renew(self) -> None:
        """Sees what others have said since about where functions begin."""
        await self.save()
        self._known.clear()

    async def save(self) -> None:
        """Writes down every cursor that has moved."""
        for function, cursor in list(self._known.items()):
            if cursor.reached > cursor.saved:
                await self._save(function, cursor)

    async def _save(self, function: str, cursor: _Cursor) -> None:
        record = await self._journal.records.get(KIND, function)
        document = record.document if record is not None else {"position": 0}
        expected = record.version if record is not None else 0
        if document["position"] < cursor.reached:
            moved = {**document, "position": cursor.reached}
            try:
                await self._journal.records.put(KIND, function, moved, expected=expected)
            except VersionConflict:
                return  # somebody else has moved it meanwhile; whatever is dealt with twice happens once
        cursor.saved = cursor.reached


class Starts:
    """Begins what was asked for, and has it carried out.

    Args:
        engine: Keeps the cases.
        registry: The functions.
        crew: Carries them out.
        delays: Where requests wait for their moment.
        allowances: How many executions something may still lead to.
        generations: How many functions may lead to one another.
    """

    def __init__(
        self,
        engine: Engine,
        registry: Registry,
        crew: Crew,
        delays: Delays,
        allowances: Allowances,
        *,
        generations: int,
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._crew = crew
        self._delays = delays
        self._allowances = allowances
        self._generations = generations

    async def all(self, requests: Iterable[Request | Later]) -> None:
        """Begins each of them that has not begun yet; at the same time, so that they share a commit."""
        try:
            async with asyncio.TaskGroup() as group:
                for request in requests:
                    group.create_task(self._one(request))
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    async def _one(self, request: Request | Later) -> None:
        if isinstance(request, Later):
            await self._delays.add(request)
            return
        definition = self._registry.current.get(request.function)
        log = structlog.get_logger("circuit_breaker.functions")
        if definition is None:
            log.warning("function is not known", function=request.function)
            return
        counted = request.generation > 0
        refusal = await self._refusal(request) if counted else ""
        if refusal:
            log.warning(refusal, function=request.function, cause=request.cause, root=request.root)
            request = attrs.evolve(request, error={"code": REFUSED, "message": refusal})
        case = await begin_once(self._engine, definition, request)
        if case is None and counted and not refusal:
            self._allowances.give_back(request.root)
        elif case is not None and self._crew.can(definition):
            self._crew.submit(case.id)

    async def _refusal(self, request: Request) -> str:
        """Why a function may not run that another one led to; empty when it may."""
        if request.generation > self._generations:
            return f"functions lead to one another for ever: this is number {request.generation} of them"
        if not await self._allowances.take(request.root):
            return "functions lead to one another for ever: too many executions have come of one event, call or time"
        return ""


class Dispatch:
    """Goes through the events of all cases, page by page."""

    def __init__(
        self, journal: Journal, registry: Registry, reasons: Reasons, starts: Starts, cursors: Cursors
    ) -> None:
        self._journal = journal
        self._registry = registry
        self._reasons = reasons
        self._starts = starts
        self._cursors = cursors
        self._stamp = registry.stamp

    async def turn(self) -> bool:
        """Deals with the next page of events; says whether there may be more."""
        end = await self._journal.position()
        after = min((await self._positions()).values(), default=end)
        page = await self._journal.feed(after, limit=PAGE) if after < end else []
        await self._registry.refresh()
        if self._registry.stamp != self._stamp:
            await self._cursors.renew()
            self._stamp = self._registry.stamp
        full = len(page) == PAGE
        reached = page[-1].position if full else max(end, page[-1].position if page else 0)
        behind = False
        for function, cursor in (await self._positions()).items():
            if after <= cursor < reached:
                await self._deal(self._registry.current[function], page, reached)
            behind |= cursor < after  # it has come to be known while the page was read, and that begins too late for it
        return full or behind

    async def _positions(self) -> Mapping[str, int]:
        """The cursors of the functions that events can make run, and whose chains lead to functions that are known."""
        known = self._registry.current
        watching = [each.id for each in known.values() if each.watches and each.needs <= known.keys()]
        return {function: await self._cursors.reached(function) for function in watching}

    async def _deal(self, definition: FunctionDefinition, page: Iterable[Entry], reached: int) -> None:
        counting = [entry for entry in page if self._cursors.counts(definition.id, entry.position)]
        requests = [request for entry in counting for request in await self._reasons.requests(definition, entry)]
        await self._starts.all(requests)
        await self._cursors.advance(definition.id, reached, save=bool(requests))
