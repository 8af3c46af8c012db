"""A journal in memory: for tests, and for work that need not survive."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Self

import attrs

from circuit_breaker.engine.ports import EVERY_CASE, CaseQuery, CaseSummary, Entry
from circuit_breaker.errors import StorageClosed, StorageError
from circuit_breaker.storage.address import Address
from circuit_breaker.storage.conflict import expected_version, version_conflict
from circuit_breaker.storage.memory_records import MemoryRecords, RecordShelf
from circuit_breaker.storage.memory_streams import MemoryStreams
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.events import Event

__all__ = ["MemoryJournal", "MemoryStore"]


@attrs.define
class _Kept:
    """What is kept of one case."""

    case: Case
    events: list[Event]
    due: datetime | None


@attrs.define(eq=False)
class MemoryStore:
    """What journals in memory share when they stand for one database: all that they keep by tenant, and workers."""

    cases: dict[str, dict[str, _Kept]] = attrs.field(factory=dict)
    feeds: dict[str, list[Event]] = attrs.field(factory=dict)
    records: dict[str, RecordShelf] = attrs.field(factory=dict)
    streams: dict[str, dict[str, list[bytes]]] = attrs.field(factory=dict)
    definitions: dict[tuple[str, str], bytes] = attrs.field(factory=dict)
    workers: set[str] = attrs.field(factory=set)
    names: itertools.count[int] = attrs.field(factory=lambda: itertools.count(1))


class MemoryJournal:
    """The port :class:`circuit_breaker.engine.ports.Journal` in memory.

    Args:
        store: What to share with other journals; its own when left out. What it keeps outlives the journal.
        tenant: Whose cases these are.
    """

    def __init__(self, store: MemoryStore | None = None, *, tenant: str = "") -> None:
        self.store = store or MemoryStore()
        self._tenant = tenant
        self._cases = self.store.cases.setdefault(tenant, {})
        self._feed = self.store.feeds.setdefault(tenant, [])
        shelf = self.store.records.setdefault(tenant, RecordShelf())
        self.records = MemoryRecords(shelf, self._check_open)
        self.streams = MemoryStreams(self.store.streams.setdefault(tenant, {}), shelf, self._check_open)
        self._worker = ""

    @classmethod
    def at(cls, address: Address) -> MemoryJournal:
        """The journal of an address; it begins empty."""
        address.check_options()
        return cls(tenant=address.tenant)

    @property
    def worker(self) -> str:
        """The name of this journal among all that are open."""
        self._check_open()
        return self._worker

    def _check_open(self) -> None:
        if not self._worker:
            raise StorageClosed("the journal is not open", remedy="use it inside `async with`")

    async def __aenter__(self) -> Self:
        if self._worker:
            raise StorageError("the journal is open already", remedy="connect a second one")
        self._worker = f"memory-{next(self.store.names)}"
        self.store.workers.add(self._worker)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.store.workers.discard(self._worker)
        self._worker = ""

    async def append(self, case: Case, events: Sequence[Event], *, due: datetime | None = None) -> None:
        """Adds events to a case; see the port."""
        if not self._worker:
            self._check_open()
        kept = self._cases.get(case.id)
        expected = expected_version(case, events)
        held = len(kept.events) if kept is not None else 0
        if expected != held:
            raise version_conflict(case.id, expected, held)
        if kept is None:
            self._cases[case.id] = _Kept(case, list(events), due)
        else:
            kept.case = case
            kept.due = due
            kept.events.extend(events)
        self._feed.extend(events)

    async def load(self, case_id: str) -> Case | None:
        """The case as its events left it, or None."""
        self._check_open()
        kept = self._cases.get(case_id)
        return kept.case if kept is not None else None

    async def sequence(self, case_id: str) -> int:
        """How many events the case has had; 0 for an unknown case."""
        self._check_open()
        kept = self._cases.get(case_id)
        return kept.case.sequence if kept is not None else 0

    async def events(self, case_id: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events of a case whose number is above ``after``; see the port."""
        self._check_open()
        kept = self._cases.get(case_id)
        first = max(0, after)
        return kept.events[first : None if limit is None else first + limit] if kept is not None else []

    async def feed(self, after: int = 0, *, limit: int = 100) -> list[Entry]:
        """The events of all cases with a position above ``after``; see the port."""
        self._check_open()
        first = max(0, after)
        page = enumerate(self._feed[first : first + limit], first + 1)
        return [Entry(position, self._cases[event.case].case.workflow, event) for position, event in page]

    async def position(self) -> int:
        """How many events there are."""
        self._check_open()
        return len(self._feed)

    async def find(self, query: CaseQuery = EVERY_CASE) -> list[CaseSummary]:
        """A page of the cases that fit, ordered by id; see the port."""
        self._check_open()
        fitting = (kept for kept in self._cases.values() if _fits(query, kept.case))
        return _summaries(heapq.nsmallest(query.limit, fitting, key=lambda kept: kept.case.id))

    async def count(self, *, workflow: str | None = None) -> dict[Status, int]:
        """How many cases there are of each status."""
        self._check_open()
        cases = (kept.case for kept in self._cases.values())
        return dict(Counter(case.status for case in cases if workflow is None or case.workflow == workflow))

    async def due(
        self, moment: datetime, *, limit: int = 100, definitions: Collection[str] | None = None
    ) -> list[CaseSummary]:
        """The open cases whose next timer fires at or before the moment, the earliest first; see the port."""
        self._check_open()
        late = [entry for entry in self._timed(definitions) if entry[0] <= moment]
        return _summaries(kept for _, _, kept in heapq.nsmallest(limit, late, key=lambda entry: entry[:2]))

    async def next_due(self, *, definitions: Collection[str] | None = None) -> datetime | None:
        """When the earliest timer of all cases fires, or None; see the port."""
        self._check_open()
        return min((due for due, _, _ in self._timed(definitions)), default=None)

    def _timed(self, definitions: Collection[str] | None) -> Iterator[tuple[datetime, str, _Kept]]:
        """When the next timer of each case fires, with its id."""
        for kept in self._cases.values():
            case = kept.case
            if kept.due is not None and not case.closed and (definitions is None or case.definition in definitions):
                yield kept.due, case.id, kept

    async def alive(self, worker: str) -> bool:
        """Whether the journal of that name is still open."""
        self._check_open()
        return worker in self.store.workers

    async def keep_definition(self, workflow: str, version: str, document: bytes) -> None:
        """Keeps the text of a definition; ``workflow`` is only for backends that list them."""
        del workflow
        self._check_open()
        self.store.definitions[self._tenant, version] = document

    async def definition(self, version: str) -> bytes | None:
        """The text of a definition that was kept, or None."""
        self._check_open()
        return self.store.definitions.get((self._tenant, version))


def _fits(query: CaseQuery, case: Case) -> bool:
    return (
        case.id > query.after
        and query.workflow in (None, case.workflow)
        and (query.status is None or case.status in query.status)
        and (query.state is None or query.state in case.states)
    )


def _summaries(kept: Iterable[_Kept]) -> list[CaseSummary]:
    return [_summary(each.case, each.due) for each in kept]


def _summary(case: Case, due: datetime | None) -> CaseSummary:
    return CaseSummary(
        id=case.id,
        workflow=case.workflow,
        definition=case.definition,
        status=case.status,
        states=case.states,
        sequence=case.sequence,
        started_at=case.started_at,
        updated_at=case.updated_at,
        due=None if case.closed else due,
    )
