"""The writing half of a SQLite journal: many appends in one transaction, each judged by itself."""

from __future__ import annotations

import asyncio
import functools
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from circuit_breaker.errors import StorageError, StorageLocked
from circuit_breaker.storage.conflict import version_conflict
from circuit_breaker.storage.sqlite_faults import is_busy, translated
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.snapshot import encode_case

__all__ = ["Unit", "Verdicts", "Writer", "microseconds", "states_as_text"]

SNAPSHOT_EVERY = 100
REMEMBERED = 20_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

STANDING = """
    SELECT cases.number, cases.sequence, status, due, grown, coalesce(snapshots.sequence, 0),
        coalesce(length(snapshots.document), 0)
    FROM cases LEFT JOIN snapshots USING (number) WHERE tenant = ? AND id = ?
"""
START = "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
STEP = "UPDATE cases SET definition = ?, states = ?, sequence = ?, updated = ?, grown = ? WHERE number = ?"
CHANGE = """
    UPDATE cases SET definition = ?, states = ?, sequence = ?, updated = ?, grown = ?, status = ?, due = ?
    WHERE number = ?
"""
EVENT = "INSERT INTO journal VALUES (?, ?, ?)"
SNAPSHOT = "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)"
DEFINITION = "INSERT OR REPLACE INTO definitions VALUES (?, ?, ?, ?)"


Verdicts = Sequence[StorageError | None]


class Unit(msgspec.Struct, eq=False):
    """One append that waits: what to write, what must be there before, and whom to tell."""

    case: Case
    expected: int
    documents: list[bytes]
    due: int | None
    told: asyncio.Future[None]


class _Standing(msgspec.Struct, eq=False):
    """What the file says of a case. ``grown`` counts the bytes of the events since the last snapshot."""

    number: int = 0
    sequence: int = 0
    status: str = ""
    due: int | None = None
    grown: int = 0
    snapshot: int = 0
    snapshot_size: int = 0


