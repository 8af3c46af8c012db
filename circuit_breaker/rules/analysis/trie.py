"""The paths that conditions read, as a tree, with what is known of each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import attrs

from circuit_breaker.rules.analysis.answers import Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.collections import distinct
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.constant import same
from circuit_breaker.rules.path import step_into
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Node", "grown", "nested", "read", "sample"]


@attrs.define(eq=False)
class Node:
    """A path.

    Attributes:
        key: The path.
        hints: Where conditions on it can turn.
        atoms: The numbers of the conditions that read it and nothing else.
        inner: The numbers of the conditions that read only it and what is below it.
        group: The paths that it is compared with, itself among them; empty where there is none.
        domain: What is assumed of its value.
        asked: Whether a condition reads it.
        noticed: Whether what is said of what holds it can turn on whether it is there.
        handed: What it is compared with as a part of what holds it.
        ordered: Whether a condition asks which of it and another path has the greater value.
        children: The paths one step below.
    """

    key: Key
    hints: Hints = Hints()
    atoms: list[int] = attrs.field(factory=list)
    inner: list[int] = attrs.field(factory=list)
    group: tuple[Node, ...] = ()
    domain: Domain = Domain()
    asked: bool = False
    noticed: bool = False
    handed: tuple[Any, ...] = ()
    ordered: bool = False
    children: dict[str, Node] = attrs.field(factory=dict)

    @property
    def copies(self) -> int:
        """How many values of each sort are needed, for comparisons of paths with each other."""
        return max(len(self.group), 1)

    def child(self, step: str) -> Node:
        """The path that is one step below."""
        return self.children.setdefault(step, Node((*self.key, step)))

    def nodes(self) -> Iterator[Node]:
        """It and all that are below it."""
        yield self
        for child in self.children.values():
            yield from child.nodes()

    def seen_above(self, value: Any) -> tuple[bool, ...]:
        """What tells the value from others here where a condition reads what holds it."""
        there = (value is MISSING,) if self.noticed else ()
        return (*there, *(value is not MISSING and same(value, each) for each in self.handed))

    def crossed(self) -> list[Key]:
        """The paths here and below whose values are compared with those of other paths."""
        return [node.key for node in self.nodes() if node.group]


def grown(atoms: Iterable[Atom], domains: Mapping[Key, Domain]) -> dict[Key, Node]:
    """A tree for each key of the data, the metadata and the results, and one for the state."""
    tops: dict[Key, Node] = {}
    crosses: list[list[Node]] = []
    for number, atom in enumerate(atoms):
        if atom.opaque:
            continue
        nodes = [_node(tops, key) for key in atom.keys]
        for node in nodes:
            node.hints, node.asked, node.ordered = node.hints | atom.hints, True, node.ordered or atom.orders
        if len(nodes) > 1:
            crosses.append(nodes)
        elif nodes:
            nodes[0].atoms.append(number)
        for top in {key[:2] for key in atom.keys}:
            _register(tops[top], number, atom.keys)
    nodes = [node for top in tops.values() for node in top.nodes()]
    for node in nodes:
        node.domain = domains.get(node.key, node.domain)
        node.hints |= Hints(node.domain.values)
    groups = _joined(crosses)
    while inside := list(_inside(groups)):
        groups = _joined([*groups, *inside])
    _share(groups, [node for top in tops.values() for node in top.nodes()])
    return tops


def _node(tops: dict[Key, Node], key: Key) -> Node:
    node = tops.setdefault(key[:2], Node(key[:2]))
    for step in key[2:]:
        node = node.child(step)
    return node


def _register(node: Node, number: int, keys: tuple[Key, ...]) -> None:
    """Tell every path that covers all of the keys of the condition."""
    if all(key[: len(node.key)] == node.key for key in keys):
        node.inner.append(number)
        for step in {key[len(node.key)] for key in keys if len(key) > len(node.key)}:
            _register(node.children[step], number, keys)


Group = dict[Node, None]
"""Paths that are compared with each other."""


def _joined(crosses: Iterable[Iterable[Node]]) -> list[Group]:
    """The groups of paths, each path in one."""
    groups: list[Group] = []
    for nodes in crosses:
        touched = [group for group in groups if not group.keys().isdisjoint(nodes)]
        groups = [group for group in groups if group not in touched]
        groups.append({node: None for group in (*touched, nodes) for node in group})
    return groups


def _inside(groups: Iterable[Group]) -> Iterator[list[Node]]:
    """The paths in what is compared as a whole, which are compared with each other too; only those not known yet."""
    for group in groups:
        if nested([node.key for node in group]):
            continue
        for step in dict.fromkeys(step for node in group for step in node.children):
            inner = [node.child(step) for node in group]
            if not any(each.keys() >= set(inner) for each in groups):
                yield inner


def nested(keys: Collection[Key]) -> bool:
    """Whether one of the paths is inside of another."""
    return any(one != other and other[: len(one)] == one for one in keys for other in keys)


def _share(groups: Iterable[Group], nodes: Iterable[Node]) -> None:
    """Paths that are compared with each other share what they are compared with, and hand it to those in them."""
    alone = dict.fromkeys(nodes)
    for group in groups:
        for node in group:
            del alone[node]
    together = [*groups, *({node: None} for node in alone)]
    for group in sorted(together, key=lambda each: max(len(node.key) for node in each)):
        hints = Hints()
        for node in group:
            hints |= node.hints
        ordered = any(node.ordered for node in group)
        for node in group:
            node.hints, node.ordered = hints, ordered
            node.group = tuple(group) if len(group) > 1 else ()
            _hand_down(node)


def _hand_down(node: Node) -> None:
    """What an object or a list as a whole is compared with, what is in it is compared with."""
    whole = [each for each in node.hints.constants if isinstance(each, (Mapping, list))]
    for step, child in node.children.items():
        inner = tuple(value for each in whole if (value := step_into(each, step)) is not MISSING)
        child.hints |= Hints(inner)
        child.handed = tuple(distinct(inner))
        before = len(node.children) > 1 and step.isdigit()  # in a list nothing can be behind what is not there
        child.noticed = bool(whole or node.hints.lengths or child.domain.held or before) or step in node.hints.items


def sample(key: Key, value: Any) -> Witness:
    """A token with that value at that path and nothing else."""
    if len(key) == 1:
        return Witness(**{key[0]: value})
    for step in reversed(key[1:]):
        value = {} if value is MISSING else {step: value}
    return Witness(**{key[0]: value})


def read(token: Any, key: Key) -> Any:
    """What is at the path, or :data:`~circuit_breaker.rules.MISSING`."""
    value = getattr(token, key[0])
    for step in key[1:]:
        value = step_into(value, step)
    return value
