"""WorkflowBuilder: a workflow written one step after the other.

A builder is a frozen value; every step returns a new one, and :meth:`WorkflowBuilder.build` reports all faults at once.
What it adds beside states and activities begins at one place: where the last transition led, or the state that was
added last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from circuit_breaker.errors import Fault, RuleInvalid, WorkflowInvalid
from circuit_breaker.rules import Rule, Rulebook, RuleOperator, all_of, any_of, as_rule, create_rule, field
from circuit_breaker.workflow.activities import ActivityDefinition, WorkflowDefinition
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.draft import Draft, Edge, draft_faults
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns import rounds_key
from circuit_breaker.workflow.state import Bundle, Path, State

if TYPE_CHECKING:
    from circuit_breaker.workflow.branches import BranchBuilder, TryBuilder

__all__ = ["WorkflowBuilder", "declare"]
