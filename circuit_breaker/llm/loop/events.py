"""The events of a loop: facts, told as they happen."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import attrs

from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.tools.context import ToolProgress
from circuit_breaker.llm.usage import Usage

if TYPE_CHECKING:
    from circuit_breaker.llm.loop.outcome import LoopOutcome

__all__ = [
    "AnswerDelta",
    "ApprovalNeeded",
    "BudgetSpent",
    "LoopEnded",
    "LoopEvent",
    "ModelAnswered",
    "ModelCalled",
    "Planned",
    "RepetitionTold",
    "ThoughtDelta",
    "ToolEnded",
    "ToolReported",
    "ToolStarted",
]


@attrs.frozen
class Planned:
    """The model has made a plan, of these steps."""

    steps: tuple[str, ...]


@attrs.frozen(kw_only=True)
class ModelCalled:
    """The model is asked, for the time of this number."""

    iteration: int
    model: str
    messages: int


@attrs.frozen(kw_only=True)
class AnswerDelta:
    """A piece of text of the answer that is being made."""

    iteration: int
    text: str


@attrs.frozen(kw_only=True)
class ThoughtDelta:
    """A piece of a thought."""

    iteration: int
    text: str


@attrs.frozen(kw_only=True)
class ModelAnswered:
    """The model has answered, or called tools. ``kept`` says that the answer was kept from before a restart."""

    iteration: int
    response: ChatCompletionResponse
    kept: bool = False


@attrs.frozen(kw_only=True)
class BudgetSpent:
    """What all calls of models have taken so far."""

    usage: Usage
    dollars: Decimal
    unpriced: int


@attrs.frozen(kw_only=True)
class ToolStarted:
    """A tool is called."""

    iteration: int
    call: ToolCall


@attrs.frozen(kw_only=True)
class ToolReported:
    """A tool says what it does. It may be told from a worker thread."""

    iteration: int
    progress: ToolProgress


@attrs.frozen(kw_only=True)
class ToolEnded:
    """A tool has given its result. ``kept`` says that the result was kept from before a restart."""

    iteration: int
    call: ToolCall
    result: ToolResult
    seconds: float
    kept: bool = False


@attrs.frozen(kw_only=True)
class RepetitionTold:
    """The model was told that it makes the same call again and again."""

    iteration: int
    call: ToolCall


@attrs.frozen
class ApprovalNeeded:
    """A person must say whether these calls may be made; the loop ends, and can be taken up again."""

    calls: tuple[ToolCall, ...]


@attrs.frozen
class LoopEnded:
    """The loop is over."""

    outcome: LoopOutcome


LoopEvent = (
    Planned
    | ModelCalled
    | AnswerDelta
    | ThoughtDelta
    | ModelAnswered
    | BudgetSpent
    | ToolStarted
    | ToolReported
    | ToolEnded
    | RepetitionTold
    | ApprovalNeeded
    | LoopEnded
)
