"""What the engine needs from the world: a journal and a clock. Each is a narrow protocol; backends implement it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol, Self

import attrs

from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.events import Event

__all__ = ["CaseSummary", "Clock", "Journal", "SystemClock"]


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


class Journal(Protocol):
    """The append-only events of each case.

    Every method may raise a :class:`circuit_breaker.errors.StorageError`. A journal is an async context manager.
    """

    @property
    def worker(self) -> str:
        """The name of this process among all that use the journal; new each time a journal is opened."""
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

    async def find(
        self,
        *,
        workflow: str | None = None,
        status: Status | Sequence[Status] | None = None,
        state: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[CaseSummary]:
        """Cases that fit, ordered by id, with ids above ``after``: a page at a time."""
        ...

    async def count(self, *, workflow: str | None = None) -> dict[Status, int]:
        """How many cases there are of each status; statuses without a case are left out."""
        ...

    async def due(self, moment: datetime, *, limit: int = 100) -> list[CaseSummary]:
        """The open cases whose next timer fires at or before ``moment``, the earliest first."""
        ...

    async def next_due(self) -> datetime | None:
        """When the earliest timer of all cases fires, or None."""
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
