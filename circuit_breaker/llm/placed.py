"""Messages with their place in a conversation, and what is lost of them, told once for all places."""

from __future__ import annotations

from typing import Any, Final

import attrs

from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.response import Loss

__all__ = ["Placed", "Told"]

_MOST: Final = 5
"""Places that a loss names."""


@attrs.frozen
class Placed:
    """A message and where it stood.

    Attributes:
        at: Its place in the conversation as it was given, from 0.
        message: What is left of it.
    """

    at: int
    message: ChatMessage


class Told:
    """Losses of a conversation: the same one at many places is told once, for a conversation is long."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, Any, str], list[int]] = {}

    def note(self, at: int, what: str, how: Any, why: str) -> None:
        """Notes a loss of the message at this place."""
        places = self._places.setdefault((what, how, why), [])
        if at not in places[-1:]:
            places.append(at)

    def losses(self) -> list[Loss]:
        """What was noted, such as ``messages[2,4].image``."""
        return [
            Loss(f"messages[{_told(places)}].{what}", how, why) for (what, how, why), places in self._places.items()
        ]


def _told(places: list[int]) -> str:
    return ",".join(map(str, places[:_MOST])) + (",…" if len(places) > _MOST else "")
