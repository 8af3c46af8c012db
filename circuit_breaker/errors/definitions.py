"""Something declared is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from circuit_breaker.errors.root import CircuitBreakerError, Fault

__all__ = [
    "AgentInvalid",
    "ConditionParsingError",
    "DefinitionError",
    "DocumentInvalid",
    "ExecutorInvalid",
    "FunctionInvalid",
    "RuleInvalid",
    "ToolInvalid",
    "WorkflowInvalid",
]


class DefinitionError(CircuitBreakerError):
    """The definition is wrong."""

    code = "invalid_definition"

    def __init__(self, message: str = "", *, faults: Iterable[Fault] = (), remedy: str = "") -> None:
        self.faults = tuple(faults)
        lines = [message or (type(self).__doc__ or "").partition("\n")[0], *(f"  - {fault}" for fault in self.faults)]
        super().__init__("\n".join(lines), remedy=remedy)

    def to_document(self) -> dict[str, Any]:
        return super().to_document() | {"faults": [attrs.asdict(fault) for fault in self.faults]}


class WorkflowInvalid(DefinitionError):
    """The workflow is not valid."""

    code = "invalid_workflow"


class RuleInvalid(DefinitionError):
    """The rule is not valid."""

    code = "invalid_rule"


class ConditionParsingError(RuleInvalid):
    """The expression cannot be read.

    Attributes:
        text: The whole expression.
        position: Offset of the fault in ``text``, in characters from 0.
    """

    code = "condition_parsing"

    def __init__(self, message: str, *, text: str, position: int, remedy: str = "") -> None:
        self.text = text
        self.position = position
        start = max(0, position - 40)
        excerpt = text[start : position + 40].replace("\n", " ")
        pointer = f"{' ' * (position - start)}^"
        super().__init__(f"{message} at position {position}:\n  {excerpt}\n  {pointer}", remedy=remedy)


class ExecutorInvalid(DefinitionError):
    """The executor class is not valid."""

    code = "invalid_executor"


class FunctionInvalid(DefinitionError):
    """The function is not valid."""

    code = "invalid_function"


class ToolInvalid(DefinitionError):
    """The tool is not valid."""

    code = "invalid_tool"


class AgentInvalid(DefinitionError):
    """The agent is not valid."""

    code = "invalid_agent"


class DocumentInvalid(DefinitionError):
    """The document is not valid."""

    code = "invalid_document"
