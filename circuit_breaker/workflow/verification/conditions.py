"""Conditions: what a proof stands on that the definition alone does not say."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.rules import Rule, any_of
from circuit_breaker.rules.analysis import Domain, Witness
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.fitting import validated_together
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.barriers import Barriers, taken_facts
from circuit_breaker.workflow.verification.bringing import unmet
from circuit_breaker.workflow.verification.causes import listed
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.lasting import holding
from circuit_breaker.workflow.verification.lineage import SPLIT, Lineage
from circuit_breaker.workflow.verification.model import Fact
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["conditions_of"]

MET = "what the rules of {names} ask can be brought, whatever else the token has"
MOST_NAMED = 3
"""How many transitions a condition names."""


def conditions_of(workflow: Workflow, walks: Walks, telling: Telling, barred: Barriers) -> tuple[str, ...]:
    """What else must be true for a workflow to be sound in which nothing wrong was found; in words.

    Args:
        workflow: The workflow.
        walks: Where its cases can go.
        telling: What tells the ways.
        barred: The joins of which the rules can hold a case up.
    """
    joins = [t for t in workflow.transitions if not t.alone]
    texts: list[tuple[str, str]] = []
    if joins:
        lineage = Lineage(workflow)
        joined = [each for each in joins if lineage.joins(each)]
        texts += _of_joins(joined, lineage, telling.decisions.domains)
        texts += _of_class(joined, lineage, workflow.schema)
        for names, nodes in barred.items():
            texts += _of_rules([workflow.by_id[name] for name in names], nodes, lineage, walks, telling)
    texts += [(MET, each.name) for each in unmet(workflow, telling.decisions)]
    found: dict[str, list[str]] = {}
    for text, name in dict.fromkeys(texts):
        found.setdefault(text, []).append(name)
    return tuple(text.format(names=_named(each)) for text, each in found.items())


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


def _of_class(joins: Sequence[Transition], lineage: Lineage, schema: type | None) -> Iterator[tuple[str, str]]:
    """That a class of data which looks at several fields at once admits what several branches have changed."""
    if schema is not None and validated_together(schema):
        for transition in joins:
            if transition.merge is None and transition.net.gives and lineage.mixes_data(transition):
                text = f"{schema.__name__} admits what the branches bring together before {{names}}"
                yield text, transition.name


def _agree(transition: Transition, lineage: Lineage, domains: Mapping[str, Domain]) -> bool:
    """Whether tokens that join have the key that they are joined by, and all of them the same."""
    path = "" if transition.correlate is None else transition.correlate.path
    there = path in domains and "missing" not in domains[path].kinds
    return there and not any(touches(path, each) for each in lineage.differ(transition))


def _of_rules(
    joins: Sequence[Transition], nodes: Sequence[int], lineage: Lineage, walks: Walks, telling: Telling
) -> Iterator[tuple[str, str]]:
    """What the rules of joins have to say in the nodes where nothing else leads out."""
    rules = {each.id: rule for each in joins if (rule := holding(each)) is not None}
    asked = _Asked(walks, telling, rules, {each.id: lineage.differ(each) for each in joins})
    refusing = any(asked.can_say(FALSE, node) for node in nodes)
    silent = any(asked.can_say(UNKNOWN, node) for node in nodes)
    for transition in joins:
        if refusing:
            yield "the rules of {names} say yes to what the branches bring together", transition.name
        if silent:
            yield "what the rules of {names} read is there, and of the right kind", transition.name


@attrs.frozen(eq=False)
class _Asked:
    """What the rules of joins can say where so much is known of the tokens as in a node.

    Attributes:
        walks: Where cases can go.
        telling: What tells the ways.
        rules: The rules of the joins, by name.
        differ: For each of them the paths in which its tokens can differ, of which nothing is known for sure.
        known: What was found out before.
    """

    walks: Walks
    telling: Telling
    rules: Mapping[str, Rule]
    differ: Mapping[str, frozenset[str]]
    known: dict[frozenset[tuple[Rule, int]], bool] = attrs.field(factory=dict)

    def can_say(self, answer: int, node: int) -> bool:
        """Whether none of them says yes, and that is the answer of each choice of tokens."""
        choices = taken_facts(self.walks, node, self.rules).values()
        return all(self._of_choice(answer, taken, facts) for taken, facts in choices)

    def _of_choice(self, answer: int, taken: Collection[str], facts: Iterable[Fact]) -> bool:
        rules = [self.rules[name] for name in taken]
        differ = frozenset[str]().union(*(self.differ[name] for name in taken))
        demands = [(any_of(*rules), answer)]
        for number, holds in facts:
            rule = self.walks.model.rules[number]
            if rule.paths and not any(touches(path, each) for path in rule.paths for each in differ):
                demands.append((rule, TRUE if holds else FALSE))
        key = frozenset([*((rule, answer) for rule in rules), *demands[1:]])
        if key not in self.known:
            found = self.telling.decisions.solved(demands)
            self.known[key] = found is not None if answer == FALSE else isinstance(found, Witness)
        return self.known[key]


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_NAMED
    if more <= 0:
        return listed(names)
    shown = ", ".join(f"'{name}'" for name in names[:MOST_NAMED])
    return f"{shown} and {more} other join{'s' if more > 1 else ''}"
