"""Shapes: agents one after the other, at once, by choice, in place of each other, and as their needs say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from circuit_breaker.agents.bridge.composition.budget import Budget
from circuit_breaker.agents.bridge.composition.heard import ASKER, Heard, all_of_them, one_of_them
from circuit_breaker.agents.bridge.composition.part import Part, faults_of, part_of, parts_of
from circuit_breaker.agents.bridge.composition.weaving import ANSWERED, ASKED, heard_after, made, woven
from circuit_breaker.errors import Fault, WorkflowInvalid, nearest
from circuit_breaker.rules import as_rule
from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import LAST, Flows, step
from circuit_breaker.workflow.state import State

__all__ = ["chain", "choose", "fallback", "graph", "parallel"]


def checked(kind: str, parts: tuple[Part, ...], *more: Fault, least: int = 1) -> tuple[Part, ...]:
    """The parts, when nothing is wrong with them.

    Raises:
        WorkflowInvalid: Something is; every fault is named.
    """
    if faults := [*faults_of(kind, parts, least=least), *more]:
        raise WorkflowInvalid(f"the composition '{kind}' is not valid", faults=faults)
    return parts


def chain(*parts: Any, name: str = "chain", budget: Budget | None = None, rules: Any = None) -> Workflow:
    """A workflow of agents one after the other, each of which is given what those before have said.

    Args:
        *parts: Ids of agents, definitions, other compositions, or :class:`Part` values.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    given = checked("chain", parts_of(parts))
    stops = [ASKED, *(State(f"after {part.name}") for part in given[:-1]), ANSWERED]
    flows: list[Flow] = []
    heard = ASKER
    for number, part in enumerate(given):
        flows += woven(part, stops[number], stops[number + 1], heard)
        heard = heard_after(part, heard)
    return made("chain", name, given, tuple(flows), heard, budget=budget, rules=rules)


def parallel(
    *parts: Any, synthesise: Any = None, name: str = "parallel", budget: Budget | None = None, rules: Any = None
) -> Workflow:
    """A workflow of agents that work at the same time, and of one that makes one answer of theirs.

    Args:
        *parts: Those that work at the same time, two or more.
        synthesise: Who is given all that they said; without one, that is the answer.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    given, last = parts_of(parts), () if synthesise is None else (part_of(synthesise),)
    checked("parallel", (*given, *last), least=2 + len(last))
    joined = State("all have answered") if last else ANSWERED
    begins = [State(f"{part.name}/waiting") for part in given]
    ends = [State(f"{part.name}/ready") for part in given]
    flows: list[Flow] = [flow(ASKED >> tuple(begins)).transition("at-once")]
    for part, begin, end in zip(given, begins, ends, strict=True):
        flows += woven(part, begin, end, ASKER)
    flows.append(flow(tuple(ends) >> joined).transition("together"))
    heard = all_of_them(heard_after(part, ASKER) for part in given)
    for part in last:
        flows += woven(part, joined, ANSWERED, heard)
        heard = heard_after(part, heard)
    return made("parallel", name, (*given, *last), tuple(flows), heard, budget=budget, alone=False, rules=rules)


def choose(
    ways: Mapping[Any, Any] | Iterable[tuple[Any, Any]],
    *,
    otherwise: Any = None,
    name: str = "choose",
    budget: Budget | None = None,
    rules: Any = None,
) -> Workflow:
    """A workflow in which the first rule that holds says which agent works.

    Args:
        ways: For each rule (a Rule, the name of one, or an expression) the part.
        otherwise: Who works where no rule holds; without one, nobody does, and there is no answer.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    pairs = list(ways.items() if isinstance(ways, Mapping) else ways)
    given = parts_of(one for _, one in pairs)
    last = () if otherwise is None else (part_of(otherwise),)
    conditional = [
        Fault(f"choose.{part.name}.when", "has a rule already", "say both in the rule of the choice")
        for part in given
        if part.when is not None
    ]
    checked("choose", (*given, *last), *conditional)
    flows: list[Flow] = []
    for (rule, _), part in zip(pairs, given, strict=True):
        first, *others = woven(part, ASKED, ANSWERED, ASKER, chosen=True)
        flows += [first.guard(as_rule(rule)), *others]
    for part in last:
        first, *others = woven(part, ASKED, ANSWERED, ASKER, chosen=True)
        flows += [first.priority(LAST), *others]
    if not last:
        flows.append(step(ASKED, ANSWERED, name="nobody").priority(LAST))
    heard = one_of_them(heard_after(part, ASKER) for part in (*given, *last))
    return made("choose", name, (*given, *last), tuple(flows), heard, budget=budget, rules=rules)


