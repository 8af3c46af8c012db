"""Analysis: what can be measured of a text, as executors."""

from __future__ import annotations

import asyncio
import re
from contextvars import ContextVar
from typing import Any, Final

from circuit_breaker.executors import BaseExecutor, before_execute, parameter

__all__ = ["PACE", "SECTIONS", "Clarity", "Completeness", "Measurement", "WordCount", "words"]

PACE: Final[ContextVar[float]] = ContextVar("PACE", default=0.0)
"""Seconds that every measurement takes at least, so that people can watch."""

SECTIONS: Final = ("introduction", "background", "conclusion")
LONG: Final = 8

_WORD: Final = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_HEADING: Final = {
    name: re.compile(rf"^[ \t#*=\d.]*{name}s?[ \t#*=:.]*$", re.IGNORECASE | re.MULTILINE) for name in SECTIONS
}


def words(text: str) -> list[str]:
    """The words of a text; ``well-known`` and ``don't`` are one each."""
    return _WORD.findall(text)


@parameter("text", type="string", description="The text that is measured.")
class Measurement(BaseExecutor, abstract=True):
    """Something that is measured of a text."""

    @before_execute
    async def take_time(self, context: dict[str, Any]) -> None:
        """Waits as long as the pace asks for."""
        del context
        await asyncio.sleep(PACE.get())


class WordCount(Measurement):
    """How many words a text has: ``{"count": 120}``."""

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The number of words."""
        return {"count": len(words(context["text"]))}


class Clarity(Measurement):
    """How easily a text is read: 100 less the share of words of more than eight letters, as ``{"score": 86.2}``."""

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The score, from 0 to 100; a text without words has none."""
        found = words(context["text"])
        long = sum(sum(map(str.isalpha, word)) > LONG for word in found)
        return {"score": round(100 * (1 - long / len(found)), 1) if found else 0.0, "long_words": long}


class Completeness(Measurement):
    """How many of introduction, background and conclusion a text has: ``{"score": 67, "missing": ["background"]}``."""

    def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """The score, in thirds of 100, and the sections that are missing."""
        missing = [name for name in SECTIONS if not _HEADING[name].search(context["text"])]
        return {"score": round(100 * (1 - len(missing) / len(SECTIONS))), "missing": missing}
