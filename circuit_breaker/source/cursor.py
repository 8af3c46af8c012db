"""Cursor: a value in a document, where it stands, and the faults that were found on the way."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Final, TypeVar

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.source.located import Path, Place, shown

__all__ = ["Cursor", "Findings", "Locate"]

T = TypeVar("T")
Locate = Callable[[Path, bool], Place | None]
"""Gives line and column of the value at a path, or of its key; None where there is no text."""

_QUOTED: Final = re.compile(r"'([^']+)'")


@attrs.frozen
class Findings:
    """The faults of one document.

    Attributes:
        locate: Tells where in the text a path leads.
        found: Each fault with the path that it is about.
        torn: Paths of values that the text itself has faults about: what is missed there may only follow from these.
    """

    locate: Locate
    found: list[tuple[Path, Fault]] = attrs.field(factory=list)
    torn: Collection[Path] = ()

    @classmethod
    def beginning(cls, locate: Locate, found: Collection[tuple[Path, Fault]]) -> Findings:
        """The findings about a text in which these faults were found while it was read."""
        return cls(locate, list(found), frozenset(path for path, _ in found))

    def add(self, path: Path, message: str, remedy: str = "", *, key: bool = False) -> None:
        """Notes a fault of the value at the path, or of its key; nothing where that value is torn."""
        if path in self.torn and not key:
            return
        line, column = self.locate(path, key) or (None, None)
        self.found.append((path, Fault(shown(path), message, remedy, line, column)))

    def within(self, path: Path) -> bool:
        """Whether a fault was found at the path or below it."""
        return any(found[: len(path)] == path for found, _ in self.found)

    @property
    def faults(self) -> list[Fault]:
        """All of them, in the order of the text."""
        return sorted((fault for _, fault in self.found), key=lambda fault: (fault.line or 0, fault.column or 0))


@attrs.frozen
class Cursor:
    """A value in a document. What asks it for a kind of value that it is not notes a fault, and gets None."""

    value: Any
    path: Path
    findings: Findings

    def fault(self, message: str, remedy: str = "") -> None:
        """Notes a fault of this value."""
        self.findings.add(self.path, message, remedy)

    def at(self, step: str | int) -> Cursor:
        """The value in this one under a key or an index."""
        return Cursor(self.value[step], (*self.path, step), self.findings)

    def fields(self, known: Collection[str], *, required: Collection[str] = ()) -> dict[str, Cursor]:
        """The values of a mapping with these keys; faults for unknown and missing ones, and for what is no mapping."""
        if not isinstance(self.value, Mapping):
            self.fault(f"{self.value!r:.60} is no mapping", f"write {', '.join(required or known)} below it")
            return {}
        for key in self.value:
            if key not in known:
                self.findings.add(
                    (*self.path, key), f"the key '{key}' is not known", nearest(str(key), known), key=True
                )
        for key in required:
            if key not in self.value:
                self.fault(f"has no '{key}'", f"write '{key}: ...'")
        return {key: self.at(key) for key in self.value if key in known}

    def entries(self) -> Iterator[tuple[str, Cursor]]:
        """Every entry of a mapping, whatever its key."""
        if isinstance(self.value, Mapping):
            yield from ((key, self.at(key)) for key in self.value)
        else:
            self.fault(f"{self.value!r:.60} is no mapping", "write 'name: ...' entries below it")

    def items(self) -> Iterator[Cursor]:
        """Every item of a list."""
        if isinstance(self.value, (list, tuple)):
            yield from (self.at(number) for number in range(len(self.value)))
        else:
            self.fault(f"{self.value!r:.60} is no list", "write '- ' before each item")

    def text(self) -> str | None:
        """The value as a text."""
        return self._kind(str, "text")

    def flag(self) -> bool | None:
        """The value as true or false."""
        return self._kind(bool, "boolean: write true or false")

    def whole(self) -> int | None:
        """The value as a whole number."""
        return self._kind(int, "whole number")

    def _kind(self, kind: type[T], what: str) -> T | None:
        if type(self.value) is kind:
            return self.value
        self.fault(f"{self.value!r:.60} is no {what}")
        return None

    def attempt(self, make: Callable[..., T | None], *arguments: Any) -> T | None:
        """What ``make`` gives for the arguments, or None where it raises that this value is not valid."""
        try:
            return make(*arguments)
        except DefinitionError as error:
            self._note(error)
            return None

    def _note(self, error: DefinitionError) -> None:
        if not error.faults:
            text = " ".join(error.message.partition("\n  ")[0].split()).rstrip(":")
            self.fault(text, error.remedy)
        for fault in error.faults:
            message = f"{fault.place}: {fault.message}"
            self.fault_where(message, message, fault.remedy)

    def fault_where(self, hint: str, message: str, remedy: str) -> None:
        """Notes a fault of the first key or text in this value that the hint quotes; otherwise of this value."""
        quoted = _QUOTED.findall(hint)
        found = (place for word in quoted for place in self._places() if place[0] == word)
        _, path, key = next(found, ("", self.path, False))
        self.findings.add(path, message, remedy, key=key)

    def _places(self) -> Iterator[tuple[Any, Path, bool]]:
        """Every key and plain value in this one, with its path; True for a key."""
        if isinstance(self.value, Mapping):
            yield from ((key, (*self.path, key), True) for key in self.value)
        elif not isinstance(self.value, list):
            yield self.value, self.path, False
        for step in self._steps():
            yield from self.at(step)._places()

    def _steps(self) -> Iterable[Any]:
        if isinstance(self.value, Mapping):
            return self.value
        return range(len(self.value)) if isinstance(self.value, list) else ()
