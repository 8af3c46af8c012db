"""The pieces of the calls of tools in a stream, each brought to the call that it belongs to.

Vendors and the servers that imitate them number their calls from 0, from 1, always 0, or not at all; give the id and
the name in the first piece, in every piece, or never; and send a call in a hundred pieces or in one. What holds in all
of that: a piece with a name begins a call unless it merely repeats what is known of one that is still incomplete, or
goes on with its name. Some repeat in every piece all of the arguments so far, or begin with ``{}`` in their place.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from circuit_breaker.llm.encoding import json_text, only_text, whole_object
from circuit_breaker.llm.halves import Halves

__all__ = ["CallPieces", "Growing"]

_STAND_IN: Final = "{}"
_LONGEST_NAME: Final = 256
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*("?)|[^\s"]', re.DOTALL)


@attrs.define(eq=False)
class Growing:
    """A call whose arguments are still being written.

    Attributes:
        number: Which call of the answer, from 0.
        id: The vendor's, or ours where it gave none with the first piece.
        given: Whether it is the vendor's.
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
    extra: dict[str, Any] = attrs.field(factory=dict)
    given: bool = False
    _halves: Halves = attrs.field(factory=Halves)
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

    @property
    def begun(self) -> bool:
        """Whether anything of its arguments has come."""
        return bool(self._pieces)

    @property
    def stood_in(self) -> bool:
        """Whether all that has come may stand in the place of arguments that are to come."""
        return len(self._pieces) == 1 and not self._untold and self._pieces[0].strip() == _STAND_IN

    def add(self, piece: str, *, again: bool = False) -> None:
        """The next piece of the JSON text.

        Args:
            piece: The piece; it may repeat all that has come before.
            again: Whether what else is known of the call came again with it.
        """
        piece = self._halves.joined(piece)
        if self._pieces and piece.lstrip()[:1] == "{":
            piece = self._news(piece, again=again)
        if piece:
            self._pieces.append(piece)

    def _news(self, piece: str, *, again: bool) -> str:
        """What is new in a piece that begins as arguments begin."""
        if self.stood_in:
            self._pieces.clear()
            return piece
        known = self.arguments
        if piece.startswith(known) and (again or not _may_open(known)):
            return piece[len(known) :]
        return piece

    def end(self) -> None:
        """The call is complete; one without arguments has none."""
        self.ended = True
        self.add(self._halves.rest())
        if not self.arguments.strip():
            self.add(_STAND_IN)

    def untold(self) -> str:
        """What has come since the last time, but for what may only stand in."""
        if not self.ended and self.stood_in:
            return ""
        piece = "".join(self._pieces[self._untold :])
        self._untold = len(self._pieces)
        return piece

    @property
    def complete(self) -> bool:
        """Whether its arguments are a whole object."""
        return bool(self._pieces) and whole_object(self.arguments)


class CallPieces:
    """The calls of one answer, in the order in which they began.

    Args:
        known: Whether a name is that of a tool which the model was told of.
    """

    def __init__(self, known: Callable[[str], bool] = lambda name: not name) -> None:
        self._calls: list[Growing] = []
        self._latest: dict[int, Growing] = {}
        self._first: dict[str, Growing] = {}
        self._known = known

    def __iter__(self) -> Iterator[Growing]:
        return iter(self._calls)

    def at(self, number: int) -> Growing | None:
        """The latest call to which the vendor gave this number."""
        return self._latest.get(number)

    def place(self, arguments: Any, *, at: int | None, id: str | None, name: str | None) -> tuple[Growing, bool]:  # noqa: A002
        """The call that the piece was added to, and whether it began with it."""
        name = only_text(name or "")
        piece = "" if arguments is None else json_text(arguments)
        found = self._home(piece, at, id or "", name)
        new = found is None
        if found is None:
            found = self._begin(at, id or "")
        again = not new and bool(name) and name == found.name
        if name and not again:
            found.name = name if name.startswith(found.name) else found.name + name
        found.add(piece, again=again)
        return found, new

    def _home(self, piece: str, at: int | None, id: str, name: str) -> Growing | None:  # noqa: A002
        """The call that a piece continues, or None if it begins one."""
        known = self.at(at) if at is not None else None
        if known is None:
            known = self._by_id(id) or (None if at is not None and (id or name) else self._last())
        if known is None or not name or not known.name:
            return known
        if name != known.name:
            return known if self._names_on(known, id, name) else None
        return None if _begins(known, piece, id) else known

    def _names_on(self, known: Growing, id: str, name: str) -> bool:  # noqa: A002
        """Whether a name is the rest of that of a call of which nothing else has come.

        A vendor that gives ids gives one with each new call.
        """
        if known.begun or known.told or known.ended or (id and id != known.id):
            return False
        if len(known.name) + len(name) > _LONGEST_NAME:
            return False
        return known.given or self._known(known.name + name)

    def _by_id(self, id: str) -> Growing | None:  # noqa: A002
        return self._first.get(id)

    def _last(self) -> Growing | None:
        return self._calls[-1] if self._calls else None

    def _begin(self, at: int | None, id: str) -> Growing:  # noqa: A002
        given = bool(id) and self._by_id(id) is None
        if not given:
            id = f"call_{uuid.uuid4().hex}"  # noqa: A001
        call = Growing(number=len(self._calls), id=id, at=at, given=given)
        self._calls.append(call)
        self._first.setdefault(id, call)
        if at is not None:
            self._latest[at] = call
        return call


def _begins(known: Growing, piece: str, id: str) -> bool:  # noqa: A002
    """Whether a piece with the name of a call begins another one than that to which it seems to belong."""
    another = bool(id) and id != known.id
    if not known.complete:
        return another and not known.arguments
    if id and not another and (known.stood_in or piece == known.arguments):
        return False
    return another or bool(piece.strip())


def _may_open(known: str) -> bool:
    """Whether an object may begin after what is known of a JSON text, or it ends within a string."""
    last, inside = "", []
    for token in _TOKEN.finditer(known):
        last = token[0][0]
        if last == '"' and not token[1]:
            return True
        if last in "{[":
            inside.append(last)
        elif last in "}]" and inside:
            inside.pop()
    return last in (":", "[") or (last == "," and inside[-1:] == ["["])
