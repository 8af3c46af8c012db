"""Bringing: whether what rules ask of a person, a signal or an action can be brought, whatever else a token has.

What they ask of the rest alone is decided like any other rule. What is left is exact as long as no condition compares
what is brought with what is there; such a condition can contradict others for some of what is there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import combinations
from typing import Any

import attrs

from circuit_breaker.rules import ExpressionCondition, Rule, all_of
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.rules.expression import syntax
from circuit_breaker.rules.leaves import FieldCondition
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Decisions, touches
from circuit_breaker.workflow.verification.knowledge import persuadable
from circuit_breaker.workflow.verification.lasting import parts_of, refused_by, tried_again
from circuit_breaker.workflow.verification.writes import answered, brought, fresh

__all__ = ["unmet"]

Paths = Sequence[str]
MET = ("==", "!=", "<=", ">=", ">")
"""How what is brought can always compare with what is there; nothing is less than an empty text."""
CONTRARY = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def unmet(workflow: Workflow, decisions: Decisions) -> Iterator[Transition]:
    """The transitions of which it is not certain that what their rules ask can be brought.

    Those are left out that no case depends on: another way out leads on, and not back.

    Args:
        workflow: The workflow.
        decisions: Its rules.
    """
    for transition in workflow.transitions:
        if not _passed_by(workflow, transition):
            made = (_Bringing(changed, decisions).makes(rule) for rule, changed in _asked(workflow, transition))
            if not all(made) or _sent_back(workflow, transition) or _judged_again(workflow, transition):
                yield transition


def _asked(workflow: Workflow, transition: Transition) -> Iterator[tuple[Rule, tuple[str, ...]]]:
    """The rules that it is taken for granted to satisfy, each with the paths at which that is brought."""
    back = _leads_back(workflow, transition)
    judged = transition.gate if back or transition.otherwise is None else transition.guard
    if persuadable(transition) and judged is not None:
        yield judged, brought(transition)
    if transition.rules is not None and transition.steps and (back or tried_again(transition)):
        first = judged if persuadable(transition) and not _changed(judged, answered(transition)) else None
        yield transition.rules if first is None else all_of(first, transition.rules), fresh(transition)


def _changed(rule: Rule | None, changed: Paths) -> bool:
    """Whether changes at some paths can change what a rule says."""
    return rule is not None and any(touches(path, each) for path in rule.paths for each in changed)


def _judged_again(workflow: Workflow, transition: Transition) -> bool:
    """Whether the policy of an action judges what is brought, of which rules have judged more before it."""
    gate = transition.gate if persuadable(transition) else None
    needed = tried_again(transition) or _leads_back(workflow, transition)
    return needed and _changed(transition.rules, brought(transition)) and _changed(gate, answered(transition))


def _sent_back(workflow: Workflow, transition: Transition) -> bool:
    """Whether what its policy asks beforehand, of more than is brought, can send tokens round for ever."""
    own, back = brought(transition), _leads_back(workflow, transition)
    policy = [transition.validations, None if transition.steps else transition.rules]
    paths = [path for rule in policy if rule is not None for path in rule.paths]
    read = [path for path in paths if not any(touches(path, each) for each in own)]
    return back and persuadable(transition) and bool(read)


def _leads_back(workflow: Workflow, transition: Transition) -> bool:
    return transition.otherwise is not None and _leads(workflow, [transition.otherwise], transition)


def _leads(workflow: Workflow, states: Iterable[str], transition: Transition) -> bool:
    """Whether tokens in these states can come to where a transition takes one."""
    seen, ahead = set(states), list(states)
    while ahead:
        new = {state for each in workflow.leaving[ahead.pop()] for state in each.targets} - seen
        seen |= new
        ahead += new
    return not seen.isdisjoint(transition.sources)


def _passed_by(workflow: Workflow, transition: Transition) -> bool:
    """Whether a token can always go on by another transition, which nothing holds up and that does not lead back."""
    others = (each for each in workflow.leaving[transition.sources[0]] if each is not transition)
    return transition.alone and any(
        each.gate is None and each.net.plain is not None and each.rules is None
        and not _leads(workflow, each.targets, transition)
        for each in others
    )  # fmt: skip


@attrs.frozen
class _Bringing:
    """What can be brought at some paths.

    Attributes:
        changed: The paths.
        decisions: The rules.
    """

    changed: Paths
    decisions: Decisions

    def makes(self, rule: Any, *, holds: bool = True) -> bool:
        """Whether it can make a rule hold, or fail, wherever what the rule asks of the rest alone is so."""
        refused = refused_by(rule.tree)
        if refused is not None:
            return self.makes(refused, holds=not holds)
        own, others = self._apart(rule)
        opaque = self._opaque(rule)
        if not (own or opaque):
            return bool(others)
        if not (others or opaque):
            return self._can([rule], holds=holds)
        parts, every = parts_of(rule)
        if not parts:
            return not opaque and self._compared(rule.tree, holds=holds)
        if every != holds:
            return all(self.makes(part, holds=holds) for part in parts)
        return self._together(parts, holds=holds)

    def _together(self, parts: Sequence[Any], *, holds: bool) -> bool:
        """The same of several rules at once."""
        mixed = [part for part in parts if all(self._apart(part)) or self._opaque(part)]
        free = [part for part in parts if part not in mixed and self._apart(part)[0]]
        groups = [[path for part in free for path in self._apart(part)[0]], *(self._apart(part)[0] for part in mixed)]
        crossed = any(touches(one, other) for some, more in combinations(groups, 2) for one in some for other in more)
        made = all(self.makes(part, holds=holds) for part in mixed)
        return made and not crossed and self._can(free, holds=holds)

    def _opaque(self, rule: Any) -> bool:
        """Whether it is not known what a part of a rule reads."""
        return self.decisions.opaque(self.decisions.number(rule))

    def _apart(self, rule: Any) -> tuple[Paths, Paths]:
        """The paths that a rule reads: those where something is brought, and the others."""
        own = [path for path in rule.paths if any(touches(path, each) for each in self.changed)]
        return own, [path for path in rule.paths if path not in own]

    def _can(self, rules: Collection[Rule], *, holds: bool) -> bool:
        found = self.decisions.witness([(self.decisions.number(rule), holds) for rule in rules])
        return isinstance(found, Witness)

    def _compared(self, tree: Any, *, holds: bool) -> bool:
        """Whether it is one comparison of two values of which one is brought, and can be any."""
        one, symbol, other = _comparison(tree)
        if not self._free(one):
            one, symbol, other = other, TURNED.get(symbol, symbol), one
        symbol = symbol if holds else CONTRARY.get(symbol, "")
        return symbol in MET and self._free(one) and bool(other) and not self._free(other)

    def _free(self, path: str) -> bool:
        """Whether anything can be brought at a path."""
        typed = path.startswith("data") and bool(self.decisions.domains)
        return bool(path) and not typed and any(touches(path, each) for each in self.changed)


def _comparison(tree: Any) -> tuple[str, str, str]:
    """The paths that a condition compares, and how; empty texts where it is none or compares something else."""
    if isinstance(tree, FieldCondition):
        return tree.path, str(tree.operator), tree.other
    node = tree.compiled.syntax if isinstance(tree, ExpressionCondition) else None
    if isinstance(node, syntax.Compare):
        return syntax.path_of(node.left), node.symbol, syntax.path_of(node.right)
    return "", "", ""
