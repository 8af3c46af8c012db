"""What was told of an execution, so that work that is gone through again tells nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable
from typing import Any

import attrs
import msgspec

from circuit_breaker.agents.events import (
    AgentEvent,
    ContentChunk,
    Thinking,
    ToolCallEvent,
    ToolResultEvent,
    UsageUpdate,
)

__all__ = ["Told", "merged"]

_ONCE = ("calling_model", "repeating", "approval_needed")


def _key(event: AgentEvent) -> tuple[Any, ...] | None:
    """What an event is recognised by when the same work is gone through again; None where it is never told twice."""
    match event:
        case ContentChunk():
            return "content", event.iteration
        case ToolCallEvent():
            return "tool_call", event.iteration, event.tool_name, event.call_id
        case ToolResultEvent(partial=False):
            return "tool_result", event.iteration, event.tool_name, event.call_id
        case UsageUpdate():
            return "usage_update", event.usage.get("total_tokens"), event.dollars, event.unpriced_calls
        case Thinking() if event.status in _ONCE:
            return "thinking", event.status, event.iteration, (event.details or {}).get("digest")
    return None


def _tokens(event: UsageUpdate) -> int:
    return int(event.usage.get("total_tokens", 0))


def merged(last: AgentEvent | None, event: AgentEvent, most: int) -> AgentEvent | None:
    """Two pieces of the same text as one of at most so many characters; None where they do not go together."""
    alike = type(last) is type(event) and (
        isinstance(event, ContentChunk) or (isinstance(event, Thinking) and "thought" == last.status == event.status)  # type: ignore[union-attr]
    )
    if not alike or last.iteration != event.iteration or len(last.content) + len(event.content) > most:  # type: ignore[union-attr]
        return None
    return msgspec.structs.replace(last, content=last.content + event.content)  # type: ignore[type-var,union-attr]


@attrs.define(eq=False)
class Told:
    """The events of the present round, from the last time that the work began from the start."""

    _seen: Counter[tuple[Any, ...]] = attrs.field(factory=Counter)
    _again: Counter[tuple[Any, ...]] = attrs.field(factory=Counter)
    _content: dict[int, int] = attrs.field(factory=dict)
    _taken: int = 0

    def is_new(self, event: AgentEvent) -> bool:
        """Whether it is to be written; it is noted as told."""
        if isinstance(event, UsageUpdate) and _tokens(event) < self._taken:
            return False  # finished calls are gone through again, and what they took is part of what was told
        key = _key(event)
        if key is not None and self._again.get(key, 0) > 0:
            if not isinstance(event, ContentChunk):
                self._again[key] -= 1
            return False
        self._note(key, event)
        return True

    def _note(self, key: tuple[Any, ...] | None, event: AgentEvent) -> None:
        if key is not None:
            self._seen[key] = self._seen.get(key, 0) + 1  # quicker than asking a counter for what is missing
        if isinstance(event, ContentChunk):
            self._content.setdefault(event.iteration, event.sequence)
        if isinstance(event, UsageUpdate):
            self._taken = max(self._taken, _tokens(event))

    def recall(self, events: Iterable[AgentEvent]) -> None:
        """Notes what was written before."""
        for event in events:
            void = event.void_after if isinstance(event, Thinking) else None
            if void == 0:
                self.begin_again()
            elif void is not None:
                self._withdraw([number for number, first in self._content.items() if first > void])
            self._note(_key(event), event)

    def broken(self, kept: Container[str]) -> int | None:
        """After which number the content does not count, which was part of an answer that is not among the kept."""
        broken = {number: first for number, first in self._content.items() if f"{number}/model" not in kept}
        self._withdraw(list(broken))
        return min(broken.values()) - 1 if broken else None

    def _withdraw(self, iterations: Iterable[int]) -> None:
        for number in iterations:
            del self._content[number]
            self._seen.pop(("content", number), None)

    def replay(self) -> None:
        """Says that the work is gone through again, as far as it is kept."""
        self._again = Counter(self._seen)

    def begin_again(self) -> None:
        """Forgets all: the work begins from the start."""
        self._seen.clear()
        self._again.clear()
        self._content.clear()
