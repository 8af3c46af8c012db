"""The end of an execution: its last event, how it stands then, and what is written along with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal, Self

import attrs

from circuit_breaker.agents.events import AgentEvent, ErrorEvent, ExecutionComplete, whole
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.telling import money
from circuit_breaker.data import thaw
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import CircuitBreakerError, words_of
from circuit_breaker.llm.loop.outcome import LoopOutcome

__all__ = ["Ending", "Remembering"]

_NEVER: Final = datetime.fromtimestamp(0, UTC)
_STOPS: Final[Mapping[str, tuple[str, str]]] = {
    "max_iterations": ("the model was asked as often as it may be", "raise limits.iterations, or ask for less"),
    "max_tokens": ("it has used up its tokens", "raise limits.tokens, or ask for less"),
    "max_dollars": ("it has used up its dollars", "raise limits.dollars, or ask for less"),
    "time": ("it took too long", "raise limits.timeout, or ask for less"),
    "unpriced": (
        "nobody knows what it has cost so far",
        "set limits.tokens in place of limits.dollars, or give the provider a profile with the price of the model",
    ),
    "repeated_calls": (
        "the model made the same call of a tool again and again",
        "look at what the tool gave, and say in the prompt what follows from it",
    ),
}
"""Why the loop was stopped, in words, and what to do."""


@attrs.frozen
class Remembering:
    """Records to write with the end of an execution that expect others to be as they were.

    Attributes:
        put: The records.
        again: Makes them again, where somebody else has changed one meanwhile.
    """

    put: Sequence[Put | Gone]
    again: Callable[[], Awaitable[Sequence[Put | Gone]]]


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
        words, remedy = _STOPS.get(outcome.reason, ("it was told to stop", "ask for less"))
        return cls(
            status="timed_out" if outcome.reason == "time" else "failed",
            code="agent_stopped",
            message=f"the agent was stopped before it was done: {words} ({outcome.reason})",
            remedy=remedy,
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
