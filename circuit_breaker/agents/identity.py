"""Ids as they are given from outside: texts, and nothing else."""

from __future__ import annotations

from typing import Any

from circuit_breaker.errors import DataInvalid

__all__ = ["check_ids"]


def check_ids(**ids: Any) -> None:
    """Nothing, when all of these are texts.

    Raises:
        DataInvalid: Some are not, or are no Unicode; each is named with its value.
    """
    if wrong := [f"{name}={value!r:.60}" for name, value in ids.items() if not _is_text(value)]:
        raise DataInvalid(f"{' and '.join(wrong)}: an id is a text", remedy="give the id as it was given to you")


def _is_text(value: Any) -> bool:
    """Whether it can be written in UTF-8: half of a surrogate pair cannot."""
    if not isinstance(value, str) or value.isascii():
        return isinstance(value, str)
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
