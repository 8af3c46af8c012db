"""Workflows for AI models, containers and people, as coloured Petri nets that survive a crash.

The names that a program needs are here; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuit_breaker.engine import Engine, Plugin, RuleContext, RulesConfig, RulesEngine, SyncEngine, SystemClock
    from circuit_breaker.errors import CircuitBreakerError
    from circuit_breaker.executors import (
        BaseExecutor,
        FunctionExecutor,
        StepExecutor,
        after_execute,
        before_execute,
        parameter,
        validate,
    )
    from circuit_breaker.rules import (
        COMMON,
        Field,
        Policy,
        Rule,
        Rulebook,
        Verdict,
        all_of,
        any_of,
        cel,
        field,
        javascript,
        none_of,
        rule,
        template,
    )
    from circuit_breaker.storage import connect
    from circuit_breaker.workflow import (
        Case,
        Change,
        Event,
        Flow,
        History,
        RetryPolicy,
        State,
        Token,
        Workflow,
        WorkflowBuilder,
        dump_workflow,
        flow,
        load_workflow,
        states,
    )

__version__ = "0.1.0"

_HOMES = {
    "circuit_breaker.engine": ("Engine", "Plugin", "RuleContext", "RulesConfig", "RulesEngine", "SyncEngine", "SystemClock"),
    "circuit_breaker.executors": (
        "BaseExecutor",
        "FunctionExecutor",
        "StepExecutor",
        "after_execute",
        "before_execute",
        "parameter",
        "validate",
    ),
    "circuit_breaker.rules": (
        "COMMON",
        "Field",
        "Policy",
        "Rule",
        "Rulebook",
        "Verdict",
        "all_of",
        "any_of",
        "cel",
        "field",
        "javascript",
        "none_of",
        "rule",
        "template",
    ),
    "circuit_breaker.storage": ("connect",),
    "circuit_breaker.workflow": (
        "Case",
        "Change",
        "Event",
        "Flow",
        "History",
        "RetryPolicy",
        "State",
        "Token",
        "Workflow",
        "WorkflowBuilder",
        "dump_workflow",
        "flow",
        "load_workflow",
        "states",
    ),
    "circuit_breaker.errors": ("CircuitBreakerError",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
__all__ = ["__version__", *sorted(_HOME)]  # noqa: PLE0604 - names are texts; they come from the table above


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module 'circuit_breaker' has no attribute '{name}'")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
