"""The root of the tree, what is wrong in one place of a declaration, and the extra that is not installed."""

from __future__ import annotations

from typing import Any, ClassVar

import attrs

__all__ = [
    "CircuitBreakerError",
    "ExtraMissing",
    "Fault",
]


@attrs.frozen
class Fault:
    """One thing that is wrong in a declaration: ``place: message (remedy)``.

    Attributes:
        place: Where, in the reader's words, such as ``"transition 'review'"`` or ``"flows[2].policy"``.
        message: What is wrong, with the offending value.
        remedy: What to do about it, or an empty text.
        line: Line in the source document, counted from 1, or None when there is no document.
        column: Column in that line, counted from 1.
    """

    place: str
    message: str
    remedy: str = ""
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}: " if self.line is not None else ""
        return f"{where}{self.place}: {self.message}" + (f" ({self.remedy})" if self.remedy else "")


class CircuitBreakerError(Exception):
    """The work could not be done.

    Args:
        message: What happened, where and with which value. The docstring of the class when empty.
        remedy: What the reader can do about it.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str = "", *, remedy: str = "") -> None:
        self.message = message or (type(self).__doc__ or "").partition("\n")[0]
        self.remedy = remedy
        super().__init__(f"{self.message} ({remedy})" if remedy else self.message)

    def to_document(self) -> dict[str, Any]:
        """The error as a plain document: ``{"code", "message", "remedy"}`` and what the class adds."""
        return {"code": self.code, "message": self.message, "remedy": self.remedy}


class ExtraMissing(CircuitBreakerError, ImportError):
    """An optional dependency is not installed."""

    code = "extra_missing"

    def __init__(self, package: str, *, extra: str, why: str) -> None:
        super().__init__(f"{why} needs {package}", remedy=f"pip install 'circuit-breaker-sdk[{extra}]'")
