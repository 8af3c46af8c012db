"""The events of executions as they are told: text as it comes, and beside it what the agent is about."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from math import inf
from typing import Any, Final

import attrs
import click
import msgspec

from circuit_breaker.agents.events import (
    AgentEvent,
    ContentChunk,
    ErrorEvent,
    ExecutionComplete,
    ExecutionStart,
    Thinking,
    ToolCallEvent,
    ToolResultEvent,
    UsageUpdate,
    decode,
)
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.visible import visible

__all__ = ["EventTeller", "taken_text"]

_LONGEST: Final = 200
_SAID: Final = {
    "repeating": "repeats itself",
    "approval_needed": "waits for a yes",
    "resumed": "goes on where it was",
}


@attrs.define
class EventTeller:
    """Tells events.

    Attributes:
        output: Where.
        brief: Whether only the answer and the calls of tools are told.
        last: The number of the last event that was told.
    """

    output: Output
    brief: bool = False
    last: int = 0
    _inside: bool = False
    _status: Any = None

    async def follow(self, documents: AsyncIterator[bytes]) -> None:
        """Tells them all as they come."""
        try:
            async for document in documents:
                self.tell(document)
        finally:
            self.rest()

    def tell(self, document: bytes) -> None:
        """Tells one event, as it is kept."""
        self._tell(decode(document), document)

    def recall(self, documents: Sequence[bytes]) -> None:
        """Tells events that are kept already; for people without the text that was withdrawn since."""
        events, before = [decode(document) for document in documents], self.last
        withdrawn = set() if self.output.json else set(_withdrawn(events))
        for event, document in zip(events, documents, strict=True):
            if event.sequence in withdrawn:
                self.last = event.sequence
            elif isinstance(event, Thinking) and (event.void_after or 0) >= before:
                self._tell(msgspec.structs.replace(event, void_after=None), document)
            else:
                self._tell(event, document)

    def _tell(self, event: AgentEvent, document: bytes) -> None:
        self.last = event.sequence
        if self.output.json:
            self.output.kept(document)
        else:
            self._show(event)

    def rest(self) -> None:
        """Ends the line that was begun, and stops to show what goes on."""
        self._about("")
        if self._inside:
            click.echo()
        self._inside = False

    def _show(self, event: AgentEvent) -> None:
        match event:
            case ContentChunk():
                self._about("")
                terminal = self.output.console.is_terminal
                click.echo(visible(event.content, keep="\n\t") if terminal else event.content, nl=False)
                self._inside = not event.content.endswith("\n")
            case ToolCallEvent():
                arguments = json.dumps(event.arguments, ensure_ascii=False)
                self._note(f"  calls {event.tool_name} {_short(arguments)}")
            case ToolResultEvent():
                self._result(event)
            case Thinking():
                self._thinking(event)
            case ExecutionStart() if not self.brief:
                self._note(f"execution {event.execution_id} of {event.agent_id} {event.agent_version}")
            case ExecutionComplete():
                self._complete(event)
            case ErrorEvent():
                self.rest()
            case UsageUpdate():
                pass

    def _note(self, text: str) -> None:
        self.rest()
        self.output.note(text)

    def _result(self, event: ToolResultEvent) -> None:
        said = event.result if isinstance(event.result, str) else json.dumps(event.result, ensure_ascii=False)
        if event.partial:
            self._about(f"{event.tool_name}: {_progress(event.result)}")
        elif event.is_error:
            self._note(f"  {event.tool_name} failed: {_short(said)}")
        elif not self.brief:
            self._note(f"  {event.tool_name} gave {_short(said)} ({event.seconds:.2f} s)")

    def _thinking(self, event: Thinking) -> None:
        if event.status == "calling_model":
            share = "" if event.progress is None else f" ({event.progress:.0f}%)"
            self._about(f"asks the model {event.content}{share}")
        elif event.status == "retrying":
            self._note(f"  tries again: {_short(event.content)}")
        elif event.status in _SAID:
            self._note(f"  {_SAID[event.status]}")
        if event.void_after is not None and event.status != "retrying":
            self._note(f"  what was said after number {event.void_after} does not count")

    def _complete(self, event: ExecutionComplete) -> None:
        self.rest()
        if not self.brief:
            self.output.note(taken_text(event.usage, event.dollars))

    def _about(self, text: str) -> None:
        """Shows what goes on, where somebody watches, until something else does."""
        if self._status is not None:
            self._status.stop()
            self._status = None
        if text and self.output.live and not self._inside:
            self._status = self.output.console.status(visible(text))
            self._status.start()


def taken_text(usage: Any, dollars: str | None) -> str:
    """What was taken, in words."""
    price = "unpriced" if dollars is None else f"${dollars}"
    return f"{usage.get('total_tokens', 0)} tokens, {price}"


def _withdrawn(events: Sequence[AgentEvent]) -> Iterator[int]:
    """The numbers of the pieces of text that a later event withdraws."""
    counts: float = inf
    for event in reversed(events):
        if isinstance(event, ContentChunk) and event.sequence > counts:
            yield event.sequence
        elif isinstance(event, Thinking) and event.void_after is not None:
            counts = min(counts, event.void_after)


def _progress(result: Any) -> str:
    if not isinstance(result, dict):
        return _short(str(result))
    share = f"{result['progress']:g}% " if isinstance(result.get("progress"), (int, float)) else ""
    return f"{share}{_short(str(result.get('message', '')))}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
