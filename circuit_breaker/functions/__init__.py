"""Functions: containers, and other executors, that run when a case, another function or the clock asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.functions.chains import ALWAYS, ON_FAILURE, ON_SUCCESS, ChainCondition, FunctionChain
    from circuit_breaker.functions.config import ExecutionConfig, FunctionConfig
    from circuit_breaker.functions.container import ContainerConfig, ContainerMount, ContainerResult, ResourceLimits
    from circuit_breaker.functions.definition import FunctionDefinition
    from circuit_breaker.functions.documents import (
        dump_function,
        function_from_document,
        function_schema,
        load_function,
    )
    from circuit_breaker.functions.execution import ChainResult, FunctionResult
    from circuit_breaker.functions.hooks import ResourceStateEvent
    from circuit_breaker.functions.manager import FunctionManager
    from circuit_breaker.functions.mapping import (
        FieldMapping,
        FullData,
        InputMapping,
        MergedMapping,
        TemplateMapping,
    )
    from circuit_breaker.functions.status import ExecutionStatus
    from circuit_breaker.functions.triggers import (
        EventTrigger,
        FunctionCompletion,
        ResourceState,
        ScheduledTime,
        WorkflowEvent,
    )
    from circuit_breaker.functions.trying import TriggerVerdict

__all__ = [
    "ALWAYS",
    "ON_FAILURE",
    "ON_SUCCESS",
    "ChainCondition",
    "ChainResult",
    "ContainerConfig",
    "ContainerMount",
    "ContainerResult",
    "EventTrigger",
    "ExecutionConfig",
    "ExecutionStatus",
    "FieldMapping",
    "FullData",
    "FunctionChain",
    "FunctionCompletion",
    "FunctionConfig",
    "FunctionDefinition",
    "FunctionManager",
    "FunctionResult",
    "InputMapping",
    "MergedMapping",
    "ResourceLimits",
    "ResourceState",
    "ResourceStateEvent",
    "ScheduledTime",
    "TemplateMapping",
    "TriggerVerdict",
    "WorkflowEvent",
    "dump_function",
    "function_from_document",
    "function_schema",
    "load_function",
]

__getattr__ = lazily(
    __name__,
    {
        "chains": ("ALWAYS", "ON_FAILURE", "ON_SUCCESS", "ChainCondition", "FunctionChain"),
        "config": ("ExecutionConfig", "FunctionConfig"),
        "container": ("ContainerConfig", "ContainerMount", "ContainerResult", "ResourceLimits"),
        "definition": ("FunctionDefinition",),
        "documents": ("dump_function", "function_from_document", "function_schema", "load_function"),
        "execution": ("ChainResult", "FunctionResult"),
        "hooks": ("ResourceStateEvent",),
        "manager": ("FunctionManager",),
        "mapping": ("FieldMapping", "FullData", "InputMapping", "MergedMapping", "TemplateMapping"),
        "status": ("ExecutionStatus",),
        "triggers": ("EventTrigger", "FunctionCompletion", "ResourceState", "ScheduledTime", "WorkflowEvent"),
        "trying": ("TriggerVerdict",),
    },
)
