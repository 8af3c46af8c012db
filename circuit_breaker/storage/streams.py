"""What every store of streams checks before it writes, and what it says when others were quicker."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import DataInvalid, VersionConflict
from circuit_breaker.storage.records import LONGEST, Draft, check_place, check_version

__all__ = ["check_append", "conflict_of", "drafts_of"]


def check_append(stream: str, documents: Sequence[bytes], after: int, put: Sequence[Put | Gone]) -> None:
    """Nothing, when that can be appended.

    Raises:
        DataInvalid: The name or a document is none, or there is nothing to write.
    """
    if not 0 < len(stream) <= LONGEST or not stream.isprintable():
        raise DataInvalid(f"{stream!r:.60} is no name of a stream", remedy=f"use a text of 1 to {LONGEST} characters")
    if not documents and not put:
        raise DataInvalid(f"nothing is appended to stream '{stream}'", remedy="give at least one document")
    if any(type(document) is not bytes for document in documents):
        raise DataInvalid(f"a document of stream '{stream}' is not bytes", remedy="encode it first")
    if type(after) is not int or after < 0:
        raise DataInvalid(f"{after!r:.40} is no number of documents", remedy="give how many the stream has, from 0")


def drafts_of(put: Sequence[Put | Gone]) -> tuple[Draft | Gone, ...]:
    """The records that are put or removed, checked.

    Raises:
        DataInvalid: One is none.
    """
    return tuple(
        _checked(one) if isinstance(one, Gone) else Draft.of(one.kind, one.id, one.document, one.keys, one.expected)
        for one in put
    )


def _checked(gone: Gone) -> Gone:
    check_place(gone.kind, gone.id)
    return gone


def conflict_of(
    stream: str, drafts: Sequence[Draft | Gone], *, held: int, after: int, version: Callable[[str, str], int]
) -> VersionConflict | None:
    """Why nothing can be appended behind that number together with these records, or None.

    Args:
        stream: Its name.
        drafts: The records.
        held: How many documents the stream has.
        after: How many it must have.
        version: Gives the version of a record by its kind and id, 0 where there is none.
    """
    if held != after:
        return VersionConflict(
            f"stream '{stream}' has {held} documents, and not {after}", remedy="read what is new and decide again"
        )
    try:
        for draft in drafts:
            if draft.expected is not None:
                check_version(draft.kind, draft.id, held=version(draft.kind, draft.id), expected=draft.expected)
    except VersionConflict as conflict:
        return conflict
    return None
