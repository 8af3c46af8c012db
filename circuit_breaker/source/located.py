"""Values that know where they stood in a document, and the faults found while they were read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs

from circuit_breaker.errors import DocumentInvalid, Fault

__all__ = ["DEEPEST", "Faults", "Located", "Path", "Place", "Source", "shown"]

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""A line and a column, both counted from 1."""

DEEPEST = 64
MOST_FAULTS = 50
NOTHING: dict[Any, Any] = {}
"""What is in a scalar; shared by all of them, and never written to."""
LONGEST_PATH = 12


@attrs.define
class Located:
    """A value and its place; for a mapping or a sequence also those of everything in it.

    Attributes:
        value: A plain JSON value.
        place: Where the value begins.
        children: What is in it, by key or index.
        keys: Where each key of a mapping begins.
        size: How many values it is made of, itself included.
        height: How many levels are below it.
    """

    value: Any
    place: Place
    children: dict[str | int, Located] = attrs.field(default=NOTHING)
    keys: dict[str | int, Place] = attrs.field(default=NOTHING)
    size: int = 1
    height: int = 0

    @classmethod
    def empty(cls, value: dict[str, Any] | list[Any], place: Place) -> Located:
        """A mapping or a sequence that is still empty, to put something into."""
        return cls(value, place, {}, {})

    def put(self, key: str | int, inner: Located) -> None:
        """Adds ``inner`` under the key, or at the end of a sequence."""
        if isinstance(key, int):
            self.value.append(inner.value)
        else:
            self.value[key] = inner.value
        self.children[key] = inner
        self.size += inner.size
        self.height = max(self.height, inner.height + 1)

    def copied(self, place: Place) -> Located:
        """The same value made of new mappings and sequences, standing at another place."""
        if not isinstance(self.value, (dict, list)):
            return Located(self.value, place)
        copy = Located(type(self.value)(), place, {}, self.keys)
        for key, inner in self.children.items():
            copy.put(key, inner.copied(inner.place))
        return copy


@attrs.frozen
class Source:
    """What a text says, and where.

    Attributes:
        name: The name of the text in messages, such as a file name.
        value: Plain dicts with text keys, lists, texts, integers, finite floats, booleans and None.
        faults: What is wrong with the text by itself, each with the path of the value where it was noticed. An entry
            at fault is left out of the value, or None stands in its place.
    """

    name: str
    value: Any
    _root: Located = attrs.field(repr=False, eq=False, alias="root")
    faults: tuple[tuple[Path, Fault], ...] = ()

    def position(self, path: Path = ()) -> Place:
        """Line and column, counted from 1, where the value at the path begins.

        Where the path leads nowhere it is the place of the last value on the way: a fault about something that is
        missing still has a place.
        """
        return self._last(path).place

    def key_position(self, path: Path) -> Place:
        """Line and column where the last key of the path stands; for an item of a sequence, where the item begins."""
        *outer, last = path
        parent = self._last(tuple(outer))
        return parent.keys.get(last) or self.position(path)

    def locate(self, path: Path, key: bool) -> Place:
        """Line and column of the value at the path, or of its last key."""
        return self.key_position(path) if key else self.position(path)

    def _last(self, path: Path) -> Located:
        node = self._root
        for step in path:
            if step not in node.children:
                break
            node = node.children[step]
        return node


class Faults:
    """The faults of one document, collected until reading ends."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: list[tuple[Path, Fault]] = []

    def add(self, message: str, remedy: str, *, path: Path, place: Place) -> None:
        """Notes one fault and goes on.

        Raises:
            DocumentInvalid: There are too many already.
        """
        self.found.append((path, Fault(shown(path), message, remedy, *place)))
        if len(self.found) >= MOST_FAULTS:
            raise self.error()

    def stop(self, message: str, remedy: str, *, path: Path, place: Place) -> DocumentInvalid:
        """The error for a fault after which nothing more can be read."""
        self.found.append((path, Fault(shown(path), message, remedy, *place)))
        return self.error()

    def error(self) -> DocumentInvalid:
        """The error that carries all of them, in the order of the text."""
        faults = sorted((fault for _, fault in self.found), key=lambda fault: (fault.line or 0, fault.column or 0))
        return DocumentInvalid(f"{self.name} cannot be read", faults=faults)


def shown(path: Iterable[str | int]) -> str:
    """The path in the words of a reader: ``flows[2].policy``, and ``the document`` for its root.

    Of a path with more than twelve steps only the ends are given.
    """
    parts = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in path]
    if len(parts) > LONGEST_PATH:
        parts = [*parts[: LONGEST_PATH // 2], "…", *parts[-LONGEST_PATH // 2 :]]
    return "".join(parts).removeprefix(".") or "the document"
