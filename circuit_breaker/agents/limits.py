"""Limits: what one execution of an agent may take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

import attrs

from circuit_breaker.errors import AgentInvalid, CircuitBreakerError, Fault, LLMError
from circuit_breaker.llm.loop.limits import LoopLimits, exact_dollars

__all__ = ["AgentLimits", "AgentRetry"]

_SPELLINGS: Final[Mapping[str, str]] = {
    "timeout": "response_timeout",
    "rate_limit": "rate_limit_exceeded",
    "connection": "connection_failed",
    "overloaded": "provider_overloaded",
}
"""What people call errors, and their codes."""


def _is_positive(value: Any, *, zero: bool = False) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return False
    return (value > 0 or (zero and value == 0)) and value < float("inf")


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
    retry_on_errors: tuple[str, ...] = attrs.field(default=(), converter=tuple)

    def __attrs_post_init__(self) -> None:
        faults = []
        if type(self.max_attempts) is not int or not 1 <= self.max_attempts <= 100:
            faults.append(Fault("max_attempts", f"{self.max_attempts!r:.40} is no number of attempts", "give 1 to 100"))
        if not _is_positive(self.backoff_seconds, zero=True):
            faults.append(Fault("backoff_seconds", f"{self.backoff_seconds!r:.40} is no time", "give seconds"))
        if faults:
            raise AgentInvalid("the retries of the agent are not valid", faults=faults)

    def wanted_for(self, error: CircuitBreakerError) -> bool:
        """Whether it is tried again after this error."""
        if self.retry_on_errors:
            return error.code in {_SPELLINGS.get(code, code) for code in self.retry_on_errors}
        return isinstance(error, LLMError) and error.again

    def seconds_before(self, attempt: int) -> float:
        """Seconds before the attempt of this number, from 2."""
        return float(self.backoff_seconds * 2 ** (attempt - 2))


@attrs.frozen(kw_only=True)
class AgentLimits:
    """What one execution may take; None where there is no limit.

    Attributes:
        iterations: How often the model is asked.
        tokens: Of input and output together, of all that it wants as well. Each call of a model sets aside what it can
            take at the worst, and waits while others have set too much aside; one that is alone gets what is left.
        dollars: US dollars, in the same way.
        timeout: Seconds from its beginning to its end, waiting for a person not counted.
        depth: How many executions may want one another, one inside the other.
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
            value = getattr(self, name)
            if value is not None and (type(value) is not int or value < 1):
                yield Fault(name, f"{value!r:.40} is no limit", "give a whole number from 1")
        for name in ("dollars", "timeout"):
            value = getattr(self, name)
            if value is not None and not _is_positive(value):
                yield Fault(name, f"{value!s:.40} is no limit", "give a number above 0, or None")
        if type(self.repairs) is not int or self.repairs < 0:
            yield Fault("repairs", f"{self.repairs!r:.40} is no number of times", "give a whole number from 0")

    def for_loop(self, *, seconds: float | None = None) -> LoopLimits:
        """The same for the loop; time is kept by the engine unless given."""
        return LoopLimits(
            iterations=self.iterations, tokens=self.tokens, dollars=self.dollars, seconds=seconds, repairs=self.repairs
        )
