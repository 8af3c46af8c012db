"""Streams in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from circuit_breaker.engine.records import Record
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.storage.memory_records import RecordShelf
from circuit_breaker.storage.streams import check_append, conflict_of, drafts_of

__all__ = ["MemoryStreams"]


class MemoryStreams:
    """The port :class:`circuit_breaker.engine.streams.Streams` in memory."""

    def __init__(self, kept: dict[str, list[bytes]], shelf: RecordShelf, check_open: Callable[[], None]) -> None:
        self._kept = kept
        self._shelf = shelf
        self._check_open = check_open

    async def append(
        self, stream: str, documents: Sequence[bytes], *, after: int, put: Sequence[Put | Gone] = ()
    ) -> None:
        """Adds documents behind number ``after``; see the port."""
        self._check_open()
        check_append(stream, documents, after, put)
        drafts = drafts_of(put)
        held = self._kept.get(stream, [])
        if conflict := conflict_of(stream, drafts, held=len(held), after=after, version=self._shelf.version):
            raise conflict
        if documents:
            self._kept.setdefault(stream, held).extend(documents)
        for draft in drafts:
            if isinstance(draft, Gone):
                self._shelf.remove(draft.kind, draft.id)
                continue
            version = self._shelf.version(draft.kind, draft.id) + 1
            self._shelf.place(Record(draft.kind, draft.id, version, draft.document, draft.keys))

    async def read(self, stream: str, *, after: int = 0, limit: int | None = None) -> list[bytes]:
        """The documents whose number is above ``after``; see the port."""
        self._check_open()
        first = max(0, after)
        return self._kept.get(stream, [])[first : None if limit is None else first + max(0, limit)]

    async def length(self, stream: str) -> int:
        """How many documents the stream has."""
        self._check_open()
        return len(self._kept.get(stream, ()))

    async def drop(self, stream: str) -> bool:
        """Whether there was such a stream, which is gone now."""
        self._check_open()
        return self._kept.pop(stream, None) is not None
