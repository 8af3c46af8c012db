"""Workflows, as pure values: definitions, cases, events, and what can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily
from circuit_breaker.workflow.flow import Flow, flow  # at once, since the module has the name of the function

if TYPE_CHECKING:
    from circuit_breaker.workflow.builder import WorkflowBuilder
    from circuit_breaker.workflow.case import Case
    from circuit_breaker.workflow.change import Change
    from circuit_breaker.workflow.definition import Workflow
    from circuit_breaker.workflow.documents import dump_workflow, load_workflow
    from circuit_breaker.workflow.events import Event
    from circuit_breaker.workflow.explain import Explanation
    from circuit_breaker.workflow.history import History
    from circuit_breaker.workflow.state import Path, State, states
    from circuit_breaker.workflow.timing import RetryPolicy
    from circuit_breaker.workflow.token import Token
    from circuit_breaker.workflow.transition import Transition


__all__ = [
    "Case",
    "Change",
    "Event",
    "Explanation",
    "Flow",
    "History",
    "Path",
    "RetryPolicy",
    "State",
    "Token",
    "Transition",
    "Workflow",
    "WorkflowBuilder",
    "dump_workflow",
    "flow",
    "load_workflow",
    "states",
]

__getattr__ = lazily(
    __name__,
    {
        "builder": ("WorkflowBuilder",),
        "case": ("Case",),
        "change": ("Change",),
        "definition": ("Workflow",),
        "documents": ("dump_workflow", "load_workflow"),
        "events": ("Event",),
        "explain": ("Explanation",),
        "history": ("History",),
        "state": ("Path", "State", "states"),
        "timing": ("RetryPolicy",),
        "token": ("Token",),
        "transition": ("Transition",),
    },
)
