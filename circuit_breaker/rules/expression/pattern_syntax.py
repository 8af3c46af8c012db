r"""Reads a regular expression in the syntax of RE2 into a tree.

Supported: literals and escapes, ``.``, ``[...]`` with ranges, ``\d \w \s`` and ``[:alpha:]``, ``^ $ \A \z \b
    \B``, groups
(plain, named and ``(?:...)``), ``|``, ``* + ? {m} {m,} {m,n}`` with or without a trailing ``?``, flags ``(?ims)`` for
the rest of the group or ``(?i:...)`` for one. Refused: look-around and back references, which no engine can search for
in linear time, and Unicode properties (``\pL``).
"""

from __future__ import annotations

from typing import Final

import attrs

from circuit_breaker.rules.expression.characters import ANY, NAMED, NEWLINE, PERL, Ranges, complement, fold, union
from circuit_breaker.rules.expression.pattern_cursor import PatternCursor
from circuit_breaker.rules.expression.pattern_parts import (
    Alternatives,
    Assertion,
    Characters,
    Part,
    Repeat,
    Sequence,
)

__all__ = ["DEPTH", "LENGTH", "REPEATS", "parse"]

LENGTH: Final = 1000
"""Characters that a pattern may have."""

DEPTH: Final = 64
"""How deep groups may be nested."""

REPEATS: Final = 1000
"""The largest number in ``{m,n}``."""


@attrs.frozen
class _Flags:
    """What ``(?ims)`` switches: case ignored, ``^`` and ``$`` at every line, ``.`` for a newline too."""

    i: bool = False
    m: bool = False
    s: bool = False
    U: bool = False


_PLACES: Final = {"A": "text start", "z": "text end", "b": "word", "B": "no word"}


def parse(text: str) -> Part:
    """The tree of the pattern ``text``.

    Raises:
        ConditionParsingError: When it cannot be read or is not supported, with the position in the pattern.
    """
    return _Parser(text).whole()


