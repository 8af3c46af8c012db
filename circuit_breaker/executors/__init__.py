"""Executors: declared classes of actions.

Subclass :class:`BaseExecutor`, declare parameters and hooks, and define ``execute_internal``; make one of any function
with :class:`FunctionExecutor`; put several together with :class:`StepExecutor`. Each name is loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_breaker.executors.base import BaseExecutor
    from circuit_breaker.executors.config import ExecutorConfig
    from circuit_breaker.executors.declarations import (
        after_execute,
        before_execute,
        finally_execute,
        parameter,
        validate,
    )
    from circuit_breaker.executors.execution import ExecutionContext, LogLine, Progress, StandaloneContext
    from circuit_breaker.executors.function import FunctionExecutor
    from circuit_breaker.executors.parameters import REQUIRED, Parameter
    from circuit_breaker.executors.step import StepExecutor

__all__ = [
    "REQUIRED",
    "BaseExecutor",
    "ExecutionContext",
    "ExecutorConfig",
    "FunctionExecutor",
    "LogLine",
    "Parameter",
    "Progress",
    "StandaloneContext",
    "StepExecutor",
    "after_execute",
    "before_execute",
    "finally_execute",
    "parameter",
    "validate",
]
_HOMES = {
    "base": ("BaseExecutor",),
    "config": ("ExecutorConfig",),
    "declarations": ("after_execute", "before_execute", "finally_execute", "parameter", "validate"),
    "execution": ("ExecutionContext", "LogLine", "Progress", "StandaloneContext"),
    "function": ("FunctionExecutor",),
    "parameters": ("REQUIRED", "Parameter"),
    "step": ("StepExecutor",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