def fallback(*parts: Any, name: str = "fallback", budget: Budget | None = None, rules: Any = None) -> Workflow:
    """A workflow in which the next agent takes over where one fails; what went wrong, it finds as ``failure``.

    Args:
        *parts: In the order in which they are tried.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: Something is wrong with the parts; every fault is named.
    """
    given = parts_of(parts)
    soft = [
        Fault(
            f"fallback.{part.name}",
            "may be left out, so that nobody would take over",
            "leave out `when` and `required`",
        )
        for part in given
        if part.optional
    ]
    checked("fallback", given, *soft, least=2)
    stops = [ASKED, *(State(f"instead of {part.name}") for part in given[:-1])]
    flows: list[Flow] = []
    for part, here, further in zip(given, stops, [*stops[1:], None], strict=True):
        flows += woven(part, here, ANSWERED, ASKER, failed=further)
    heard = one_of_them(heard_after(part, ASKER) for part in given)
    return made("fallback", name, given, tuple(flows), heard, budget=budget, rules=rules)


def graph(*parts: Any, name: str = "graph", budget: Budget | None = None, rules: Any = None) -> Workflow:
    """A workflow in which each agent begins as soon as those have answered that it needs (``Part(..., needs=...)``).

    Args:
        *parts: In any order; what depends on nothing begins at once.
        name: What the workflow is called.
        budget: What all of it may take together.
        rules: The rules by name.

    Raises:
        WorkflowInvalid: A part needs one that there is not, or parts need each other in a ring; every fault is named.
    """
    given = parts_of(parts)
    checked("graph", given, *_need_faults(given))
    flows: list[Flow] = []
    heard: dict[str, Heard] = {}
    by_name = {part.name: part for part in given}
    needed = {one for part in given for one in part.needs}
    roots = [part for part in given if not part.needs]
    leaves = [part for part in given if part.name not in needed]
    flows += _gate("begins", [ASKED], [_edge("", part.name) for part in roots])
    for each in TopologicalSorter({part.name: part.needs for part in given}).static_order():
        part = by_name[each]
        before = all_of_them(heard[one] for one in part.needs)
        heard[each] = heard_after(part, before)
        into = [_edge(one, each) for one in part.needs or ("",)]
        out = [_edge(each, other.name) for other in given if each in other.needs] or [_edge(each, "")]
        flows += _between(part, into, out, before)
    flows += _gate("ends", [_edge(part.name, "") for part in leaves], [ANSWERED])
    ends = all_of_them(heard[part.name] for part in leaves)
    return made("graph", name, given, tuple(flows), ends, budget=budget, alone=False, rules=rules)


def _need_faults(parts: tuple[Part, ...]) -> Iterable[Fault]:
    names = [part.name for part in parts]
    missing = [(part, one) for part in parts for one in part.needs if one not in names]
    for part, one in missing:
        yield Fault(f"graph.{part.name}.needs", f"there is no part '{one}'", nearest(one, names))
    try:
        TopologicalSorter({part.name: part.needs for part in parts}).prepare()
    except CycleError as ring:
        yield Fault("graph", f"these need each other: {' -> '.join(ring.args[1])}", "let one of them need less")


def _edge(one: str, other: str) -> State:
    """Where the word of one part lies for another."""
    return State(f"{one or 'asked'} to {other or 'the end'}")


def _gate(name: str, sources: list[State], targets: list[State]) -> Flows:
    return (flow(_one(sources) >> _one(targets)).transition(name),)


def _between(part: Part, into: list[State], out: list[State], before: Heard) -> Flows:
    """The part, after all words that it waits for, and before all that wait for it."""
    begins, ends = State(f"{part.name}/waiting"), State(f"{part.name}/ready")
    source = into[0] if len(into) == 1 else begins
    target = out[0] if len(out) == 1 else ends
    joins = _gate(f"{part.name}-gathers", into, [begins]) if len(into) > 1 else ()
    splits = _gate(f"{part.name}-tells", [ends], out) if len(out) > 1 else ()
    return (*joins, *woven(part, source, target, before), *splits)


def _one(states: list[State]) -> Any:
    return states[0] if len(states) == 1 else tuple(states)
