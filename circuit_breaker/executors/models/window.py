"""The window: what of a conversation a model is shown, and what is remembered of it afterwards."""

from __future__ import annotations

import attrs

from circuit_breaker.llm.loop.outcome import APPROVAL_NEEDED, LoopOutcome
from circuit_breaker.llm.memory import ConversationMemory
from circuit_breaker.llm.messages import ChatMessage

__all__ = ["Window"]


@attrs.frozen
class Window:
    """A view of a conversation through the limits of a memory.

    Attributes:
        memory: The memory of the executor.
        begun: The place of the message that says what is to be done; it is always shown.
        resumed: Whether the conversation takes the place of what is remembered.
        kept: Whether it is remembered.
    """

    memory: ConversationMemory
    begun: int = 0
    resumed: bool = False
    kept: bool = True

    def view(self, messages: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
        """What the model is shown: the system prompt, the work, and as much of the end as there is room for."""
        memory = self.memory.like(summary=self.kept)
        memory.add(*messages)
        shown = memory.messages
        work = messages[self.begun]
        if any(message is work for message in shown):
            return shown
        head = len(shown) - len(memory.history)
        return (*shown[:head], work, *shown[head:])

    def remember(self, outcome: LoopOutcome) -> None:
        """Adds what was said to the memory, unless the work is not over."""
        if outcome.status == APPROVAL_NEEDED or not self.kept:
            return
        if self.resumed:
            self.memory.clear()
        self.memory.add(*outcome.state.messages[0 if self.resumed else self.begun :])
