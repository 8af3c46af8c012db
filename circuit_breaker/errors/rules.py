"""Judging a rule was not possible."""

from __future__ import annotations

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "EvaluationFailed",
    "EvaluationTimeout",
    "RuleNotFound",
    "RulesError",
]


class RulesError(CircuitBreakerError):
    """The rules could not be judged."""

    code = "rules"


class RuleNotFound(RulesError, LookupError):
    """There is no rule of that name."""

    code = "rule_not_found"


class EvaluationFailed(RulesError):
    """A rule could not be judged."""

    code = "evaluation_failed"


class EvaluationTimeout(RulesError, TimeoutError):
    """Judging the rules took too long."""

    code = "evaluation_timeout"
