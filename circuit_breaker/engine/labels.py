"""Labels: the short texts of whoever asks that are written into the journal beside the data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from circuit_breaker.data import freeze
from circuit_breaker.errors import DataInvalid

__all__ = ["LONGEST", "label", "role_labels"]

LONGEST: Final = 1_000
"""How many characters a label has at most, and how many roles somebody has."""


def label(value: Any, where: str) -> str:
    """The text as it is kept.

    Args:
        value: The text; it may be empty.
        where: What it is, for the message.

    Raises:
        DataInvalid: It is no text, is no Unicode, or has more than 1,000 characters.
    """
    if type(value) is str and len(value) <= LONGEST and value.isascii():
        return value
    written = freeze(value, where=where) if isinstance(value, str) else None
    if not isinstance(written, str):
        raise DataInvalid(f"{where}: {value!r:.60} is no text", remedy="give a text, or leave it out")
    if len(written) > LONGEST:
        raise DataInvalid(
            f"{where}: a text of {len(written):,} characters is too long, and {LONGEST:,} are the most",
            remedy="keep what is long in the data",
        )
    return written


def role_labels(roles: Any) -> frozenset[str]:
    """The roles as a set; a single text is one role.

    Raises:
        DataInvalid: They are no texts, or more than 1,000.
    """
    if isinstance(roles, str):
        return frozenset((label(roles, "roles"),))
    if not isinstance(roles, Iterable):
        raise DataInvalid(f"roles: {roles!r:.60} is no list of texts", remedy="give their names, or leave it out")
    named = frozenset(label(role, "roles") for role in roles)
    if len(named) > LONGEST:
        raise DataInvalid(f"roles: {len(named):,} are too many, and {LONGEST:,} are the most", remedy="give fewer")
    return named
