"""Workflows, as pure values: definitions, cases, events, and what can happen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily
from circuit_breaker.workflow.flow import Flow, flow  # at once, since the module has the name of the function

if TYPE_CHECKING:
    from circuit_breaker.workflow.activities import ActivityDefinition, WorkflowDefinition
    from circuit_breaker.workflow.builder import WorkflowBuilder, declare
    from circuit_breaker.workflow.case import Case
    from circuit_breaker.workflow.change import Change
    from circuit_breaker.workflow.definition import Workflow
    from circuit_breaker.workflow.documents import (
        dump_workflow,
        load_workflow,
        workflow_from_document,
        workflow_schema,
        workflow_to_document,
    )
    from circuit_breaker.workflow.events import Event
    from circuit_breaker.workflow.explain import Explanation
    from circuit_breaker.workflow.history import History
    from circuit_breaker.workflow.plain import definition_of
    from circuit_breaker.workflow.state import Path, State, states
    from circuit_breaker.workflow.timing import RetryPolicy
    from circuit_breaker.workflow.token import Token
    from circuit_breaker.workflow.transition import Transition


__all__ = [
    "ActivityDefinition",
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
    "WorkflowDefinition",
    "declare",
    "definition_of",
    "dump_workflow",
    "flow",
    "load_workflow",
    "states",
    "workflow_from_document",
    "workflow_schema",
    "workflow_to_document",
]

__getattr__ = lazily(
    __name__,
    {
        "activities": ("ActivityDefinition", "WorkflowDefinition"),
        "builder": ("WorkflowBuilder", "declare"),
        "case": ("Case",),
        "change": ("Change",),
        "definition": ("Workflow",),
        "documents": (
            "dump_workflow",
            "load_workflow",
            "workflow_from_document",
            "workflow_schema",
            "workflow_to_document",
        ),
        "events": ("Event",),
        "explain": ("Explanation",),
        "history": ("History",),
        "plain": ("definition_of",),
        "state": ("Path", "State", "states"),
        "timing": ("RetryPolicy",),
        "token": ("Token",),
        "transition": ("Transition",),
    },
)
