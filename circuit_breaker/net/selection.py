"""Selections: in which ways so many tokens can be taken from a place, without a way that is the mirror of another."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import combinations
from typing import Any

__all__ = ["Kind", "Selection", "selections", "together"]

Selection = tuple[Any, ...]
Kind = Callable[[Any], Hashable]
"""What a token is like; those of one kind can stand for each other."""


def selections(tokens: Sequence[Any], count: int, kind: Kind | None = None) -> Iterator[Selection]:
    """Every way to take so many of the tokens, the first ones first; of those of one kind always the first ones.

    Each costs time in proportion to the number of tokens, however many ways there are, and the kinds are not asked for
    before the second one.
    """
    if kind is None or len(tokens) <= count:
        yield from combinations(tokens, count)
        return
    yield tuple(tokens[:count])
    kinds = [kind(token) for token in tokens]
    for positions in _distinct(kinds, list(range(count))):
        yield tuple(tokens[position] for position in positions)


def _distinct(kinds: Sequence[Hashable], chosen: list[int]) -> Iterator[list[int]]:
    """The choices of positions after this one, in lexicographic order, that take the first positions of each kind.

    A kind of which one position was passed over is closed until the search steps back to before that position. What can
    still be taken is taken at once; where that is too little, nothing that begins so can be completed.
    """
    count = len(chosen)
    closed: dict[Hashable, int] = {}
    while chosen:
        passed = chosen.pop()
        closed = {kind: position for kind, position in closed.items() if position < passed}
        closed[kinds[passed]] = passed
        free = (position for position in range(passed + 1, len(kinds)) if kinds[position] not in closed)
        following = [position for position, _ in zip(free, range(count - len(chosen)), strict=False)]
        if len(following) == count - len(chosen):
            chosen.extend(following)
            yield chosen


def together(places: Sequence[tuple[Sequence[Any], int]], kind: Kind | None = None) -> Iterator[Selection]:
    """Every way to take so many tokens from each of several places, found one after another as they are asked for."""
    if not places:
        yield ()
        return
    (tokens, count), *others = places
    for first in selections(tokens, count, kind):
        for rest in together(others, kind):
            yield first + rest
