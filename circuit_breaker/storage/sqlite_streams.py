"""Streams in a SQLite file: one row for each append, found by the number of its first document."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import StorageError
from circuit_breaker.storage.records import Draft
from circuit_breaker.storage.sqlite_records import Reading, delete_record, put_record, version_of
from circuit_breaker.storage.streams import check_append, conflict_of, drafts_of

__all__ = ["SqliteStreams", "StreamUnit", "StreamWriter"]

STANDING: Final = "SELECT number, length FROM streams WHERE tenant = ? AND name = ?"
NEW: Final = "INSERT INTO streams (tenant, name, length) VALUES (?, ?, 0)"
GROWN: Final = "UPDATE streams SET length = ? WHERE number = ?"
PIECE: Final = "INSERT INTO stream_pieces VALUES (?, ?, ?)"
GONE: Final = "DELETE FROM streams WHERE number = ?"
PIECES_GONE: Final = "DELETE FROM stream_pieces WHERE number = ?"
LENGTH: Final = "SELECT length FROM streams WHERE tenant = ? AND name = ?"
READ: Final = """
    SELECT first, documents FROM streams CROSS JOIN stream_pieces USING (number)
    WHERE tenant = ? AND name = ? AND first >= coalesce(
        (SELECT max(first) FROM stream_pieces AS earlier WHERE earlier.number = streams.number AND first <= ?), 0)
    AND first <= ? ORDER BY first
"""
SHORT: Final = 200
_ENDLESS: Final = 2**62
_DOCUMENTS: Final = msgspec.msgpack.Decoder(list[bytes])


class StreamUnit(msgspec.Struct, eq=False):
    """One append that waits: what to write, what must be there before, and whom to tell."""

    stream: str
    after: int
    documents: list[bytes]
    drafts: tuple[Draft | Gone, ...]
    told: asyncio.Future[None]


class _Standing(msgspec.Struct, eq=False):
    """What the file says of a stream."""

    number: int
    length: int


class StreamWriter:
    """Writes streams in a transaction that others began and end; remembers how long those are that it wrote last."""

    def __init__(self, connection: sqlite3.Connection, *, tenant: str) -> None:
        self._connection = connection
        self._tenant = tenant
        self._known: dict[str, _Standing] = {}
        self._version = partial(version_of, connection, tenant)

    def __len__(self) -> int:
        return len(self._known)

    def forget(self) -> None:
        """Forgets all: somebody else may have written."""
        self._known.clear()

    def write(self, units: Sequence[StreamUnit]) -> list[StorageError | None]:
        """For each unit None where it is written now, or why not: its stream or a record was not as it was expected."""
        verdicts: list[StorageError | None] = []
        pieces: list[tuple[int, int, bytes]] = []
        grown: dict[str, _Standing] = {}
        for unit in units:
            standing = self._known.get(unit.stream) or self._read(unit.stream)
            conflict = conflict_of(
                unit.stream, unit.drafts, held=standing.length, after=unit.after, version=self._version
            )
            verdicts.append(conflict)
            if conflict is None:
                self._take(unit, standing, pieces)
                grown[unit.stream] = standing
        self._connection.executemany(PIECE, pieces)
        self._connection.executemany(GROWN, [(standing.length, standing.number) for standing in grown.values()])
        return verdicts

    def _take(self, unit: StreamUnit, standing: _Standing, pieces: list[tuple[int, int, bytes]]) -> None:
        if unit.documents:
            if not standing.number:
                standing.number = self._connection.execute(NEW, (self._tenant, unit.stream)).lastrowid or 0
            pieces.append((standing.number, standing.length + 1, msgspec.msgpack.encode(unit.documents)))
            standing.length += len(unit.documents)
        for draft in unit.drafts:
            if isinstance(draft, Gone):
                delete_record(self._connection, self._tenant, draft.kind, draft.id)
            else:
                put_record(self._connection, self._tenant, draft)

    def _read(self, stream: str) -> _Standing:
        row = self._connection.execute(STANDING, (self._tenant, stream)).fetchone()
        self._known[stream] = standing = _Standing(*row) if row is not None else _Standing(0, 0)
        return standing

    def drop(self, stream: str) -> bool:
        """Whether there was such a stream, which is gone now."""
        self.forget()
        row = self._connection.execute(STANDING, (self._tenant, stream)).fetchone()
        if row is None:
            return False
        for statement in (PIECES_GONE, GONE):
            self._connection.execute(statement, row[:1])
        return True


@attrs.frozen
class SqliteStreams:
    """The port :class:`circuit_breaker.engine.streams.Streams` in a SQLite file.

    Attributes:
        tenant: Whose streams these are.
        write: Writes a unit together with all that wait, and returns when it is on disk.
        drop_one: Drops the stream of a name, on the thread of the writer.
        read_rows: Reads what is short.
        list_out: Reads what may be long, elsewhere.
    """

    tenant: str
    write: Callable[[StreamUnit], Awaitable[None]]
    drop_one: Callable[[str], Awaitable[bool]]
    read_rows: Callable[[str, tuple[Any, ...]], list[tuple[Any, ...]]]
    list_out: Callable[[Callable[[Reading], list[tuple[Any, ...]]]], Awaitable[list[tuple[Any, ...]]]]

    async def append(
        self, stream: str, documents: Sequence[bytes], *, after: int, put: Sequence[Put | Gone] = ()
    ) -> None:
        """Adds documents behind number ``after``; see the port. Cancelled, it is written as a whole or not at all."""
        check_append(stream, documents, after, put)
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self.write(StreamUnit(stream, after, list(documents), drafts_of(put), told))

    async def read(self, stream: str, *, after: int = 0, limit: int | None = None) -> list[bytes]:
        """The documents whose number is above ``after``; see the port."""
        after = max(0, after)
        until = _ENDLESS if limit is None else after + max(0, limit)
        asked = (self.tenant, stream, after + 1, until)
        if limit is not None and limit <= SHORT:
            rows = self.read_rows(READ, asked)
        else:
            rows = await self.list_out(lambda reader: reader.rows(READ, asked))
        numbered = ((first + at, one) for first, piece in rows for at, one in enumerate(_DOCUMENTS.decode(piece)))
        return [document for number, document in numbered if after < number <= until]

    async def length(self, stream: str) -> int:
        """How many documents the stream has."""
        rows = self.read_rows(LENGTH, (self.tenant, stream))
        return int(rows[0][0]) if rows else 0

    async def drop(self, stream: str) -> bool:
        """Whether there was such a stream, which is gone now."""
        return await self.drop_one(stream)
