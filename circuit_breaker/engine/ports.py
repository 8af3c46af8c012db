"""What the engine needs from the world: a journal and a clock. Each is a narrow protocol; backends implement it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, Protocol, Self, get_args

import attrs

from circuit_breaker.engine.records import Records
from circuit_breaker.engine.streams import Streams
from circuit_breaker.errors import DataInvalid, nearest
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.events import Event

__all__ = ["EVERY_CASE", "STATUSES", "CaseQuery", "CaseSummary", "Clock", "Entry", "Journal", "SystemClock"]

STATUSES: Final[tuple[Status, ...]] = get_args(Status)
"""Every status that a case can have."""


@attrs.frozen
class CaseSummary:
    """What a list of cases shows: what can be known without reading the case.

    Attributes:
        id: The case.
        workflow: The name of its workflow.
        definition: The version of the workflow.
        status: See :class:`circuit_breaker.Case`.
        states: The states that hold its tokens.
        sequence: How many events it has had.
        started_at: When it began (UTC).
        updated_at: When it last changed (UTC).
        due: When its next timer fires, or None.
    """

    id: str
    workflow: str
    definition: str
    status: Status
    states: tuple[str, ...]
    sequence: int
    started_at: datetime
    updated_at: datetime
    due: datetime | None = None


def _statuses(value: Status | Iterable[Status] | None) -> tuple[Status, ...] | None:
    if value is None:
        return None
    statuses = (value,) if isinstance(value, str) else tuple(value)
    for status in statuses:
        if status not in STATUSES:
            raise DataInvalid(f"no case has the status {status!r:.60}", remedy=nearest(str(status), STATUSES))
    return tuple(dict.fromkeys(statuses))


def _not_negative(_: object, __: object, value: object) -> None:
    if type(value) is not int or value < 0:
        raise DataInvalid(f"limit: {value!r:.60} is no number of cases", remedy="use 0 or more")


@attrs.frozen(kw_only=True)
class CaseQuery:
    """Which cases are asked for: a page of those that fit all of it, ordered by id.

    Attributes:
        workflow: The name of their workflow, or None for any.
        status: Their statuses, given as one or several; None for any.
        state: A state that holds a token of theirs, or None for any.
        after: Only ids above this one: the last id of the page before.
        limit: How many at most.

    Raises:
        DataInvalid: There is no such status, or the limit is negative.
    """

    workflow: str | None = None
    status: tuple[Status, ...] | None = attrs.field(default=None, converter=_statuses)
    state: str | None = attrs.field(default=None, converter=attrs.converters.optional(str))
    after: str = ""
    limit: int = attrs.field(default=100, validator=_not_negative)


EVERY_CASE = CaseQuery()


@attrs.frozen
class Entry:
    """An event in the order in which the events of all cases were written.

    Attributes:
        position: Its place in that order; there may be gaps.
        workflow: The name of the workflow of its case.
        event: The event.
    """

    position: int
    workflow: str
    event: Event


class Journal(Protocol):
    """The append-only events of each case.

    Every method may raise a :class:`circuit_breaker.errors.StorageError`. A journal is an async context manager.
    """

    @property
    def worker(self) -> str:
        """The name of this process among all that use the journal; new each time a journal is opened."""
        ...

    @property
    def records(self) -> Records:
        """The documents that are kept beside the cases, in the same place and of the same tenant."""
        ...

    @property
    def streams(self) -> Streams:
        """The numbered documents that are kept beside the cases, in the same place and of the same tenant."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...

    async def append(self, case: Case, events: Sequence[Event], *, due: datetime | None = None) -> None:
        """Adds events to a case; all or nothing. When this returns, they survive a crash.

        The number of the first event says what the journal must hold before: nothing for 1. ``case`` is what the events
        led to.

        Raises:
            VersionConflict: The journal holds more or fewer events of the case than that.
            StorageFull: There is no room; nothing was written.
        """
        ...

    async def load(self, case_id: str) -> Case | None:
        """The case as its events left it, or None. Only the end of its history may be in memory."""
        ...

    async def sequence(self, case_id: str) -> int:
        """How many events the case has had; 0 for an unknown case. Cheap: it tells whether a copy is up to date."""
        ...

    async def events(self, case_id: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events of a case whose number is above ``after``, in order; empty for an unknown case."""
        ...

    async def feed(self, after: int = 0, *, limit: int = 100) -> list[Entry]:
        """The events of all cases with a position above ``after``, in the order of writing.

        Whoever goes on after the last position that he has seen misses nothing: no event gets a position below one
        that could be read before.
        """
        ...

    async def position(self) -> int:
        """A position that all events so far are at or below, and that those to come will be above."""
        ...

    async def find(self, query: CaseQuery = EVERY_CASE) -> list[CaseSummary]:
        """The page of cases that the query asks for, ordered by id."""
        ...

    async def count(self, *, workflow: str | None = None) -> dict[Status, int]:
        """How many cases there are of each status; statuses without a case are left out."""
        ...

    async def due(
        self, moment: datetime, *, limit: int = 100, definitions: Collection[str] | None = None
    ) -> list[CaseSummary]:
        """The open cases whose next timer fires at or before ``moment``, the earliest first.

        With ``definitions`` only those that run under one of these versions of workflows.
        """
        ...

    async def next_due(self, *, definitions: Collection[str] | None = None) -> datetime | None:
        """When the earliest timer of all cases fires, or None; with ``definitions`` of those under these versions."""
        ...

    async def alive(self, worker: str) -> bool:
        """Whether the process of that name still has this journal open."""
        ...

    async def keep_definition(self, workflow: str, version: str, document: bytes) -> None:
        """Keeps the text of a definition, so that a journal can be read without the program that wrote it."""
        ...

    async def definition(self, version: str) -> bytes | None:
        """The text of a definition that was kept, or None."""
        ...


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    async def sleep_until(self, moment: datetime) -> None:
        """Returns when that moment has come."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    async def sleep_until(self, moment: datetime) -> None:
        """Returns when that moment has come; wakes at least once an hour in case the clock was set."""
        while (wait := (moment - self.now()).total_seconds()) > 0:  # noqa: ASYNC110 - it waits for a time
            await asyncio.sleep(min(wait, 3600.0))
