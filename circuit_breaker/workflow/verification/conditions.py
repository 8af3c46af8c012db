"""Conditions: what a proof stands on that the definition alone does not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from circuit_breaker.rules import any_of
from circuit_breaker.rules.analysis import Domain, Witness
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, UNKNOWN
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.causes import listed
from circuit_breaker.workflow.verification.counterexample import Expectation, Telling
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.knowledge import Knowledge
from circuit_breaker.workflow.verification.lineage import SPLIT, Lineage
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["MOST_TRIED", "conditions_of", "waiting_joins"]

MOST_TRIED = 32
"""How many ways to the same joins are tried."""
MOST_NAMED = 3
"""How many joins a condition names."""


def conditions_of(workflow: Workflow, walks: Walks, telling: Telling) -> tuple[str, ...]:
    """What else must be true for a workflow to be sound in which nothing wrong was found; in words.

    Args:
        workflow: The workflow.
        walks: Where its cases can go.
        telling: What tells the ways.
    """
    joins = [t for t in workflow.transitions if sum(arc.weight for arc in t.net.takes) > 1]
    texts: list[tuple[str, str]] = []
    if joins:
        lineage = Lineage(workflow, Knowledge(workflow))
        texts += _of_joins([each for each in joins if lineage.joins(each)], lineage, telling.decisions.domains)
        for names, nodes in waiting_joins(walks, workflow).items():
            texts += _of_rules([workflow.by_id[name] for name in names], nodes, lineage, walks, telling)
    found: dict[str, list[str]] = {}
    for text, name in dict.fromkeys(texts):
        found.setdefault(text, []).append(name)
    return tuple(text.format(names=_named(each)) for text, each in found.items())


def waiting_joins(walks: Walks, workflow: Workflow) -> dict[tuple[str, ...], list[int]]:
    """The joins of which the rules can hold a case up, by name, with the nodes where nothing else can happen."""
    ways: dict[tuple[str, ...], list[int]] = {}
    if not any(map(_may_refuse_to_join, workflow.transitions)):
        return ways
    for node in walks.nodes:
        labels = dict.fromkeys(walks.model.acts[label].label for _, label in walks.edges(node))
        names = tuple(name for name in labels if name)
        if names and len(names) == len(labels) and all(_may_refuse_to_join(workflow.by_id[name]) for name in names):
            ways.setdefault(names, []).append(node)
    return ways


def _may_refuse_to_join(transition: Transition) -> bool:
    """Whether the rules of a join can hold its tokens up, and nobody can help it by firing it."""
    alone = sum(arc.weight for arc in transition.net.takes) == 1
    judged = transition.gate is not None and transition.otherwise is None
    return judged and not alone and (transition.automatic or transition.delay is not None)


def _of_joins(
    joins: Sequence[Transition], lineage: Lineage, domains: Mapping[str, Domain]
) -> Iterator[tuple[str, str]]:
    """What the data of tokens must be that are joined."""
    for transition in joins:
        if transition.merge is None and transition.net.gives and lineage.clashing(transition):
            yield "no two branches set the same key differently before {names}", transition.name
        if transition.correlate is not None and not _agree(transition, lineage, domains):
            key = transition.correlate.path
            yield f"the tokens that {{names}} joins have the same value in {key}", transition.name
        if transition.together and SPLIT in lineage.differ(transition):
            yield "the tokens that {names} joins come from the same split", transition.name


def _agree(transition: Transition, lineage: Lineage, domains: Mapping[str, Domain]) -> bool:
    """Whether tokens that join have the key that they are joined by, and all of them the same."""
    path = "" if transition.correlate is None else transition.correlate.path
    there = path in domains and "missing" not in domains[path].kinds
    return there and not any(touches(path, each) for each in lineage.differ(transition))


def _of_rules(
    joins: Sequence[Transition], nodes: Sequence[int], lineage: Lineage, walks: Walks, telling: Telling
) -> Iterator[tuple[str, str]]:
    """What the rules of joins have to say in the nodes where nothing else can happen."""
    either = any_of(*(each.gate for each in joins if each.gate is not None))
    differ = frozenset().union(*(lineage.differ(each) for each in joins if lineage.joins(each)))
    apart = not either.paths or any(touches(path, each) for path in either.paths for each in differ)
    unclear = apart or len(nodes) > MOST_TRIED  # otherwise every way there was tried
    refusing = unclear and telling.decisions.solved(((either, FALSE),)) is not None
    silent = isinstance(telling.decisions.solved(((either, UNKNOWN),)), Witness)
    silent = silent and (unclear or _can_be(walks, telling, (either, UNKNOWN), nodes))
    for transition in joins:
        if refusing:
            yield "the rules of {names} say yes to what the branches bring together", transition.name
        if silent:
            yield "what the rules of {names} read is there, and of the right kind", transition.name


def _can_be(walks: Walks, telling: Telling, demand: Demand, nodes: Sequence[int]) -> bool:
    """Whether there are data with which a case comes to one of the nodes, and of which the rule says that."""
    return any(telling.told(walks.way(node), Expectation(demands=(demand,)))[1] for node in nodes)


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    if more <= 0:
        return listed(names)
    shown = ", ".join(f"'{name}'" for name in names[:MOST_NAMED])
    return f"{shown} and {more} other join{'s' if more > 1 else ''}"
