"""What is looked for, as it is given from outside: ids are texts and nothing else, and a page has a size."""

from __future__ import annotations

from typing import Any, Final

from circuit_breaker.agents.execution import STATUSES
from circuit_breaker.agents.numbers import is_count
from circuit_breaker.data import is_unicode
from circuit_breaker.errors import DataInvalid, nearest

__all__ = ["check_ids", "check_key", "check_page", "is_text"]

LONGEST_KEY: Final = 500
"""Characters of the key of an execution."""


def check_ids(**ids: Any) -> None:
    """Nothing, when all of these are texts.

    Raises:
        DataInvalid: Some are not, or are no Unicode; each is named with its value.
    """
    if wrong := [f"{name}={value!r:.60}" for name, value in ids.items() if not is_text(value)]:
        raise DataInvalid(f"{' and '.join(wrong)}: an id is a text", remedy="give the id as it was given to you")


def check_key(key: str) -> None:
    """Nothing, when executions can be found by that key.

    Raises:
        DataInvalid: It is too long.
    """
    if len(key) > LONGEST_KEY:
        raise DataInvalid(
            f"key={key!r:.40} has {len(key)} characters", remedy=f"give a key of at most {LONGEST_KEY} characters"
        )


def check_page(limit: Any, status: Any = None) -> None:
    """Nothing, when there are pages of so many, and executions of that status.

    Raises:
        DataInvalid: There are not; both are named with their value.
    """
    wrong = {}
    if not is_count(limit):
        wrong[f"limit={limit!r:.40} is no size of a page"] = "give a whole number from 1"
    if status is not None and status not in STATUSES:
        wrong[f"status={status!r:.40} is no status"] = nearest(str(status), STATUSES)
    if wrong:
        raise DataInvalid(" and ".join(wrong), remedy="; ".join(wrong.values()))


def is_text(value: Any) -> bool:
    """Whether it is a text that can be written in UTF-8."""
    return isinstance(value, str) and is_unicode(value)
