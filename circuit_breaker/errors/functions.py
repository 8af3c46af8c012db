"""Something asked of a container function is not possible."""

from __future__ import annotations

from circuit_breaker.errors.root import CircuitBreakerError

__all__ = [
    "ExecutionNotFound",
    "FunctionError",
    "FunctionNotFound",
]


class FunctionError(CircuitBreakerError):
    """That cannot be done with this function."""

    code = "function"


class FunctionNotFound(FunctionError, LookupError):
    """There is no function of that name or version."""

    code = "function_not_found"


class ExecutionNotFound(FunctionError, LookupError):
    """There is no execution of that id."""

    code = "execution_not_found"
