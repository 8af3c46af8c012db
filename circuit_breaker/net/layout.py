"""Layout: where the nodes of a drawing stand and how its edges run, in pixels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import attrs

from circuit_breaker.net.alignment import aligned
from circuit_breaker.net.graph import Drawing
from circuit_breaker.net.layers import Layers, layers_of

__all__ = ["Layout", "Point", "Route", "Size", "layout"]

Point = tuple[float, float]
Size = tuple[float, float]
"""A width and a height."""

NODE_GAP = 22.0
LAYER_GAP = 38.0
WIDEST_GAP = 100.0
LABEL_ROOM = 40.0
PORT_GAP = 10.0
PORT_ROOM = 13.0
PORT_SHARE = {"place": 0.27, "transition": 0.38}
LOOP = 30.0
LOOP_HEADING = (-0.37, 0.93)


@attrs.frozen
class Route:
    """How an edge runs from its source to its target.

    Attributes:
        points: An even number. From the first to the second it runs straight, then in a curve to the third, straight to
            the fourth, and so on; curves lie between the layers and so never touch a node. A loop has four points, the
            ends and handles of one curve.
        heading: The unit vector that it arrives along.
        label: The middle of its label, or None when it has none.
        loop: Whether it leads back to the node where it began.
    """

    points: tuple[Point, ...]
    heading: Point
    label: Point | None
    loop: bool = False


@attrs.frozen
class Layout:
    """A drawing with positions.

    Attributes:
        width: Of the whole, in pixels.
        height: Of the whole.
        across: Whether layers follow each other from left to right; otherwise from the top down.
        sizes: The size of each node, in the order of the drawing: as given, or larger where many edges meet.
        centres: The middle of each node.
        routes: The way of each edge, in the order of the drawing.
    """

    width: float
    height: float
    across: bool
    sizes: tuple[Size, ...]
    centres: tuple[Point, ...]
    routes: tuple[Route, ...]


def layout(drawing: Drawing, sizes: Sequence[Size], labels: Sequence[Size], *, widest: float = 1500.0) -> Layout:
    """The layout of the drawing: from left to right, or from the top down where that would be wider than ``widest``.

    Args:
        drawing: What to draw.
        sizes: The size of each node.
        labels: The size of the label of each edge; zero when it has none.
        widest: The most width in pixels of a layout from left to right.
    """
    layers = layers_of(drawing)
    flat = _Plan(drawing, layers, sizes, labels, across=True).layout()
    if flat.width <= widest:
        return flat
    return _Plan(drawing, layers, sizes, labels, across=False).layout()


class _Plan:
    """One layout in the making, in coordinates along the layers and across them."""

    def __init__(
        self, drawing: Drawing, layers: Layers, sizes: Sequence[Size], labels: Sequence[Size], *, across: bool
    ) -> None:
        self.drawing = drawing
        self.layers = layers
        self.is_across = across
        self.number = {node.id: index for index, node in enumerate(drawing.nodes)}
        along, beside = (0, 1) if across else (1, 0)
        self.lengths = [size[along] for size in sizes]
        self.breadths = self._broadened([size[beside] for size in sizes])
        self.label_lengths = [size[along] for size in labels]
        self.label_breadths = [size[beside] for size in labels]
        self.rank = {vertex: rank for rank, row in enumerate(layers.rows) for vertex in row}
        self.beside = aligned(layers, self._halves(), gap=NODE_GAP)
        self.leaving = self._ports({index: chain for index, chain in enumerate(layers.chains) if chain})
        self.entering = self._ports({index: chain[::-1] for index, chain in enumerate(layers.chains) if chain})
        self.bands = self._bands()

    def _broadened(self, breadths: list[float]) -> list[float]:
        """The extents across the layers, with room for every edge that ends on one side of a node."""
        chains = [chain for chain in self.layers.chains if chain]
        for ends in ([chain[0] for chain in chains], [chain[-1] for chain in chains]):
            for node, edges in Counter(ends).items():
                breadths[node] = max(breadths[node], PORT_ROOM * edges)
        return breadths

    def _halves(self) -> dict[int, float]:
        halves = dict.fromkeys(self.rank, 0.0)
        halves |= {node: breadth / 2 for node, breadth in enumerate(self.breadths)}
        for edge, chain in zip(self.drawing.edges, self.layers.chains, strict=True):
            if not chain:
                node = self.number[edge.source]
                halves[node] = self.breadths[node] / 2 + LOOP
        return halves

    def _ports(self, chains: Mapping[int, Sequence[int]]) -> dict[int, float]:
        """For each edge how far from the middle of its first node it is attached, so that edges fan out in order."""
        sides: dict[int, list[tuple[float, int]]] = {}
        for edge, (node, neighbour, *_) in chains.items():
            sides.setdefault(node, []).append((self.beside[neighbour] - self.beside[node], edge))
        ports: dict[int, float] = {}
        for node, wanted in sides.items():
            limit = self.breadths[node] * PORT_SHARE[self.drawing.nodes[node].kind]
            wanted.sort()
            ports |= dict(
                zip((edge for _, edge in wanted), _fanned([offset for offset, _ in wanted], limit), strict=True)
            )
        return ports

    def _bands(self) -> list[tuple[float, float]]:
        """For each layer where it begins and ends, with room between them for slopes and labels."""
        bands: list[tuple[float, float]] = []
        start = 0.0
        for rank, row in enumerate(self.layers.rows):
            end = start + max((self.lengths[v] for v in row if v < self.layers.nodes), default=0.0)
            bands.append((start, end))
            start = end + self._gap(rank)
        return bands

    def _gap(self, rank: int) -> float:
        slopes = [
            abs(self.beside[low] - self.beside[high]) for low, high in self.layers.segments if self.rank[low] == rank
        ]
        labelled = [self.label_lengths[edge] for edge in self._labelled(rank)]
        room = max(labelled) + LABEL_ROOM if labelled else 0.0
        return max(LAYER_GAP, min(WIDEST_GAP, 0.3 * max(slopes, default=0.0)), room)

    def _labelled(self, rank: int) -> list[int]:
        """The edges whose label stands behind this layer."""
        return [edge for edge, length in enumerate(self.label_lengths) if length and self._label_rank(edge) == rank]

    def _label_rank(self, edge: int) -> int | None:
        chain = self.layers.chains[edge]
        if not chain:
            return None
        return self.rank[chain[-2] if self.layers.backward[edge] else chain[0]]

    def layout(self) -> Layout:
        routes = [self._way(edge) for edge in range(len(self.layers.chains))]
        labels = self._labels(routes)
        halves = self._halves()
        length = self.bands[-1][1] if self.bands else 0.0
        breadth = max((self.beside[vertex] + half for vertex, half in halves.items()), default=0.0)
        breadth = max([breadth, *(at[1] + self.label_breadths[edge] / 2 for edge, at in labels.items())])
        width, height = self._turned((length, breadth))
        centres = tuple(self._turned((self._centre(node), self.beside[node])) for node in range(self.layers.nodes))
        ways = []
        for edge, points in enumerate(routes):
            drawn = tuple(map(self._turned, points[::-1] if self.layers.backward[edge] else points))
            label = self._turned(labels[edge]) if edge in labels else None
            ways.append(Route(drawn, self._turned(self._heading(edge)), label, loop=not self.layers.chains[edge]))
        sizes = tuple(map(self._turned, zip(self.lengths, self.breadths, strict=True)))
        return Layout(width, height, self.is_across, sizes, centres, tuple(ways))

    def _heading(self, edge: int) -> Point:
        if not self.layers.chains[edge]:
            return LOOP_HEADING
        return (-1.0, 0.0) if self.layers.backward[edge] else (1.0, 0.0)

    def _turned(self, point: Point) -> Point:
        return point if self.is_across else (point[1], point[0])

    def _centre(self, node: int) -> float:
        start, end = self.bands[self.rank[node]]
        return (start + end) / 2

    def _way(self, edge: int) -> list[Point]:
        chain = self.layers.chains[edge]
        if not chain:
            return self._loop(edge)
        first, *joints, last = chain
        at = self.beside[first] + self.leaving[edge]
        points = [(self._centre(first) + self._reach(first, at), at), (self.bands[self.rank[first]][1], at)]
        for joint in joints:
            points += [(edge_of_band, self.beside[joint]) for edge_of_band in self.bands[self.rank[joint]]]
        at = self.beside[last] + self.entering[edge]
        return [*points, (self.bands[self.rank[last]][0], at), (self._centre(last) - self._reach(last, at), at)]

    def _reach(self, node: int, at: float) -> float:
        """How far the outline of the node is from its middle, along the layers, at a coordinate across them."""
        half = self.lengths[node] / 2
        if self.drawing.nodes[node].kind == "transition":
            return half
        radius = min(self.lengths[node], self.breadths[node]) / 2
        into_corner = max(0.0, abs(at - self.beside[node]) - self.breadths[node] / 2 + radius)
        return half - radius + math.sqrt(radius**2 - into_corner**2)

    def _loop(self, edge: int) -> list[Point]:
        node = self.number[self.drawing.edges[edge].source]
        middle, top = self._centre(node), self.beside[node] - self.breadths[node] / 2
        return [(middle - 8, top), (middle - 20, top - LOOP), (middle + 20, top - LOOP), (middle + 8, top)]

    def _labels(self, routes: Sequence[Sequence[Point]]) -> dict[int, Point]:
        """The middle of each label, in the first curve of its edge; labels of one gap are moved apart."""
        placed: dict[int, Point] = {}
        for edge, (points, chain) in enumerate(zip(routes, self.layers.chains, strict=True)):
            if self.label_lengths[edge] and not chain:
                placed[edge] = ((points[0][0] + points[3][0]) / 2, points[1][1] + LOOP / 4)
        for rank in range(len(self.layers.rows)):
            middles = []
            for edge in self._labelled(rank):
                one, other = (routes[edge][-3:-1]) if self.layers.backward[edge] else (routes[edge][1:3])
                middles.append(((one[1] + other[1]) / 2, edge, (one[0] + other[0]) / 2))
            free = -1e9
            for at, edge, along in sorted(middles):
                half = self.label_breadths[edge] / 2
                placed[edge] = (along, max(at, free + half))
                free = placed[edge][1] + half + 3
        return placed


def _fanned(wanted: Sequence[float], limit: float) -> list[float]:
    """The offsets, within the limit on both sides and as far apart as there is room, in the same order."""
    step = min(PORT_GAP, 2 * limit / max(1, len(wanted) - 1))
    offsets = [min(limit, max(-limit, offset)) for offset in wanted]
    for index in range(1, len(offsets)):
        offsets[index] = max(offsets[index], offsets[index - 1] + step)
    offsets[-1] = min(offsets[-1], limit)
    for index in range(len(offsets) - 2, -1, -1):
        offsets[index] = min(offsets[index], offsets[index + 1] - step)
    return offsets
