"""Where the reading of an expression is: a cursor over its lexemes, which knows how deep it is in brackets."""

from __future__ import annotations

from typing import Final

from circuit_breaker.errors import ConditionParsingError
from circuit_breaker.rules.expression.lexer import Lexeme, lexemes

__all__ = ["DEPTH", "Cursor"]

DEPTH: Final = 64
"""How deep an expression may be nested: brackets around brackets, and operations on the results of operations."""


class Cursor:
    """A place in an expression.

    Attributes:
        text: The whole expression.
        depth: How many expressions are open around the place.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0
        self._lexemes = tuple(lexemes(text))
        self._next = 0

    @property
    def seen(self) -> Lexeme:
        """The next lexeme, which is not taken yet."""
        return self._lexemes[self._next]

    def advance(self) -> Lexeme:
        """Takes the next lexeme; the end stays where it is."""
        lexeme = self.seen
        self._next += lexeme.kind != "end"
        return lexeme

    def at(self, symbol: str) -> bool:
        """Whether the symbol, or the word ``in``, is next."""
        return self.seen.text == symbol and self.seen.kind in ("symbol", "name")

    def take(self, symbol: str) -> bool:
        """Takes the symbol if it is next, and tells whether it was."""
        if found := self.at(symbol):
            self.advance()
        return found

    def expect(self, symbol: str, *, after: str) -> None:
        """Takes the symbol, which must be next."""
        if not self.take(symbol):
            seen = f"'{self.seen.text}'" if self.seen.kind != "end" else "the end"
            raise self.fault(f"expected '{symbol}' {after}, not {seen}")

    def span(self, start: int) -> dict[str, int]:
        """The place of a node that began at ``start`` and ends with what was taken last."""
        return {"start": start, "end": self._lexemes[self._next - 1].end}

    def enter(self) -> None:
        """Goes one level deeper."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.too_deep(self.seen.start)

    def leave(self) -> None:
        """Comes back from :meth:`enter`."""
        self.depth -= 1

    def fault(self, message: str, *, position: int | None = None, remedy: str = "") -> ConditionParsingError:
        """The error to raise, by default at the next lexeme."""
        where = self.seen.start if position is None else position
        return ConditionParsingError(message, text=self.text, position=where, remedy=remedy)

    def too_deep(self, position: int) -> ConditionParsingError:
        """The error that says that the expression is nested too deep."""
        return self.fault(f"nested deeper than {DEPTH} levels", position=position, remedy="split it into several rules")
