"""The fewest fields that have to change so that a condition holds: no search can find a change of less."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Any

from circuit_breaker.rules.condition import Condition
from circuit_breaker.rules.leaves import CallableCondition, JavascriptCondition
from circuit_breaker.rules.tree import AllOf, AnyOf

__all__ = ["least", "least_beside", "opaque"]


def least_beside(tree: Condition, token: Any, keys: Iterable[str]) -> int | None:
    """How many fields beside these have to change at least so that the condition holds; None where it reads none.

    Args:
        tree: The condition.
        token: What it is judged on now.
        keys: Dotted paths of top-level keys that may be anything.
    """
    free = frozenset(map(_root, keys))
    if _apart(free, _roots(tree)) and not opaque(tree):
        return None
    return least(tree, token, free)


def least(tree: Condition, token: Any, free: frozenset[str] = frozenset()) -> int:
    """How many fields have to change at least so that the condition holds: parts that share no field need each its own.

    It is found at once, and saves the search where a change is known that needs no more. What is free does not count.
    """
    if tree.holds(token):
        return 0
    if isinstance(tree, AnyOf):
        return min(least(rule.tree, token, free) for rule in tree.rules)
    if not isinstance(tree, AllOf):
        return 1 if not free or (_apart(free, _roots(tree)) and not opaque(tree)) else 0
    counted: set[str] = set()
    found = 0
    for rule in tree.rules:
        own = _roots(rule.tree) - free
        if _apart(counted, own) and not opaque(rule.tree) and (part := least(rule.tree, token, free)):
            counted |= own
            found += part
    return found if free else max(found, 1)


def opaque(tree: Condition) -> bool:
    """Whether there is a part of which nobody knows what it reads: a function, or JavaScript."""
    if not tree.parts:
        return isinstance(tree, (CallableCondition, JavascriptCondition))
    return any(opaque(rule.tree) for rule in tree.parts)


def _apart(some: AbstractSet[str], others: AbstractSet[str]) -> bool:
    """Whether nothing is in both; the whole of the data has every field of it."""
    whole = {root for root in some | others if "." not in root}
    return some.isdisjoint(others) and not (whole & _namespaces(some) & _namespaces(others))


def _namespaces(roots: AbstractSet[str]) -> set[str]:
    return {root.partition(".")[0] for root in roots}


def _roots(tree: Condition) -> set[str]:
    """The top-level keys that a condition reads, or the whole of a part: what lies below may be set together."""
    return set(map(_root, tree.paths))


def _root(path: str) -> str:
    return ".".join(path.split(".")[:2])