class Writer:
    """Writes to the file; used by one thread at a time.

    What it knows of the cases it wrote last it need not read again: SQLite tells when another connection wrote, and
    then it forgets all.
    """

    def __init__(self, connection: sqlite3.Connection, path: Path, *, tenant: str) -> None:
        self._connection = connection
        self._path = path
        self._tenant = tenant
        self._known: dict[str, _Standing] = {}
        self._seen = 0
        self._last_number: int | None = None

    def write(self, units: Sequence[Unit], *, patience: float) -> Verdicts | None:
        """For each unit None where it is on disk now, or why not: another version of its case was there.

        None for all of them when another process was writing until the end of our patience.

        Args:
            units: What to write, in this order.
            patience: Seconds to wait while another process writes.

        Raises:
            StorageError: Nothing was written.
        """
        try:
            return self._all_or_nothing(units) if self._begin(patience) else None
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def keep_definition(self, workflow: str, version: str, document: bytes, *, patience: float) -> None:
        """Keeps the text of a definition.

        Raises:
            StorageError: It was not written.
        """
        try:
            if not self._begin(patience):
                raise self.locked(patience)
            with self._transaction():
                self._connection.execute(DEFINITION, (self._tenant, version, workflow, document))
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def locked(self, patience: float) -> StorageLocked:
        """The error for a lock that another process did not give up."""
        return StorageLocked(
            f"'{self._path}' was locked by another process for {patience:g} seconds",
            remedy="end it, or raise ?busy_timeout=",
        )

    def _begin(self, patience: float) -> bool:
        """Whether the transaction has begun."""
        deadline = time.monotonic() + patience
        pause = 0.0005
        while not self._has_turn():
            if time.monotonic() >= deadline:
                return False
            time.sleep(pause)
            pause = min(2 * pause, 0.02)
        (seen,) = self._connection.execute("PRAGMA data_version").fetchone()
        if seen != self._seen or len(self._known) > REMEMBERED:
            self._forget()
            self._seen = seen
        return True

    def _has_turn(self) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return True

    def _forget(self) -> None:
        self._known.clear()
        self._last_number = None

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Ends the transaction that has begun: all or nothing."""
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._forget()
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    def _all_or_nothing(self, units: Sequence[Unit]) -> Verdicts:
        with self._transaction():
            return self._judge_and_write(units)

    def _judge_and_write(self, units: Sequence[Unit]) -> Verdicts:
        verdicts: list[StorageError | None] = []
        events: list[tuple[int, int, bytes]] = []
        changed: dict[_Standing, Unit] = {}
        for unit in units:
            standing = self._known.get(unit.case.id) or self._read(unit.case.id)
            if standing.sequence != unit.expected:
                verdicts.append(version_conflict(unit.case.id, unit.expected, standing.sequence))
                continue
            verdicts.append(None)
            changed[standing] = unit
            number = standing.number or self._new_number(standing)
            for sequence, document in enumerate(unit.documents, unit.expected + 1):
                events.append((number, sequence, document))
                standing.grown += len(document)
            standing.sequence = unit.case.sequence
        self._write_cases(changed)
        self._connection.executemany(EVENT, events)
        return verdicts

    def _read(self, case_id: str) -> _Standing:
        row = self._connection.execute(STANDING, (self._tenant, case_id)).fetchone()
        self._known[case_id] = standing = _Standing(*row) if row is not None else _Standing()
        return standing

    def _new_number(self, standing: _Standing) -> int:
        if self._last_number is None:
            (self._last_number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM cases").fetchone()
        self._last_number += 1
        standing.number = self._last_number
        return standing.number

    def _write_cases(self, changed: dict[_Standing, Unit]) -> None:
        """One row for each case. An index is touched only where its columns changed."""
        starts: list[tuple[Any, ...]] = []
        steps: list[tuple[Any, ...]] = []
        changes: list[tuple[Any, ...]] = []
        snapshots: list[tuple[int, int, bytes]] = []
        for standing, unit in changed.items():
            case = unit.case
            if standing.sequence - standing.snapshot >= SNAPSHOT_EVERY and standing.grown > standing.snapshot_size:
                snapshots.append(_snapshot(standing, case))
            row = (
                case.definition,
                states_as_text(case.states),
                case.sequence,
                microseconds(case.updated_at),
                standing.grown,
            )
            if not standing.status:
                starts.append(self._start(standing, unit))
            elif standing.status == case.status and standing.due == unit.due:
                steps.append((*row, standing.number))
            else:
                changes.append((*row, case.status, unit.due, standing.number))
            standing.status, standing.due = case.status, unit.due
        self._execute_many({START: starts, STEP: steps, CHANGE: changes, SNAPSHOT: snapshots})

    def _start(self, standing: _Standing, unit: Unit) -> tuple[Any, ...]:
        case = unit.case
        return (
            standing.number,
            self._tenant,
            case.id,
            case.workflow,
            case.definition,
            case.status,
            states_as_text(case.states),
            case.sequence,
            microseconds(case.started_at),
            microseconds(case.updated_at),
            unit.due,
            standing.grown,
        )

    def _execute_many(self, work: dict[str, list[tuple[Any, ...]]]) -> None:
        for statement, rows in work.items():
            if rows:
                self._connection.executemany(statement, rows)


def _snapshot(standing: _Standing, case: Case) -> tuple[int, int, bytes]:
    """The row of a snapshot.

    One is written when the events since the last weigh more than it, so that all together weigh little more than them.
    """
    document = encode_case(case)
    standing.snapshot, standing.snapshot_size, standing.grown = case.sequence, len(document), 0
    return standing.number, case.sequence, document


@functools.lru_cache(maxsize=1024)
def states_as_text(states: tuple[str, ...]) -> str:
    """The names as JSON texts, each between line feeds, which occur in none of them: so one can be found exactly."""
    return "\n".join(["", *(json.dumps(name, ensure_ascii=False) for name in states), ""])


def microseconds(moment: datetime) -> int:
    """The moment as microseconds since 1970 in UTC."""
    return (moment - EPOCH) // MICROSECOND
