"""JSON by its own rules (RFC 8259), with the place of every value and key."""

from __future__ import annotations

import bisect
import json
import re
from typing import Any, NoReturn

from circuit_breaker.source.located import DEEPEST, Faults, Located, Path, Place
from circuit_breaker.source.scalars import resolve

__all__ = ["read_json"]

SPACE = re.compile(r"[ \t\n\r]*")
SURROGATE = re.compile("[\ud800-\udfff]")


def read_json(text: str, faults: Faults) -> Located:
    """The value of the JSON text; faults after which reading can go on are added to ``faults``.

    Raises:
        DocumentInvalid: The text is no JSON.
    """
    return _Scanner(text, faults).document()


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON")


class _Scanner:
    """Goes through the text once; nesting is bounded, so it may recurse."""

    def __init__(self, text: str, faults: Faults) -> None:
        self.text = text
        self.faults = faults
        self.at = 0
        self.lines = [0, *(found.end() for found in re.finditer("\n", text))]
        decoder = json.JSONDecoder(parse_constant=_no_constant, parse_int=resolve, parse_float=resolve)
        self.decode = decoder.raw_decode

    def document(self) -> Located:
        root = self.value(())
        if self.peek():
            raise self.faults.stop("the document has ended here", "remove what follows", path=(), place=self.place())
        return root

    def place(self) -> Place:
        line = bisect.bisect_right(self.lines, self.at)
        return line, self.at - self.lines[line - 1] + 1

    def peek(self) -> str:
        """The next character that is no white space, or an empty text at the end."""
        self.at = SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]  # it matches nothing as well
        return self.text[self.at : self.at + 1]

    def value(self, path: Path) -> Located:
        opening = self.peek()
        if opening not in ("{", "["):
            return self.scalar(path)
        if len(path) >= DEEPEST:
            raise self.faults.stop(f"it is nested deeper than {DEEPEST}", "flatten it", path=path, place=self.place())
        return self.mapping(path) if opening == "{" else self.sequence(path)

    def mapping(self, path: Path) -> Located:
        node = Located.empty({}, self.place())
        self.at += 1
        more = self.peek() != "}"
        while more:
            key, place = self.key(path)
            self.expect(":", path)
            inner = self.value((*path, key))
            if key in node.keys:
                message = f"the key '{key}' is there twice, first in line {node.keys[key][0]}"
                self.faults.add(message, "remove or rename one of them", path=path, place=place)
            else:
                node.keys[key] = place
                node.put(key, inner)
            more = self.another("}", path)
        self.at += 1
        return node

    def key(self, path: Path) -> tuple[str, Place]:
        if self.peek() != '"':
            raise self.faults.stop(
                f"a key in double quotes is expected, not {self.seen()}",
                "write keys in double quotes, and no comma after the last entry",
                path=path,
                place=self.place(),
            )
        node = self.scalar(path)
        return node.value, node.place

    def sequence(self, path: Path) -> Located:
        node = Located.empty([], self.place())
        self.at += 1
        more = self.peek() != "]"
        while more:
            node.put(len(node.children), self.value((*path, len(node.children))))
            more = self.another("]", path)
        self.at += 1
        return node

    def another(self, closing: str, path: Path) -> bool:
        """Whether a comma stands here, and is passed, rather than the closing bracket."""
        if self.peek() == closing:
            return False
        self.expect(",", path, f" or {closing}")
        return True

    def expect(self, char: str, path: Path, otherwise: str = "") -> None:
        if self.peek() != char:
            message = f"{char}{otherwise} is expected, not {self.seen()}"
            raise self.faults.stop(message, "check the commas and brackets", path=path, place=self.place())
        self.at += 1

    def scalar(self, path: Path) -> Located:
        place = self.place()
        try:
            value, self.at = self.decode(self.text, self.at)
        except json.JSONDecodeError as error:
            self.at = error.pos
            message = f"{error.msg[:1].lower()}{error.msg[1:].removesuffix(' at')}, at {self.seen()}"
            raise self.faults.stop(message, "check the quotes and escapes", path=path, place=self.place()) from None
        except ValueError as error:
            raise self.faults.stop(str(error), "put it in quotes, or write null", path=path, place=place) from None
        self._check(value, path, place)
        return Located(value, place)

    def _check(self, value: Any, path: Path, place: Place) -> None:
        if isinstance(value, str) and not value.isascii() and SURROGATE.search(value):
            message = "half of a surrogate pair is no character"
            self.faults.add(message, "write the whole character", path=path, place=place)

    def seen(self) -> str:
        char = self.text[self.at : self.at + 1]
        return repr(char) if char else "the end of the text"
