"""Limits: what one execution of an agent may take."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Final

import attrs

from circuit_breaker.agents.numbers import is_amount, is_count, is_duration
from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault, LLMError
from circuit_breaker.llm.loop.limits import LoopLimits, exact_dollars
from circuit_breaker.llm.several import texts_of

__all__ = ["AgentLimits", "AgentRetry", "codes_of"]

FAILURES: Final[Mapping[str, frozenset[str]]] = {
    "timeout": frozenset({"agent_timeout", "response_timeout"}),
    "rate_limit": frozenset({"rate_limit_exceeded"}),
    "connection": frozenset({"connection_failed"}),
    "overloaded": frozenset({"provider_overloaded"}),
}
"""What people call failures, and their codes."""


def codes_of(names: Iterable[str]) -> frozenset[str]:
    """The codes of errors that are meant by these names, which may be codes."""
    return frozenset(code for name in names for code in (name, *FAILURES.get(name, ())))


@attrs.frozen(kw_only=True)
class AgentRetry:
    """When an execution that failed is tried again.

    Attributes:
        max_attempts: How often it is tried in all.
        backoff_seconds: Seconds before the second attempt; twice as long before each one after that.
        retry_on_errors: Codes of errors such as ``"timeout"`` and ``"rate_limit"``; empty for all that may pass.
    """

    max_attempts: int = 1
    backoff_seconds: float = 1.0
    retry_on_errors: tuple[str, ...] = attrs.field(default=(), converter=texts_of)

    def __attrs_post_init__(self) -> None:
        faults = []
        if not is_count(self.max_attempts) or self.max_attempts > 100:
            faults.append(Fault("max_attempts", f"{self.max_attempts!r:.40} is no number of attempts", "give 1 to 100"))
        if not is_duration(self.backoff_seconds, least=0.0):
            faults.append(Fault("backoff_seconds", f"{self.backoff_seconds!r:.40} is no time", "give seconds"))
        if faults:
            raise AgentInvalid("the retries of the agent are not valid", faults=faults)

    def wanted_for(self, error: CircuitBreakerError) -> bool:
        """Whether it is tried again after this error."""
        if self.retry_on_errors:
            return error.code in codes_of(self.retry_on_errors)
        return isinstance(error, LLMError) and error.again

    def seconds_before(self, attempt: int) -> float:
        """Seconds before the attempt of this number, from 2."""
        return float(self.backoff_seconds * 2 ** (attempt - 2))


@attrs.frozen(kw_only=True)
class AgentLimits:
    """What one execution may take; None where there is no limit.

    Attributes:
        iterations: How often the model is asked in one attempt. An attempt that goes on where the last one failed has
            what that left, and one that begins again has as many anew.
        tokens: Of input and output together, of all that it wants as well. Each call of a model sets aside what it can
            take at the worst, and waits while others have set too much aside; one that is alone gets what is left. No
            call is made once they are used up; the last one may take more, by as much as it reads.
        dollars: US dollars, in the same way.
        timeout: Seconds from its beginning to its end, waiting for a person not counted; None for as long as the engine
            gives those that name no time: ``execution_timeout`` of its :class:`AgentEngineConfig`.
        depth: How many executions may want one another, one inside the other, from the one of this agent inwards; nor
            may it be inside of as many itself.
        repairs: How often an answer may be mended that does not fit the output schema.
        retry: When an execution that failed is tried again.

    Raises:
        AgentInvalid: A limit is none; every fault is named.
    """

    iterations: int | None = 10
    tokens: int | None = None
    dollars: Decimal | None = attrs.field(default=None, converter=exact_dollars)
    timeout: float | None = 300.0
    depth: int = 5
    repairs: int = 2
    retry: AgentRetry = AgentRetry()

    def __attrs_post_init__(self) -> None:
        if faults := list(self._faults()):
            raise AgentInvalid("the limits of the agent are not valid", faults=faults)

    def _faults(self) -> Iterator[Fault]:
        for name in ("iterations", "tokens", "depth"):
            if (value := getattr(self, name)) is not None and not is_count(value):
                yield Fault(name, f"{value!r:.40} is no limit", "give a whole number from 1")
        for name, fits in (("dollars", is_amount), ("timeout", is_duration)):
            if (value := getattr(self, name)) is not None and not fits(value):
                yield Fault(name, f"{value!s:.40} is no limit", "give a number above 0, or None")
        if not is_count(self.repairs, least=0):
            yield Fault("repairs", f"{self.repairs!r:.40} is no number of times", "give a whole number from 0")

    def for_loop(self) -> LoopLimits:
        """The same for the loop; time is kept by the engine."""
        return LoopLimits(iterations=self.iterations, tokens=self.tokens, dollars=self.dollars, repairs=self.repairs)
