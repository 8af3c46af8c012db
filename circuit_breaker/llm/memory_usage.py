"""How much a memory may hold, and how full it is."""

from __future__ import annotations

import attrs

__all__ = ["MemoryUsage", "check_limits"]


@attrs.frozen(kw_only=True)
class MemoryUsage:
    """How full a memory is.

    Attributes:
        tokens: Of all that it gives to a model.
        max_tokens: The most of them.
        messages: Without the system prompt.
        max_messages: The most of them, or None.
        estimated: Whether the tokens are estimated.
        dropped: How many messages have been dropped since it was cleared.
        waiting: How many of these wait to be summarised.
    """

    tokens: int
    max_tokens: int
    messages: int
    max_messages: int | None
    estimated: bool
    dropped: int
    waiting: int

    @property
    def share(self) -> float:
        """Of the tokens that it may have, how many it has: 0.5 is half."""
        return self.tokens / self.max_tokens


def check_limits(max_tokens: int, max_messages: int | None) -> None:
    """Refuses what is no limit.

    Raises:
        ValueError: One is no whole number from 1; the one of messages may be None.
    """
    for name, limit in (("max_tokens", max_tokens), ("max_messages", max_messages)):
        unlimited = limit is None and name == "max_messages"
        if not unlimited and (type(limit) is not int or limit < 1):
            raise ValueError(f"{name} is {limit!r}, and must be a whole number from 1")
