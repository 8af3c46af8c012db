"""Lines of the results of a batch: whose each is, and what is wrong with one that cannot be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import attrs

from circuit_breaker.llm.encoding import decoded

__all__ = ["ResultLine", "read_line", "unread"]

# Within a text the quotation marks would be escaped, so this is a member; the vendors write it before the answer.
_NAME: Final = re.compile(rb'"custom_id"\s*:\s*"([a-zA-Z0-9_-]{1,64})"')
_TOLD: Final = 3
"""How many lines are told of."""


@attrs.frozen(kw_only=True)
class ResultLine:
    """One line.

    Attributes:
        name: That of its request, or an empty text where it cannot be told.
        document: What it says, or None where it cannot be read.
        fault: Which line it is and why it cannot be read, or an empty text where it can.
    """

    name: str = ""
    document: Any = None
    fault: str = ""


def read_line(data: bytes, number: int) -> ResultLine:
    """What stands in a line, which is counted from 1; of a broken one its name, if that is still there."""
    try:
        document = decoded(data)
    except ValueError as error:
        found = _NAME.search(data)
        return ResultLine(name=found[1].decode() if found else "", fault=f"line {number} is no JSON: {error}")
    name = document.get("custom_id") if isinstance(document, dict) else None
    if name and isinstance(name, str):
        return ResultLine(name=name, document=document)
    return ResultLine(fault=f"line {number} does not say whose result it is")


def unread(faults: Sequence[str]) -> str:
    """What to tell of lines that cannot be read."""
    more = f"; and {len(faults) - _TOLD} more" if len(faults) > _TOLD else ""
    return f"results cannot be read: {'; '.join(faults[:_TOLD])}{more}"
