"""Executors: declared classes of actions.

Subclass :class:`BaseExecutor`, declare parameters and hooks, and define ``execute_internal``; make one of any function
with :class:`FunctionExecutor`; put several together with :class:`StepExecutor`.
"""

from __future__ import annotations

from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.config import ExecutorConfig
from circuit_breaker.executors.declarations import after_execute, before_execute, finally_execute, parameter, validate
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
