"""Template: a text with references to values on the token in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import attrs

from circuit_breaker.errors import DataInvalid, Fault, RuleInvalid
from circuit_breaker.rules.constant import plain
from circuit_breaker.rules.path import Path
from circuit_breaker.rules.verdict import MISSING

__all__ = ["Slot", "Template", "template"]

_PIECE: Final = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+")


@attrs.frozen
class Slot:
    """A place in a template.

    Attributes:
        path: The dotted path of the value.
        default: Written where the value is missing or null; None where it must be there.
    """

    path: str
    default: str | None = None


@attrs.frozen
class Template:
    """A text with places such as ``{data.title}`` or ``{language|English}``; ``{{`` and ``}}`` stand for braces.

    Attributes:
        text: As it was written.
        pieces: Plain text and places, in order.
    """

    text: str
    pieces: tuple[str | Slot, ...] = attrs.field(
        init=False, eq=False, repr=False, default=attrs.Factory(lambda self: _parsed(self.text), takes_self=True)
    )

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The places, in order."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))

    @property
    def paths(self) -> frozenset[str]:
        """The dotted paths that it reads."""
        return frozenset(slot.path for slot in self.slots)

    def render(self, token: Any) -> str:
        """The text with the values of the token in it; what is no text is written as JSON.

        Raises:
            DataInvalid: A value is missing and has no default, or is no JSON; the message names its path.
        """
        return "".join(piece if isinstance(piece, str) else self._filled(piece, token) for piece in self.pieces)

    def _filled(self, slot: Slot, token: Any) -> str:
        value = Path.parse(slot.path).reader()(token)
        if slot.default is not None and (value is MISSING or value is None):
            return slot.default
        if value is MISSING:
            raise DataInvalid(
                f"the template {self.text[:80]!r} needs '{slot.path}', which is missing",
                remedy=f"set it, or write a default such as {{{slot.path}|none}}",
            )
        if isinstance(value, str):
            return value
        try:
            return json.dumps(plain(value), ensure_ascii=False)
        except (TypeError, ValueError) as error:
            raise DataInvalid(f"the template {self.text[:80]!r} cannot write '{slot.path}': {error}") from error

    def __str__(self) -> str:
        return self.text


def template(text: str) -> Template:
    """The template that the text says.

    Raises:
        RuleInvalid: Braces are not balanced, or a place names no path; all such faults together.
    """
    return Template(text)


def _parsed(text: Any) -> tuple[str | Slot, ...]:
    if not isinstance(text, str):
        raise RuleInvalid(f"a template is a text, got {text!r}")
    faults: list[Fault] = []
    pieces = tuple(_pieces(text, faults))
    if faults:
        raise RuleInvalid(f"the template {text[:80]!r} is wrong", faults=faults)
    return pieces


def _pieces(text: str, faults: list[Fault]) -> Iterator[str | Slot]:
    for match in _PIECE.finditer(text):
        piece, inside = match[0], match[1]
        if inside is not None:
            path, bar, default = inside.partition("|")
            try:
                yield Slot(Path.parse(path.strip()).text, default if bar else None)
            except RuleInvalid as error:
                faults.append(Fault(f"position {match.start()}", error.message, error.remedy))
        elif piece in {"{", "}"}:
            faults.append(
                Fault(f"position {match.start()}", f"a '{piece}' stands alone", f"write {piece * 2} for a brace")
            )
        else:
            yield piece[0] if piece in {"{{", "}}"} else piece
