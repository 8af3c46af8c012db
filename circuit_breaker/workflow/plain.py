"""Workflows in their plain form and back: what a :class:`WorkflowDefinition` can say of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid
from circuit_breaker.rules import Rulebook, as_rule
from circuit_breaker.workflow.activities import ActivityDefinition, WorkflowDefinition
from circuit_breaker.workflow.draft import Draft, Edge
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.timing import Manual

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["definition_of", "described", "draft_definition"]

SPOKEN: Final = frozenset({"path", "name", "trigger", "condition", "checked", "description"})
UNSPOKEN: Final = tuple(field.name for field in attrs.fields(Flow) if field.name not in SPOKEN)


def definition_of(workflow: Workflow) -> WorkflowDefinition:
    """The workflow in its plain form.

    Raises:
        WorkflowInvalid: The plain form cannot say what it does: a transition joins, splits, acts, or more.
    """
    faults = [fault for flow in workflow.flows for fault in _unspeakable(flow)]
    if faults:
        raise WorkflowInvalid(f"workflow '{workflow.name}' has no plain form", faults=faults)
    return WorkflowDefinition(
        name=workflow.name,
        states=[state.name for state in workflow.states],
        activities=[_activity_of(flow) for flow in workflow.flows],
        initial_state=workflow.initial,
        metadata=workflow.metadata,
    )


def _activity_of(flow: Flow) -> ActivityDefinition:
    return ActivityDefinition(
        id=str(flow.name),
        name=flow.description,
        from_states=[state.name for bundle in flow.path.sources for state in bundle.states],
        to_state=flow.path.targets.states[0].name,
        rules=flow.rules or None,
    )


def _unspeakable(flow: Flow) -> Iterable[Fault]:
    """What the plain form cannot say of a flow."""
    bundles = (*flow.path.sources, flow.path.targets)
    if any(sum(arc.weight for arc in bundle.arcs()) != 1 for bundle in bundles):
        yield Fault(flow.title, "joins or splits", "give each activity one state to lead to, and states to begin in")
    if not isinstance(flow.trigger, Manual) or any(_says(getattr(flow, name)) for name in UNSPOKEN):
        yield Fault(flow.title, "does more than lead from states to a state under rules", "use its document instead")


def _says(value: object) -> bool:
    return not (value is None or (isinstance(value, (tuple, Mapping, int)) and not value))


def draft_definition(name: str, draft: Draft, rulebook: Rulebook) -> WorkflowDefinition:
    """The states and activities of a draft in the plain form; what patterns added has no place in it.

    Names of rules are looked up as far as the rulebook has them.
    """
    grouped: dict[tuple[str, str], list[Edge]] = {}
    for edge in draft.edges:
        grouped.setdefault((edge.activity, edge.target), []).append(edge)
    return WorkflowDefinition(
        name=name,
        states=draft.names,
        activities=[_activity(draft, edges, rulebook) for edges in grouped.values()],
        initial_state=draft.initial,
    )


def _activity(draft: Draft, edges: list[Edge], rulebook: Rulebook) -> ActivityDefinition:
    first = edges[0]
    rules, require_all = draft.required(first.activity)
    return ActivityDefinition(
        id=first.activity,
        from_states=tuple(dict.fromkeys(edge.source for edge in edges)),
        to_state=first.target,
        rules=[each.resolve(rulebook, strict=False) for each in rules] or None,
        requires_all_rules=require_all,
    )


def described(activity: ActivityDefinition) -> Callable[[Flow], Flow]:
    """Adds to a flow what an activity says beside its states and rules: its conditions, and its name."""

    def change(flow: Flow) -> Flow:
        conditions = [as_rule({"cel": text}) for text in activity.conditions]
        given = [*([] if flow.condition is None else [flow.condition]), *conditions]
        guarded = attrs.evolve(flow, condition=as_rule(given)) if given else flow
        return guarded if activity.name is None else guarded.describe(activity.name)

    return change
