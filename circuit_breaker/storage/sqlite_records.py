"""Records in a SQLite file: one row for each, and one for each of its keys, in the order in which they are listed."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import attrs
import msgspec

from circuit_breaker.data import Data, freeze_mapping
from circuit_breaker.engine.records import Record
from circuit_breaker.storage.records import Draft, check_version

__all__ = ["Reading", "SqliteRecords", "delete_record", "put_record", "version_of"]

T = TypeVar("T")
Row = tuple[Any, ...]

HELD = "SELECT number, version FROM records WHERE tenant = ? AND kind = ? AND id = ?"
NEW = "INSERT INTO records (tenant, kind, id, version, keys, document) VALUES (?, ?, ?, 1, ?, ?)"
NEXT = "UPDATE records SET version = version + 1, keys = ?, document = ? WHERE number = ?"
KEY = "INSERT INTO record_keys VALUES (?, ?, ?, ?, ?, ?)"
NO_KEYS = "DELETE FROM record_keys WHERE number = ?"
NO_RECORD = "DELETE FROM records WHERE number = ?"
COLUMNS = "SELECT records.id, version, keys, document FROM"
GET = f"{COLUMNS} records WHERE tenant = ? AND kind = ? AND id = ?"
ALL = f"{COLUMNS} records WHERE tenant = ? AND kind = ? AND id > ? ORDER BY id LIMIT ?"
BY_KEY = f"""
    {COLUMNS} record_keys CROSS JOIN records USING (number)
    WHERE record_keys.tenant = ? AND record_keys.kind = ? AND name = ? AND value = ? AND record_keys.id > ?
"""
WITH_KEY = """
    AND EXISTS (SELECT 1 FROM record_keys AS other WHERE other.tenant = record_keys.tenant
        AND other.kind = record_keys.kind AND other.name = ? AND other.value = ? AND other.id = record_keys.id)
"""
COUNT = """
    SELECT count(*) FROM (
        SELECT 1 FROM record_keys WHERE tenant = ? AND kind = ? AND name = ? AND value = ? AND id > ? LIMIT ?)
"""
COUNTED: Final = (100, 10_000)
"""So many records of each key are counted at most: a second time only where the first did not tell which is rare."""


class Reading(Protocol):
    """Reads rows on some thread."""

    def rows(self, query: str, parameters: Row) -> list[Row]:
        """The rows that a query gives."""
        ...


@attrs.frozen
class SqliteRecords:
    """The port :class:`circuit_breaker.engine.records.Records` in a SQLite file.

    Attributes:
        tenant: Whose records these are.
        write: Does some work in a transaction of its own, on the thread of the writer.
        read: Reads what is short.
        list_out: Reads what may be long, elsewhere.
    """

    tenant: str
    write: Callable[[Callable[[sqlite3.Connection], Any]], Awaitable[Any]]
    read: Callable[[str, Row], Sequence[Row]]
    list_out: Callable[[Callable[[Reading], list[Row]]], Awaitable[list[Row]]]

    async def put(
        self,
        kind: str,
        id: str,  # noqa: A002 - the word of the field
        document: Mapping[str, Any],
        *,
        keys: Mapping[str, str] | None = None,
        expected: int | None = None,
    ) -> int:
        """Keeps a document in place of the one before; see the port."""
        draft = Draft.of(kind, id, document, keys)
        version: int = await self.write(lambda connection: put_record(connection, self.tenant, draft, expected))
        return version

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the word of the field
        """The record, or None."""
        rows = self.read(GET, (self.tenant, kind, id))
        return _record(kind, rows[0]) if rows else None

    async def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002
        """Whether there was such a record, which is gone now."""
        gone: bool = await self.write(lambda connection: delete_record(connection, self.tenant, kind, id, expected))
        return gone

    async def find(
        self, kind: str, *, keys: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> list[Record]:
        """The records that have all these keys, ordered by id; see the port."""
        rows = await self.list_out(lambda reader: self._found(reader, kind, list((keys or {}).items()), after, limit))
        return [_record(kind, row) for row in rows]

    def _found(self, reader: Reading, kind: str, keys: list[tuple[str, str]], after: str, limit: int) -> list[Row]:
        if not keys:
            return reader.rows(ALL, (self.tenant, kind, after, limit))
        if len(keys) > 1:
            keys = _rarest_first(keys, lambda key, most: _count(reader, (self.tenant, kind, *key, after, most)))
        first, *others = keys
        query = BY_KEY + WITH_KEY * len(others) + "ORDER BY record_keys.id LIMIT ?"
        return reader.rows(query, (self.tenant, kind, *first, after, *(text for key in others for text in key), limit))


def put_record(connection: sqlite3.Connection, tenant: str, draft: Draft, expected: int | None = None) -> int:
    """The version that a record has now, which was written in the transaction of the connection.

    Raises:
        VersionConflict: Another version than the expected one is there.
    """
    place = (tenant, draft.kind, draft.id)
    number, version = _held(connection, place, expected)
    encoded, named = msgspec.json.encode(draft.document), msgspec.json.encode(draft.keys)
    if number is None:
        number = connection.execute(NEW, (*place, named, encoded)).lastrowid
    else:
        connection.execute(NEXT, (named, encoded, number))
        connection.execute(NO_KEYS, (number,))
    rows = [(tenant, draft.kind, name, value, draft.id, number) for name, value in draft.keys.items()]
    connection.executemany(KEY, rows)
    return version + 1


def delete_record(
    connection: sqlite3.Connection, tenant: str, kind: str, record_id: str, expected: int | None = None
) -> bool:
    """Whether there was such a record, which was removed in the transaction of the connection.

    Raises:
        VersionConflict: Another version than the expected one is there.
    """
    number, _ = _held(connection, (tenant, kind, record_id), expected)
    if number is None:
        return False
    connection.execute(NO_KEYS, (number,))
    connection.execute(NO_RECORD, (number,))
    return True


def version_of(connection: sqlite3.Connection, tenant: str, kind: str, record_id: str) -> int:
    """The version of a record; 0 where there is none."""
    return _held(connection, (tenant, kind, record_id), None)[1]


def _held(connection: sqlite3.Connection, place: tuple[str, str, str], expected: int | None) -> tuple[int | None, int]:
    """The number and the version of the record at a place: None and 0 where there is none."""
    row = connection.execute(HELD, place).fetchone()
    number, version = row if row is not None else (None, 0)
    check_version(*place[1:], held=version, expected=expected)
    return number, version


def _rarest_first(keys: list[tuple[str, str]], count: Callable[[tuple[str, str], int], int]) -> list[tuple[str, str]]:
    """The keys, from the one that the fewest records have, as far as that many are counted."""
    counts: dict[tuple[str, str], int] = {}
    for most in COUNTED:
        counts = {key: count(key, most) for key in keys}
        if min(counts.values()) < most:
            break
    return sorted(keys, key=counts.__getitem__)


def _count(reader: Reading, asked: Row) -> int:
    return int(reader.rows(COUNT, asked)[0][0])


def _record(kind: str, row: Row) -> Record:
    record_id, version, keys, document = row
    frozen: Data = freeze_mapping(msgspec.json.decode(document))
    return Record(kind, record_id, version, frozen, msgspec.json.decode(keys))
