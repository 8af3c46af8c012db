"""Activities: the plain form of a workflow, as definitions on the wire and the rules engine know it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from circuit_breaker.errors import Fault, WorkflowInvalid, nearest
from circuit_breaker.rules import Rule, as_rule

__all__ = ["ActivityDefinition", "WorkflowDefinition"]


def _names(value: Any) -> tuple[str, ...]:
    return tuple(map(str, (value,) if isinstance(value, str) else value))


def _rules(value: Any) -> tuple[Rule, ...] | None:
    if value is None:
        return None
    return tuple(as_rule(each) for each in (value if isinstance(value, (list, tuple)) else (value,)))


@attrs.frozen(kw_only=True)
class ActivityDefinition:
    """One activity: how a resource gets from some states to another.

    Attributes:
        id: Unique in its workflow.
        name: For people; None means the id.
        from_states: Where it can begin.
        to_state: Where it leads.
        conditions: CEL texts, which must all hold.
        rules: Rules (or names, or documents of rules) that must hold too; None where there are none.
        functions: Triggers of container functions; None where there are none.
        requires_all_rules: Whether all rules must hold (True or None), or one of them (False). Conditions always must.
    """

    id: str
    name: str | None = None
    from_states: tuple[str, ...] = attrs.field(default=(), converter=_names)
    to_state: str = attrs.field(converter=str)
    conditions: tuple[str, ...] = attrs.field(default=(), converter=_names)
    rules: tuple[Rule, ...] | None = attrs.field(default=None, converter=_rules)
    functions: tuple[Any, ...] | None = attrs.field(default=None, converter=attrs.converters.optional(tuple))
    requires_all_rules: bool | None = None

    def with_rules(self, *rules: Any, require_all: bool | None = None) -> ActivityDefinition:
        """The same activity with these rules added; ``require_all`` says whether all or one of its rules must hold."""
        kept = self.requires_all_rules if require_all is None else require_all
        return attrs.evolve(self, rules=(*(self.rules or ()), *rules), requires_all_rules=kept)

    def to_document(self) -> dict[str, Any]:
        """The activity as JSON, without what is not there.

        Raises:
            RuleInvalid: A rule of it is a function without a name.
        """
        document: dict[str, Any] = {"id": self.id, "from_states": list(self.from_states), "to_state": self.to_state}
        if self.name is not None:
            document["name"] = self.name
        if self.conditions:
            document["conditions"] = list(self.conditions)
        if self.rules is not None:
            document["rules"] = [rule.to_document() for rule in self.rules]
        if self.functions is not None:
            document["functions"] = list(self.functions)
        if self.requires_all_rules is not None:
            document["requires_all_rules"] = self.requires_all_rules
        return document


def _activities(value: Any) -> tuple[ActivityDefinition, ...]:
    return tuple(each if isinstance(each, ActivityDefinition) else _activity(each) for each in value)


def _activity(document: Any) -> ActivityDefinition:
    known = [field.name for field in attrs.fields(ActivityDefinition)]
    if not isinstance(document, Mapping):
        raise WorkflowInvalid(f"{document!r} is no activity", remedy=f"give a mapping with {', '.join(known)}")
    unknown = [key for key in document if key not in known]
    missing = [key for key in ("id", "to_state") if key not in document]
    faults = [Fault(f"key {key!r}", "is not known", nearest(str(key), known)) for key in unknown]
    faults += [Fault(f"key {key!r}", "is missing") for key in missing]
    if faults:
        raise WorkflowInvalid(f"the activity {document.get('id', '')!r} is not valid", faults=faults)
    return ActivityDefinition(**document)


@attrs.frozen(kw_only=True)
class WorkflowDefinition:
    """A workflow in its plain form; it has no id, for whoever keeps it gives it one.

    Attributes:
        name: For people.
        states: All states.
        activities: All activities, or their documents.
        initial_state: Where a resource starts; None means the first state.
        metadata: What else is said about it, as JSON.
    """

    name: str
    states: tuple[str, ...] = attrs.field(default=(), converter=_names)
    activities: tuple[ActivityDefinition, ...] = attrs.field(default=(), converter=_activities)
    initial_state: str | None = None
    metadata: Mapping[str, Any] = attrs.field(factory=dict)

    def activity(self, activity_id: str) -> ActivityDefinition | None:
        """The activity of that id, or None."""
        return next((each for each in self.activities if each.id == activity_id), None)

    def to_document(self) -> dict[str, Any]:
        """The workflow as JSON."""
        document: dict[str, Any] = {
            "name": self.name,
            "states": list(self.states),
            "activities": [each.to_document() for each in self.activities],
        }
        if self.initial_state is not None:
            document["initial_state"] = self.initial_state
        return document | ({"metadata": dict(self.metadata)} if self.metadata else {})

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> WorkflowDefinition:
        """The workflow that :meth:`to_document` wrote.

        Raises:
            WorkflowInvalid: A key is unknown, or an activity is not valid.
            RuleInvalid: A rule is not valid.
        """
        known = [field.name for field in attrs.fields(cls)]
        faults = [
            Fault(f"key {key!r}", "is not known", nearest(str(key), known)) for key in document if key not in known
        ]
        if faults or "name" not in document:
            raise WorkflowInvalid("the workflow is not valid", faults=faults or [Fault("key 'name'", "is missing")])
        return cls(**document)
