"""The writing half of a SQLite journal: many appends in one transaction, each judged by itself."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from circuit_breaker.errors import StorageError, StorageLocked
from circuit_breaker.storage.conflict import version_conflict
from circuit_breaker.storage.sqlite_columns import to_microseconds, to_text
from circuit_breaker.storage.sqlite_faults import is_busy, translated
from circuit_breaker.storage.sqlite_schema import roll_back
from circuit_breaker.storage.sqlite_streams import StreamUnit, StreamWriter
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.snapshot import encode_case

__all__ = ["Unit", "Verdicts", "Writer"]

T = TypeVar("T")

SNAPSHOT_EVERY = 100
REMEMBERED = 20_000
MARK_EVERY = 64

STANDING = """
    SELECT cases.number, cases.sequence, status, due, head, grown, coalesce(snapshots.sequence, 0),
        coalesce(length(snapshots.document), 0)
    FROM cases LEFT JOIN snapshots USING (number) WHERE tenant = ? AND id = ?
"""
START = "INSERT INTO cases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
STEP = "UPDATE cases SET definition = ?, states = ?, sequence = ?, updated = ?, head = ?, grown = ? WHERE number = ?"
CHANGE = """
    UPDATE cases SET definition = ?, states = ?, sequence = ?, updated = ?, head = ?, grown = ?, status = ?, due = ?
    WHERE number = ?
