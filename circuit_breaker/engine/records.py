"""Records: small documents that are kept beside the cases, in the same storage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import attrs

__all__ = ["Record", "Records"]


@attrs.frozen
class Record:
    """A document that is kept.

    Attributes:
        kind: What it is, such as ``"function"``.
        id: Unique among the records of its kind.
        version: How often it was written: 1 for the first time, and again after it was deleted.
        document: A JSON object that cannot be changed.
        keys: What it is found by, by name.
    """

    kind: str
    id: str
    version: int
    document: Mapping[str, Any]
    keys: Mapping[str, str] = attrs.field(factory=dict)


class Records(Protocol):
    """Documents by kind and id, of one tenant. When a change returns, it survives a crash.

    Every method may raise a :class:`circuit_breaker.errors.StorageError`.
    """

    async def put(
        self,
        kind: str,
        id: str,  # noqa: A002 - the word of the field
        document: Mapping[str, Any],
        *,
        keys: Mapping[str, str] | None = None,
        expected: int | None = None,
    ) -> int:
        """Keeps a document in place of the one before, and gives its version.

        Args:
            kind: What it is.
            id: Unique in its kind.
            document: A JSON object.
            keys: What it is found by from now on.
            expected: The version that must be there, 0 for none; any, when left out.

        Raises:
            VersionConflict: Another version is there; nothing was changed.
            DataInvalid: The document is no JSON object, or a kind, id or key is no text.
        """
        ...

    async def get(self, kind: str, id: str) -> Record | None:  # noqa: A002 - the word of the field
        """The record, or None."""
        ...

    async def delete(self, kind: str, id: str, *, expected: int | None = None) -> bool:  # noqa: A002
        """Whether there was such a record, which is gone now.

        Raises:
            VersionConflict: Another version than ``expected`` is there.
        """
        ...

    async def find(
        self, kind: str, *, keys: Mapping[str, str] | None = None, after: str = "", limit: int = 100
    ) -> list[Record]:
        """The records of a kind that have all these keys, ordered by id, a page at a time.

        Costs what it gives, however many others there are; with several keys, what the rarest of them would give.

        Args:
            kind: What they are.
            keys: Values that they must have, by name; the rarest is looked up, the others are compared.
            after: Only ids above this one: the last id of the page before.
            limit: How many at most.
        """
        ...
