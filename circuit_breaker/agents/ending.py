"""The end of an execution: its last event, and how it stands then."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import attrs

from circuit_breaker.agents.events import AgentEvent, ErrorEvent, ExecutionComplete, whole
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.telling import money
from circuit_breaker.data import thaw
from circuit_breaker.errors import CircuitBreakerError, words_of
from circuit_breaker.llm.loop.outcome import LoopOutcome

__all__ = ["Ending"]

_NEVER: Final = datetime.fromtimestamp(0, UTC)


@attrs.frozen(kw_only=True)
class Ending:
    """How an execution ends.

    Attributes:
        status: What it comes to.
        output: The answer as a value.
        outcome: Of the loop, where it came to an end.
        code: The code of what went wrong.
        message: What went wrong.
        remedy: What to do.
    """

    status: Literal["completed", "failed", "cancelled", "timed_out"]
    output: Any = None
    outcome: LoopOutcome | None = None
    code: str = ""
    message: str = ""
    remedy: str = ""

    @classmethod
    def failed(cls, error: Exception, outcome: LoopOutcome | None = None) -> Self:
        """The end with an error; of one that is none of ours only what it says."""
        if isinstance(error, CircuitBreakerError):
            message, code, remedy = error.message, error.code, error.remedy
        else:
            message, code, remedy = f"{type(error).__name__}: {words_of(error)[:1000]}", "agent_failed", ""
        return cls(status="failed", code=code, message=message, remedy=remedy, outcome=outcome)

    @classmethod
    def stopped(cls, outcome: LoopOutcome) -> Self:
        """The end by a limit of the loop."""
        return cls(
            status="timed_out" if outcome.reason == "time" else "failed",
            code="agent_stopped",
            message=f"the agent was stopped before it was done: {outcome.reason}",
            remedy="raise the limit, or ask for less",
            outcome=outcome,
        )

    def execution(self, execution: AgentExecution, now: datetime) -> AgentExecution:
        """The execution once it is over."""
        error = {"code": self.code, "message": whole(self.message), "remedy": whole(self.remedy)} if self.code else {}
        said: dict[str, Any] = {}
        if (outcome := self.outcome) is not None:
            said = {
                "final_response": whole(outcome.output),
                "finish_reason": outcome.reason,
                "model": whole(outcome.state.model),
                "provider": whole(outcome.state.provider),
            }
        output = whole(self.output)
        return attrs.evolve(
            execution,
            status=self.status,
            output=output,
            error=error,
            ended_at=now,
            waiting_for="",
            worker="",
            **said,
        )

    def event(self, ended: AgentExecution) -> AgentEvent:
        """The last event of the execution."""
        members: dict[str, Any] = {
            "execution_id": ended.id,
            "sequence": 0,
            "timestamp": _NEVER,
            "usage": dict(ended.usage),
            "dollars": money(ended.dollars, ended.unpriced_calls),
            "unpriced_calls": ended.unpriced_calls,
        }
        if self.status != "completed":
            return ErrorEvent(status=self.status, error=self.message, code=self.code, remedy=self.remedy, **members)
        return ExecutionComplete(
            final_response=ended.final_response,
            output=thaw(ended.output),
            model=ended.model,
            provider=ended.provider,
            finish_reason=ended.finish_reason,
            **members,
        )
