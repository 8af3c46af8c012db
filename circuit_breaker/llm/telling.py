"""Telling: the events of parts of an answer that grow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from circuit_breaker.llm.call_pieces import Growing
from circuit_breaker.llm.growing import GrowingAnswer, GrowingText, GrowingThought
from circuit_breaker.llm.names import Names
from circuit_breaker.llm.stream import StreamEvent, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEnded

__all__ = ["Telling"]

_DELTAS: Final[Mapping[type, Callable[..., StreamEvent]]] = {GrowingText: TextDelta, GrowingThought: ThinkingDelta}


class Telling:
    """Tells what is new of texts, thoughts and calls.

    Args:
        names: What the vendor calls our tools.
        answer_tool: The tool, by the vendor's name, whose arguments are the text of the answer; or an empty text.

    Attributes:
        events: What was told since the last time.
    """

    def __init__(self, names: Names, answer_tool: str) -> None:
        self.events: list[StreamEvent] = []
        self._names = names
        self._answer_tool = answer_tool

    def take(self) -> list[StreamEvent]:
        """The events since the last time."""
        events, self.events = self.events, []
        return events

    def said(self, part: GrowingText | GrowingThought, piece: str, index: int) -> None:
        """Adds a piece to a text or a thought; half a character waits for its other half."""
        said = part.halves.joined(piece)
        if said:
            part.said.write(said)
            self.events.append(_DELTAS[type(part)](text=said, index=index))

    def rest(self, answer: GrowingAnswer) -> None:
        """What is left of the last part, which ends if it is a text or a thought."""
        last = answer.parts[-1] if answer.parts else None
        if isinstance(last, (GrowingText, GrowingThought)) and (rest := last.halves.rest()):
            self.said(last, rest, answer.index)

    def call(self, answer: GrowingAnswer, call: Growing, *, whole: bool = False) -> None:
        """What is new of a call whose name is known; of one that is whole, nothing unless something is."""
        if not call.name:
            return
        piece = call.untold()
        if call.name == self._answer_tool:
            if piece:
                self.events.append(TextDelta(text=piece, index=answer.index))
        elif piece or not (call.told or whole):
            call.told = True
            ours = self._names.ours(call.name)
            self.events.append(
                ToolCallDelta(call=call.number, id=call.id, name=ours, arguments=piece, index=answer.index)
            )

    def call_ended(self, answer: GrowingAnswer, call: Growing) -> None:
        """That a call with a name is complete; the one whose arguments are the answer is none."""
        if call.name == self._answer_tool and not call.begun:
            call.ended = True
            return
        call.end()
        self.call(answer, call, whole=True)
        if call.name != self._answer_tool:
            ours = self._names.ours(call.name)
            self.events.append(
                ToolCallEnded(call=call.number, id=call.id, name=ours, arguments=call.arguments, index=answer.index)
            )
