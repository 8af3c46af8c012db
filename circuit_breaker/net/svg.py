"""SVG of a drawing: self-contained, without scripts, for light and dark paper, described for screen readers."""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterator
from xml.sax.saxutils import escape

import attrs

from circuit_breaker.net.graph import Drawing, Edge, Node, cells, counted, printable
from circuit_breaker.net.ink import STYLE
from circuit_breaker.net.layout import Layout, Point, Route, Size, layout

__all__ = ["svg"]

MARGIN = 24.0
TITLE_HEIGHT = 34.0
PLACE_HEIGHT = 40.0
LINE_HEIGHT = 16.0
LABEL_HEIGHT = 16.0
MOST_LINES = 3
LINE_CELLS = 26
NOTE_CELLS = 34
TOKEN = 4.0
ARROW = 9.0


def svg(drawing: Drawing) -> str:
    """The drawing as one SVG document, laid out from left to right, or from the top down when it is long.

    Places are round, with a dot for each token; transitions are boxes. A place where a case starts carries a triangle,
    one where it may end a double line. Read arcs are dashed with an open head, inhibitor arcs end in a circle, reset
    arcs in a double head.
    """
    faces = [_Face.of(node) for node in drawing.nodes]
    labels = [_label_size(edge) for edge in drawing.edges]
    plan = layout(drawing, [face.size for face in faces], labels)
    top = MARGIN + (TITLE_HEIGHT if drawing.title else 0.0)
    width = max(plan.width, cells(drawing.title) * 9.6) + 2 * MARGIN
    height = plan.height + top + MARGIN
    key = f"cb-{zlib.crc32(repr(drawing).encode('utf-8', 'replace')):08x}"
    lines = [
        _opening(width, height, key),
        f'<title id="{key}-title">{_safe(drawing.title or "drawing")}</title>',
        f'<desc id="{key}-text">{_safe(_described(drawing))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="cb-paper" width="{_n(width)}" height="{_n(height)}"/>',
        *([_text(drawing.title, (MARGIN, MARGIN + 14), "title")] if drawing.title else []),
        f'<g transform="translate({_n((width - plan.width) / 2)} {_n(top)})">',
        *(line for edge, route in zip(drawing.edges, plan.routes, strict=True) for line in _edge(edge, route, plan)),
        *(
            line
            for face, centre, size in zip(faces, plan.centres, plan.sizes, strict=True)
            for line in face.lines(centre, size)
        ),
        *(
            line
            for edge, route, size in zip(drawing.edges, plan.routes, labels, strict=True)
            for line in _label(edge, route, size)
        ),
        "</g>",
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _opening(width: float, height: float, key: str) -> str:
    extent = f'viewBox="0 0 {_n(width)} {_n(height)}" width="{_n(width)}" height="{_n(height)}"'
    names = f'aria-labelledby="{key}-title {key}-text"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="cb-drawing" role="img" {extent} {names}>'


def _described(drawing: Drawing) -> str:
    """The whole graph in words."""
    label = {node.id: node.label for node in drawing.nodes}
    steps = []
    for node in drawing.transitions:
        into = " and ".join(label[edge.source] for edge in drawing.edges if edge.target == node.id)
        out = " and ".join(label[edge.target] for edge in drawing.edges if edge.source == node.id)
        steps.append(f"{node.label} from {into or 'nothing'} to {out or 'nothing'}")
    marked = [f"{node.label} holds {counted(node.marks, 'token')}" for node in drawing.places if node.marks]
    return ". ".join([f"A net of {drawing.summary}", *steps, *marked]) + "."


@attrs.frozen
class _Face:
    """A node as it looks: its lines of text and its size."""

    node: Node
    label: tuple[str, ...]
    note: tuple[str, ...]
    left: float

    @classmethod
    def of(cls, node: Node) -> _Face:
        tokens = (
            (min(node.marks, 3) * (2 * TOKEN + 3) + 3) if node.marks <= 3 else 2 * TOKEN + 8 + 8 * len(str(node.marks))
        )
        left = (12.0 if node.initial else 0.0) + (tokens if node.marks else 0.0)
        return cls(node, _wrapped(node.label, LINE_CELLS), _wrapped(node.note, NOTE_CELLS), left)

    @property
    def size(self) -> Size:
        text = max([_width(line, 13) for line in self.label] + [_width(line, 11) for line in self.note] + [18.0])
        height = LINE_HEIGHT * len(self.label) + (LINE_HEIGHT - 2) * len(self.note)
        if self.node.kind == "transition":
            return text + 24 + self.left, max(30.0, height + 12)
        tall = max(PLACE_HEIGHT, height + 20)
        return max(text + self.left + max(32.0, tall * 0.62), tall), tall

    def lines(self, centre: Point, size: Size) -> Iterator[str]:
        x, y = centre
        width, height = size
        whole = " ".join(filter(None, [self.node.titled, self.node.note]))
        yield f"<g><title>{_safe(whole)}</title>"
        yield self._outline(centre, size)
        if self.node.final:
            yield _rectangle(centre, (width - 7, height - 7), (min(size) - 7) / 2 if self._round else 2, "ring")
        inner = max(_width(line, 13) for line in self.label) if self.label else 0.0
        yield from self._signs(x - (inner + self.left) / 2, y - LINE_HEIGHT / 2 * len(self.note) + len(self.note))
        yield from self._texts(x + self.left / 2, y)
        yield from self._badge(x - width / 2, y - height / 2)
        yield "</g>"

    def _badge(self, x: float, y: float) -> Iterator[str]:
        """The text at the upper left corner, which is at ``x`` and ``y``."""
        if self.node.badge:
            width = _width(self.node.badge, 11) + 9
            yield _rectangle((x + width / 2 - 8, y), (width, 16), 8, "badge")
            yield _text(self.node.badge, (x + width / 2 - 8, y + 4), "number")

    @property
    def _round(self) -> bool:
        return self.node.kind == "place"

    def _outline(self, centre: Point, size: Size) -> str:
        node = self.node
        corner = min(size) / 2 if self._round else 4
        return _rectangle(centre, size, corner, node.role + (" cb-strong" if node.emphasis else ""))

    def _signs(self, x: float, y: float) -> Iterator[str]:
        """The triangle of a start, and the tokens, from ``x`` on."""
        if self.node.initial:
            yield f'<path class="cb-start" d="M{_n(x)} {_n(y - 5)}l8 5l-8 5z"/>'
            x += 12
        dots = self.node.marks if self.node.marks <= 3 else 1
        for _ in range(dots):
            yield f'<circle class="cb-token" cx="{_n(x + TOKEN)}" cy="{_n(y)}" r="{_n(TOKEN)}"/>'
            x += 2 * TOKEN + 3
        if self.node.marks > 3:
            count = f"×{self.node.marks}"
            yield _text(count, (x + 4 * len(count), y + 4), "note")

    def _texts(self, x: float, y: float) -> Iterator[str]:
        total = LINE_HEIGHT * len(self.label) + (LINE_HEIGHT - 2) * len(self.note)
        at = y - total / 2 + 12.5
        for line in self.label:
            yield _text(line, (x, at), "text")
            at += LINE_HEIGHT
        for line in self.note:
            yield _text(line, (x, at - 1.5), "note")
            at += LINE_HEIGHT - 2


def _edge(edge: Edge, route: Route, plan: Layout) -> Iterator[str]:
    points = list(route.points)
    (x, y), (dx, dy) = points[-1], route.heading
    points[-1] = (x - dx * ARROW * 0.7, y - dy * ARROW * 0.7)
    dashed = " cb-dashed" if edge.kind in ("read", "reset") else ""
    strong = " cb-strong" if edge.emphasis else ""
    yield f'<path class="cb-edge{dashed}{strong}" d="{_path(points, route, plan)}"/>'
    yield from _head(edge, (x, y), route.heading)


def _path(points: list[Point], route: Route, plan: Layout) -> str:
    if route.loop:
        return f"M{_p(points[0])}C{' '.join(map(_p, points[1:]))}"
    parts = [f"M{_p(points[0])}"]
    for index in range(1, len(points)):
        (x0, y0), (x1, y1) = points[index - 1 : index + 1]
        if index % 2:
            parts.append(f"L{_p((x1, y1))}")
        elif plan.across:
            middle = (x0 + x1) / 2
            parts.append(f"C{_p((middle, y0))} {_p((middle, y1))} {_p((x1, y1))}")
        else:
            middle = (y0 + y1) / 2
            parts.append(f"C{_p((x0, middle))} {_p((x1, middle))} {_p((x1, y1))}")
    return "".join(parts)


def _head(edge: Edge, tip: Point, direction: Point) -> Iterator[str]:
    role = "strong-head" if edge.emphasis else "head"
    if edge.kind == "inhibitor":
        x, y = tip[0] - direction[0] * 4.5, tip[1] - direction[1] * 4.5
        yield f'<circle class="cb-hollow" cx="{_n(x)}" cy="{_n(y)}" r="4"/>'
        return
    yield _triangle(tip, direction, "hollow" if edge.kind == "read" else role)
    if edge.kind == "reset":
        behind = (tip[0] - direction[0] * ARROW * 0.9, tip[1] - direction[1] * ARROW * 0.9)
        yield _triangle(behind, direction, role)


def _triangle(tip: Point, direction: Point, role: str) -> str:
    (x, y), (dx, dy) = tip, direction
    base, half = (x - dx * ARROW, y - dy * ARROW), ARROW * 0.42
    left, right = (base[0] - dy * half, base[1] + dx * half), (base[0] + dy * half, base[1] - dx * half)
    return f'<path class="cb-{role}" d="M{_p(tip)}L{_p(left)}L{_p(right)}z"/>'


def _label_size(edge: Edge) -> Size:
    text = _cut(edge.text, LINE_CELLS)
    return (_width(text, 11.5) + 8, LABEL_HEIGHT) if text else (0.0, 0.0)


def _label(edge: Edge, route: Route, size: Size) -> Iterator[str]:
    if route.label is None:
        return
    x, y = route.label
    yield _rectangle((x, y), size, 4, "halo")
    yield _text(_cut(edge.text, LINE_CELLS), (x, y + 4), "label")


def _rectangle(centre: Point, size: Size, corner: float, role: str) -> str:
    (x, y), (width, height) = centre, size
    return (
        f'<rect class="cb-{role}" x="{_n(x - width / 2)}" y="{_n(y - height / 2)}"'
        f' width="{_n(width)}" height="{_n(height)}" rx="{_n(corner)}"/>'
    )


def _text(text: str, at: Point, role: str) -> str:
    return f'<text class="cb-{role}" x="{_n(at[0])}" y="{_n(at[1])}">{_safe(text)}</text>'


def _wrapped(text: str, most: int) -> tuple[str, ...]:
    """The text in at most three lines; the last one is cut where it goes on."""
    lines = [line for part in text.splitlines() for line in textwrap.wrap(printable(part), most)]
    if len(lines) > MOST_LINES:
        last = lines[MOST_LINES - 1]
        lines[MOST_LINES - 1 :] = [f"{last if len(last) < most else last[: most - 1]}…"]
    return tuple(lines)


def _cut(text: str, most: int) -> str:
    line = " ".join(printable(text).split())
    if len(line) <= most:
        return line
    words = line[:most].rpartition(" ")[0]
    return f"{words if len(words) * 2 > most else line[: most - 1]}…"


def _width(text: str, size: float) -> float:
    """An upper estimate, in pixels, of how wide the text is in a common sans-serif font."""
    return sum(_em(char) for char in text) * size


def _em(char: str) -> float:
    if char in "iljtfI.,:;|!'()[] ":
        return 0.38
    if char in "mwMW@%":
        return 0.95
    return 1.05 if cells(char) == 2 else 0.72 if char.isupper() else 0.61


def _safe(text: str) -> str:
    return escape(printable(text), {'"': "&quot;"})


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
