"""The parts that a pattern is made of: a tree of frozen values."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.rules.expression.characters import Ranges

__all__ = ["Alternatives", "Assertion", "Characters", "Part", "Repeat", "Sequence", "walk"]


@attrs.frozen
class Characters:
    """One character of a set."""

    ranges: Ranges


@attrs.frozen
class Assertion:
    """A place: the start or end of the ``text`` or of a ``line``, or the edge of a ``word`` or none."""

    place: str


@attrs.frozen
class Sequence:
    """One part after the other; nothing at all when there is none."""

    parts: tuple[Part, ...]


@attrs.frozen
class Alternatives:
    """Any of the parts."""

    parts: tuple[Part, ...]


@attrs.frozen
class Repeat:
    """A part ``least`` to ``most`` times; without limit when ``most`` is None."""

    part: Part
    least: int
    most: int | None


Part = Characters | Assertion | Sequence | Alternatives | Repeat
"""A part of a pattern."""


def walk(tree: Part) -> Iterator[Part]:
    """Every part of the tree, parents first."""
    pending = [tree]
    while pending:
        part = pending.pop()
        yield part
        if isinstance(part, (Sequence, Alternatives)):
            pending.extend(part.parts)
        elif isinstance(part, Repeat):
            pending.append(part.part)
