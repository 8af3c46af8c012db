"""Executors: declared classes of actions.

Subclass :class:`BaseExecutor`, declare parameters and hooks, and define ``execute_internal``; make one of any function
with :class:`FunctionExecutor`; put several together with :class:`StepExecutor`. Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.executors.base import BaseExecutor
    from circuit_breaker.executors.cache import MemoryOutcomes, OutcomeStore, cached
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
    from circuit_breaker.executors.registry import InstalledExecutors, installed
    from circuit_breaker.executors.secrets import Redaction, revealed, secret
    from circuit_breaker.executors.settings import Settings
    from circuit_breaker.executors.step import StepExecutor

__all__ = [
    "REQUIRED",
    "BaseExecutor",
    "ExecutionContext",
    "ExecutorConfig",
    "FunctionExecutor",
    "InstalledExecutors",
    "LogLine",
    "MemoryOutcomes",
    "OutcomeStore",
    "Parameter",
    "Progress",
    "Redaction",
    "Settings",
    "StandaloneContext",
    "StepExecutor",
    "after_execute",
    "before_execute",
    "cached",
    "finally_execute",
    "installed",
    "parameter",
    "revealed",
    "secret",
    "validate",
]

__getattr__ = lazily(
    __name__,
    {
        "base": ("BaseExecutor",),
        "cache": ("MemoryOutcomes", "OutcomeStore", "cached"),
        "config": ("ExecutorConfig",),
        "declarations": ("after_execute", "before_execute", "finally_execute", "parameter", "validate"),
        "execution": ("ExecutionContext", "LogLine", "Progress", "StandaloneContext"),
        "function": ("FunctionExecutor",),
        "parameters": ("REQUIRED", "Parameter"),
        "registry": ("InstalledExecutors", "installed"),
        "secrets": ("Redaction", "revealed", "secret"),
        "settings": ("Settings",),
        "step": ("StepExecutor",),
    },
)