class _Parser(PatternCursor):
    """One reading of one pattern: how deep it is, and which flags hold there."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0
        self._flags = _Flags()

    def whole(self) -> Part:
        if len(self.text) > LENGTH:
            raise self.fault(
                f"the pattern has {len(self.text):,} characters, and the limit is {LENGTH:,}", position=LENGTH
            )
        tree = self._alternatives()
        if self.next < len(self.text):
            raise self.fault("unexpected ')'", remedy=r"a bracket itself is \)")
        return tree

    def _alternatives(self) -> Part:
        branches = [self._sequence()]
        while self.take("|"):
            branches.append(self._sequence())
        return branches[0] if len(branches) == 1 else Alternatives(tuple(branches))

    def _sequence(self) -> Part:
        parts: list[Part] = []
        while self.peek() not in ("", "|", ")"):
            parts.extend(self._quoted() if self.take("\\Q") else self._atom())
            if parts:
                parts[-1] = self._repeated(parts[-1])
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def _repeated(self, part: Part) -> Part:
        bounds = self._bounds()
        if bounds is None:
            return part
        self.take("?")
        if self._bounds() is not None:
            raise self.fault("a repetition of a repetition", remedy="put the first one into (?:...)")
        return Repeat(part, *bounds)

    def _bounds(self) -> tuple[int, int | None] | None:
        for symbol, bounds in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self.take(symbol):
                return bounds
        return self._counted() if self.peek() == "{" else None

    def _counted(self) -> tuple[int, int | None] | None:
        """The bounds of ``{m}``, ``{m,}`` or ``{m,n}``; None when the brace is a plain character."""
        start = self.next
        least, comma, most = self.text[start + 1 :].partition("}")[0].partition(",")
        closed = self.text.find("}", start)
        numbers = [number for number in (least, most) if number]
        if closed < 0 or not least or not all(number.isascii() and number.isdigit() for number in numbers):
            return None
        if max(len(number.lstrip("0")) for number in numbers) > 4 or max(map(int, numbers)) > REPEATS:
            raise self.fault(f"more than {REPEATS} repetitions", position=start)
        low, high = int(least), int(most) if most else (None if comma else int(least))
        if high is not None and high < low:
            raise self.fault(f"{{{low},{high}}} counts backwards", position=start)
        self.next = closed + 1
        return low, high

    def _quoted(self) -> list[Part]:
        r"""The characters up to ``\E`` or the end, none of which has a meaning."""
        quoted, _, _ = self.text[self.next :].partition("\\E")
        self.next = min(self.next + len(quoted) + 2, len(self.text))
        return [self._literal(character) for character in quoted]

    def _atom(self) -> list[Part]:
        """The next part; none where flags are switched."""
        start = self.next
        character = self.character()
        if character == "(":
            return self._group(start)
        if character == "[":
            return [self._bracket()]
        if character == "\\":
            return [self._escape(start)]
        if character in "*+?" or (character == "{" and self._is_count(start)):
            remedy = f"the character itself is \\{character}"
            raise self.fault(f"nothing to repeat before '{character}'", position=start, remedy=remedy)
        return [self._plain(character)]

    def _plain(self, character: str) -> Part:
        match character:
            case ".":
                return Characters(ANY if self._flags.s else complement(NEWLINE))
            case "^":
                return Assertion("line start" if self._flags.m else "text start")
            case "$":
                return Assertion("line end" if self._flags.m else "text end")
        return self._literal(character)

    def _is_count(self, start: int) -> bool:
        self.next = start
        counted = self._counted() is not None
        self.next = start + 1
        return counted

    def _literal(self, character: str) -> Part:
        return Characters(self._range(character, character))

    def _range(self, first: str, last: str) -> Ranges:
        return self._folded(((ord(first), ord(last)),))

    def _folded(self, ranges: Ranges, *, negated: bool = False) -> Ranges:
        """The set as the flags have it; it is folded before it is negated."""
        folded = fold(ranges) if self._flags.i else ranges
        return complement(folded) if negated else folded

    def _group(self, start: int) -> list[Part]:
        flags = self._flags
        if self.take("?") and not self._named_group(start) and not self._switch_flags(start):
            return []
        self._depth += 1
        if self._depth > DEPTH:
            raise self.fault(f"groups nested deeper than {DEPTH}", position=start)
        inner = self._alternatives()
        if not self.take(")"):
            raise self.fault("the group has no ')'", position=start)
        self._depth -= 1
        self._flags = flags
        return [inner]

    def _named_group(self, start: int) -> bool:
        if self.take("=") or self.take("!") or self.take("<=") or self.take("<!"):
            raise self.fault(
                "look-around is not supported", position=start, remedy="write the condition as a second matches()"
            )
        if not (self.take("P<") or self.take("<")):
            return False
        name = self.until(">", what="the name of the group")
        if not name or not f"_{name}".isidentifier():  # it may begin with a digit
            raise self.fault(f"'{name}' is no name for a group", position=start)
        return True

    def _switch_flags(self, start: int) -> bool:
        """Reads flags up to ``:`` (True, a group follows) or ``)`` (False, they hold for the rest of the group)."""
        value = True
        while (flag := self.character()) not in ":)":
            if flag == "-" and value:
                value = False
            elif flag in "imsU":
                self._flags = attrs.evolve(self._flags, **{flag: value})
            else:
                raise self.fault(f"unknown flag '{flag}'", position=start, remedy="known: i, m, s")
        return flag == ":"

    def _escape(self, start: int) -> Part:
        character = self.character()
        if character in _PLACES:
            return Assertion(_PLACES[character])
        if character.lower() in PERL:
            return Characters(self._perl(character))
        return self._literal(self.escaped(character, start))

    def _perl(self, character: str) -> Ranges:
        return self._folded(PERL[character.lower()], negated=character.isupper())

    def _bracket(self) -> Part:
        start = self.next - 1
        negated = self.take("^")
        sets: list[Ranges] = []
        while not (sets and self.take("]")):
            if self.next >= len(self.text):
                raise self.fault("the set has no ']'", position=start)
            sets.append(self._member())
        ranges = union(*sets)
        return Characters(complement(ranges) if negated else ranges)

    def _member(self) -> Ranges:
        start = self.next
        if self.take("[:"):
            return self._named_set(start)
        first = self._bound()
        if isinstance(first, tuple):
            return first
        if self.peek() != "-" or self.peek(2) in ("-]", "-"):
            return self._range(first, first)
        self.next += 1
        last = self._bound()
        if isinstance(last, tuple) or last < first:
            raise self.fault("the range counts backwards or has no end", position=start)
        return self._range(first, last)

    def _bound(self) -> str | Ranges:
        start = self.next
        character = self.character()
        if character != "\\":
            return character
        escaped = self.character()
        return self._perl(escaped) if escaped.lower() in PERL else self.escaped(escaped, start)

    def _named_set(self, start: int) -> Ranges:
        name = self.until(":]", what="the named set")
        if name.removeprefix("^") not in NAMED:
            raise self.fault(f"unknown set '[:{name}:]'", position=start, remedy=f"known: {', '.join(NAMED)}")
        return self._folded(NAMED[name.removeprefix("^")], negated=name.startswith("^"))
