"""Hiding: what finders find is replaced, in whole texts, in JSON, and in texts that come in pieces."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import count
from typing import Any, Final, NamedTuple

import attrs

from circuit_breaker.agents.guardrails.finders import Finder, Span
from circuit_breaker.agents.guardrails.legible import Legible, unescaped

__all__ = ["Hider", "HidingStream"]

_CONTEXT: Final = 64
_SHORT: Final = 256


class Found(NamedTuple):
    """A place in a text, and what is there.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        kind: Such as ``"email"``.
        value: What stands there, without escapes.
    """

    start: int
    end: int
    kind: str
    value: str


@attrs.frozen(eq=False)
class Hider:
    """Replaces what its finders find.

    Attributes:
        finders: Who finds.
        instead: What stands in the place of a value, by its kind and itself.
    """

    finders: Sequence[Finder]
    instead: Callable[[str, str], str]

    def text(self, text: str) -> str:
        """The text with all of it replaced."""
        return self.replaced(text, self.spans(text), 0, len(text))

    def value(self, value: Any) -> Any:
        """The JSON value with all texts in it replaced, keys of objects too; whole numbers that are cards become texts.

        Two keys that would become the same are told apart by a number.
        """
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return self._mapping(value)
        if isinstance(value, (list, tuple)):
            return [self.value(one) for one in value]
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**11:
            written = str(value)
            hidden = self.text(written)
            return value if hidden == written else hidden
        return value

    def _mapping(self, value: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, inner in value.items():
            hidden = self.text(str(key))
            names = (hidden if number == 1 else f"{hidden} ({number})" for number in count(1))
            found[next(name for name in names if name not in found)] = self.value(inner)
        return found

    def json_text(self, text: str) -> str:
        """The same for a text that is a JSON object or list: hidden by its values, so that it stays one."""
        if text[:_CONTEXT].lstrip()[:1] not in ("{", "["):
            return self.text(text)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return self.text(text)
        hidden = self.value(value)
        as_it_is = hidden == value and self.text(text) == text  # of a key that comes twice, one value is not looked at
        return text if as_it_is else json.dumps(hidden, ensure_ascii=False)

    def stream(self) -> HidingStream:
        """The same for a text that comes in pieces."""
        return HidingStream(self)

    def spans(self, text: str) -> list[Found]:
        """What is found, without overlaps: in the text as it stands, and as it reads where that is something else."""
        found = self._chosen(text)
        legible = Legible.of(text)
        if legible is None:
            return [Found(*span, text[span.start : span.end]) for span in found]
        read = [Span(legible.places[s], legible.places[e], kind) for s, e, kind in self._chosen(legible.text)]
        plain = [Span(legible.whole(s), e, kind) for s, e, kind in found if legible.whole(s) < e]
        return _united(text, read, plain)

    def _chosen(self, text: str) -> list[Span]:
        """What the finders find; of two that overlap the one that begins first, or else the longer one."""
        found = sorted(
            (span for finder in self.finders for span in finder.find(text) if span.end > span.start),
            key=lambda span: (span.start, -span.end),
        )
        chosen: list[Span] = []
        for span in found:
            if not chosen or span.start >= chosen[-1].end:
                chosen.append(span)
        return chosen

    def open(self, text: str) -> int:
        """Where something may begin that only more text can complete."""
        if not self.finders:
            return len(text)
        text = text[: Legible.open(text)]  # what an escape will be may go on with what stands before it
        found = min(finder.open(text) for finder in self.finders)
        legible = Legible.of(text)
        if legible is None:
            return found
        return min(found, *(legible.places[finder.open(legible.text)] for finder in self.finders))

    def replaced(self, text: str, spans: Iterable[Found], start: int, end: int) -> str:
        """The text from a start to an end, with the spans that lie within replaced."""
        pieces, at = [], start
        for span in spans:
            if start <= span.start and span.end <= end:
                pieces += [text[at : span.start], self.instead(span.kind, span.value)]
                at = span.end
        return "".join([*pieces, text[at:end]])


def _united(text: str, read: Sequence[Span], plain: Sequence[Span]) -> list[Found]:
    """All of both, in order; those that overlap as one."""
    united: list[Span] = []
    for span in sorted([*read, *plain], key=lambda span: (span.start, -span.end)):
        if united and span.start < united[-1].end:
            united[-1] = united[-1]._replace(end=max(united[-1].end, span.end))
        else:
            united.append(span)
    return [Found(*span, unescaped(text[span.start : span.end])) for span in united]


@attrs.define(eq=False)
class HidingStream:
    """A text in pieces, of which nothing is given out that could still turn out to be a part of something hidden.

    What is given out is, together, what :meth:`Hider.text` makes of the whole text, however it was cut.
    """

    hider: Hider
    _before: str = ""  # the end of what was given out, as it was: a match may depend on it
    _held: str = ""
    _looked: int = 0

    def push(self, piece: str) -> str:
        """What can be given out after another piece; may be empty."""
        self._held += piece
        if len(self._held) > _SHORT and len(self._held) < self._looked * 5 // 4:
            return ""  # looked at again only when it has grown by a part of itself: so the work stays linear
        return self._given(self.hider.open)

    def end(self) -> str:
        """The rest."""
        return self._given(len)

    def _given(self, until: Callable[[str], int]) -> str:
        text, begin = self._before + self._held, len(self._before)
        cut = max(begin, until(text))
        if cut == begin:
            self._looked = len(self._held)
            return ""
        spans = [span for span in self.hider.spans(text) if span.start >= begin]
        for span in spans:
            if span.start < cut < span.end:
                cut = span.start
        given = self.hider.replaced(text, spans, begin, cut)
        self._before, self._held = text[max(0, cut - _CONTEXT) : cut], text[cut:]
        self._looked = len(self._held)
        return given
