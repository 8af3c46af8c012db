"""Records in memory."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from circuit_breaker.engine.records import Record
from circuit_breaker.storage.records import Draft, check_version

__all__ = ["MemoryRecords", "RecordShelf"]

Key = tuple[str, str, str]
"""A kind, and the name and the value of a key."""


@attrs.define(eq=False)
class RecordShelf:
    """The records of one tenant: by kind and id, and the ids by key."""

    kept: dict[str, dict[str, Record]] = attrs.field(factory=dict)
    found_by: dict[Key, set[str]] = attrs.field(factory=dict)

    def place(self, record: Record) -> None:
        """Puts a record in place of the one before."""
        self.remove(record.kind, record.id)
        self.kept.setdefault(record.kind, {})[record.id] = record
        for name, value in record.keys.items():
            self.found_by.setdefault((record.kind, name, value), set()).add(record.id)

    def version(self, kind: str, record_id: str) -> int:
        """The version of a record; 0 where there is none."""
        record = self.kept.get(kind, {}).get(record_id)
        return record.version if record is not None else 0

    def remove(self, kind: str, record_id: str) -> bool:
        """Whether there was such a record."""
        record = self.kept.get(kind, {}).pop(record_id, None)
        if record is None:
            return False
        for name, value in record.keys.items():
            self.found_by[kind, name, value].discard(record_id)
        return True


class MemoryRecords:
    """The port :class:`circuit_breaker.engine.records.Records` in memory."""

    def __init__(self, shelf: RecordShelf, check_open: Callable[[], None]) -> None:
        self._shelf = shelf
        self._check_open = check_open

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
        self._check_open()
        draft = Draft.of(kind, id, document, keys)
        held = self._shelf.version(kind, id)
        check_version(kind, id, held=held, expected=expected)
        self._shelf.place(Record(draft.kind, draft.id, held + 1, draft.document, draft.keys))
        return held + 1

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the word of the field
        """The record, or None."""
        self._check_open()
        return self._shelf.kept.get(kind, {}).get(id)

    async def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002
        """Whether there was such a record, which is gone now."""
        self._check_open()
        check_version(kind, id, held=self._shelf.version(kind, id), expected=expected)
        return self._shelf.remove(kind, id)

    async def find(
        self, kind: str, *, keys: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> list[Record]:
        """The records that have all these keys, ordered by id; see the port."""
        self._check_open()
        kept = self._shelf.kept.get(kind, {})
        ids: Iterable[str] = kept
        if keys:
            having = [self._shelf.found_by.get((kind, *item), set()) for item in keys.items()]
            ids = set.intersection(*sorted(having, key=len))
        return [kept[found] for found in heapq.nsmallest(limit, (found for found in ids if found > after))]
