"""How values of ours stand in the columns of a SQLite file."""

from __future__ import annotations

import functools
import json
from datetime import UTC, datetime, timedelta

__all__ = ["from_microseconds", "from_text", "to_microseconds", "to_text"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """The moment as microseconds since 1970 in UTC."""
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(since: int) -> datetime:
    """The moment so many microseconds after the beginning of 1970, in UTC."""
    return EPOCH + since * MICROSECOND


@functools.lru_cache(maxsize=1024)
def to_text(states: tuple[str, ...]) -> str:
    """The names as JSON texts, each between line feeds, which occur in none of them: so one can be found exactly."""
    return "\n".join(["", *(json.dumps(name, ensure_ascii=False) for name in states), ""])


def from_text(text: str) -> tuple[str, ...]:
    """The names that such a text holds."""
    return tuple(json.loads(name) for name in text.split("\n") if name)
