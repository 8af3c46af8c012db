"""What every store of records checks before it writes, and what it says when another version is there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.data import Data, freeze, freeze_mapping
from circuit_breaker.errors import DataInvalid, VersionConflict

__all__ = ["Draft", "check_place", "check_version"]

LONGEST = 500


@attrs.frozen
class Draft:
    """What is to be kept, checked.

    Attributes:
        kind: What it is.
        id: Unique in its kind.
        document: Frozen through and through.
        keys: What it is found by.
        expected: The version that must be there before, or None.
    """

    kind: str
    id: str
    document: Data
    keys: Mapping[str, str]
    expected: int | None = None

    @classmethod
    def of(
        cls, kind: str, record_id: str, document: Any, keys: Mapping[str, str] | None, expected: int | None = None
    ) -> Draft:
        """The draft of what was given.

        Raises:
            DataInvalid: The document is no JSON object, or a kind, id or key is no text.
        """
        named = {
            _text(name, "the name of a key"): _text(value, f"key '{name}'") for name, value in (keys or {}).items()
        }
        check_place(kind, record_id)
        return cls(kind, record_id, freeze_mapping(document, where=f"{kind} '{record_id}'"), named, expected)


def check_place(kind: str, record_id: str) -> None:
    """Nothing, when a record can be kept there.

    Raises:
        DataInvalid: The kind or the id is no text, or too long.
    """
    _text(kind, "kind")
    _text(record_id, "id")


def _text(value: Any, what: str) -> str:
    if type(value) is str and value.isascii() and 0 < len(value) <= LONGEST:
        return value
    text = freeze(value, where=what)
    if not isinstance(text, str) or not text or len(text) > LONGEST:
        raise DataInvalid(
            f"{what} of a record: {value!r:.60} is none", remedy=f"use a text of 1 to {LONGEST} characters"
        )
    return text


def check_version(kind: str, record_id: str, *, held: int, expected: int | None) -> None:
    """Nothing, when the version that is held is the one expected.

    Raises:
        VersionConflict: It is another.
    """
    if expected is None or held == expected:
        return
    what = f"{kind} '{record_id}'"
    if not expected:
        raise VersionConflict(f"{what} exists already, in version {held}", remedy="keep it under another id")
    state = f"is in version {held}" if held else "does not exist"
    raise VersionConflict(f"{what} {state}, and not in version {expected}", remedy="read it and decide again")
