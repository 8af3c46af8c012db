"""Answers that are still growing, part by part, and what they are in our words when they are told."""

from __future__ import annotations

from typing import Any

import attrs

from circuit_breaker.llm.call_pieces import CallPieces, Growing
from circuit_breaker.llm.gathered import GatheredText
from circuit_breaker.llm.halves import Halves
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.names import Names
from circuit_breaker.llm.parts import EXTRA, Part, Text, Thinking, ToolCall
from circuit_breaker.llm.response import Choice, FinishReason

__all__ = ["GrowingAnswer", "GrowingText", "GrowingThought", "Wording"]


@attrs.define(eq=False)
class GrowingText:
    """A text that is still being said."""

    said: GatheredText = attrs.field(factory=GatheredText)
    halves: Halves = attrs.field(factory=Halves)
    extra: dict[str, Any] = attrs.field(factory=dict)


@attrs.define(eq=False)
class GrowingThought:
    """A thought that is still being thought."""

    said: GatheredText = attrs.field(factory=GatheredText)
    halves: Halves = attrs.field(factory=Halves)
    signature: list[str] = attrs.field(factory=list)
    redacted: str | None = None


@attrs.define(eq=False)
class GrowingAnswer:
    """One of the answers, as far as it has come.

    Attributes:
        index: Which of several.
        parts: What it is made of, in the order in which the parts began.
        calls: The calls of tools among them.
        reason: Why it ended, or None.
        raw_reason: The vendor's word for that.
        refused: Whether the text says why the model does not answer.
        extra: Members of the vendor's that we do not know; see :class:`~circuit_breaker.llm.response.Choice`.
    """

    index: int
    parts: list[GrowingText | GrowingThought | Growing] = attrs.field(factory=list)
    calls: CallPieces = attrs.field(factory=CallPieces)
    reason: FinishReason | None = None
    raw_reason: str = ""
    refused: bool = False
    extra: dict[str, Any] = attrs.field(factory=dict)

    @property
    def last(self) -> GrowingText | GrowingThought | Growing | None:
        """The part that began last."""
        return self.parts[-1] if self.parts else None

    @property
    def thought(self) -> GrowingThought | None:
        """The thought that goes on, if one does; what is hidden is never the piece of another."""
        last = self.last
        return last if isinstance(last, GrowingThought) and last.redacted is None else None


@attrs.frozen
class Wording:
    """What a vendor's words are in ours.

    Attributes:
        kind: The kind of the provider, which its thoughts are marked with.
        names: What the vendor calls our tools.
        answer_tool: The tool, by the vendor's name, whose arguments are the text of the answer; or an empty text.
    """

    kind: str
    names: Names
    answer_tool: str = ""

    def choice(self, answer: GrowingAnswer, reason: FinishReason | None = None) -> Choice:
        """The answer as it is now; with the reason why it ended unless another is given."""
        parts = filter(None, map(self._part, answer.parts))
        return Choice(
            index=answer.index,
            message=ChatMessage("assistant", tuple(parts)),
            finish_reason=reason or self._reason(answer),
            raw_finish_reason=answer.raw_reason,
            extra=answer.extra or EXTRA,
        )

    def _part(self, part: GrowingText | GrowingThought | Growing) -> Part | None:
        """The part; None for a text that says nothing."""
        match part:
            case GrowingText():
                text = part.said.getvalue()
                return Text(text, part.extra or EXTRA) if text or part.extra else None
            case GrowingThought():
                text = part.said.getvalue()
                signature = "".join(part.signature) or None
                return Thinking(text=text, signature=signature, redacted=part.redacted, provider=self.kind)
            case _ if part.name and part.name == self.answer_tool:
                return Text(part.arguments)
            case _:
                name = self.names.ours(part.name)
                return ToolCall(id=part.id, name=name, arguments=part.arguments, extra=part.extra or EXTRA)

    def _reason(self, answer: GrowingAnswer) -> FinishReason:
        """Why it ended: an answer that calls tools has ended for that, whatever its vendor calls it."""
        reason = "content_filter" if answer.refused else answer.reason or "other"
        calls = any(call.name != self.answer_tool for call in answer.calls)
        if calls and reason == "stop":
            return "tool_calls"
        return "stop" if reason == "tool_calls" and not calls else reason
