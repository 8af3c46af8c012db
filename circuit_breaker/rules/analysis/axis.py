"""Axis: the values at one path, as far as comparisons with constants can tell them apart, and answers as sets of them.

A set of values is a whole number of which each bit stands for one value, so that many values are reckoned with at once.
Numbers stand in their order, and so do texts: the constants of a condition cut them into runs about which it says the
same, and only one value of each run is asked about.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Final

import attrs

from circuit_breaker.rules.analysis import collections, numbers, texts
from circuit_breaker.rules.analysis.answers import Witness
from circuit_breaker.rules.analysis.atoms import Atom, Hints, Key
from circuit_breaker.rules.analysis.domain import Domain
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.rules.analysis.trie import Node, sample
from circuit_breaker.rules.analysis.variables import admitted
from circuit_breaker.rules.verdict import MISSING

__all__ = ["NO_PATH", "Axis", "Sets", "cuts_of", "fits"]

Sets = tuple[int, int, int]
"""The values for which an answer is true, for which it is false, and for which it is not known."""

NO_PATH: Final[Key] = ()
"""The path of conditions that say the same of every token."""

_ABOVE: Final[tuple[Any, ...]] = ({}, {"other": "other"}, None, True, 0, 0.5, "", "other", [], ["other"])
"""What can stand above a path so that nothing is at it."""


def fits(atom: Atom) -> bool:
    """Whether a condition reads one path, and says the same of all that lies between two of its constants there."""
    hints = atom.hints
    if atom.opaque or atom.looks or hints.pieces or hints.patterns or hints.lengths or hints.items:
        return False
    return not atom.keys or (len(atom.keys) == 1 and not any(step.isdigit() for step in atom.keys[0][1:]))


def cuts_of(hints: Hints) -> frozenset[str]:
    """What an axis for these hints is cut at, as texts."""
    return frozenset((*map(repr, hints.constants), *(f"{prefix!r}..." for prefix in hints.prefixes)))


@attrs.frozen(eq=False)
class _Value:
    """A value.

    Attributes:
        leaf: What is at the path.
        whole: What is at the key that the path begins with.
        rank: How plain it is; 0 is the plainest.
    """

    leaf: Any
    whole: Any
    rank: int


class Axis:
    """The values at a path.

    Args:
        key: The path.
        hints: Where the conditions on it can turn.
        domains: What can stand at paths.

    Attributes:
        cuts: What it is cut at; conditions that turn elsewhere need another axis.
        every: All of the values.
    """

    def __init__(self, key: Key, hints: Hints, domains: Mapping[Key, Domain]) -> None:
        self.key = key
        self._known = {k: domains[k] for depth in range(2, len(key) + 1) if (k := key[:depth]) in domains}
        hints |= Hints(self._known.get(key, Domain()).values)
        found = [_Value(leaf, whole, rank) for rank, (leaf, whole) in enumerate(self._found(hints))]
        self.cuts = cuts_of(hints)
        self._sections = _sorted(found if not self._known else self._admitted(found))
        self._values = [value for section in self._sections for value in section]
        self._leaves = [[value.leaf for value in section] for section in self._sections]
        self._answers: dict[Atom, Sets] = {}
        self.every = (1 << len(self._values)) - 1

    def _admitted(self, found: Iterable[_Value]) -> list[_Value]:
        """Those in the domains of the path and of what is above it."""
        top = node = Node(self.key[:2], domain=self._known.get(self.key[:2], Domain()))
        for depth in range(3, len(self.key) + 1):
            node = node.child(self.key[depth - 1])
            node.domain = self._known.get(self.key[:depth], Domain())
        return [value for value in found if admitted(top, value.whole)]

    def _found(self, hints: Hints) -> Iterator[tuple[Any, Any]]:
        """Values at the path, the plainest first, each with what is at the key that the path begins with."""
        leaves = [None] if self.key == NO_PATH else _leaves(hints)
        if len(self.key) == 1:
            yield from ((leaf, leaf) for leaf in leaves if isinstance(leaf, str) and leaf)
            return
        steps = self.key[2:]
        yield from ((leaf, _within(steps, leaf)) for leaf in leaves if leaf is not MISSING or not steps)
        for depth in range(len(steps)):
            others = (*_ABOVE, *self._known.get(self.key[: depth + 2], Domain()).values)
            yield from (
                (MISSING, _within(steps[:depth], each)) for each in others if not _is_there(each, steps[depth:])
            )
        if steps:
            yield MISSING, MISSING

    def sets(self, atom: Atom) -> Sets:
        """The values for which a condition on the path gives each answer."""
        known = self._answers.get(atom)
        if known is None:
            said = {TRUE: 0, FALSE: 0, UNKNOWN: 0}
            for low, high in self._runs(atom.hints):
                said[atom.ask(self._sample(low))] |= (1 << high) - (1 << low)
            known = self._answers[atom] = (said[TRUE], said[FALSE], said[UNKNOWN])
        return known

    def _sample(self, place: int) -> Any:
        return sample(self.key[:2], self._values[place].whole) if self.key else Witness()

    def _runs(self, hints: Hints) -> Iterator[tuple[int, int]]:
        """Where the values begin and end about which a condition with these hints says the same."""
        wholes, doubles, fractions, words, others = self._leaves
        start = 0
        points = [each for each in hints.constants if type(each) in (int, float)]
        for section, cuts in ((wholes, points), (doubles, points), (fractions, points), (words, texts.cuts(hints))):
            ends = {0, len(section)}
            for cut in cuts:
                ends |= {bisect_left(section, cut), bisect_right(section, cut)}
            yield from ((start + low, start + high) for low, high in pairwise(sorted(ends)))
            start += len(section)
        yield from ((place, place + 1) for place in range(start, start + len(others)))

    def plainest(self, values: int) -> Any:
        """What is at the key that the path begins with, for the plainest of a set of values; nothing at all is best."""
        chosen = [place for place in range(values.bit_length()) if values >> place & 1]
        best = min(chosen, key=lambda place: (self._values[place].whole is not MISSING, self._values[place].rank))
        return self._values[self._nearest(values) if best < len(self._leaves[0]) else best].whole

    def _nearest(self, values: int) -> int:
        """Of whole numbers the one at the lower end, or where there is none at the upper one, or else the plainest."""
        count = len(self._leaves[0])
        end = (~values & (values + 1)).bit_length() - 1
        if end == 0:
            return (values & -values).bit_length() - 1
        if end < count:
            return end - 1
        return min(range(count), key=lambda place: self._values[place].rank)


def _leaves(hints: Hints) -> Iterator[Any]:
    """Values of every sort that hints of constants and beginnings tell apart."""
    yield from numbers.representatives(hints.constants)
    yield from (text for text, *_ in texts.representatives(hints))
    yield from (True, False)
    yield from collections.lists(hints)
    yield from collections.objects(hints)
    yield from (MISSING, None)


def _sorted(found: Iterable[_Value]) -> tuple[list[_Value], ...]:
    """Whole numbers, whole doubles, fractions, texts, each in their order; and all others."""
    sections: tuple[list[_Value], ...] = ([], [], [], [], [])
    for value in found:
        sections[_section(value.leaf)].append(value)
    for section in sections[:4]:
        section.sort(key=lambda value: value.leaf)
    return sections


def _section(leaf: Any) -> int:
    if type(leaf) is float:
        return 1 if leaf.is_integer() else 2
    return {int: 0, str: 3}.get(type(leaf), 4)


def _within(steps: tuple[str, ...], value: Any) -> Any:
    for step in reversed(steps):
        value = {step: value}
    return value


def _is_there(value: Any, steps: tuple[str, ...]) -> bool:
    """Whether something is at the steps of a value."""
    for step in steps:
        if not isinstance(value, Mapping) or step not in value:
            return False
        value = value[step]
    return True
