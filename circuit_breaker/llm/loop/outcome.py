"""The outcome of a loop, and the mapping of it that rules can read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.llm.loop.approvals import asked_for, calls_digest
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.response import Loss
from circuit_breaker.llm.usage import Usage

__all__ = ["APPROVAL_NEEDED", "COMPLETED", "STOPPED", "LoopOutcome", "usage_document"]

COMPLETED: Final = "completed"
STOPPED: Final = "stopped"
APPROVAL_NEEDED: Final = "approval_needed"

Status = Literal["completed", "stopped", "approval_needed"]


@attrs.frozen(kw_only=True)
class LoopOutcome:
    """What became of a loop.

    Attributes:
        status: ``"completed"``: the model has answered. ``"stopped"``: a limit or a condition ended it.
            ``"approval_needed"``: a person must decide; go on with :meth:`Loop.run` and the same state.
        reason: Of an answer why it ended (``"stop"``, ``"length"``, ``"content_filter"``); otherwise what ended the
            loop: ``"max_iterations"``, ``"max_tokens"``, ``"max_dollars"``, ``"unpriced"``, ``"time"``,
            ``"repeated_calls"``, ``"stop_condition"`` or ``"approval"``.
        state: Everything that happened.
        parsed: The answer as a value, where a form was asked for.
        approvals: The calls that a person must decide on.
        losses: What could not be sent to the model as it was asked for.
    """

    status: Status
    reason: str
    state: LoopState
    parsed: Any = None
    approvals: tuple[ToolCall, ...] = ()
    losses: tuple[Loss, ...] = ()

    @property
    def output(self) -> str:
        """What the model said last."""
        return self.state.answer

    def document(self) -> dict[str, Any]:
        """The outcome as JSON: ``status``, ``output``, ``finish_reason``, ``usage``, ``cost`` and more."""
        state = self.state
        told: dict[str, Any] = {
            "status": self.status,
            "output": self.output,
            "parsed": self.parsed,
            "finish_reason": self.reason,
            "iterations": state.iteration,
            "tool_calls": [record.summary() for record in state.calls],
            "usage": usage_document(state.usage),
            "cost": _cost_document(state),
            "model": state.model,
            "provider": state.provider,
            "losses": [attrs.asdict(loss) for loss in self.losses],
        }
        if state.plan:
            told["plan"] = list(state.plan)
        if self.status == APPROVAL_NEEDED:
            told["approval"] = {
                "calls": list(asked_for(self.approvals)),
                "digest": calls_digest(self.approvals),
                "document": state.to_document(),
            }
        return told


_TOKENS: Final = (*attrs.fields_dict(Usage), "total_tokens")


def usage_document(usage: Usage) -> dict[str, Any]:
    """The tokens as JSON, their total included."""
    return {name: getattr(usage, name) for name in _TOKENS}


def _cost_document(state: LoopState) -> Mapping[str, Any]:
    """US dollars as a number, for rules, and exactly, as a text; None where no price was known."""
    unknown = state.unpriced > 0 and not state.dollars
    return {
        "dollars": None if unknown else float(state.dollars),
        "exact": None if unknown else f"{state.dollars:f}",
        "unpriced_calls": state.unpriced,
    }
