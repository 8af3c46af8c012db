"""Workflows for AI models, containers and people, as coloured Petri nets that survive a crash.

The names that a program needs are here; each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.engine import (
        Engine,
        Limits,
        Plugin,
        RuleContext,
        RulesConfig,
        RulesEngine,
        SyncEngine,
        SystemClock,
    )
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
__all__ = [
    "COMMON",
    "BaseExecutor",
    "Case",
    "Change",
    "CircuitBreakerError",
    "Engine",
    "Event",
    "Field",
    "Flow",
    "FunctionExecutor",
    "History",
    "Limits",
    "Plugin",
    "Policy",
    "RetryPolicy",
    "Rule",
    "RuleContext",
    "Rulebook",
    "RulesConfig",
    "RulesEngine",
    "State",
    "StepExecutor",
    "SyncEngine",
    "SystemClock",
    "Token",
    "Verdict",
    "Workflow",
    "WorkflowBuilder",
    "__version__",
    "after_execute",
    "all_of",
    "any_of",
    "before_execute",
    "cel",
    "connect",
    "dump_workflow",
    "field",
    "flow",
    "javascript",
    "load_workflow",
    "none_of",
    "parameter",
    "rule",
    "states",
    "template",
    "validate",
]

__getattr__ = lazily(
    __name__,
    {
        "engine": (
            "Engine",
            "Limits",
            "Plugin",
            "RuleContext",
            "RulesConfig",
            "RulesEngine",
            "SyncEngine",
            "SystemClock",
        ),
        "executors": (
            "BaseExecutor",
            "FunctionExecutor",
            "StepExecutor",
            "after_execute",
            "before_execute",
            "parameter",
            "validate",
        ),
        "rules": (
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
        "storage": ("connect",),
        "workflow": (
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
        "errors": ("CircuitBreakerError",),
    },
)


def __dir__() -> list[str]:
    return __all__
