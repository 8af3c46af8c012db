"""Sets of characters for patterns: ranges of code points, the named classes of RE2, and case folding.

The named classes are ASCII only, as in RE2 (https://github.com/google/re2/wiki/Syntax); case folding is Unicode's
simple one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from functools import cache
from typing import Final

__all__ = ["ANY", "NAMED", "NEWLINE", "PERL", "WORD", "Ranges", "complement", "fold", "union"]

Ranges = tuple[tuple[int, int], ...]
"""Sorted ranges of code points, first and last included, that neither touch nor overlap."""

ANY: Final[Ranges] = ((0, sys.maxunicode),)

_CASED: Final = 0x1F000
"""Behind this code point no character has a case."""


def union(*sets: Iterable[tuple[int, int]]) -> Ranges:
    """The characters that are in any of the sets."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(piece for pieces in sets for piece in pieces):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def complement(ranges: Ranges) -> Ranges:
    """The characters that are not in the set."""
    gaps: list[tuple[int, int]] = []
    following = 0
    for first, last in ranges:
        if first > following:
            gaps.append((following, first - 1))
        following = last + 1
    if following <= sys.maxunicode:
        gaps.append((following, sys.maxunicode))
    return tuple(gaps)


def _of(*pieces: str) -> Ranges:
    """The set written as texts of one character, or of two: the first and the last."""
    return union([(ord(piece[0]), ord(piece[-1])) for piece in pieces])


NEWLINE: Final = _of("\n")
WORD: Final = _of("09", "AZ", "__", "az")

PERL: Final[dict[str, Ranges]] = {"d": _of("09"), "w": WORD, "s": _of("\t\n", "\f\r", " ")}
"""``\\d``, ``\\w`` and ``\\s``; in capitals they are the complements."""

NAMED: Final[dict[str, Ranges]] = {
    "alnum": _of("09", "AZ", "az"),
    "alpha": _of("AZ", "az"),
    "ascii": _of("\0\x7f"),
    "blank": _of("\t", " "),
    "cntrl": _of("\0\x1f", "\x7f"),
    "digit": _of("09"),
    "graph": _of("!~"),
    "lower": _of("az"),
    "print": _of(" ~"),
    "punct": _of("!/", ":@", "[`", "{~"),
    "space": _of("\t\r", " "),
    "upper": _of("AZ"),
    "word": WORD,
    "xdigit": _of("09", "AF", "af"),
}
"""``[:alpha:]`` and its kin, inside brackets."""


def fold(ranges: Ranges) -> Ranges:
    """The set and every character that differs from one of it in case only."""
    if ranges and ranges[-1][1] < 128:
        return union(ranges, _folded_ascii(ranges))
    orbits = _orbits()
    inside = (orbit for code, orbit in orbits.items() if any(first <= code <= last for first, last in ranges))
    return union(ranges, ((code, code) for orbit in inside for code in orbit))


def _folded_ascii(ranges: Ranges) -> list[tuple[int, int]]:
    """Fast for the usual case; only k and s have a relative that is not ASCII."""
    letters = {chr(code) for first, last in ranges for code in range(first, last + 1) if chr(code).isalpha()}
    folded = {letter.swapcase() for letter in letters}
    if folded & {"k", "K"}:
        folded.add("\N{KELVIN SIGN}")
    if folded & {"s", "S"}:
        folded.add("\N{LATIN SMALL LETTER LONG S}")
    return [(ord(letter), ord(letter)) for letter in folded]


@cache
def _orbits() -> dict[int, tuple[int, ...]]:
    """For each character with a case, all that differ from it in case only."""
    relatives: dict[str, set[str]] = {}
    for character in map(chr, range(_CASED)):
        for other in {character.lower(), character.upper()} - {character}:
            if len(other) == 1 and character != "\N{LATIN SMALL LETTER DOTLESS I}":
                joined = relatives.get(character, {character}) | relatives.get(other, {other})
                relatives.update(dict.fromkeys(joined, joined))
    return {ord(character): tuple(map(ord, orbit)) for character, orbit in relatives.items()}
