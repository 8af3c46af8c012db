"""Overlay: what is drawn into a net: tokens, a path that was or could be gone, and how often and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from circuit_breaker.net.graph import Drawing, Edge, Node

__all__ = ["Firing", "Overlay", "overlaid"]

MOST_NUMBERS = 4


def _frozen(values: Iterable[str]) -> frozenset[str]:
    return frozenset(values)


@attrs.frozen
class Firing:
    """One step of a path.

    Attributes:
        transition: The id of the node that fired.
        takes: The ids of the places that it took tokens from.
        gives: The ids of the places that it put tokens into.
    """

    transition: str
    takes: frozenset[str] = attrs.field(default=frozenset(), converter=_frozen)
    gives: frozenset[str] = attrs.field(default=frozenset(), converter=_frozen)


@attrs.frozen
class Overlay:
    """What is drawn into a net, whatever the language of the picture.

    Attributes:
        marks: How many tokens each place holds, by the id of its node.
        strong: The ids of nodes that stand out, such as transitions that could fire.
        path: Steps in their order: they are numbered, and the arcs that they took stand out.
        notes: A further line of small letters for a node, by its id.
        title: What to write after the title.
    """

    marks: Mapping[str, int] = attrs.field(factory=dict)
    strong: frozenset[str] = attrs.field(default=frozenset(), converter=_frozen)
    path: tuple[Firing, ...] = ()
    notes: Mapping[str, str] = attrs.field(factory=dict)
    title: str = ""

    @property
    def numbers(self) -> dict[str, list[int]]:
        """For each transition of the path which steps it was, counted from 1."""
        found: dict[str, list[int]] = {}
        for number, firing in enumerate(self.path, start=1):
            found.setdefault(firing.transition, []).append(number)
        return found


def overlaid(drawing: Drawing, overlay: Overlay) -> Drawing:
    """The drawing with the overlay in it; what the overlay says of nodes that are not drawn is left out."""
    numbers = overlay.numbers
    taken = {(place, step.transition) for step in overlay.path for place in step.takes}
    given = {(step.transition, place) for step in overlay.path for place in step.gives}
    return attrs.evolve(
        drawing,
        title=f"{drawing.title}: {overlay.title}" if overlay.title else drawing.title,
        nodes=[_node(node, overlay, numbers.get(node.id, [])) for node in drawing.nodes],
        edges=[_edge(edge, taken | given) for edge in drawing.edges],
    )


def _node(node: Node, overlay: Overlay, numbers: list[int]) -> Node:
    return attrs.evolve(
        node,
        marks=overlay.marks.get(node.id, node.marks),
        emphasis=node.emphasis or node.id in overlay.strong or bool(numbers),
        note="\n".join(filter(None, (overlay.notes.get(node.id, ""), node.note))),
        badge=_told(numbers),
    )


def _told(numbers: list[int]) -> str:
    """The numbers as a short text: of many only the first and the last."""
    if len(numbers) > MOST_NUMBERS:
        return f"{', '.join(map(str, numbers[: MOST_NUMBERS - 1]))} … {numbers[-1]}"
    return ", ".join(map(str, numbers))


def _edge(edge: Edge, passed: set[tuple[str, str]]) -> Edge:
    strong = edge.kind == "normal" and (edge.source, edge.target) in passed
    return attrs.evolve(edge, emphasis=True) if strong else edge
