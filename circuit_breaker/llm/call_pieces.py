"""The pieces of the calls of tools in a stream, each brought to the call that it belongs to.

Vendors and the servers that imitate them number their calls from 0, from 1, always 0, or not at all; give the id and
the name in the first piece, in every piece, or never; and send a call in a hundred pieces or in one. What holds in all
of that: a piece with a name begins a call unless it merely repeats what is known of one that is still incomplete.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from circuit_breaker.llm.encoding import json_text, whole_object
from circuit_breaker.llm.parts import EXTRA

__all__ = ["CallPieces", "Growing"]


@attrs.define(eq=False)
class Growing:
    """A call whose arguments are still being written.

    Attributes:
        number: Which call of the answer, from 0.
        id: The vendor's, or ours where it gave none with the first piece.
        name: The vendor's name of the tool; empty until it has come.
        at: The number that the vendor gave it.
        told: Whether an event has been told of it.
        ended: Whether it is complete.
        extra: What the vendor wants back with it.
    """

    number: int
    id: str
    name: str = ""
    at: int | None = None
    told: bool = False
    ended: bool = False
    extra: Mapping[str, Any] = EXTRA
    _pieces: list[str] = attrs.field(factory=list)
    _untold: int = 0

    @property
    def arguments(self) -> str:
        """The JSON text, as far as it has come."""
        if len(self._pieces) > 1:
            untold = "".join(self._pieces[self._untold :])
            told = "".join(self._pieces[: self._untold])
            self._pieces = [told, untold] if untold else [told]
            self._untold = 1
        return "".join(self._pieces)

    def add(self, piece: str) -> None:
        """The next piece of the JSON text."""
        if piece:
            self._pieces.append(piece)

    def untold(self) -> str:
        """What has come since the last time."""
        piece = "".join(self._pieces[self._untold :])
        self._untold = len(self._pieces)
        return piece

    @property
    def complete(self) -> bool:
        """Whether its arguments are a whole object."""
        return bool(self._pieces) and whole_object(self.arguments)


class CallPieces:
    """The calls of one answer, in the order in which they began."""

    def __init__(self) -> None:
        self._calls: list[Growing] = []

    def __iter__(self) -> Iterator[Growing]:
        return iter(self._calls)

    def at(self, number: int) -> Growing | None:
        """The latest call to which the vendor gave this number."""
        return next((call for call in reversed(self._calls) if call.at == number), None)

    def place(self, arguments: Any, *, at: int | None, id: str | None, name: str | None) -> tuple[Growing, bool]:  # noqa: A002
        """The call that the piece was added to, and whether it began with it."""
        piece = "" if arguments is None else json_text(arguments)
        found = self._home(piece, at, id or "", name or "")
        new = found is None
        if found is None:
            found = self._begin(at, id or "")
        found.name = found.name or name or ""
        found.add(piece)
        return found, new

    def _home(self, piece: str, at: int | None, id: str, name: str) -> Growing | None:  # noqa: A002
        """The call that a piece continues, or None if it begins one."""
        known = self.at(at) if at is not None else None
        if known is None:
            known = self._by_id(id) or (None if at is not None and (id or name) else self._last())
        if known is None or not name or not known.name:
            return known
        return None if _begins(known, piece, id, name) else known

    def _by_id(self, id: str) -> Growing | None:  # noqa: A002
        return next((call for call in self._calls if id and call.id == id), None)

    def _last(self) -> Growing | None:
        return self._calls[-1] if self._calls else None

    def _begin(self, at: int | None, id: str) -> Growing:  # noqa: A002
        if not id or self._by_id(id) is not None:
            id = f"call_{uuid.uuid4().hex}"  # noqa: A001
        call = Growing(number=len(self._calls), id=id, at=at)
        self._calls.append(call)
        return call


def _begins(known: Growing, piece: str, id: str, name: str) -> bool:  # noqa: A002
    """Whether a piece with a name begins another call than the one that it seems to belong to."""
    if name != known.name:
        return True
    another = bool(id) and id != known.id
    if known.complete:
        return another or bool(piece.strip())
    return another and not known.arguments
