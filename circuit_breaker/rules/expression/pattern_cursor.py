"""Where the reading of a pattern is: a cursor over its characters, which understands escapes."""

from __future__ import annotations

import sys
from string import hexdigits
from typing import Final

from circuit_breaker.errors import ConditionParsingError

__all__ = ["PatternCursor"]

_ESCAPES: Final = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_OCTAL: Final = "01234567"


class PatternCursor:
    """A place in a pattern.

    Attributes:
        text: The whole pattern.
        next: Offset of the next character.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.next = 0

    def fault(self, message: str, *, position: int | None = None, remedy: str = "") -> ConditionParsingError:
        """The error to raise, by default at the next character."""
        where = self.next if position is None else position
        return ConditionParsingError(message, text=self.text, position=where, remedy=remedy)

    def peek(self, size: int = 1) -> str:
        """The next characters, which are not taken; fewer at the end."""
        return self.text[self.next : self.next + size]

    def take(self, text: str) -> bool:
        """Takes the text if it is next, and tells whether it was."""
        found = self.text.startswith(text, self.next)
        self.next += len(text) * found
        return found

    def character(self) -> str:
        """Takes the next character; there must be one."""
        if self.next >= len(self.text):
            raise self.fault("the pattern ends too early")
        self.next += 1
        return self.text[self.next - 1]

    def until(self, closing: str, *, what: str) -> str:
        """Takes what stands before ``closing``, and that too."""
        end = self.text.find(closing, self.next)
        if end < 0:
            raise self.fault(f"{what} has no '{closing}'")
        found = self.text[self.next : end]
        self.next = end + len(closing)
        return found

    def escaped(self, character: str, start: int) -> str:
        """The character that an escape stands for, inside brackets and outside."""
        if character in _ESCAPES:
            return _ESCAPES[character]
        if character == "x":
            return self._hexadecimal(start)
        if character in "pP":
            raise self.fault(
                "Unicode properties are not supported", position=start, remedy="write the ranges, such as [a-zà-ÿ]"
            )
        if character == "0" or (character in "1234567" and self.peek() and self.peek() in _OCTAL):
            return self._octal(character)
        if character.isdigit():
            raise self.fault("back references are not supported", position=start)
        if character.isalnum() or not character.isascii():
            raise self.fault(f"unknown escape '\\{character}'", position=start)
        return character

    def _octal(self, digits: str) -> str:
        while len(digits) < 3 and self.peek() and self.peek() in _OCTAL:
            digits += self.character()
        return chr(int(digits, 8))

    def _hexadecimal(self, start: int) -> str:
        digits = self.until("}", what="the code of the character") if self.take("{") else self._pair()
        if not 0 < len(digits) <= 6 or not set(digits) <= set(hexdigits) or int(digits, 16) > sys.maxunicode:
            raise self.fault(f"'{digits}' is no code of a character", position=start)
        return chr(int(digits, 16))

    def _pair(self) -> str:
        pair = self.peek(2) if len(self.peek(2)) == 2 else ""
        self.next += len(pair)
        return pair
