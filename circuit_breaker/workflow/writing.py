"""A workflow as a plain document. See :mod:`circuit_breaker.workflow.documents` for its form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from circuit_breaker.data import freeze_mapping, thaw
from circuit_breaker.errors import DocumentInvalid, Fault
from circuit_breaker.rules import Not, Policy, Rule, Rulebook, RuleName
from circuit_breaker.workflow.agent_step import agent_form
from circuit_breaker.workflow.flow import Call, Execution, Flow, Step
from circuit_breaker.workflow.merging import merge_document
from circuit_breaker.workflow.references import write_reference
from circuit_breaker.workflow.state import Bundle, Path, State
from circuit_breaker.workflow.timing import After, Every, Manual, OnSignal, RetryPolicy, Trigger

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["FORMAT", "workflow_to_document"]

FORMAT: Final = 1


def workflow_to_document(workflow: Workflow, *, named: bool = True) -> dict[str, Any]:
    """The definition as a plain document.

    Args:
        workflow: The definition.
        named: Refuse what has no name to be found by when the document is read. Otherwise such a thing is written as
            well as can be, and rules that nothing names are left out: the document then is there to be compared.

    Raises:
        DocumentInvalid: Functions or values in it cannot be written; all of them are named.
    """
    writer = _Writer(named=named, rulebook=workflow.rules)
    document = writer.workflow(workflow)
    if named and writer.faults:
        raise DocumentInvalid(f"Workflow '{workflow.name}' cannot be written", faults=writer.faults)
    return document


@attrs.define
class _Writer:
    """Writes one workflow, and gathers what cannot be written.

    Attributes:
        functions: Everything that the document knows by a name only, by kind and name.
    """

    named: bool
    rulebook: Rulebook
    faults: list[Fault] = attrs.field(factory=list)
    functions: dict[tuple[str, str], Any] = attrs.field(factory=dict)

    def workflow(self, workflow: Workflow) -> dict[str, Any]:
        names = [state.name for state in workflow.states]
        transitions = [self._transition(flow) for flow in workflow.flows]
        parts = {
            "circuit_breaker": FORMAT,
            "name": workflow.name,
            "description": workflow.description or None,
            "data": None if workflow.schema is None else workflow.schema.__name__,
            "initial": workflow.initial if workflow.initial != names[0] else None,
            "states": _states(workflow),
            "rules": self._rulebook(workflow.flows) or None,
            "transitions": transitions,
            "metadata": _facts(workflow.metadata),
        }
        return _given(parts)

    def _rulebook(self, flows: Iterable[Flow]) -> dict[str, Any]:
        used = {name for flow in flows for rule in flow.rules for name in rule.names}
        written = {}
        for name, rule in self.rulebook.items():
            if rule.evaluator is None and (self.named or name in used):
                document = self._rule(rule, f"rule '{name}'")
                written[name] = {key: value for key, value in document.items() if key != "name"}
        return written

    def _transition(self, flow: Flow) -> dict[str, Any]:
        place = flow.title
        call = flow.compensation
        parts = {
            "name": flow.name,
            "from": _sources(flow.path),
            "to": _bundle(flow.path.targets),
            "description": flow.description or None,
            **_trigger(flow.trigger),
            "priority": flow.rank or None,
            "roles": list(flow.allowed or ()) or None,
            "reads": _joined(flow.read),
            "unless": _joined(flow.inhibited),
            "clears": list(dict.fromkeys(state.name for state in flow.cleared)) or None,
            "awaits": list(dict.fromkeys(state.name for state in flow.awaited)) or None,
            "counts": list(dict.fromkeys(flow.counted)) or None,
            "restarts": list(dict.fromkeys(flow.restarted)) or None,
            "guard": None if flow.condition is None else self._rule(flow.condition, place),
            "policy": None if flow.checked is None else self._policy(flow.checked, place),
            "steps": [self._step(step, place) for step in flow.steps] or None,
            "timeout": None if flow.limit is None else _number(flow.limit),
            "retry": None if flow.retrying is None else _retry(flow.retrying),
            "effect": flow.effected,
            "again_if": None if flow.again_if is None else self._rule(flow.again_if, place),
            "compensate": None if call is None else self._action(call.action, call.name, place),
            "otherwise": None if flow.refused_to is None else flow.refused_to.name,
            "on_failure": None if flow.failed_to is None else flow.failed_to.name,
            "deals": None if flow.dealt is None else flow.dealt.to_document(),
            "merge": self._merge(flow, place),
            "together": flow.of_one_split or None,
            "correlate": None if flow.correlation is None else flow.correlation.path,
            "metadata": _facts(flow.facts),
        }
        return _given(parts)

    def _step(self, step: Step, place: str) -> dict[str, Any]:
        if isinstance(step, Call):
            return {"action": self._action(step.action, step.name, place)}
        if (form := agent_form(step)) is not None:
            return form
        written = {name: self._value(value, f"{place}, parameter '{name}'") for name, value in step.parameters.items()}
        return _given(
            {"execute": self._executor(step, place), "parameters": written or None, "result": step.result or None}
        )

    def _executor(self, step: Execution, place: str) -> str:
        if not isinstance(step.executor, str):
            self._known("executor", step.name, step.executor, place)
        return step.name

    def _action(self, action: Callable[..., Any], name: str, place: str) -> str:
        if getattr(action, "__name__", "") == "<lambda>" and name in ("action", "<lambda>"):
            self._fault(place, "has a lambda without a name", "define it with def, or give name=")
            return str(action.__qualname__)
        self._known("action", name, action, place)
        return name

    def _merge(self, flow: Flow, place: str) -> Any:
        if flow.merging is None:
            return None
        return merge_document(flow.merging) or self._action(flow.merging, _name_of(flow.merging), place)

    def _policy(self, policy: Policy, place: str) -> dict[str, Any]:
        parts = {"validations": policy.before, "rules": policy.after}
        return {name: self._rule(rule, place) for name, rule in parts.items() if rule is not None}

    def _rule(self, rule: Rule, place: str) -> dict[str, Any]:
        return self._without_functions(rule, place).to_document()

    def _without_functions(self, rule: Rule, place: str) -> Rule:
        """The rule with the name of each function in place of it."""
        if rule.evaluator is not None:
            return Rule(RuleName(self._function(rule, place)))
        if not rule.rules:
            return rule
        parts = tuple(self._without_functions(part, place) for part in rule.rules)
        tree: Any = rule.tree
        changes = {"rule": parts[0]} if isinstance(tree, Not) else {"rules": parts}
        return attrs.evolve(rule, tree=attrs.evolve(tree, **changes))

    def _function(self, rule: Rule, place: str) -> str:
        if not rule.name:
            self._fault(place, f"has a rule without a name: the function {rule.text}", "decorate it with @rule")
            return str(getattr(rule.evaluator, "__qualname__", rule.text))
        kept = self.rulebook.get(rule.name)
        self._known("rule", rule.name, rule.evaluator if kept is None else kept.evaluator, place)
        self._known("rule", rule.name, rule.evaluator, place)
        return rule.name

    def _known(self, kind: str, name: str, value: Any, place: str) -> None:
        """Notes that the name stands for the value, which it can do for one value only."""
        if self.functions.setdefault((kind, name), value) != value:
            self._fault(place, f"has another {kind} that is called '{name}'", "give each a name of its own")

    def _value(self, value: Any, place: str) -> Any:
        def foreign(inner: Any) -> str:
            kind = type(inner)
            self._fault(place, f"{kind.__module__}.{kind.__qualname__} is no JSON", "use JSON, a field or a template")
            return str(getattr(inner, "__qualname__", kind.__qualname__))

        return write_reference(value, foreign)

    def _fault(self, place: str, message: str, remedy: str) -> None:
        self.faults.append(Fault(place, message, remedy))


def _given(parts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if value is not None}


def _facts(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    return thaw(freeze_mapping(facts, where="metadata")) or None


def _name_of(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", type(function).__name__))


def _states(workflow: Workflow) -> list[Any]:
    left = {source for transition in workflow.transitions for source in transition.sources}
    return [_state(state, ends=state.name in workflow.final, sink=state.name not in left) for state in workflow.states]


def _state(state: State, *, ends: bool, sink: bool) -> Any:
    parts = {
        "name": state.name,
        "message": state.message or None,
        "timestamp": state.timestamp or None,
        "final": ends if ends != sink else None,
    }
    given = _given(parts)
    return state.name if len(given) == 1 else given


def _sources(path: Path) -> Any:
    if len(path.sources) == 1:
        return _bundle(path.sources[0])
    return {"any": [_bundle(bundle) for bundle in path.sources]}


def _bundle(bundle: Bundle) -> Any:
    arcs = bundle.arcs()
    if any(arc.weight > 1 for arc in arcs):
        return {arc.place: arc.weight for arc in arcs}
    return arcs[0].place if len(arcs) == 1 else [arc.place for arc in arcs]


def _joined(bundles: tuple[Bundle, ...]) -> Any:
    return _bundle(Bundle(tuple(part for bundle in bundles for part in bundle.parts))) if bundles else None


def _trigger(trigger: Trigger | None) -> dict[str, Any]:
    match trigger:
        case Manual():
            return {"manual": True}
        case OnSignal(name, transient):
            return {"on_signal": name, "transient": transient or None}
        case After(delay):
            return {"after": _number(delay)}
        case Every(interval):
            return {"every": _number(interval)}
        case _:
            return {}


def _retry(policy: RetryPolicy) -> dict[str, Any]:
    given = {
        field.name: getattr(policy, field.name)
        for field in attrs.fields(RetryPolicy)
        if field.name == "max_attempts" or getattr(policy, field.name) != field.default
    }
    return {key: list(value) if isinstance(value, tuple) else _number(value) for key, value in given.items()}


def _number(value: float) -> float | int:
    """A whole number without a decimal point, so that documents stay short."""
    return int(value) if float(value).is_integer() else value
