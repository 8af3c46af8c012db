"""Lasting: what rules ask that nobody can bring."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from circuit_breaker.rules import ExpressionCondition, Rule, all_of, any_of, cel
from circuit_breaker.rules.expression import syntax
from circuit_breaker.rules.tree import AllOf, AnyOf, Not
from circuit_breaker.workflow.timing import After
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.writes import brought, fresh

__all__ = ["holding", "lasting_part", "parts_of", "refused_by", "tried_again"]


def holding(transition: Transition) -> Rule | None:
    """The rule of a join that holds its tokens up while it is false, so that nobody can help it by firing it."""
    if transition.alone:
        return None
    judged = transition.gate if transition.otherwise is None else transition.guard
    own = brought(transition)
    asked = [
        lasting_part(judged, own) if judged is not None and own else judged,
        lasting_part(transition.rules, fresh(transition)) if tried_again(transition) else None,
    ]
    found = [rule for rule in asked if rule is not None]
    return all_of(*found) if len(found) > 1 else next(iter(found), None)


def tried_again(transition: Transition) -> bool:
    """Whether its action can be done again where its result was refused, by whoever fires it."""
    again = transition.waits and not isinstance(transition.trigger, After)
    return again and bool(transition.steps) and transition.rules is not None and transition.otherwise is None


def lasting_part(rule: Any, changed: Sequence[str], *, holds: bool = True) -> Rule | None:
    """What must be so for a rule to hold, whatever is at the paths that are changed; None where that is nothing.

    Args:
        rule: The rule.
        changed: The paths.
        holds: Whether it is to hold, or to fail.
    """
    refused = refused_by(rule.tree)
    if refused is not None:
        return lasting_part(refused, changed, holds=not holds)
    parts, every = parts_of(rule)
    if not parts:
        lasts = bool(rule.paths) and not any(touches(path, change) for path in rule.paths for change in changed)
        return (rule if holds else ~rule) if lasts else None
    found = [lasting_part(part, changed, holds=holds) for part in parts]
    lasting = [part for part in found if part is not None]
    if not lasting or (every != holds and len(lasting) < len(found)):
        return None
    if holds and all(one is part for one, part in zip(found, parts, strict=True)):
        return rule  # type: ignore[no-any-return]
    return lasting[0] if len(lasting) == 1 else all_of(*lasting) if every == holds else any_of(*lasting)


def refused_by(tree: Any) -> Any:
    """The rule of which it is the opposite; None where it is none."""
    if isinstance(tree, Not):
        return tree.rule
    node = tree.compiled.syntax if isinstance(tree, ExpressionCondition) else None
    return cel(tree.source[node.operand.start : node.operand.end]) if isinstance(node, syntax.Not) else None


def parts_of(rule: Any) -> tuple[Sequence[Any], bool]:
    """The rules that a rule consists of, none where it is one condition; and whether all of them must hold."""
    tree = rule.tree
    if isinstance(tree, (AllOf, AnyOf)):
        return tree.rules, isinstance(tree, AllOf)
    node = tree.compiled.syntax if isinstance(tree, ExpressionCondition) else None
    if isinstance(node, (syntax.And, syntax.Or)):
        return [cel(rule.tree.source[term.start : term.end]) for term in node.terms], isinstance(node, syntax.And)
    return (), True
