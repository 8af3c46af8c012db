"""What an execution tells of a loop: how far it is, which tools it calls, and a list of its events as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.llm.loop.approvals import asked_for
from circuit_breaker.llm.loop.events import (
    ApprovalNeeded,
    LoopEnded,
    LoopEvent,
    ModelAnswered,
    ModelCalled,
    Planned,
    RepetitionTold,
    ToolEnded,
    ToolReported,
    ToolStarted,
)
from circuit_breaker.llm.loop.outcome import usage_document

__all__ = ["LoopProgress"]


@attrs.define
class LoopProgress:
    """Tells an execution of the events of a loop, and notes them.

    Attributes:
        execution: The execution.
        iterations: How often the model may be asked, or None.
        noted: The events so far, as JSON.
    """

    execution: ExecutionContext
    iterations: int | None
    noted: list[dict[str, Any]] = attrs.field(factory=list)

    def tell(self, event: LoopEvent) -> None:
        """Tells of one event."""
        if (told := _document(event)) is not None:
            self.noted.append(told)
        match event:
            case ModelCalled():
                self.execution.progress(self._share(event.iteration - 1), f"asking {event.model}")
            case LoopEnded():
                self.execution.progress(1.0, event.outcome.status)
            case ToolReported():
                self.execution.log(f"{event.progress.tool}: {event.progress.message}")
            case _:
                for line in _lines(event):
                    self.execution.log(line)

    def _share(self, iterations: int) -> float:
        """How far it may be: of what is allowed, and less than all."""
        most = self.iterations or iterations + 2
        return min(0.99, iterations / most)


def _lines(event: LoopEvent) -> Iterator[str]:
    match event:
        case Planned():
            yield from (f"plan {number}: {step}" for number, step in enumerate(event.steps, 1))
        case ToolStarted():
            yield f"tool {event.call.name} is called"
        case ToolEnded():
            yield f"tool {event.call.name} {'failed' if event.result.is_error else 'has answered'}"
        case RepetitionTold():
            yield f"tool {event.call.name}: the model repeats itself, and was told"
        case ApprovalNeeded():
            yield f"a person must approve: {', '.join(call.name for call in event.calls)}"


def _document(event: LoopEvent) -> dict[str, Any] | None:
    """The event as JSON; None for what comes in pieces, and for the end, which the outcome tells."""
    match event:
        case Planned():
            return {"event": "planned", "steps": list(event.steps)}
        case ModelAnswered():
            response = event.response
            calls = [call.name for call in response.tool_calls]
            return {
                "event": "model_answered",
                "iteration": event.iteration,
                "model": response.model,
                "tool_calls": calls,
                "usage": usage_document(response.usage),
            }
        case ToolEnded():
            return {
                "event": "tool_ended",
                "iteration": event.iteration,
                "name": event.call.name,
                "call": event.call.id,
                "is_error": event.result.is_error,
                "seconds": event.seconds,
            }
        case RepetitionTold():
            return {"event": "repetition_told", "iteration": event.iteration, "name": event.call.name}
        case ApprovalNeeded():
            return {"event": "approval_needed", "calls": list(asked_for(event.calls))}
    return None
