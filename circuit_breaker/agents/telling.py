"""What the events of the loop are for those who follow an execution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import attrs

from circuit_breaker.agents.events import (
    AgentEvent,
    ContentChunk,
    Thinking,
    ToolCallEvent,
    ToolResultEvent,
    UsageUpdate,
)
from circuit_breaker.errors import ResponseInvalid
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.loop.approvals import asked_for, calls_digest
from circuit_breaker.llm.loop.events import (
    AnswerDelta,
    ApprovalNeeded,
    BudgetSpent,
    LoopEvent,
    ModelAnswered,
    ModelCalled,
    RepetitionTold,
    ThoughtDelta,
    ToolEnded,
    ToolReported,
    ToolStarted,
)
from circuit_breaker.llm.loop.outcome import usage_document
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools.context import ToolProgress
from circuit_breaker.llm.usage import Usage

__all__ = ["Teller", "money"]

_NEVER: Final = datetime.fromtimestamp(0, UTC)
LARGEST: Final = 64 * 1024
_MOST_REPORTS: Final = 1000  # of one call of a tool; its result has the rest


def _draft(kind: Any, **members: Any) -> Any:
    """An event that has no number and no time yet."""
    return kind(execution_id="", sequence=0, timestamp=_NEVER, **members)


def _taken(usage: Usage, dollars: Any, unpriced: int) -> dict[str, Any]:
    """What was taken, as the events have it."""
    return {"usage": usage_document(usage), "dollars": money(dollars, unpriced), "unpriced_calls": unpriced}


def money(dollars: Any, unpriced: int) -> str | None:
    """US dollars as text; None where nothing is priced."""
    return None if unpriced and not dollars else f"{dollars:f}"


@attrs.define
class Teller:
    """Turns the events of one run of a loop into drafts of events of an execution.

    Attributes:
        iterations: How often the model may be asked, or None.
        said: The iterations of which pieces of the answer were told.
        reports: How often each call of a tool has reported.
    """

    iterations: int | None
    said: set[int] = attrs.field(factory=set)
    reports: Counter[tuple[int, str]] = attrs.field(factory=Counter)

    def drafts(self, event: LoopEvent) -> Iterator[AgentEvent]:
        """What is told of one event of the loop."""
        match event:
            case AnswerDelta(iteration=number, text=text):
                self.said.add(number)
                yield _draft(ContentChunk, content=text, iteration=number)
            case ThoughtDelta(iteration=number, text=text):
                yield _draft(Thinking, status="thought", content=text, iteration=number)
            case ModelCalled(iteration=number, model=model):
                share = self._percent(number - 1)
                yield _draft(Thinking, status="calling_model", content=model, iteration=number, progress=share)
            case ModelAnswered(iteration=number, response=response):
                if response.content and number not in self.said:
                    self.said.add(number)
                    yield _draft(ContentChunk, content=response.content, iteration=number)
            case BudgetSpent(usage=usage, dollars=dollars, unpriced=unpriced):
                yield _draft(UsageUpdate, **_taken(usage, dollars, unpriced))
            case _:
                yield from self._of_tools(event)

    def _of_tools(self, event: LoopEvent) -> Iterator[AgentEvent]:
        match event:
            case ToolStarted(iteration=number, call=call):
                yield _draft(ToolCallEvent, **_named(call), arguments=_arguments(call), iteration=number)
            case ToolReported(iteration=number, progress=told):
                self.reports[number, told.call_id] += 1
                if (reports := self.reports[number, told.call_id]) <= _MOST_REPORTS:
                    yield _partial(number, told, last=reports == _MOST_REPORTS)
            case ToolEnded(iteration=number, call=call, result=result, seconds=seconds):
                content, truncated = _shortened(result.content)
                yield _draft(
                    ToolResultEvent,
                    **_named(call),
                    result=content,
                    is_error=result.is_error,
                    truncated=truncated,
                    seconds=seconds,
                    iteration=number,
                )
            case RepetitionTold(iteration=number, call=call):
                yield _draft(Thinking, status="repeating", content=call.name, iteration=number)
            case ApprovalNeeded(calls=calls):
                asked = {"calls": list(asked_for(calls)), "digest": calls_digest(calls)}
                yield _draft(Thinking, status="approval_needed", details=asked)

    def _percent(self, done: int) -> float | None:
        return None if self.iterations is None else round(min(99.0, 100 * done / self.iterations), 1)


def _partial(iteration: int, told: ToolProgress, *, last: bool) -> AgentEvent:
    """A piece of the result of a tool, or how far it is."""
    message, truncated = _shortened(str(told.message))
    share = {"progress": _percent(told.fraction)} if told.fraction is not None else {}
    event: AgentEvent = _draft(
        ToolResultEvent,
        tool_name=told.tool,
        call_id=told.call_id,
        result={"message": message, **share},
        partial=True,
        truncated=truncated or last,
        iteration=iteration,
    )
    return event


def _percent(fraction: float) -> float:
    """The share in percent, whatever a tool says that it is."""
    return round(100 * fraction, 1) if 0 <= fraction <= 1 else 100.0 * (fraction > 1)


def _named(call: ToolCall) -> dict[str, str]:
    return {"tool_name": call.name, "call_id": call.id}


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return arguments_of(call)
    except ResponseInvalid:
        return {"text": call.arguments[:LARGEST]}


def _shortened(content: str) -> tuple[str, bool]:
    return (content, False) if len(content) <= LARGEST else (content[:LARGEST], True)
