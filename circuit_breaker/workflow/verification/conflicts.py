"""Conflicts: transitions that compete for a token, and data that none of them can judge."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuit_breaker.rules import Rule, all_of, any_of, field
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.barriers import Barriers
from circuit_breaker.workflow.verification.causes import listed
from circuit_breaker.workflow.verification.counterexample import Expectation, Telling
from circuit_breaker.workflow.verification.findings import Counterexample, Finding, Severity
from circuit_breaker.workflow.verification.knowledge import put_right
from circuit_breaker.workflow.verification.lasting import holding
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["conflict_findings"]

MOST_TRIED = 32
"""How many ways to the same joins are tried."""
MOST_TOLD = 3
"""How many further states are told by name."""

Silence = tuple[str, int, tuple[Demand, ...]]
"""A state, the nearest node in which a token is there, and what its rules must say to be silent."""


def conflict_findings(walks: Walks, telling: Telling, barred: Barriers) -> Iterator[Finding]:
    """What only the order decides, and what cannot be judged.

    Args:
        walks: Where cases can go.
        telling: What tells the ways.
        barred: The joins of which the rules can hold a case up.
    """
    if telling.workflow is not None:
        yield from _by_order(walks, telling)
        yield from _joins_apart(walks, telling, telling.workflow, barred)
        yield from _not_judged(walks, telling, telling.workflow)


def _by_order(walks: Walks, telling: Telling) -> Iterator[Finding]:
    model = walks.model
    places = {spot: place for place, spot in model.spots.items()}
    for (first, second), spot in model.overlaps.items():
        node = walks.nearest.get(places[spot])
        if node is None:
            continue
        example, possible = telling.told(walks.needed(walks.way(node), places=[places[spot]]))
        where = f"a case in '{spot.state}'{example.with_data}"
        text = f"{where} could go by '{first}' or by '{second}': only their order decides"
        if possible:
            yield Finding("decided-by-order", text, f"{first}, {second}", example, certain=example.confirmed)


def _joins_apart(walks: Walks, telling: Telling, workflow: Workflow, barred: Barriers) -> Iterator[Finding]:
    """Joins that are all that can happen, and data that none of them lets pass."""
    for names, nodes in barred.items():
        joins = [workflow.by_id[name] for name in names]
        apart = [*_apart(walks, telling, joins, nodes[:MOST_TRIED])]
        yield from apart or _unjudged(walks, telling, joins, nodes[:MOST_TRIED])


def _possible(
    walks: Walks, telling: Telling, demands: tuple[Demand, ...], nodes: Sequence[int]
) -> list[Counterexample]:
    """The best way to one of the nodes with data of which the rules say what is demanded; nothing where none can be."""
    if telling.decisions.solved(demands) is None:
        return []
    found: list[Counterexample] = []
    for node in nodes:
        example, can_be = telling.told(walks.way(node), Expectation(stuck=True, demands=demands))
        if can_be or not _excluded(walks, telling, demands, node):
            found.append(example)
    return sorted(found, key=lambda example: not example.confirmed)[:1]


def _excluded(walks: Walks, telling: Telling, demands: tuple[Demand, ...], node: int) -> bool:
    """Whether rules cannot say that in a node, for what is known there; a way that nobody can go proves nothing."""
    model = walks.model
    known = {fact for place in walks.marking(node) for fact in model.spots[place].facts}
    said = ((model.rules[number], TRUE if holds else FALSE) for number, holds in sorted(known))
    return telling.decisions.solved([*demands, *said]) is None and telling.told(walks.way(node))[1]


def _either(joins: Sequence[Transition]) -> Rule:
    return any_of(*(rule for transition in joins if (rule := holding(transition)) is not None))


def _apart(walks: Walks, telling: Telling, joins: Sequence[Transition], nodes: Sequence[int]) -> Iterator[Finding]:
    """The finding of joins that leave data over; none where there are no such data on any of these ways."""
    for example in _possible(walks, telling, ((_either(joins), FALSE),), nodes):
        names = [transition.name for transition in joins]
        said = f"'{names[0]}' does not join them" if len(names) == 1 else f"none of {listed(names)} joins them"
        text = f"tokens{example.with_data} get stuck in {listed(joins[0].sources)}: {said}"
        yield Finding("gap", text, joins[0].id, example, certain=example.confirmed)


def _unjudged(walks: Walks, telling: Telling, joins: Sequence[Transition], nodes: Sequence[int]) -> Iterator[Finding]:
    """The finding of joins that cannot judge typed data, in which a field is None."""
    if telling.workflow is None or telling.workflow.schema is None:
        return
    either = _either(joins)
    for example in _possible(walks, telling, ((either, UNKNOWN),), nodes):
        paths = listed(sorted(either.paths) or [either.text], last="or")
        text = f"tokens get stuck in {listed(joins[0].sources)} where {paths} is None: no rule can judge them then"
        if example.confirmed:
            yield Finding("gap-unknown", text, joins[0].id, example, severity="error")


def _not_judged(walks: Walks, telling: Telling, workflow: Workflow) -> Iterator[Finding]:
    """Data that the rules of a state cannot judge, so that a case stays there; told of the nearest such state."""
    silent: list[Silence] = []
    nearest: dict[str, list[int]] = {}
    for place, node in walks.nearest.items():
        spot = walks.model.spots[place]
        if not spot.held:
            nearest.setdefault(spot.state, []).append(node)
    for state in workflow.states:
        rules, nodes = _leading_on(workflow, state.name), nearest.get(state.name)
        if not rules or not nodes or state.name in workflow.final:
            continue
        demands = ((any_of(*rules), UNKNOWN), *((rule, TRUE) for rule in _valid(workflow, state.name)))
        if isinstance(telling.decisions.solved(demands), Witness):
            silent.append((state.name, min(nodes, key=lambda node: walks.depth[node] or 0), demands))
    if silent:
        silent.sort(key=lambda each: walks.depth[each[1]] or 0)
        yield _silence(walks, telling, silent)


def _silence(walks: Walks, telling: Telling, silent: Sequence[Silence]) -> Finding:
    typed = telling.workflow is not None and telling.workflow.schema is not None
    example, (state, _, demands) = _silent_way(walks, telling, silent if typed else silent[:1])
    where = _unclear(demands[0][0])
    others = [name for name, *_ in silent if name != state]
    also = f"; so it is in {listed(others[:MOST_TOLD])}" if others else ""
    more = f" and {len(others) - MOST_TOLD} other states" if len(others) > MOST_TOLD else ""
    text = f"a case gets stuck in '{state}' where {where}{also}{more}"
    severity: Severity = "error" if typed and example.confirmed else "warning"
    return Finding("gap-unknown", text, state, example, certain=example.confirmed, severity=severity)


def _silent_way(walks: Walks, telling: Telling, silent: Sequence[Silence]) -> tuple[Counterexample, Silence]:
    """The first way that is confirmed, otherwise the first one; with what is silent there."""
    first: tuple[Counterexample, Silence] | None = None
    for each in silent[:MOST_TRIED]:
        _, node, demands = each
        for more in (*_absent(telling, demands[0][0]), ()):
            example, _ = telling.told(walks.way(node), Expectation(stuck=True, demands=(*demands, *more)))
            if example.confirmed:
                return example, each
        first = first or (example, each)  # the last try asked for nothing more
    return first or (Counterexample({}), silent[0])


def _absent(telling: Telling, rule: Rule) -> Iterator[tuple[Demand, ...]]:
    """That what lies in lists and mappings of declared data is not there, one path after the other."""
    domains = telling.decisions.domains
    for path in sorted(rule.paths) if domains else ():
        if path.startswith("data.") and path not in domains:
            where = field(path)
            yield (where.missing(), TRUE), (where.is_a("null"), FALSE | UNKNOWN)


def _unclear(rule: Rule) -> str:
    """When a rule cannot judge, in words; of one that reads no paths that are known only that it cannot."""
    if not rule.paths:
        return f"'{rule.text}' cannot judge its data"
    return f"{listed(sorted(rule.paths), last='or')} is missing or of another kind: no rule can judge it then"


def _leading_on(workflow: Workflow, state: str) -> list[Rule]:
    """The rules of which one must hold for a token of the state to go on; none where it can go on anyway."""
    rules: list[Rule] = []
    for transition in workflow.leaving[state]:
        if not transition.automatic or len(transition.sources) > 1:
            return []
        judged = [transition.guard]
        if transition.otherwise is None and not transition.steps:
            judged.append(transition.rules)
        parts = [rule for rule in judged if rule is not None]
        if not parts:
            return []
        rules.append(all_of(*parts))
    return rules


def _valid(workflow: Workflow, state: str) -> Iterator[Rule]:
    for transition in workflow.leaving[state]:
        if (rule := put_right(transition)) is not None:
            yield rule
