"""What is looked for, as it is given from outside: ids are texts and nothing else, and a page has a size."""

from __future__ import annotations

from typing import Any

from circuit_breaker.agents.execution import STATUSES
from circuit_breaker.errors import DataInvalid, nearest

__all__ = ["check_ids", "check_page", "is_text"]


def check_ids(**ids: Any) -> None:
    """Nothing, when all of these are texts.

    Raises:
        DataInvalid: Some are not, or are no Unicode; each is named with its value.
    """
    if wrong := [f"{name}={value!r:.60}" for name, value in ids.items() if not is_text(value)]:
        raise DataInvalid(f"{' and '.join(wrong)}: an id is a text", remedy="give the id as it was given to you")


def check_page(limit: Any, status: Any = None) -> None:
    """Nothing, when there are pages of so many, and executions of that status.

    Raises:
        DataInvalid: There are not; both are named with their value.
    """
    wrong = {}
    if type(limit) is not int or limit < 1:
        wrong[f"limit={limit!r:.40} is no size of a page"] = "give a whole number from 1"
    if status is not None and status not in STATUSES:
        wrong[f"status={status!r:.40} is no status"] = nearest(str(status), STATUSES)
    if wrong:
        raise DataInvalid(" and ".join(wrong), remedy="; ".join(wrong.values()))


def is_text(value: Any) -> bool:
    """Whether it can be written in UTF-8: half of a surrogate pair cannot."""
    if not isinstance(value, str) or value.isascii():
        return isinstance(value, str)
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
