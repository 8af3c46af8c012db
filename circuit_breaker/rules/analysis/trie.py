"""The paths that conditions read, as a tree, with what is known of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from circuit_breaker.rules.analysis.answers import Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.path import step_into
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Node", "grown", "read", "sample"]


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
        _hand_down(node)
    _share(crosses)
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


def _share(crosses: list[list[Node]]) -> None:
    """Paths that are compared with each other share what they are compared with."""
    groups: list[dict[Node, None]] = []
    for nodes in crosses:
        touched = [group for group in groups if group.keys() & set(nodes)]
        groups = [group for group in groups if group not in touched]
        groups.append({node: None for group in (*touched, nodes) for node in group})
    for group in groups:
        hints = Hints()
        for node in group:
            hints |= node.hints
        ordered = any(node.ordered for node in group)
        for node in group:
            node.hints, node.group, node.ordered = hints, tuple(group), ordered


def _hand_down(node: Node) -> None:
    """What an object or a list as a whole is compared with, what is in it is compared with."""
    for step, child in node.children.items():
        inner = (step_into(each, step) for each in node.hints.constants if isinstance(each, (Mapping, list)))
        child.hints |= Hints(tuple(value for value in inner if value is not MISSING))


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
