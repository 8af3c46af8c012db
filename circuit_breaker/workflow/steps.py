"""Steps: what a transition does, as values: calls of functions, and executions of executors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from circuit_breaker.errors import WorkflowInvalid

__all__ = ["Action", "Call", "Execution", "Step"]

Action = Callable[..., Any]


@attrs.frozen
class Call:
    """A step that calls a function with the token, and with a context if it asks for one."""

    action: Action
    name: str

    @classmethod
    def of(cls, action: Any, name: str | None = None) -> Call:
        """The call of a function, under its own name unless another is given."""
        if not callable(action):
            raise WorkflowInvalid(f"{action!r} is no action", remedy="give a function that takes the token")
        own = getattr(action, "__name__", type(action).__name__)
        return cls(action, name or (own if own != "<lambda>" else "action"))


@attrs.frozen
class Execution:
    """A step that runs an executor with parameters, of which references are read from the token.

    Attributes:
        executor: The class, or the name under which it is registered.
        parameters: By name; a ``field(...)`` or ``template(...)`` is read when the step begins.
        result: The name in the token's results under which the outcome is kept; None merges it into the data.
    """

    executor: Any
    parameters: Mapping[str, Any] = attrs.field(eq=repr)  # a comparison of fields is a rule
    result: str | None = None

    @property
    def name(self) -> str:
        """The name of the executor."""
        return self.executor if isinstance(self.executor, str) else str(self.executor.__name__)


Step = Call | Execution