"""
EVENT = "INSERT INTO journal VALUES (?, ?, ?, ?, ?)"
MARK = "INSERT INTO marks VALUES (?, ?, ?)"
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
    """What the file says of a case; see the schema."""

    number: int = 0
    sequence: int = 0
    status: str = ""
    due: int | None = None
    head: int = 0
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
        self._last_position: int | None = None
        self.streams = StreamWriter(connection, tenant=tenant)

    def write(self, units: Sequence[Unit | StreamUnit], *, patience: float) -> Verdicts | None:
        """For each unit None where it is on disk now, or why not: its case or stream was not as it was expected.

        None for all of them when another process was writing until the end of our patience.

        Args:
            units: What to write, in this order.
            patience: Seconds to wait while another process writes.

        Raises:
            StorageError: Nothing was written.
        """
        return self._in_transaction(partial(self._judge, units), patience)

    def keep_definition(self, workflow: str, version: str, document: bytes, *, patience: float) -> None:
        """Keeps the text of a definition.

        Raises:
            StorageError: It was not written.
        """
        row = (self._tenant, version, workflow, document)
        self.transact(lambda connection: connection.execute(DEFINITION, row), patience=patience)

    def transact(self, work: Callable[[sqlite3.Connection], T], *, patience: float) -> T:
        """What the work gives, which is done in a transaction of its own: all or nothing.

        Args:
            work: Is given the connection; if it raises, nothing of it stays.
            patience: Seconds to wait while another process writes.

        Raises:
            StorageError: It was not written.
        """
        done = self._in_transaction(lambda: (work(self._connection),), patience)
        if done is None:
            raise self.locked(patience)
        return done[0]

    def locked(self, patience: float) -> StorageLocked:
        """The error for a lock that another process did not give up."""
        return StorageLocked(
            f"'{self._path}' was locked by another process for {patience:g} seconds",
            remedy="end it, or raise ?busy_timeout=",
        )

    def _in_transaction(self, work: Callable[[], T], patience: float) -> T | None:
        """What the work gives, all or nothing; None when it was not our turn until the end of our patience."""
        try:
            if not (self._has_turn() or self._gets_turn(patience)):
                return None
            try:
                self._look_round()
                done = work()
                self._connection.execute("COMMIT")
            except BaseException:
                self._forget()
                roll_back(self._connection)
                raise
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        return done

    def _has_turn(self) -> bool:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if is_busy(error):
                return False
            raise
        return True

    def _gets_turn(self, patience: float) -> bool:
        deadline = time.monotonic() + patience
        pause = 0.0005
        while time.monotonic() < deadline:
            time.sleep(pause)
            if self._has_turn():
                return True
            pause = min(2 * pause, 0.02)
        return False

    def _look_round(self) -> None:
        """Forgets all when others have written, or when it is too much."""
        (seen,) = self._connection.execute("PRAGMA data_version").fetchone()
        if seen != self._seen or len(self._known) + len(self.streams) > REMEMBERED:
            self._forget()
            self._seen = seen

    def _forget(self) -> None:
        self._known.clear()
        self.streams.forget()
        self._last_number = self._last_position = None

    def _judge(self, units: Sequence[Unit | StreamUnit]) -> Verdicts:
        cases = [unit for unit in units if isinstance(unit, Unit)]
        if len(cases) == len(units):
            return self._judge_and_write(cases)
        streams = [unit for unit in units if isinstance(unit, StreamUnit)]
        judged = {Unit: iter(self._judge_and_write(cases)), StreamUnit: iter(self.streams.write(streams))}
        return [next(judged[type(unit)]) for unit in units]

    def _judge_and_write(self, units: Sequence[Unit]) -> Verdicts:
        verdicts: list[StorageError | None] = []
        accepted: list[tuple[_Standing, Unit]] = []
        for unit in units:
            standing = self._known.get(unit.case.id) or self._read(unit.case.id)
            if standing.sequence == unit.expected:
                standing.sequence = unit.case.sequence
                accepted.append((standing, unit))
                verdicts.append(None)
            else:
                verdicts.append(version_conflict(unit.case.id, unit.expected, standing.sequence))
        self._write_events(accepted)
        self._write_cases(dict(accepted))
        return verdicts

    def _read(self, case_id: str) -> _Standing:
        row = self._connection.execute(STANDING, (self._tenant, case_id)).fetchone()
        self._known[case_id] = standing = _Standing(*row) if row is not None else _Standing()
        return standing

    def _write_events(self, accepted: Sequence[tuple[_Standing, Unit]]) -> None:
        """One row for each event, at the end of the table, and a mark for every 64th of a case."""
        position = self._last_position
        if position is None:
            (position,) = self._connection.execute("SELECT coalesce(max(position), 0) FROM journal").fetchone()
        events: list[tuple[int, int, int, int, bytes]] = []
        marks: list[tuple[int, int, int]] = []
        for standing, unit in accepted:
            number = standing.number or self._new_number(standing)
            for sequence, document in enumerate(unit.documents, unit.expected + 1):
                position += 1
                events.append((position, number, sequence, standing.head, document))
                standing.head = position
                standing.grown += len(document)
                if not sequence % MARK_EVERY:
                    marks.append((number, sequence, position))
        self._execute_many(EVENT, events)
        self._execute_many(MARK, marks)
        self._last_position = position

    def _new_number(self, standing: _Standing) -> int:
        if self._last_number is None:
            (self._last_number,) = self._connection.execute("SELECT coalesce(max(number), 0) FROM cases").fetchone()
        self._last_number += 1
        standing.number = self._last_number
        return standing.number

    def _write_cases(self, newest: Mapping[_Standing, Unit]) -> None:
        """One row for each case, as the newest unit has it. An index is touched only where its columns changed."""
        starts: list[tuple[Any, ...]] = []
        steps: list[tuple[Any, ...]] = []
        changes: list[tuple[Any, ...]] = []
        snapshots: list[tuple[int, int, bytes]] = []
        for standing, unit in newest.items():
            case = unit.case
            if standing.sequence - standing.snapshot >= SNAPSHOT_EVERY and standing.grown > standing.snapshot_size:
                snapshots.append(_snapshot(standing, case))
            moment = to_microseconds(case.updated_at)
            row = (case.definition, to_text(case.states), case.sequence, moment, standing.head, standing.grown)
            if not standing.status:
                starts.append(self._start(standing, case, unit.due))
            elif standing.status == case.status and standing.due == unit.due:
                steps.append((*row, standing.number))
            else:
                changes.append((*row, case.status, unit.due, standing.number))
            standing.status, standing.due = case.status, unit.due
        self._execute_many(START, starts)
        self._execute_many(STEP, steps)
        self._execute_many(CHANGE, changes)
        self._execute_many(SNAPSHOT, snapshots)

    def _start(self, standing: _Standing, case: Case, due: int | None) -> tuple[Any, ...]:
        return (
            standing.number,
            self._tenant,
            case.id,
            case.workflow,
            case.definition,
            case.status,
            to_text(case.states),
            case.sequence,
            to_microseconds(case.started_at),
            to_microseconds(case.updated_at),
            due,
            standing.head,
            standing.grown,
        )

    def _execute_many(self, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
        if rows:
            self._connection.executemany(statement, rows)


def _snapshot(standing: _Standing, case: Case) -> tuple[int, int, bytes]:
    """The row of a snapshot.

    One is written when the events since the last weigh more than it, so that all together weigh little more than them.
    """
    document = encode_case(case)
    standing.snapshot, standing.snapshot_size, standing.grown = case.sequence, len(document), 0
    return standing.number, case.sequence, document
