"""The units of a conversation: what is kept or dropped as one, so that no call of a tool is left without its result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from circuit_breaker.errors import DataInvalid
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import ToolResult
from circuit_breaker.llm.tokens import TokenCount

__all__ = ["Counted", "Unit", "overflowing", "with_message"]


@attrs.frozen
class Counted:
    """A message and how many tokens it is."""

    message: ChatMessage
    count: TokenCount


@attrs.frozen
class Unit:
    """A message, or one that calls tools together with their results; thoughts stay with the calls they led to.

    Attributes:
        entries: The messages.
        tokens: How many tokens it is.
    """

    entries: tuple[Counted, ...]
    tokens: int

    @classmethod
    def of(cls, entry: Counted) -> Unit:
        """A unit that begins with this message."""
        return cls((entry,), entry.count.tokens)

    @property
    def messages(self) -> tuple[ChatMessage, ...]:
        """Its messages."""
        return tuple(entry.message for entry in self.entries)

    @property
    def pinned(self) -> bool:
        """Whether it is never dropped."""
        return self.entries[0].message.role == "system"

    def calls(self) -> frozenset[str]:
        """The ids of all calls in it."""
        return frozenset(call.id for message in self.messages for call in message.tool_calls)

    def answered(self, entry: Counted) -> Unit:
        """The unit with results of some of its calls."""
        return Unit((*self.entries, entry), self.tokens + entry.count.tokens)


def with_message(units: Iterable[Unit], entry: Counted) -> tuple[Unit, ...]:
    """The units with one message more: results go to the unit that called, anything else begins a new one.

    Raises:
        DataInvalid: A result belongs to no call that is there, or to calls of several messages.
    """
    found = list(units)
    results = [part for part in entry.message.parts if isinstance(part, ToolResult)]
    if not results:
        return (*found, Unit.of(entry))
    wanted = {result.call_id for result in results}
    place = next((at for at in reversed(range(len(found))) if wanted <= found[at].calls()), None)
    if place is None:
        raise DataInvalid(
            f"there is no message that calls {', '.join(map(repr, sorted(wanted)))}",
            remedy="add the message of the model that called the tools before their results",
        )
    found[place] = found[place].answered(entry)
    return tuple(found)


def overflowing(units: Sequence[Unit], max_tokens: int, max_messages: int | None) -> frozenset[int]:
    """The places of the oldest units without which the others are within the limits.

    The last is never among them, and neither is what is pinned, even where what is left is still too much.
    """
    tokens, count = sum(unit.tokens for unit in units), sum(len(unit.entries) for unit in units)
    gone: list[int] = []
    for at, unit in enumerate(units[:-1]):
        if tokens <= max_tokens and (max_messages is None or count <= max_messages):
            break
        if not unit.pinned:
            gone.append(at)
            tokens, count = tokens - unit.tokens, count - len(unit.entries)
    return frozenset(gone)
