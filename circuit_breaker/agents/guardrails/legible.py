"""A text as it is read: escapes of JSON are what they stand for, and spaces and hyphens of all kinds are plain ones."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final, Self

import attrs

__all__ = ["Legible", "unescaped"]

_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_SPACES: Final = "\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
_HYPHENS: Final = "\u2010\u2011\u2012\u2013\u2014\u2212\ufe63\uff0d"
_NOTHING: Final = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_PLAIN: Final = {**dict.fromkeys(_SPACES, " "), **dict.fromkeys(_HYPHENS, "-"), **dict.fromkeys(_NOTHING, "")}

# JSON in JSON has a backslash before each backslash; halves of surrogate pairs stay, for they are no characters.
_ESCAPE: Final = re.compile(r"\\{1,8}(?:u(?![dD][89a-fA-F])[0-9a-fA-F]{4}|[nrtbf])")
_ODD: Final = re.compile(rf"{_ESCAPE.pattern}|[{''.join(_PLAIN)}]")
_BEGUN: Final = re.compile(r"\\{1,8}(?:u[0-9a-fA-F]{0,3})?\Z")
_LONGEST: Final = 12


def _read(odd: str) -> str:
    if not odd.startswith("\\"):
        return _PLAIN[odd]
    character = _character(odd)
    return _PLAIN.get(character, character)


def unescaped(text: str) -> str:
    """The text with what its escapes stand for."""
    return _ESCAPE.sub(lambda found: _character(found[0]), text)


def _character(escaped: str) -> str:
    escape = escaped.lstrip("\\")
    return _ESCAPES.get(escape) or chr(int(escape[1:], 16))


@attrs.frozen
class Legible:
    """How a text reads, and where in it each character stands.

    Attributes:
        text: What is read.
        places: Where each character of it begins in the text itself; at last the length of that.
    """

    text: str
    places: Sequence[int]

    @classmethod
    def of(cls, text: str) -> Self | None:
        """How it reads; None where that is as it stands."""
        if text.isascii() and "\\" not in text:
            return None
        read: list[str] = []
        places: list[int] = []
        at = 0
        for odd in _ODD.finditer(text):
            character = _read(odd[0])
            read += [text[at : odd.start()], character]
            places += [*range(at, odd.start()), *([odd.start()] if character else [])]
            at = odd.end()
        if not read:
            return None
        return cls("".join([*read, text[at:]]), [*places, *range(at, len(text) + 1)])

    def whole(self, place: int) -> int:
        """The place in the text itself, or the end of the character in which it lies."""
        return self.places[bisect_left(self.places, place)]

    @staticmethod
    def open(text: str) -> int:
        """Where an escape begins that only the text after this can complete; the length of the text if nowhere."""
        since = max(0, len(text) - _LONGEST)
        found = _BEGUN.search(text, since)
        return found.start() if found else len(text)
