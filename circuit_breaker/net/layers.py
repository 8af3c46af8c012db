"""Layers for a graph: which node stands in which column, and in which order, so that few edges cross.

This is the first half of the method of Sugiyama, Tagawa and Toda (1981): cycles are broken by a depth-first search
from where a case starts, layers are longest paths, long edges get a joint in every layer they pass, and sweeps of
barycentres order each layer. Vertices are numbers: first the nodes in their order, then the joints.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Iterable, Sequence

import attrs

from circuit_breaker.net.graph import Drawing

__all__ = ["Layers", "layers_of"]

SWEEPS = 24
Pair = tuple[int, int]


@attrs.frozen
class Layers:
    """The nodes and joints of a drawing in ordered layers.

    Attributes:
        rows: For each layer its vertices in order.
        chains: For each edge the vertices that it passes, from the lowest layer up; empty for a loop at one node.
        backward: For each edge whether it runs against the layers, from the end of its chain to the beginning.
        nodes: How many vertices are nodes; those from there on are joints.
    """

    rows: tuple[tuple[int, ...], ...]
    chains: tuple[tuple[int, ...], ...]
    backward: tuple[bool, ...]
    nodes: int

    @property
    def segments(self) -> list[Pair]:
        """Every step of every chain, as a pair of vertices in neighbouring layers."""
        return [step for chain in self.chains for step in itertools.pairwise(chain)]


def layers_of(drawing: Drawing) -> Layers:
    """The layers of the drawing; the same drawing always gives the same."""
    number = {node.id: index for index, node in enumerate(drawing.nodes)}
    pairs = [(number[edge.source], number[edge.target]) for edge in drawing.edges]
    backward = _backward(drawing, pairs)
    oriented = [
        (target, source) if back else (source, target) for (source, target), back in zip(pairs, backward, strict=True)
    ]
    ranks = _ranks(len(drawing.nodes), [pair for pair in oriented if pair[0] != pair[1]])
    _settle(ranks, oriented, backward)
    rows, chains = _chained(ranks, oriented)
    best = _ordered(rows, [step for chain in chains for step in itertools.pairwise(chain)])
    return Layers(tuple(map(tuple, best)), tuple(map(tuple, chains)), tuple(backward), len(drawing.nodes))


def _backward(drawing: Drawing, pairs: Sequence[Pair]) -> list[bool]:
    normal = [pair for pair, edge in zip(pairs, drawing.edges, strict=True) if edge.kind == "normal"]
    targets = {target for _, target in normal}
    nodes = drawing.nodes
    starts = sorted(range(len(nodes)), key=lambda v: (not nodes[v].initial, v in targets, nodes[v].kind, v))
    place = {vertex: index for index, vertex in enumerate(_visited(_following(len(nodes), normal), starts))}
    backward = [place[source] > place[target] for source, target in pairs]
    closing = [back and edge.kind == "normal" for back, edge in zip(backward, drawing.edges, strict=True)]
    for index in _returns(pairs, closing):
        backward[index] = True
    return backward


def _following(count: int, pairs: Iterable[Pair]) -> list[list[int]]:
    following: list[list[int]] = [[] for _ in range(count)]
    for source, target in pairs:
        following[source].append(target)
    return following


def _visited(following: Sequence[Sequence[int]], starts: Iterable[int]) -> list[int]:
    """The vertices in reverse postorder of a depth-first search: only edges that close a cycle lead back in it."""
    seen: set[int] = set()
    finished: list[int] = []
    for start in starts:
        stack = [(start, iter(following[start]))] if start not in seen else []
        seen.add(start)
        while stack:
            vertex, rest = stack[-1]
            fresh = next((target for target in rest if target not in seen), None)
            if fresh is None:
                finished.append(vertex)
                stack.pop()
            else:
                seen.add(fresh)
                stack.append((fresh, iter(following[fresh])))
    return finished[::-1]


def _returns(pairs: Sequence[Pair], closing: Sequence[bool]) -> list[int]:
    """The only edges into nodes that do nothing but lead back: turned as well, the node stands on the way back.

    ``closing`` says which edges close a cycle of the search. Such an edge leads to a vertex from which its source, and
    what is before its source, were found: so no new cycle arises.
    """
    into: dict[int, list[int]] = {}
    out: dict[int, list[int]] = {}
    for index, (source, target) in enumerate(pairs):
        out.setdefault(source, []).append(index)
        into.setdefault(target, []).append(index)
    found = []
    for vertex, (only, *more) in into.items():
        leaving = out.get(vertex, [])
        if not more and len(leaving) == 1 and closing[leaving[0]] and pairs[only][0] != pairs[leaving[0]][1]:
            found.append(only)
    return found


def _ranks(count: int, pairs: Sequence[Pair]) -> list[int]:
    """For each vertex the length of the longest path to it; sources are then drawn near to what they lead to."""
    following = _following(count, pairs)
    missing = [0] * count
    for _, target in pairs:
        missing[target] += 1
    ranks = [0] * count
    sources = [vertex for vertex in range(count) if not missing[vertex]]
    ready = list(sources)
    for vertex in ready:
        for target in following[vertex]:
            ranks[target] = max(ranks[target], ranks[vertex] + 1)
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    for vertex in sources:
        if following[vertex]:
            ranks[vertex] = min(ranks[target] for target in following[vertex]) - 1
    return ranks


def _settle(ranks: list[int], oriented: Sequence[Pair], backward: Sequence[bool]) -> None:
    """Moves each node on a way back to the middle of that way."""
    below = {pair[1]: pair[0] for pair, back in zip(oriented, backward, strict=True) if back}
    above = {pair[0]: pair[1] for pair, back in zip(oriented, backward, strict=True) if back}
    degree: dict[int, int] = {}
    for vertex in itertools.chain.from_iterable(oriented):
        degree[vertex] = degree.get(vertex, 0) + 1
    for vertex in below.keys() & above.keys():
        if degree[vertex] == 2:
            low, high = ranks[below[vertex]], ranks[above[vertex]]
            ranks[vertex] = low + (high - low) // 4 * 2 + 1 if high - low > 2 else low + 1


def _chained(ranks: Sequence[int], oriented: Sequence[Pair]) -> tuple[list[list[int]], list[list[int]]]:
    rows: list[list[int]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for vertex, rank in enumerate(ranks):
        rows[rank].append(vertex)
    fresh = itertools.count(len(ranks))
    chains: list[list[int]] = []
    for low, high in oriented:
        chain = [low] if low != high else []
        for rank in range(ranks[low] + 1, ranks[high]):
            joint = next(fresh)
            rows[rank].append(joint)
            chain.append(joint)
        chains.append([*chain, high] if chain else [])
    return rows, chains


def _ordered(rows: list[list[int]], steps: Sequence[Pair]) -> list[list[int]]:
    """The layers in the order with the fewest crossings that the sweeps find."""
    up: dict[int, list[int]] = {}
    down: dict[int, list[int]] = {}
    for low, high in steps:
        up.setdefault(low, []).append(high)
        down.setdefault(high, []).append(low)
    best, fewest = [list(row) for row in rows], _crossings(rows, up)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        _sweep(rows, down, range(1, len(rows))) if sweep % 2 == 0 else _sweep(rows, up, range(len(rows) - 2, -1, -1))
        _exchange(rows, up, down)
        crossings = _crossings(rows, up)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    return best


def _sweep(rows: list[list[int]], neighbours: dict[int, list[int]], order: Iterable[int]) -> None:
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}
    for rank in order:
        middle = {}
        for vertex in rows[rank]:
            near = neighbours.get(vertex)
            middle[vertex] = sum(place[other] for other in near) / len(near) if near else float(place[vertex])
        rows[rank].sort(key=middle.__getitem__)
        place.update((vertex, index) for index, vertex in enumerate(rows[rank]))


def _exchange(rows: list[list[int]], up: dict[int, list[int]], down: dict[int, list[int]]) -> None:
    """Exchanges neighbours in a layer wherever that leaves fewer crossings."""
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}
    for row in rows:
        for index in range(len(row) - 1):
            left, right = row[index], row[index + 1]
            if sum(_inverted(near.get(left, ()), near.get(right, ()), place) for near in (up, down)) > 0:
                row[index], row[index + 1] = right, left
                place[left], place[right] = index + 1, index


def _inverted(left: Iterable[int], right: Iterable[int], place: dict[int, int]) -> int:
    """How many crossings fewer there are when the two exchange places."""
    differences = [place[one] - place[other] for one in left for other in right]
    return sum(d > 0 for d in differences) - sum(d < 0 for d in differences)


def _crossings(rows: Iterable[Sequence[int]], up: dict[int, list[int]]) -> int:
    place = {vertex: index for row in rows for index, vertex in enumerate(row)}
    total = 0
    for row in rows:
        passed: list[int] = []
        for vertex in row:
            ends = sorted(place[other] for other in up.get(vertex, ()))
            total += sum(len(passed) - bisect.bisect_right(passed, end) for end in ends)
            for end in ends:
                bisect.insort(passed, end)
    return total
