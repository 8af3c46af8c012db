"""The reading half of a SQLite journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import msgspec

from circuit_breaker.engine.ports import STATUSES, CaseQuery, CaseSummary, Entry
from circuit_breaker.errors import StorageCorrupt
from circuit_breaker.storage.sqlite_columns import from_microseconds, from_text, to_microseconds, to_text
from circuit_breaker.storage.sqlite_faults import translation
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.events import Event, decode_event
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.snapshot import decode_case

__all__ = ["Reader"]

HEAD = """
    SELECT cases.number, head, status, cases.sequence, coalesce(snapshots.sequence, 0), snapshots.document
    FROM cases LEFT JOIN snapshots USING (number) WHERE tenant = ? AND id = ?
"""
SEQUENCE = "SELECT sequence FROM cases WHERE tenant = ? AND id = ?"
MARK = "SELECT position FROM marks WHERE number = ? AND sequence >= ? ORDER BY sequence LIMIT 1"
BACK = """
    WITH RECURSIVE chain (number, sequence, previous, document) AS (
        SELECT number, sequence, previous, document FROM journal
            WHERE position = :head AND number = :number AND sequence > :after
        UNION ALL
        SELECT journal.number, journal.sequence, journal.previous, journal.document
            FROM chain JOIN journal ON journal.position = chain.previous
            WHERE journal.number = chain.number AND journal.sequence = chain.sequence - 1 AND journal.sequence > :after
    )
    SELECT document FROM chain WHERE sequence <= :until ORDER BY sequence
"""
SUMMARIES = (
    "SELECT id, workflow, definition, status, states, sequence, started, updated, due FROM cases WHERE tenant = ?"
)
COUNT = "SELECT status, count(*) FROM cases WHERE tenant = ? GROUP BY status"
COUNT_OF_ONE = "SELECT status, count(*) FROM cases WHERE tenant = ? AND workflow = ? GROUP BY status"
DUE = f"{SUMMARIES} AND due <= ?"
ORDER_OF_DUE = "ORDER BY due, id LIMIT ?"
NEXT_DUE = "SELECT due FROM cases WHERE tenant = ? AND due IS NOT NULL"
FEED = """
    SELECT position, workflow, document FROM journal CROSS JOIN cases USING (number)
    WHERE position > ? AND tenant = ? ORDER BY position LIMIT ?
