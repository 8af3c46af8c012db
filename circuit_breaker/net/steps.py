"""Steps of a drawing: each transition with what it takes and gives, in the order in which a case can reach them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.net.graph import Drawing, Edge, EdgeKind, Node

__all__ = ["Arm", "Group", "Step", "groups_of"]


@attrs.frozen
class Arm:
    """One end of a step: a node, and the edge that joins it to the step; None for an edge that is the step itself."""

    node: Node
    edge: Edge | None = None


@attrs.frozen
class Step:
    """A transition, or an edge that leads from place to place.

    Attributes:
        label: Its name.
        note: What is said about it.
        takes: The places before it; also those that it only reads or that forbid it.
        gives: The places after it; also those that it empties.
        emphasis: Whether it stands out.
    """

    label: str
    takes: tuple[Arm, ...]
    gives: tuple[Arm, ...]
    note: str = ""
    emphasis: bool = False


@attrs.frozen
class Group:
    """Steps that are drawn together: all that start in one place alone, or one step that has several starts or none.

    Attributes:
        starts: The places at the left.
        steps: The steps; several only where there is one start.
    """

    starts: tuple[Arm, ...]
    steps: tuple[Step, ...] = ()


def groups_of(drawing: Drawing) -> list[Group]:
    """The groups in breadth-first order from where a case starts; a node without any step is a group of its own."""
    steps = list(_steps(drawing))
    order = _order(drawing, steps)
    place = {node_id: index for index, node_id in enumerate(order)}
    nodes = {node.id: node for node in drawing.nodes}
    groups: list[tuple[int, Group]] = []
    branches: dict[str, list[Step]] = {}
    for step in steps:
        if len(step.takes) == 1 and _plain(step.takes[0]):
            branches.setdefault(step.takes[0].node.id, []).append(step)
        else:
            groups.append((_last(step, place), Group(step.takes, (step,))))
    groups += [(place[start], Group((Arm(nodes[start]),), tuple(inner))) for start, inner in branches.items()]
    touched = {arm.node.id for step in steps for arm in (*step.takes, *step.gives)}
    for node in drawing.places:
        if node.id not in touched:
            groups.append((place[node.id], Group((Arm(node),))))
    return [group for _, group in sorted(groups, key=lambda found: (found[0], len(found[1].starts) > 1))]


def _last(step: Step, place: Mapping[str, int]) -> int:
    """Where the step stands in the order: behind the last of the places that it takes from."""
    taken = [arm for arm in step.takes if arm.edge is None or arm.edge.kind == "normal"]
    return max((place[arm.node.id] for arm in taken or step.takes), default=-1)


def _plain(arm: Arm) -> bool:
    return arm.edge is None or (arm.edge.kind == "normal" and not arm.edge.text)


def _steps(drawing: Drawing) -> Iterator[Step]:
    nodes = {node.id: node for node in drawing.nodes}
    for node in drawing.transitions:
        into = [Arm(nodes[edge.source], edge) for edge in drawing.edges if edge.target == node.id]
        out = [Arm(nodes[edge.target], edge) for edge in drawing.edges if edge.source == node.id]
        takes = [*_of(into, "normal", "read", "inhibitor"), *_of(out, "read", "inhibitor")]
        gives = [*_of(out, "normal", "reset"), *_of(into, "reset")]
        yield Step(node.titled, tuple(takes), tuple(gives), node.note, node.emphasis)
    for edge in drawing.edges:
        source, target = nodes[edge.source], nodes[edge.target]
        if source.kind == target.kind == "place":
            yield Step(edge.text, (Arm(source),), (Arm(target),), emphasis=edge.emphasis)


def _of(arms: Iterable[Arm], *kinds: EdgeKind) -> list[Arm]:
    return [arm for arm in arms if arm.edge is not None and arm.edge.kind in kinds]


def _order(drawing: Drawing, steps: Sequence[Step]) -> list[str]:
    """The ids of all nodes, breadth first from the initial places, then from those that are marked, then from any."""
    following: dict[str, list[str]] = {node.id: [] for node in drawing.nodes}
    entered: set[str] = set()
    for step in steps:
        reached = [arm.node.id for arm in step.gives]
        entered.update(reached)
        for arm in step.takes:
            following[arm.node.id] += reached
    starts = sorted(drawing.nodes, key=lambda node: (not node.initial, node.id in entered, not node.marks))
    order: dict[str, None] = {}
    for start in starts:
        ready = [start.id] if start.id not in order else []
        order.setdefault(start.id)
        for node_id in ready:
            fresh = [other for other in dict.fromkeys(following[node_id]) if other not in order]
            order.update(dict.fromkeys(fresh))
            ready += fresh
    return list(order)
