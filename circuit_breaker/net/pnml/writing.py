"""PNML written: a place/transition net of ISO/IEC 15909-2; other arcs than normal ones say ``<type value="..."/>``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from circuit_breaker.errors import DefinitionError, Fault
from circuit_breaker.net.pnml.document import ArcKey, ArcKind, ArcLook, Look, PetriNet, Point
from circuit_breaker.net.structure import Arc, NetTransition

__all__ = ["to_pnml"]

GRAMMAR = "http://www.pnml.org/version-2009/grammar"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}
_ESCAPED = re.compile('[&<>"\t\n\r]')


def to_pnml(document: PetriNet) -> str:
    """The document as PNML; :func:`~circuit_breaker.net.pnml.reading.from_pnml` reads the same net from it.

    Identifiers and positions are kept; what has no identifier gets one.

    Raises:
        DefinitionError: A name cannot be written in XML, or a transition is an OR-join, for which PNML has no word.
    """
    net = document.net
    faults = [*_unwritable("place", net.places), *_unwritable("transition", [t.name for t in net.transitions])]
    faults += [
        Fault(f"transition '{t.name}'", "is an OR-join, for which PNML has no word", "make it a plain join")
        for t in net.transitions
        if t.awaits
    ]
    if faults:
        raise DefinitionError("The net cannot be written as PNML", faults=faults)
    return "\n".join(_Writing(document).lines()) + "\n"


def _unwritable(what: str, names: Iterable[str]) -> Iterator[Fault]:
    for name in names:
        if _NOT_XML.search(name) or name != name.strip() or not name:
            yield Fault(f"{what} {name!r}", "has a name that XML does not keep", "leave out what nobody sees")


class _Writing:
    """Writes one net; every node and arc has an identifier of its own."""

    def __init__(self, document: PetriNet) -> None:
        self.document = document
        looks = (document.places, document.transitions, document.arcs)
        self.taken = {document.id, "page", *(look.id for part in looks for look in part.values())}
        self.places = self._looks(document.net.places, document.places)
        self.transitions = self._looks([t.name for t in document.net.transitions], document.transitions)

    def _looks(self, names: Iterable[str], known: Mapping[str, Look]) -> dict[str, Look]:
        return {name: known.get(name) or Look(self._free(name), name) for name in names}

    def _free(self, wanted: str) -> str:
        stem = re.sub(r"[^\w.-]", "_", wanted, flags=re.ASCII)
        stem = stem if re.match("[A-Za-z_]", stem) else f"n{stem}"
        found, number = stem, 1
        while found in self.taken:
            number += 1
            found = f"{stem}_{number}"
        self.taken.add(found)
        return found

    def lines(self) -> Iterator[str]:
        document = self.document
        yield '<?xml version="1.0" encoding="UTF-8"?>'
        yield f'<pnml xmlns="{GRAMMAR}/pnml">'
        yield f'  <net id="{_text(document.id)}" type="{GRAMMAR}/ptnet">'
        if document.name:
            yield f"    <name><text>{_text(document.name)}</text></name>"
        yield '    <page id="page">'
        for name, look in self.places.items():
            yield from self._node("place", look, document.initial.get(name, 0))
        for look in self.transitions.values():
            yield from self._node("transition", look, 0)
        for transition in document.net.transitions:
            yield from self._arcs(transition)
        yield from ("    </page>", "  </net>", "</pnml>")

    def _node(self, tag: str, look: Look, tokens: int) -> Iterator[str]:
        yield f'      <{tag} id="{_text(look.id)}">'
        if look.label:
            offset = f"<graphics>{_at('offset', look.offset)}</graphics>" if look.offset else ""
            yield f"        <name><text>{_text(look.label)}</text>{offset}</name>"
        if look.position or look.size:
            inside = _at("position", look.position) + _at("dimension", look.size)
            yield f"        <graphics>{inside}</graphics>"
        if tokens:
            yield f"        <initialMarking><text>{tokens}</text></initialMarking>"
        yield f"      </{tag}>"

    def _arcs(self, transition: NetTransition) -> Iterator[str]:
        resets = tuple(Arc(place) for place in transition.resets)
        kinds: tuple[tuple[ArcKind, tuple[Arc, ...]], ...] = (
            ("normal", transition.takes), ("read", transition.reads), ("inhibitor", transition.inhibitors),
            ("reset", resets),
        )  # fmt: skip
        for kind, arcs in kinds:
            for arc in arcs:
                yield from self._arc((arc.place, transition.name, kind), arc.weight)
        for arc in transition.gives:
            yield from self._arc((transition.name, arc.place, "normal"), arc.weight, outgoing=True)

    def _arc(self, key: ArcKey, weight: int, *, outgoing: bool = False) -> Iterator[str]:
        place, transition = (key[1], key[0]) if outgoing else (key[0], key[1])
        ends = [self.places[place].id, self.transitions[transition].id]
        source, target = reversed(ends) if outgoing else ends
        look = self.document.arcs.get(key)
        if look is None and key[2] in ("read", "reset"):
            look = self.document.arcs.get((key[1], key[0], key[2]))
        look = look if look is not None and look.id else ArcLook(self._free(f"{source}-{target}"))
        yield f'      <arc id="{_text(look.id)}" source="{_text(source)}" target="{_text(target)}">'
        if key[2] != "normal":
            yield f'        <type value="{key[2]}"/>'
        if weight > 1:
            offset = f"<graphics>{_at('offset', look.offset)}</graphics>" if look.offset else ""
            yield f"        <inscription><text>{weight}</text>{offset}</inscription>"
        if look.points:
            yield f"        <graphics>{''.join(_at('position', point) for point in look.points)}</graphics>"
        yield "      </arc>"


def _at(tag: str, point: Point | None) -> str:
    return f'<{tag} x="{point[0]!r}" y="{point[1]!r}"/>' if point else ""


def _text(text: str) -> str:
    return _ESCAPED.sub(lambda found: _ESCAPES[found[0]], text)
