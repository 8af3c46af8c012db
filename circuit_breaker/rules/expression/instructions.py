"""What a pattern becomes: instructions of a nondeterministic automaton, over symbols instead of characters."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

import attrs

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression.characters import Ranges
from circuit_breaker.rules.expression.pattern_parts import (
    Alternatives,
    Assertion,
    Characters,
    Part,
    Repeat,
    Sequence,
)

__all__ = ["INSTRUCTIONS", "Check", "Consume", "Fork", "Instruction", "Symbols", "assemble"]

INSTRUCTIONS: Final = 2000
"""Instructions that a pattern may become; ``(a{30}){30}`` is 900 of them."""


@attrs.frozen
class Consume:
    """Takes one character that belongs to one of the symbols."""

    symbols: frozenset[str]
    then: int


@attrs.frozen
class Check:
    """Goes on if this is such a place."""

    place: str
    then: int


@attrs.frozen
class Fork:
    """Goes on in several ways at once; without any way it is the end of the pattern."""

    ways: tuple[int, ...]


Instruction = Consume | Check | Fork


class Symbols(dict[int, str]):
    """Characters by their code to symbols: characters that no part of the pattern tells apart share one.

    Given to ``str.translate``, it turns a text into the symbols that the automaton reads.
    """

    def __init__(self, sets: list[Ranges]) -> None:
        bounds = {0}
        for ranges in sets:
            bounds.update(edge for first, last in ranges for edge in (first, last + 1))
        self._bounds = sorted(bounds)
        self.end = chr(len(self._bounds))
        super().__init__((code, self._symbol(code)) for code in range(128))

    def __missing__(self, code: int) -> str:
        return self._symbol(code)

    def _symbol(self, code: int) -> str:
        return chr(bisect_right(self._bounds, code) - 1)

    def of(self, ranges: Ranges) -> frozenset[str]:
        """The symbols of a set that was given when the symbols were made."""
        starts = ((bisect_right(self._bounds, first) - 1, bisect_right(self._bounds, last)) for first, last in ranges)
        return frozenset(chr(number) for start, stop in starts for number in range(start, stop))


def assemble(text: str, tree: Part, symbols: Symbols) -> tuple[Instruction, ...]:
    """The instructions of the pattern ``text``; the last one is where it begins.

    Raises:
        ConditionParsingError: When there would be more than :data:`INSTRUCTIONS`.
    """
    return _Assembler(text, symbols).whole(tree)


class _Assembler:
    """Turns a tree into instructions, from the end of the pattern to its beginning."""

    def __init__(self, text: str, symbols: Symbols) -> None:
        self._text = text
        self._symbols = symbols
        self._program: list[Instruction] = []

    def whole(self, tree: Part) -> tuple[Instruction, ...]:
        begin = self._part(tree, self._add(Fork(())))
        self._add(Fork((begin,)))
        return tuple(self._program)

    def _add(self, instruction: Instruction) -> int:
        """Every part adds at least one instruction, so that this limit bounds the work too."""
        if len(self._program) == INSTRUCTIONS:
            raise ConditionParsingError(
                f"the pattern becomes more than {INSTRUCTIONS:,} instructions",
                text=self._text,
                position=0,
                remedy="repeat less: counted repetitions multiply",
            )
        self._program.append(instruction)
        return len(self._program) - 1

    def _part(self, part: Part, then: int) -> int:
        match part:
            case Characters(ranges):
                return self._add(Consume(self._symbols.of(ranges), then))
            case Assertion(place):
                return self._add(Check(place, then))
            case Sequence(parts):
                for inner in reversed(parts):
                    then = self._part(inner, then)
                return then if parts else self._add(Fork((then,)))
            case Alternatives(parts):
                return self._add(Fork(tuple(self._part(inner, then) for inner in parts)))
            case Repeat(inner, least, most):
                return self._repeat(inner, least, most, then)

    def _repeat(self, part: Part, least: int, most: int | None, then: int) -> int:
        entry = self._add(Fork((then,)))
        if most is None:
            self._program[entry] = Fork((self._part(part, entry), then))
        else:
            for _ in range(most - least):
                entry = self._add(Fork((self._part(part, entry), then)))
        for _ in range(least):
            entry = self._part(part, entry)
        return entry
