"""Texts that stand for all texts, as far as order, beginnings and lengths can tell them apart.

In the order of texts those that begin with ``p`` are an interval: from ``p`` up to the next text that does not. So
constants and beginnings cut the order into points and open intervals, and lengths cut each interval further. Whether a
text of given length lies between two others has an exact answer, which is the least such text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, product
from typing import Final

from circuit_breaker.rules.analysis.atoms import Hints
from circuit_breaker.rules.expression.pattern_parts import Alternatives, Characters, Part, Repeat, Sequence
from circuit_breaker.rules.expression.pattern_syntax import parse

__all__ = ["LONGEST", "cuts", "likely", "representatives"]

LONGEST: Final = 10_000
"""The longest text that is made up, in characters."""

_LAST: Final = 0x10FFFF
_SURROGATES: Final = range(0xD800, 0xE000)
_ORDINARY: Final = ("other", "a", "z", "A", "0", " ")
_MOST_PIECES: Final = 6

Region = tuple[str, bool, int | None]
"""A text, whether it is the only one of its region, and how long those of its region can be."""


def representatives(hints: Hints, *, copies: int = 1) -> Iterator[Region]:
    """Texts of every region."""
    found = cuts(hints)
    yield from ((cut, True, len(cut)) for cut in found if cut)
    for low, high in pairwise((*found, None)):
        for shortest, longest in _ranges(hints.lengths):
            for each in _between(low or "", high, shortest, longest, copies):
                yield each, False, longest
    yield "", True, 0


def cuts(hints: Hints) -> list[str]:
    """Where the order of texts is cut, the empty text first."""
    constants = {each for each in hints.constants if isinstance(each, str)}
    return sorted({"", *constants, *hints.prefixes, *filter(None, map(_behind, hints.prefixes))})


def likely(hints: Hints, regions: Iterable[str]) -> Iterator[str]:
    """Texts in which pieces and patterns may be found: the pieces alone, joined, and beside texts of the regions."""
    pieces = list(dict.fromkeys((*hints.pieces, *(_example(parse(text)) for text in hints.patterns))))[:_MOST_PIECES]
    yield from pieces
    yield from (one + other for one, other in product(pieces, repeat=2) if one != other)
    filler = next(chr(code) for code in range(ord("a"), _LAST) if all(chr(code) not in piece for piece in pieces))
    for joined in ("".join(pieces), "".join(reversed(pieces)), filler.join(pieces), filler.join(reversed(pieces))):
        yield joined
        yield filler + joined
        yield joined + filler
    for region, piece in product(regions, pieces):
        if len(region) + len(piece) <= LONGEST:
            yield region + piece
            yield piece + region
    yield from (f"{prefix}{one}{other}" for prefix in hints.prefixes for one, other in product(pieces, repeat=2))


def _ranges(lengths: Iterable[int]) -> Iterator[tuple[int, int | None]]:
    """The ranges of length that comparisons tell apart."""
    start = 0
    for length in sorted(set(lengths)):
        if start < length:
            yield start, length - 1
        yield length, length
        start = length + 1
    yield start, None


def _behind(prefix: str) -> str | None:
    """The first text after all that begin so; None where there is none."""
    for end in range(len(prefix), 0, -1):
        code = ord(prefix[end - 1]) + 1
        if code <= _LAST:
            return prefix[: end - 1] + chr(_SURROGATES.stop if code in _SURROGATES else code)
    return None


def _between(low: str, high: str | None, shortest: int, longest: int | None, copies: int) -> Iterator[str]:
    """Texts between the two, of such a length: those that read well, or else the least; ``copies`` if there are."""
    found: dict[str, None] = {}
    for each in (*_readable(low, shortest), *_least(low, shortest, longest, copies)):
        fits = shortest <= len(each) and (longest is None or len(each) <= longest)
        if fits and low < each and (high is None or each < high):
            found[each] = None
        if len(found) == copies:
            break
    yield from found


def _readable(low: str, length: int) -> Iterator[str]:
    if length > LONGEST:
        return
    for ordinary in _ORDINARY:
        yield ordinary
        yield ordinary[:length].ljust(length, "a")
        yield low + ordinary
        yield low.ljust(length, ordinary[0])
        yield low[: max(length - 1, 0)].ljust(length, ordinary[0])


def _least(low: str, shortest: int, longest: int | None, copies: int) -> Iterator[str]:
    """The least texts after ``low`` of each length that can matter."""
    last = len(low) if longest is None else min(longest, len(low))
    for length in range(max(shortest, 1), last + 1):
        text: str | None = low[:length]
        for _ in range(copies):
            text = _following(text) if text else None
            if text:
                yield text
    longer = max(shortest, len(low) + 1)
    if longer <= LONGEST:
        padded = low.ljust(longer, "\0")
        yield padded
        yield from (padded[:-1] + chr(number) for number in range(1, copies))
        yield from (padded + "\0" * more for more in range(1, copies))


def _following(text: str) -> str | None:
    """The least text of the same length after this one."""
    following = _behind(text)
    return following.ljust(len(text), "\0") if following else None


def _example(part: Part) -> str:
    """A text that the part of a pattern is found in, if places such as the start of a line allow it."""
    match part:
        case Characters(ranges):
            return _readable_of(ranges)
        case Sequence(parts):
            return "".join(map(_example, parts))
        case Alternatives(parts):
            return _example(parts[0]) if parts else ""
        case Repeat(inner, least):
            return _example(inner) * least
    return ""


def _readable_of(ranges: Iterable[tuple[int, int]]) -> str:
    codes = [(first, last) for first, last in ranges]
    for wanted in "aA0 -_.":
        if any(first <= ord(wanted) <= last for first, last in codes):
            return wanted
    return chr(codes[0][0]) if codes else ""
