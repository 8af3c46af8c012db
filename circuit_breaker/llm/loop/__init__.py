"""The loop: a model is asked, the tools that it calls are run, and it is asked again, until it answers or must stop.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.llm.loop.approvals import Decisions, call_digest, calls_digest
    from circuit_breaker.llm.loop.events import (
        AnswerDelta,
        ApprovalNeeded,
        BudgetSpent,
        LoopEnded,
        LoopEvent,
        ModelAnswered,
        ModelCalled,
        Planned,
        RepetitionTold,
        ThoughtDelta,
        ToolEnded,
        ToolReported,
        ToolStarted,
    )
    from circuit_breaker.llm.loop.limits import LoopLimits
    from circuit_breaker.llm.loop.loop import Loop
    from circuit_breaker.llm.loop.model import Answering, answering
    from circuit_breaker.llm.loop.options import LoopOptions
    from circuit_breaker.llm.loop.outcome import LoopOutcome
    from circuit_breaker.llm.loop.state import CallRecord, LoopState
    from circuit_breaker.llm.loop.surroundings import Surroundings

__all__ = [
    "AnswerDelta",
    "Answering",
    "ApprovalNeeded",
    "BudgetSpent",
    "CallRecord",
    "Decisions",
    "Loop",
    "LoopEnded",
    "LoopEvent",
    "LoopLimits",
    "LoopOptions",
    "LoopOutcome",
    "LoopState",
    "ModelAnswered",
    "ModelCalled",
    "Planned",
    "RepetitionTold",
    "Surroundings",
    "ThoughtDelta",
    "ToolEnded",
    "ToolReported",
    "ToolStarted",
    "answering",
    "call_digest",
    "calls_digest",
]

__getattr__ = lazily(
    __name__,
    {
        "approvals": ("Decisions", "call_digest", "calls_digest"),
        "events": (
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
        ),
        "limits": ("LoopLimits",),
        "loop": ("Loop",),
        "model": ("Answering", "answering"),
        "options": ("LoopOptions",),
        "outcome": ("LoopOutcome",),
        "state": ("CallRecord", "LoopState"),
        "surroundings": ("Surroundings",),
    },
)
