"""Streams: numbered documents that are only ever added to, kept beside the cases in the same storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import attrs

__all__ = ["Gone", "Put", "Streams"]


@attrs.frozen
class Put:
    """A record to keep in the same step as an append.

    Attributes:
        kind: What it is.
        id: Unique in its kind.
        document: A JSON object.
        keys: What it is found by from now on.
        expected: The version that must be there before the append, 0 for none; any, when left out.
    """

    kind: str
    id: str
    document: Mapping[str, Any]
    keys: Mapping[str, str] = attrs.field(factory=dict)
    expected: int | None = attrs.field(default=None, kw_only=True)


@attrs.frozen
class Gone:
    """A record to remove in the same step as an append, if there is one.

    Attributes:
        kind: What it is.
        id: Unique in its kind.
        expected: The version that must be there before the append, 0 for none; any, when left out.
    """

    kind: str
    id: str
    expected: int | None = attrs.field(default=None, kw_only=True)


class Streams(Protocol):
    """Streams of one tenant by name. A stream begins with its first document, which has the number 1.

    Every method may raise a :class:`circuit_breaker.errors.StorageError`.
    """

    async def append(
        self, stream: str, documents: Sequence[bytes], *, after: int, put: Sequence[Put | Gone] = ()
    ) -> None:
        """Adds documents behind number ``after``, and keeps or removes the records of ``put``: all of it or nothing.

        When this returns, it survives a crash.

        Args:
            stream: Its name.
            documents: At least one, unless records are put; what is read later is the same bytes.
            after: How many documents the stream must have before: 0 for a new one.
            put: Records that are kept in place of those before, as :meth:`Records.put` does, or removed.

        Raises:
            VersionConflict: The stream has more or fewer, or a record is in another version; nothing was changed.
            DataInvalid: A name is no text, or a record of ``put`` is none.
            StorageFull: There is no room; nothing was changed.
        """
        ...

    async def read(self, stream: str, *, after: int = 0, limit: int | None = None) -> list[bytes]:
        """The documents whose number is above ``after``, in order and without a gap; empty for an unknown stream."""
        ...

    async def length(self, stream: str) -> int:
        """How many documents the stream has: the number of its last one; 0 for an unknown one. Cheap."""
        ...

    async def drop(self, stream: str) -> bool:
        """Whether there was such a stream, which is gone now, with all its documents."""
        ...
