"""What can be wrong with a definition. Every fault is found before the first is reported."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain

import attrs

from circuit_breaker.errors import Fault, nearest
from circuit_breaker.lazy import deferred
from circuit_breaker.rules import Field, Rule, Rulebook, Template
from circuit_breaker.workflow.compiling import starting_states
from circuit_breaker.workflow.flow import Execution, Flow
from circuit_breaker.workflow.state import Bundle, State
from circuit_breaker.workflow.timing import Automatic

__all__ = ["check"]

field_names = deferred("circuit_breaker.wire", "field_names")


def check(
    flows: tuple[Flow, ...],
    states: tuple[State, ...],
    rulebook: Rulebook,
    *,
    schema: type | None,
    initial: State | str | None,
    final: frozenset[str] | None,
) -> list[Fault]:
    """Every fault of a definition, in the order of its flows."""
    given: tuple[object, ...] = flows
    strange = [repr(flow) for flow in given if not isinstance(flow, Flow)]
    if strange:
        return [Fault(value, "is no flow", "write flow(a >> b).transition(name)") for value in strange]
    if not flows:
        return [Fault("workflow", "has no transitions", "give at least one flow(a >> b).transition(name)")]
    known = [state.name for state in states]
    return list(
        chain(
            _names(flows),
            *(_flow_faults(flow, known, rulebook) for flow in flows),
            _schema_faults(schema, flows, rulebook),
            _ends(flows, known, initial, final),
            _reach(flows, states, initial),
        )
    )


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


def _flow_faults(flow: Flow, known: list[str], rulebook: Rulebook) -> Iterator[Fault]:
    yield from _arcs(flow, known)
    for rule in _rules(flow, rulebook):
        for name in rule.names:
            if name not in rulebook:
                yield Fault(flow.title, f"names a rule '{name}' that is not in the rulebook", nearest(name, rulebook))
    yield from _steps(flow)


def _arcs(flow: Flow, known: list[str]) -> Iterator[Fault]:
    for kind, bundles in (
        (".reads()", flow.read),
        (".unless()", flow.inhibited),
        (".clears()", map(Bundle.of, flow.cleared)),
    ):
        for state in (state for bundle in bundles for state in bundle.states):
            if state.name not in known:
                yield Fault(
                    flow.title, f"{kind} names state '{state}', which no transition enters", nearest(state.name, known)
                )
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
    if flow.merging is not None and not joins:
        yield Fault(flow.title, "has .merge(), but takes only one token", "remove it, or join several states")
    if flow.correlation is not None and not joins:
        yield Fault(flow.title, "has .correlate(), but takes only one token", "remove it, or join several states")


def _rules(flow: Flow, rulebook: Rulebook) -> Iterator[Rule]:
    """The rules of a flow, as far as they can be known before names are resolved."""
    policy = None if flow.checked is None else flow.checked.resolve(rulebook, strict=False)
    for rule in (flow.condition, flow.again_if, *((policy.before, policy.after) if policy else ())):
        if rule is not None:
            yield rule


def _steps(flow: Flow) -> Iterator[Fault]:
    if flow.allowed and isinstance(flow.trigger, Automatic):
        yield Fault(flow.title, "has .roles(), but nobody fires it", "add .manual(), or remove the roles")
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
    for step in flow.steps:
        if isinstance(step, Execution):
            check_parameters = getattr(step.executor, "check_parameters", None)
            if check_parameters is not None:
                yield from _prefixed(flow, check_parameters(step.parameters, references=(Field, Template)))


def _prefixed(flow: Flow, faults: Iterable[Fault]) -> Iterator[Fault]:
    for fault in faults:
        yield attrs.evolve(fault, place=f"{flow.title}, {fault.place}")


def _schema_faults(schema: type | None, flows: tuple[Flow, ...], rulebook: Rulebook) -> Iterator[Fault]:
    if schema is None:
        return
    if not attrs.has(schema):
        yield Fault(f"data={schema!r}", "is no attrs class", "decorate it with @attrs.define")
        return
    fields = field_names(schema)
    for flow in flows:
        for path in sorted(_paths(flow, rulebook)):
            space, _, rest = path.partition(".")
            name = rest.partition(".")[0]
            if space == "data" and name and name not in fields:
                yield Fault(
                    flow.title,
                    f"speaks of '{path}', but {schema.__name__} has no field '{name}'",
                    nearest(name, fields),
                )


def _paths(flow: Flow, rulebook: Rulebook) -> set[str]:
    found: set[str] = set()
    for rule in _rules(flow, rulebook):
        found.update(rule.resolve(rulebook, strict=False).paths)
    for step in flow.steps:
        if isinstance(step, Execution):
            for value in step.parameters.values():
                if isinstance(value, (Field, Template)):
                    found.update(value.paths)
    if flow.correlation is not None:
        found.update(flow.correlation.paths)
    return found


def _ends(
    flows: tuple[Flow, ...], known: list[str], initial: State | str | None, final: frozenset[str] | None
) -> Iterator[Fault]:
    if initial is not None and str(initial) not in known:
        yield Fault("workflow", f"initial='{initial}' is none of its states", nearest(str(initial), known))
    starting = [state.name for state in starting_states(flows)]
    if initial is None and len(starting) > 1:
        yield Fault("workflow", f"has several first states: {', '.join(starting)}", "say which with initial=")
    for name in sorted(final or ()):
        if name not in known:
            yield Fault("workflow", f"final='{name}' is none of its states", nearest(name, known))


def _reach(flows: tuple[Flow, ...], states: tuple[State, ...], initial: State | str | None) -> Iterator[Fault]:
    start = str(initial) if initial is not None else starting_states(flows)[0].name
    reached = {start}
    grown = True
    while grown:
        before = len(reached)
        for flow in flows:
            if any(reached.issuperset(state.name for state in source.states) for source in flow.path.sources):
                reached.update(state.name for state in flow.path.targets.states)
                reached.update(state.name for state in (flow.refused_to, flow.failed_to) if state is not None)
        grown = len(reached) > before
    for state in states:
        if state.name not in reached:
            yield Fault(f"state '{state}'", f"cannot be reached from '{start}'", "add a transition that leads to it")
