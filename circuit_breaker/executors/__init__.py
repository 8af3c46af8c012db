"""Executors: declared classes of actions.

Subclass :class:`BaseExecutor`, declare parameters and hooks, and define ``execute_internal``; make one of any function
with :class:`FunctionExecutor`; run a container with :class:`DockerExecutor`, a program with
:class:`SubprocessExecutor`, a function in a process of its own with :class:`PythonExecutor`, a request with
:class:`HttpExecutor`, a message with :class:`NatsExecutor`, a function that others run with
:class:`ServerlessExecutor`; ask a model with :class:`AssistantExecutor`, have one work on a task with
:class:`AgentExecutor`; put several together with :class:`StepExecutor`. Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.executors.agent import AgentExecutor
    from circuit_breaker.executors.assistant import AssistantExecutor
    from circuit_breaker.executors.base import BaseExecutor
    from circuit_breaker.executors.cache import MemoryOutcomes, OutcomeStore, RecordedOutcomes, cached
    from circuit_breaker.executors.calls import CallSettings
    from circuit_breaker.executors.config import ExecutorConfig
    from circuit_breaker.executors.declarations import (
        after_execute,
        before_execute,
        finally_execute,
        parameter,
        validate,
    )
    from circuit_breaker.executors.docker import DockerExecutor
    from circuit_breaker.executors.docker.settings import DockerSettings
    from circuit_breaker.executors.execution import ExecutionContext, LogLine, Progress, StandaloneContext
    from circuit_breaker.executors.function import FunctionExecutor
    from circuit_breaker.executors.http import HttpExecutor
    from circuit_breaker.executors.models.settings import ModelSettings
    from circuit_breaker.executors.nats import NatsExecutor
    from circuit_breaker.executors.parameters import REQUIRED, Parameter
    from circuit_breaker.executors.plan import result
    from circuit_breaker.executors.programs.executor import SubprocessExecutor
    from circuit_breaker.executors.programs.permission import ProgramSettings
    from circuit_breaker.executors.programs.python import PythonExecutor, PythonSettings
    from circuit_breaker.executors.programs.resources import Resources
    from circuit_breaker.executors.registry import InstalledExecutors, installed
    from circuit_breaker.executors.secrets import Redaction, revealed, secret
    from circuit_breaker.executors.serverless import ServerlessExecutor, ServerlessSettings
    from circuit_breaker.executors.serverless.aws import LambdaFunctions
    from circuit_breaker.executors.serverless.contract import Backend, Invocation
    from circuit_breaker.executors.serverless.http import HttpFunctions
    from circuit_breaker.executors.settings import Settings
    from circuit_breaker.executors.step import StepExecutor, StepSettings

__all__ = [
    "REQUIRED",
    "AgentExecutor",
    "AssistantExecutor",
    "Backend",
    "BaseExecutor",
    "CallSettings",
    "DockerExecutor",
    "DockerSettings",
    "ExecutionContext",
    "ExecutorConfig",
    "FunctionExecutor",
    "HttpExecutor",
    "HttpFunctions",
    "InstalledExecutors",
    "Invocation",
    "LambdaFunctions",
    "LogLine",
    "MemoryOutcomes",
    "ModelSettings",
    "NatsExecutor",
    "OutcomeStore",
    "Parameter",
    "ProgramSettings",
    "Progress",
    "PythonExecutor",
    "PythonSettings",
    "RecordedOutcomes",
    "Redaction",
    "Resources",
    "ServerlessExecutor",
    "ServerlessSettings",
    "Settings",
    "StandaloneContext",
    "StepExecutor",
    "StepSettings",
    "SubprocessExecutor",
    "after_execute",
    "before_execute",
    "cached",
    "finally_execute",
    "installed",
    "parameter",
    "result",
    "revealed",
    "secret",
    "validate",
]

__getattr__ = lazily(
    __name__,
    {
        "agent": ("AgentExecutor",),
        "assistant": ("AssistantExecutor",),
        "base": ("BaseExecutor",),
        "cache": ("MemoryOutcomes", "OutcomeStore", "RecordedOutcomes", "cached"),
        "calls": ("CallSettings",),
        "config": ("ExecutorConfig",),
        "declarations": ("after_execute", "before_execute", "finally_execute", "parameter", "validate"),
        "docker": ("DockerExecutor", "DockerSettings"),
        "execution": ("ExecutionContext", "LogLine", "Progress", "StandaloneContext"),
        "function": ("FunctionExecutor",),
        "http": ("HttpExecutor",),
        "models.settings": ("ModelSettings",),
        "nats": ("NatsExecutor",),
        "parameters": ("REQUIRED", "Parameter"),
        "programs.permission": ("ProgramSettings",),
        "plan": ("result",),
        "programs.executor": ("SubprocessExecutor",),
        "programs.python": ("PythonExecutor", "PythonSettings"),
        "registry": ("InstalledExecutors", "installed"),
        "programs.resources": ("Resources",),
        "secrets": ("Redaction", "revealed", "secret"),
        "serverless.executor": ("ServerlessExecutor", "ServerlessSettings"),
        "serverless.aws": ("LambdaFunctions",),
        "serverless.contract": ("Backend", "Invocation"),
        "serverless.http": ("HttpFunctions",),
        "settings": ("Settings",),
        "step": ("StepExecutor", "StepSettings"),
    },
)
