"""The value that every drawing starts from: nodes, edges and a title, without any position."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Literal

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest

__all__ = ["Drawing", "Edge", "EdgeKind", "Node", "NodeKind", "cells", "counted", "printable"]

NodeKind = Literal["place", "transition"]
EdgeKind = Literal["normal", "read", "inhibitor", "reset"]


@attrs.frozen
class Node:
    """A place or a transition.

    Attributes:
        id: Unique in its drawing; never shown.
        label: What is written on it. Any text is safe; line breaks are kept where the language has them.
        kind: ``"place"`` (round) or ``"transition"`` (a box).
        marks: How many tokens the place holds.
        initial: Whether a case starts here.
        final: Whether a case may end here.
        note: A second line in small letters, such as a guard.
        emphasis: Whether it stands out, for example because it is enabled or lies on a counterexample.
        badge: A short text at its corner, such as the number of the step that it is.
    """

    id: str
    label: str
    kind: NodeKind = attrs.field(default="place", validator=attrs.validators.in_(("place", "transition")))
    marks: int = attrs.field(default=0, validator=attrs.validators.ge(0))
    initial: bool = False
    final: bool = False
    note: str = ""
    emphasis: bool = False
    badge: str = ""

    @property
    def titled(self) -> str:
        """The label with the badge before it, for languages that have no corners."""
        return f"({self.badge}) {self.label}" if self.badge else self.label

    @property
    def written(self) -> str:
        """All that is written on it: the label with badge and tokens, and the note below it."""
        marks = "" if not self.marks else " ●" if self.marks == 1 else f" ●×{self.marks}"
        return f"{self.titled}{marks}\n{self.note}".rstrip()

    @property
    def role(self) -> str:
        """What it is to a reader: ``"initial"``, ``"final"``, ``"place"`` or ``"transition"``."""
        if self.kind == "place" and (self.initial or self.final):
            return "initial" if self.initial else "final"
        return self.kind


@attrs.frozen
class Edge:
    """An arc between two nodes.

    Attributes:
        source: The id of the node where it starts.
        target: The id of the node where it ends.
        kind: ``"normal"``, ``"read"`` (looks without taking), ``"inhibitor"`` (forbids) or ``"reset"`` (empties).
        label: What is written on it.
        weight: How many tokens it moves; written when above 1.
        emphasis: Whether it stands out.
    """

    source: str
    target: str
    kind: EdgeKind = attrs.field(
        default="normal", validator=attrs.validators.in_(("normal", "read", "inhibitor", "reset"))
    )
    label: str = ""
    weight: int = attrs.field(default=1, validator=attrs.validators.ge(1))
    emphasis: bool = False

    @property
    def text(self) -> str:
        """The weight, when there is more than one token to move, and the label."""
        weight = f"{self.weight}×" if self.weight > 1 else ""
        return f"{weight} {self.label}".strip()


def _nodes(nodes: Iterable[Node]) -> tuple[Node, ...]:
    return tuple(nodes)


def _edges(edges: Iterable[Edge]) -> tuple[Edge, ...]:
    return tuple(edges)


@attrs.frozen
class Drawing:
    """A graph to draw: nodes and edges in the order of definition.

    Raises:
        DefinitionError: An id is given twice, or an edge leads to a node that does not exist. All faults at once.
    """

    title: str
    nodes: tuple[Node, ...] = attrs.field(converter=_nodes)
    edges: tuple[Edge, ...] = attrs.field(converter=_edges)

    def __attrs_post_init__(self) -> None:
        faults = [*self._repeated(), *self._astray()]
        if faults:
            raise DefinitionError(f"The drawing '{self.title}' is not valid", faults=faults)

    def _repeated(self) -> Iterable[Fault]:
        seen: set[str] = set()
        for node in self.nodes:
            if node.id in seen:
                yield Fault(f"node '{node.id}'", "is there twice", "give it another id")
            seen.add(node.id)

    def _astray(self) -> Iterable[Fault]:
        known = [node.id for node in self.nodes]
        for edge in self.edges:
            for end in dict.fromkeys((edge.source, edge.target)):
                if end not in known:
                    yield Fault(f"edge '{edge.source}' -> '{edge.target}'", f"no node '{end}'", nearest(end, known))

    @property
    def places(self) -> tuple[Node, ...]:
        """The nodes that are places."""
        return tuple(node for node in self.nodes if node.kind == "place")

    @property
    def transitions(self) -> tuple[Node, ...]:
        """The nodes that are transitions."""
        return tuple(node for node in self.nodes if node.kind == "transition")

    @property
    def summary(self) -> str:
        """Its size in words, such as ``"5 states, 1 transition"``."""
        return f"{counted(len(self.places), 'state')}, {counted(len(self.transitions), 'transition')}"


def counted(number: int, noun: str) -> str:
    """The number and the noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str, *, keep: str = "") -> str:
    """The text with a space for each control character, lone surrogate or other unprintable one not in ``keep``."""
    return "".join(char if char.isprintable() or char in keep else " " for char in text)


def cells(text: str) -> int:
    """The width of the text in a terminal, in cells: wide East Asian characters take two, combining ones none."""
    return sum(_cell(char) for char in text)


def _cell(char: str) -> int:
    if char.isascii():
        return 1
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
