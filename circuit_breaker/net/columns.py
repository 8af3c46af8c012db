"""Columns: the rows of a picture for a terminal, laid under each other in cells of equal width."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable

import attrs

from circuit_breaker.net.graph import cells, printable

__all__ = ["Columns", "Paint", "Row", "cut", "cut_between_words", "one_line", "painted", "unpainted"]

FRAME = 11
NOTE_GAP = 3
SHORTEST = 6
SIGNS = {"source": 4, "target": 2}
"""The cells before the name of a place, which the names of transitions do not have."""
STYLES = {
    "title": "1",
    "faint": "2",
    "marked": "1;32",
    "final": "35",
    "strong": "1;33",
    "plain": "",
}

Paint = Callable[[str, str], str]
"""Gives a text in the style of a name."""


def painted(text: str, style: str) -> str:
    """The text in the colours of ANSI terminals."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if STYLES[style] and text.strip() else text


def unpainted(text: str, _: str) -> str:
    """The text as it is."""
    return text


def one_line(text: str) -> str:
    """The text with one space for each run of white space and of characters that could steer the terminal."""
    return " ".join(printable(text).split())


def cut(text: str, most: int, *, sign: int = 0) -> str:
    """The text in at most so many cells, with ``…`` in its middle if it is cut: names often begin alike.

    Args:
        text: The text.
        most: How many cells it may have.
        sign: How many cells at its beginning are no part of the name.
    """
    if cells(text) <= most:
        return text
    tail = _start(text[::-1], max(0, most - 1 - sign) // 2)[::-1]
    return f"{_start(text, most - 1 - cells(tail))}…{tail}"


def cut_between_words(text: str, most: int) -> str:
    """The words of a text that fit into so many cells, and ``…``; of one long word its beginning and end."""
    if cells(text) <= most:
        return text
    kept = _start(text, max(0, most - 2))
    words = kept if text[len(kept)] == " " else kept.rpartition(" ")[0]
    return f"{words.rstrip()} …" if words.strip() else cut(text, most)


def _start(text: str, most: int) -> str:
    """As much of the text as fits into so many cells."""
    widths = itertools.accumulate(map(cells, text))
    return "".join(char for char, used in zip(text, widths, strict=True) if used <= most)


@attrs.frozen
class Row:
    """One line of the picture, by columns; an empty text leaves its column blank.

    Attributes:
        source: The place at the left.
        lead: The character that leads from there to the first joint.
        before: What is written on that lead.
        joint: Where branches leave, or lines join.
        label: The transition.
        fan: Where its line splits.
        arrow: The character that leads to the target, or an empty text.
        after: What is written on that lead.
        target: The place at the right.
        note: What is said about the transition.
        styles: The styles of source, label and target.
    """

    source: str = ""
    lead: str = " "
    before: str = ""
    joint: str = " "
    label: str = ""
    fan: str = " "
    arrow: str = ""
    after: str = ""
    target: str = ""
    note: str = ""
    styles: tuple[str, str, str] = ("plain", "plain", "plain")


@attrs.frozen
class Columns:
    """How many cells each column has."""

    source: int
    before: int
    label: int
    after: int
    target: int
    note: int

    @classmethod
    def fitted(cls, rows: Iterable[Row], width: int) -> Columns:
        """Columns as wide as what stands in them, and no wider together than the width; notes give way first."""
        filled = list(rows)
        names = [field.name for field in attrs.fields(cls)]
        sizes = {name: max((cells(getattr(row, name)) for row in filled), default=0) for name in names}
        wanted, sizes["note"] = sizes["note"], 0
        while (total := cls(**sizes).total) > width:
            sizes[max(sizes, key=lambda name: sizes[name] - SIGNS.get(name, 0))] -= 1
        room = min(wanted, width - total - NOTE_GAP)
        return cls(**{**sizes, "note": room if room >= min(wanted, SHORTEST) else 0})

    @property
    def total(self) -> int:
        """The cells of a whole line without its note."""
        return self.source + self.label + self.target + _on_lead(self.before) + _on_lead(self.after) + FRAME

    def line(self, row: Row, paint: Paint) -> str:
        """The row as text."""
        source = cut(row.source, self.source, sign=SIGNS["source"])
        parts = [
            paint(source, row.styles[0]),
            paint(self._lead_in(row, self.source - cells(source)) + row.joint, "faint"),
            self._middle(row, paint),
            paint(row.fan + self._lead_out(row), "faint"),
            self._end(row, paint),
        ]
        return "".join(parts)

    def _lead_in(self, row: Row, free: int) -> str:
        if row.lead == " ":
            return " " * (free + _on_lead(self.before) + 2)
        return " " + row.lead * (free + 1) + _on_line(row.before, self.before, row.lead)

    def _middle(self, row: Row, paint: Paint) -> str:
        if not row.label:
            return " " * (self.label + 4)
        label = cut(row.label, self.label)
        rest = "─" * (self.label - cells(label) + 1)
        return f"{paint('─', 'faint')} {paint(label, row.styles[1])} {paint(rest, 'faint')}"

    def _lead_out(self, row: Row) -> str:
        if not row.arrow:
            return " " * (_on_lead(self.after) + 3)
        head = "▷" if row.arrow == "┄" else "▶"
        return row.arrow + _on_line(row.after, self.after, row.arrow) + head + " "

    def _end(self, row: Row, paint: Paint) -> str:
        target = cut(row.target, self.target, sign=SIGNS["target"])
        note = cut_between_words(row.note, self.note) if self.note else ""
        space = " " * (self.target - cells(target) + NOTE_GAP) if note else ""
        return paint(target, row.styles[2]) + space + paint(note, "faint")


def _on_lead(size: int) -> int:
    """How many cells a text of that size takes on a line, with a space on both sides."""
    return size + 2 if size else 0


def _on_line(text: str, size: int, line: str) -> str:
    """A piece of line with the text on it, two cells longer than ``size``; nothing where no row has a text."""
    if not size:
        return ""
    text = cut(one_line(text), size)
    return line * (size - cells(text)) + f" {text} " if text else line * (size + 2)
