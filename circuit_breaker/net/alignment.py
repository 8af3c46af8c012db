"""Coordinates across the layers: long edges straight, every node near the middle of its neighbours.

The method of Brandes and Köpf, "Fast and Simple Horizontal Coordinate Assignment" (2001): vertices are put into blocks
with a median neighbour, blocks are packed, from each of four corners; the result is the mean of the two middle ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from circuit_breaker.net.layers import Layers

__all__ = ["aligned"]

Pair = tuple[int, int]
Rows = Sequence[Sequence[int]]


def aligned(layers: Layers, halves: Mapping[int, float], *, gap: float) -> dict[int, float]:
    """For each vertex the coordinate of its middle, from 0 on.

    Args:
        layers: The ordered layers.
        halves: For each vertex half of its extent across the layers; joints may have none.
        gap: The least free room between two vertices of one layer.
    """
    up: dict[int, list[int]] = {}
    down: dict[int, list[int]] = {}
    for low, high in layers.segments:
        up.setdefault(low, []).append(high)
        down.setdefault(high, []).append(low)
    conflicts = _conflicts(layers)
    corners = []
    for rows, neighbours in ((layers.rows, down), (layers.rows[::-1], up)):
        for side in (1, -1):
            turned = [row[::side] for row in rows]
            roots = _blocks(turned, neighbours, conflicts)
            packed = _packed(turned, roots, halves, gap)
            corners.append({vertex: side * packed[root] for vertex, root in roots.items()})
    return _balanced(corners, halves)


def _conflicts(layers: Layers) -> set[Pair]:
    """Segments that cross a segment between two joints; they give way, so that long edges stay straight."""
    place = {vertex: index for row in layers.rows for index, vertex in enumerate(row)}
    rank = {vertex: index for index, row in enumerate(layers.rows) for vertex in row}
    between: dict[int, list[Pair]] = {}
    for step in layers.segments:
        between.setdefault(rank[step[0]], []).append(step)
    found = set()
    for steps in between.values():
        inner = [step for step in steps if min(step) >= layers.nodes]
        for (low, high), (low2, high2) in itertools.product(inner, steps):
            crossing = (place[low] - place[low2]) * (place[high] - place[high2]) < 0
            if crossing and min(low2, high2) < layers.nodes:
                found |= {(low2, high2), (high2, low2)}
    return found


def _blocks(rows: Rows, neighbours: Mapping[int, Sequence[int]], conflicts: set[Pair]) -> dict[int, int]:
    """For each vertex the root of its block: vertices of different layers that will share one coordinate."""
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}
    roots = {vertex: vertex for vertex in place}
    for row in rows:
        limit = -1
        for vertex in row:
            for other in _medians(sorted(neighbours.get(vertex, ()), key=place.__getitem__)):
                if roots[vertex] == vertex and place[other] > limit and (other, vertex) not in conflicts:
                    roots[vertex] = roots[other]
                    limit = place[other]
    return roots


def _medians(ordered: Sequence[int]) -> Sequence[int]:
    middle = len(ordered) // 2
    return ordered[middle : middle + 1] if len(ordered) % 2 else ordered[max(0, middle - 1) : middle + 1]


def _packed(rows: Rows, roots: Mapping[int, int], halves: Mapping[int, float], gap: float) -> dict[int, float]:
    """For each block its coordinate: as near to the first side as possible, then near to what follows it."""
    room: dict[int, dict[int, float]] = {root: {} for root in roots.values()}
    before: dict[int, dict[int, float]] = {root: {} for root in roots.values()}
    for left, right in itertools.chain.from_iterable(map(itertools.pairwise, rows)):
        one, other = roots[left], roots[right]
        distance = max(room[one].get(other, 0.0), halves[left] + halves[right] + gap)
        room[one][other] = before[other][one] = distance
    order = _sorted(room, before)
    packed: dict[int, float] = {}
    for root in order:
        packed[root] = max((packed[other] + distance for other, distance in before[root].items()), default=0.0)
    for root in reversed(order):
        if room[root]:
            packed[root] = max(packed[root], min(packed[other] - distance for other, distance in room[root].items()))
    return packed


def _sorted(following: Mapping[int, Iterable[int]], before: Mapping[int, Mapping[int, float]]) -> list[int]:
    missing = {root: len(others) for root, others in before.items()}
    order = [root for root, count in missing.items() if not count]
    for root in order:
        for other in following[root]:
            missing[other] -= 1
            if not missing[other]:
                order.append(other)
    return order


def _balanced(corners: Sequence[dict[int, float]], halves: Mapping[int, float]) -> dict[int, float]:
    """The mean of the two middle coordinates, after all four are laid over the narrowest."""
    if not halves:
        return {}
    spans = [
        (min(at - halves[v] for v, at in corner.items()), max(at + halves[v] for v, at in corner.items()))
        for corner in corners
    ]
    low, high = min(spans, key=lambda span: span[1] - span[0])
    shifts = [high - span[1] if index % 2 else low - span[0] for index, span in enumerate(spans)]
    middle = {}
    for vertex in halves:
        _, one, other, _ = sorted(corner[vertex] + shift for corner, shift in zip(corners, shifts, strict=True))
        middle[vertex] = (one + other) / 2
    first = min(at - halves[vertex] for vertex, at in middle.items())
    return {vertex: at - first for vertex, at in middle.items()}
