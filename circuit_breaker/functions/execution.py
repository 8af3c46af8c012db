"""An execution of a function: a case, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import attrs

from circuit_breaker.data import thaw
from circuit_breaker.executors.execution import LogLine
from circuit_breaker.functions.definition import FAILED, RUN, SUCCEEDED
from circuit_breaker.functions.status import ENDED, ExecutionStatus
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import ActionFailed, ActionStarted, Event, TransitionRefused

__all__ = ["ChainResult", "FunctionResult", "outcome_of", "result_of", "status_of"]


@attrs.frozen(kw_only=True)
class FunctionResult:
    """What came of an execution, or how it stands.

    Attributes:
        id: The id of the execution, which is that of its case.
        function_id: The function.
        version: The version of the function that was asked to run.
        status: How it stands.
        input: What it was given.
        output: What it gave; None unless it succeeded.
        logs: The end of what it wrote, at most 64 KiB; empty in lists.
        execution_time: Seconds from its beginning to its end; None while it has none.
        error: What went wrong, as ``{"code", "message"}``; empty for a success.
        cause: What asked for it: ``{"kind": "call" | "trigger" | "chain" | "schedule", ...}``.
        generation: How many functions led to it, one after the other; 0 for one that was asked for.
        requested_at: When it was asked for (UTC).
        updated_at: When something happened to it last (UTC).
    """

    id: str
    function_id: str
    version: str
    status: ExecutionStatus
    input: Any = None
    output: Any = None
    logs: tuple[LogLine, ...] = ()
    execution_time: float | None = None
    error: Mapping[str, Any] = attrs.field(factory=dict)
    cause: Mapping[str, Any] = attrs.field(factory=dict)
    generation: int = 0
    requested_at: datetime
    updated_at: datetime

    @property
    def ended(self) -> bool:
        """Whether it has come to an end."""
        return self.status in ENDED

    def to_document(self) -> dict[str, Any]:
        """The result as JSON."""
        document = attrs.asdict(self, recurse=False)
        return document | {
            "status": str(self.status),
            "logs": [attrs.asdict(line) for line in self.logs],
            "error": dict(self.error),
            "cause": dict(self.cause),
            "requested_at": self.requested_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }


@attrs.frozen
class ChainResult:
    """What came of the links of a chain.

    Attributes:
        results: The result of each link that ran, in order.
        skipped: For each link whose condition did not hold its number, counted from 0, and why.
    """

    results: tuple[FunctionResult, ...]
    skipped: Mapping[int, str] = attrs.field(factory=dict)

    @property
    def output(self) -> Any:
        """What the last link gave; None where none ran."""
        return self.results[-1].output if self.results else None


def status_of(case: Case) -> ExecutionStatus:
    """How an execution stands."""
    if case.status == "cancelled":
        return ExecutionStatus.CANCELLED
    if case.state == SUCCEEDED.name:
        return ExecutionStatus.SUCCESS
    if case.state == FAILED.name:
        timed_out = _error_of(case).get("code") == "timeout"
        return ExecutionStatus.TIMED_OUT if timed_out else ExecutionStatus.FAILED
    if case.status == "in_doubt" or any(pending.doubt for pending in case.pending):
        return ExecutionStatus.IN_DOUBT
    return ExecutionStatus.RUNNING if case.pending else ExecutionStatus.PENDING


def result_of(case: Case, logs: Iterable[LogLine] = ()) -> FunctionResult:
    """What came of the execution that the case is."""
    metadata, status = case.metadata, status_of(case)
    return FunctionResult(
        id=case.id,
        function_id=metadata.get("function", ""),
        version=metadata.get("version", ""),
        status=status,
        input=thaw(case.data.get("input")),
        output=thaw(outcome_of(case).get("output")),
        logs=tuple(logs),
        execution_time=_seconds(case, status),
        error={} if status is ExecutionStatus.SUCCESS else _error_of(case),
        cause=thaw(metadata.get("cause", {})),
        generation=metadata.get("generation", 0),
        requested_at=case.started_at,
        updated_at=case.updated_at,
    )


def outcome_of(case: Case) -> Mapping[str, Any]:
    """What its executor gave; empty unless it succeeded."""
    found: Mapping[str, Any] = case.token.results.get(RUN, {})
    return found


def _seconds(case: Case, status: ExecutionStatus) -> float | None:
    if status not in ENDED:
        return None
    begun = next((event.at for event in _events(case) if isinstance(event, ActionStarted)), None)
    return 0.0 if begun is None else (case.updated_at - begun).total_seconds()


def _events(case: Case) -> tuple[Event, ...]:
    """Those that are in memory."""
    return case.history[case.history.offset :]


def _error_of(case: Case) -> dict[str, Any]:
    """What went wrong last; empty where nothing did."""
    for event in reversed(_events(case)):
        if isinstance(event, ActionFailed):
            return {key: event.error[key] for key in ("code", "message") if key in event.error}
        if isinstance(event, TransitionRefused):
            return {"code": "invalid_output", "message": f"the output does not fit its schema: {_misfit(event)}"}
    told: dict[str, Any] = thaw(case.metadata.get("error", {}))
    return told


def _misfit(event: TransitionRefused) -> str:
    reason = event.verdict.get("reason") or event.verdict.get("text", "")
    return str(reason)