"""
POSITION = "SELECT coalesce(max(position), 0) FROM journal"
DEFINITION = "SELECT document FROM definitions WHERE tenant = ? AND version = ?"


class Reader:
    """Reads from the file; used by one thread at a time."""

    def __init__(self, connection: sqlite3.Connection, path: Path, *, tenant: str) -> None:
        self._connection = connection
        self._path = path
        self._tenant = tenant

    def load(self, case_id: str) -> Case | None:
        """The case: its last snapshot and the events since."""
        with self._reading(), self._one_moment():
            row = self._connection.execute(HEAD, (self._tenant, case_id)).fetchone()
            if row is None:
                return None
            number, head, status, sequence, snapshot, document = row
            case = decode_case(document) if document is not None else None
            for event in self._chain(number, head, snapshot, sequence):
                case = evolve(case, event)
            return msgspec.structs.replace(case, status=status) if case is not None else None

    def sequence(self, case_id: str) -> int:
        """How many events the case has had; 0 for an unknown case."""
        with self._reading():
            row = self._connection.execute(SEQUENCE, (self._tenant, case_id)).fetchone()
        return int(row[0]) if row is not None else 0

    def events(self, case_id: str, *, after: int, limit: int | None) -> list[Event]:
        """The events of a case whose number is above ``after``."""
        after = max(0, after)
        with self._reading(), self._one_moment():
            row = self._connection.execute(HEAD, (self._tenant, case_id)).fetchone()
            if row is None:
                return []
            number, head, _, sequence, *_ = row
            until = sequence if limit is None else min(sequence, after + limit)
            mark = self._connection.execute(MARK, (number, until)).fetchone()
            return self._chain(number, mark[0] if mark is not None else head, after, until)

    def _chain(self, number: int, head: int, after: int, until: int) -> list[Event]:
        """The events above ``after``, up to ``until``, found backwards from ``head``, in order."""
        asked = {"number": number, "head": head, "after": after, "until": until}
        rows = self._connection.execute(BACK, asked).fetchall()
        if len(rows) != max(0, until - after):
            raise StorageCorrupt(
                f"of the events {after + 1} to {until} of case number {number}, {len(rows)} can be found",
                remedy="restore a backup",
            )
        return [decode_event(document) for (document,) in rows]

    def find(self, query: CaseQuery) -> list[CaseSummary]:
        """A page of the cases that fit, ordered by id.

        Each status is asked for by itself, so that it is read off the index in the order of ids. For one workflow that
        is quicker than to look at every case, because the index holds its name as well.
        """
        statuses = STATUSES if query.status is None and query.workflow is not None else query.status
        asked = {
            "AND workflow = ?": query.workflow,
            "AND instr(states, ?)": to_text((query.state,)) if query.state is not None else None,
        }
        found: list[CaseSummary] = []
        for status in statuses if statuses is not None else (None,):
            filters = {"AND status = ?": status, **asked}
            given = {text: value for text, value in filters.items() if value is not None}
            text = " ".join([SUMMARIES, "AND id > ?", *given, "ORDER BY id LIMIT ?"])
            found += map(_summary, self.rows(text, (self._tenant, query.after, *given.values(), query.limit)))
        return sorted(found, key=lambda summary: summary.id)[: query.limit]

    def count(self, workflow: str | None) -> dict[Status, int]:
        """How many cases there are of each status."""
        if workflow is None:
            return dict(self.rows(COUNT, (self._tenant,)))
        return dict(self.rows(COUNT_OF_ONE, (self._tenant, workflow)))

    def due(self, moment: datetime, limit: int, definitions: Collection[str] | None) -> list[CaseSummary]:
        """The cases whose next timer fires at or before the moment, the earliest first."""
        under, versions = _under(definitions)
        asked = (self._tenant, to_microseconds(moment), *versions, limit)
        return list(map(_summary, self.rows(f"{DUE} {under} {ORDER_OF_DUE}", asked)))

    def next_due(self, definitions: Collection[str] | None) -> datetime | None:
        """When the earliest timer fires, or None."""
        under, versions = _under(definitions)
        rows = self.rows(f"{NEXT_DUE} {under} ORDER BY due LIMIT 1", (self._tenant, *versions))
        return _moment(rows[0][0]) if rows else None

    def feed(self, after: int, limit: int) -> list[Entry]:
        """The events of all cases with a position above ``after``, in the order of writing."""
        rows = self.rows(FEED, (after, self._tenant, limit))
        return [Entry(position, workflow, decode_event(document)) for position, workflow, document in rows]

    def position(self) -> int:
        """The position of the last event that was written, of whatever tenant."""
        ((last,),) = self.rows(POSITION, ())
        return int(last)

    def definition(self, version: str) -> bytes | None:
        """The text of a definition that was kept, or None."""
        rows = self.rows(DEFINITION, (self._tenant, version))
        return cast(bytes, rows[0][0]) if rows else None

    def rows(self, query: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        with self._reading():
            return self._connection.execute(query, parameters).fetchall()

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Errors name the file."""
        try:
            with translation(self._path):
                yield
        except StorageCorrupt as error:
            raise StorageCorrupt(f"'{self._path}': {error.message}", remedy=error.remedy) from error

    @contextmanager
    def _one_moment(self) -> Iterator[None]:
        """All that is read inside is of one moment."""
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")


def _under(definitions: Collection[str] | None) -> tuple[str, tuple[str, ...]]:
    """The condition that a case runs under one of these versions, and its parameters."""
    if definitions is None:
        return "", ()
    versions = tuple(sorted(definitions))
    return f"AND definition IN ({', '.join('?' * len(versions))})", versions


def _moment(since: int | None) -> datetime | None:
    return from_microseconds(since) if since is not None else None


def _summary(row: tuple[Any, ...]) -> CaseSummary:
    case_id, workflow, definition, status, states, sequence, started, updated, due = row
    return CaseSummary(
        id=case_id,
        workflow=workflow,
        definition=definition,
        status=status,
        states=from_text(states),
        sequence=sequence,
        started_at=from_microseconds(started),
        updated_at=from_microseconds(updated),
        due=_moment(due),
    )
