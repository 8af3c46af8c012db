"""What can be wrong with a definition. Every fault is found before the first is reported.

A fault that only follows from another one is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import attrs

from circuit_breaker.data import freeze_mapping
from circuit_breaker.errors import DataInvalid, Fault, WorkflowInvalid, nearest
from circuit_breaker.lazy import deferred
from circuit_breaker.rules import Field, Rule, Rulebook, Template
from circuit_breaker.workflow.compiling import gather_states, mentions
from circuit_breaker.workflow.flow import Call, Execution, Flow
from circuit_breaker.workflow.reach import end_faults, unreached
from circuit_breaker.workflow.signature import action_misfit, merge_misfit
from circuit_breaker.workflow.state import Bundle, checked_name
from circuit_breaker.workflow.timing import Automatic

__all__ = ["Declared", "check"]

class_faults = deferred("circuit_breaker.workflow.shape", "class_faults")
misfits = deferred("circuit_breaker.workflow.fitting", "misfits")
shape_faults = deferred("circuit_breaker.workflow.shape", "shape_faults")
step_fault = deferred("circuit_breaker.workflow.shape", "step_fault")


@attrs.frozen(kw_only=True)
class Declared:
    """What is said about a workflow beside its flows.

    Attributes:
        name: What it is called.
        rulebook: Where the names of rules are looked up; None where it is at fault itself.
        schema: The class of the data, or None.
        initial: The name of the state where cases start, or None where nothing is said.
        final: The names of the final states, or None where nothing is said.
        description: What it is for.
        metadata: Anything else worth keeping with it.
    """

    name: Any
    rulebook: Rulebook | None
    schema: Any = None
    initial: str | None = None
    final: frozenset[str] | None = None
    description: Any = ""
    metadata: Any = None


def check(given: Iterable[object], declared: Declared, *, whole: bool = True) -> list[Fault]:
    """Every fault of a definition, each once, in the order of its flows.

    Args:
        given: The flows.
        declared: What else is said.
        whole: Whether these are all flows, with their names and paths as they were meant. Otherwise only what each of
            them says by itself is judged.
    """
    given = tuple(given)
    flows = tuple(flow for flow in given if isinstance(flow, Flow))
    strange = [_strange(flow) for flow in given if not isinstance(flow, Flow)]
    empty = whole and not given
    whole = whole and not strange and not empty
    known = [state.name for state in gather_states(flows)] if whole else None
    faults = chain(
        _words(declared),
        [Fault("workflow", "has no transitions", "give at least one flow(a >> b).transition(name)")] if empty else (),
        strange,
        _names(flows) if whole else (),
        *(_flow_faults(flow, known, declared.rulebook) for flow in flows),
        _contradictions(flows),
        _no_json("workflow", {} if declared.metadata is None else declared.metadata),
        _data_faults(declared.schema, flows, declared.rulebook),
        end_faults(flows, known, initial=declared.initial, final=declared.final) if known is not None else (),
        unreached(flows, known, initial=declared.initial) if known is not None else (),
    )
    return list(dict.fromkeys(faults))


def _words(declared: Declared) -> Iterator[Fault]:
    try:
        checked_name(declared.name, what="workflow")
    except WorkflowInvalid as error:
        yield Fault("workflow", error.message, error.remedy)
    if not isinstance(declared.description, str):
        yield Fault("workflow", f"description={declared.description!r:.60} is no text", "say it in words")


def _strange(value: object) -> Fault:
    if isinstance(value, (list, tuple)) and value and all(isinstance(each, Flow) for each in value):
        return Fault(
            f"a {type(value).__name__} of {len(value)} flows", "is no flow", "write a * before it to give each of them"
        )
    return Fault(f"{value!r:.80}", "is no flow", "write flow(a >> b).transition(name)")


def _names(flows: tuple[Flow, ...]) -> Iterator[Fault]:
    for flow in flows:
        if flow.name is None:
            yield Fault(flow.title, "has no name", 'add .transition("name")')
    counted = Counter(flow.name for flow in flows if flow.name is not None)
    for name, times in counted.items():
        if times > 1:
            yield Fault(
                f"transition '{name}'",
                f"is defined {times} times",
                "give each another name, or write (a | b) >> c for one that is possible from several states",
            )


def _flow_faults(flow: Flow, known: list[str] | None, rulebook: Rulebook | None) -> Iterator[Fault]:
    if known is not None:
        yield from _unknown_states(flow, known)
    yield from _arcs(flow)
    yield from _deals(flow)
    for name in () if rulebook is None else (name for rule in _rules(flow, rulebook) for name in rule.names):
        yield Fault(flow.title, f"names a rule '{name}' that is not in the rulebook", nearest(name, rulebook or ()))
    yield from _conditions(flow)
    yield from _acts(flow)
    yield from _no_json(flow.title, flow.facts)


def _unknown_states(flow: Flow, known: list[str]) -> Iterator[Fault]:
    for kind, bundles in (
        (".reads()", flow.read),
        (".unless()", flow.inhibited),
        (".clears()", map(Bundle.of, flow.cleared)),
        (".awaits()", map(Bundle.of, flow.awaited)),
    ):
        for state in (state for bundle in bundles for state in bundle.states):
            if state.name not in known:
                yield Fault(
                    flow.title, f"{kind} names state '{state}', which no transition enters", nearest(state.name, known)
                )


def _arcs(flow: Flow) -> Iterator[Fault]:
    for source in flow.path.sources:
        weights = {arc.place: arc.weight for arc in source.arcs()}
        for arc in flow.arcs(flow.inhibited):
            if arc.weight <= weights.get(arc.place, 0):
                yield Fault(
                    flow.title,
                    f".unless({arc.place}) forbids the very token that it takes from '{arc.place}': it can never fire",
                    "name another state, or a weight above the one it takes",
                )
    joins = any(sum(arc.weight for arc in source.arcs()) > 1 for source in flow.path.sources)
    if flow.path.sources and not joins:
        for given, step in (
            (flow.merging, "merge"),
            (flow.correlation, "correlate"),
            (flow.of_one_split or None, "together"),
        ):
            if given is not None:
                yield Fault(flow.title, f"has .{step}(), but takes only one token", "remove it, or join several states")
    if flow.merging is not None and (misfit := merge_misfit(flow.merging)):
        yield Fault(
            flow.title, f".merge() has a function that {misfit}", "let it take one argument: the list of tokens"
        )


def _deals(flow: Flow) -> Iterator[Fault]:
    deal = flow.dealt
    if deal is None:
        return
    targets = [state.name for state in flow.path.targets.states]
    if deal.to not in targets:
        yield Fault(
            flow.title, f".deals() names state '{deal.to}', which it puts no token into", nearest(deal.to, targets)
        )
    if deal.by not in flow.counted:
        yield Fault(
            flow.title, f".deals() counts by '{deal.by}', which it does not add to", f"add .counts({deal.by!r})"
        )


def _rules(flow: Flow, rulebook: Rulebook | None) -> Iterator[Rule]:
    """The rules of a flow, with every name in them looked up that is known."""
    for rule in flow.rules:
        yield rule.resolve(rulebook or {}, strict=False)


def _conditions(flow: Flow) -> Iterator[Fault]:
    """Steps that mean something only beside others."""
    if flow.allowed and isinstance(flow.trigger, Automatic):
        yield Fault(flow.title, "has .roles(), but nobody fires it", "add .manual(), or remove the roles")
    for key in dict.fromkeys(key for key in flow.counted if key in flow.restarted):
        yield Fault(
            flow.title, f"has .counts({key!r}) and .restarts({key!r})", "leave one out, or give them keys of their own"
        )
    if not flow.steps:
        for given, missing in (
            (flow.limit, "timeout"),
            (flow.retrying, "retry"),
            (flow.failed_to, "on_failure"),
            (flow.effected, "effect"),
            (flow.compensation, "compensate"),
        ):
            if given is not None:
                yield Fault(flow.title, f"has .{missing}(), but no action", "add .action(...) or .execute(...)")
    if flow.refused_to is not None and flow.checked is None:
        yield Fault(flow.title, "has .otherwise(), but no policy", "add .policy(...), or remove it")
    retry = flow.retrying
    if flow.effected == "at_most_once" and retry is not None and retry.max_attempts > 1 and not retry.retry_on:
        yield Fault(
            flow.title,
            "has .effect('at_most_once') and .retry(): an action that failed may have had its effect already",
            "name the failures after which nothing was done with retry_on=[...], or remove one of the two",
        )


def _acts(flow: Flow) -> Iterator[Fault]:
    """What is wrong with the functions and the parameters of executors."""
    for call in (*flow.steps, *([] if flow.compensation is None else [flow.compensation])):
        if isinstance(call, Call):
            if misfit := action_misfit(call.action):
                yield Fault(
                    flow.title, f"the function '{call.name}' {misfit}", "let it take (token) or (token, context)"
                )
        else:
            check_parameters = getattr(call.executor, "check_parameters", None)
            if check_parameters is not None:
                yield from _prefixed(flow, check_parameters(call.parameters, references=(Field, Template)))


def _prefixed(flow: Flow, faults: Iterable[Fault]) -> Iterator[Fault]:
    for fault in faults:
        yield attrs.evolve(fault, place=f"{flow.title}, {fault.place}")


def _contradictions(flows: tuple[Flow, ...]) -> Iterator[Fault]:
    """States of which two values say different things."""
    said: dict[tuple[str, str], dict[Any, None]] = {}
    for state in (state for flow in flows for state in mentions(flow)):
        for name, nothing in (("message", ""), ("timestamp", ""), ("final", None)):
            value = getattr(state, name)
            if value != nothing:
                said.setdefault((state.name, name), {})[value] = None
    for (state_name, name), values in said.items():
        if len(values) > 1:
            told = " and ".join(f"{name}={value!r:.60}" for value in values)
            yield Fault(f"state '{state_name}'", f"is given {told}", "make the state once, and use it everywhere")


def _no_json(place: str, metadata: Any) -> Iterator[Fault]:
    try:
        freeze_mapping(metadata, where="metadata")
    except DataInvalid as error:
        yield Fault(place, error.message, error.remedy)


def _data_faults(schema: Any, flows: tuple[Flow, ...], rulebook: Rulebook | None) -> Iterator[Fault]:
    """What is wrong with the class of the data, and paths into it that lead nowhere."""
    if schema is None:
        return
    wrong = list(class_faults(schema))
    yield from wrong or shape_faults(schema)
    if wrong or any(fault.place.startswith("class ") for fault in shape_faults(schema)):
        return
    for flow in flows:
        yield from misfits(schema, flow.title, flow.merging, flow.dealt)
        for path in sorted(_paths(flow, rulebook)):
            space, *steps = path.split(".")
            found = step_fault(schema, steps) if space == "data" and steps else None
            if found is not None:
                yield Fault(flow.title, f"speaks of '{path}', but {found[0]}", found[1])


def _paths(flow: Flow, rulebook: Rulebook | None) -> set[str]:
    found: set[str] = set()
    for rule in _rules(flow, rulebook):
        found.update(rule.paths)
    for step in flow.steps:
        if isinstance(step, Execution):
            found.update(path for each in _references(step.parameters) for path in each.paths)
    if flow.correlation is not None:
        found.update(flow.correlation.paths)
    return found


def _references(value: Any) -> Iterator[Field | Template]:
    """Every reference in the parameters of an executor, however deep."""
    if isinstance(value, (Field, Template)):
        yield value
    elif isinstance(value, (Mapping, list, tuple)):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _references(inner)
