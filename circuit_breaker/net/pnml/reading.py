"""PNML read: place/transition nets of ISO/IEC 15909-2, with the arcs that tools add to them.

The kind of an arc is read from ``<type value="..."/>`` (PIPE, TINA), ``<arctype><text>`` (ProM) or an attribute
``type`` (TAPAAL), at the arc or in a ``<toolspecific>`` of it. Pages are flattened, and reference nodes replaced by
what they refer to.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping

import attrs

from circuit_breaker.errors import DocumentInvalid, Fault, nearest
from circuit_breaker.net.pnml.document import ArcKey, ArcKind, ArcLook, Look, PetriNet, Point
from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.net.xml import LARGEST, Element, read_xml

__all__ = ["MOST_TOKENS", "from_pnml"]

MOST_TOKENS = 1_000_000_000
"""The most tokens of a place at first, and the greatest weight."""
_MOST_FAULTS = 50
_MOST_NEAR = 2000
"""Among more nodes than this the nearest one is not looked for: that would take longer than to read the document."""
KINDS: Mapping[str, ArcKind] = {
    "": "normal", "normal": "normal", "pt": "normal", "tp": "normal", "regular": "normal",
    "read": "read", "test": "read", "context": "read",
    "inhibitor": "inhibitor", "inhib": "inhibitor", "logical_inhibitor": "inhibitor", "tapninhibitor": "inhibitor",
    "reset": "reset",
}  # fmt: skip
_REFERENCES = ("referencePlace", "referenceTransition")
_NODES = ("place", "transition", *_REFERENCES)
_HIGH_LEVEL = ("symmetric", "highlevel", "hlpn", "pt-hlpng", "tapn", "timed")


@attrs.frozen
class _Drawn:
    """An arc of the document between nodes of the net: identifiers, kind, weight and where it stood."""

    place: str
    transition: str
    outgoing: bool
    kind: ArcKind
    weight: int
    look: ArcLook


def from_pnml(text: str | bytes, *, name: str = "<pnml>", net: str = "", largest: int = LARGEST) -> PetriNet:
    """The net of a PNML document.

    Args:
        text: The document.
        name: What it is called in messages.
        net: The identifier of the net to read; needed where there are several.
        largest: The most characters or bytes of the document.

    Raises:
        DocumentInvalid: It is no XML, no PNML, or its net is not valid or of a kind that is not known here; all faults
            of the net at once, with line and column.
    """
    root = read_xml(text, name=name, largest=largest)
    return _Reading(name).read(_chosen(root, net, name))


def _chosen(root: Element, wanted: str, name: str) -> Element:
    nets = list(root.all("net")) if root.tag == "pnml" else []
    found = [element for element in nets if wanted in ("", element.get("id"))]
    if len(found) == 1:
        return found[0]
    known = ", ".join(f"'{element.get('id')}'" for element in nets)
    if root.tag != "pnml":
        fault = root.fault(f"<{root.tag}>", "is no PNML", "begin the document with <pnml>")
    elif not nets:
        fault = root.fault("<pnml>", "holds no <net>", "add one")
    elif wanted:
        fault = root.fault("<pnml>", f"holds no net '{wanted}'", nearest(wanted, [net.get("id") for net in nets]))
    else:
        fault = root.fault("<pnml>", f"holds several nets: {known}", "say which one")
    raise DocumentInvalid(f"{name} cannot be read", faults=[fault])


class _Reading:
    """Reads one net, and gathers what is wrong with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.faults: list[Fault] = []
        self.nodes: dict[str, Element] = {}
        self.names: dict[str, str] = {}
        self.references: dict[str, str] = {}

    def read(self, element: Element) -> PetriNet:
        kind = element.get("type").lower()
        if word := next((word for word in _HIGH_LEVEL if word in kind), ""):
            remedy = "unfold it into a place/transition net"
            self.faults.append(element.fault("<net>", f"is of the kind '{word}', which has colours or times", remedy))
        else:
            self._gather(element)
            drawn = [arc for found in _inside(element) if found.tag == "arc" for arc in self._arc(found)]
            self._follow()
        if not self.faults:
            found = self._net(element, drawn)
        if self.faults:
            left = len(self.faults) - _MOST_FAULTS
            more = [Fault("the document", f"has {left} more faults")] if left > 0 else []
            raise DocumentInvalid(f"{self.name} is not valid", faults=[*self.faults[:_MOST_FAULTS], *more])
        return found

    def _gather(self, net: Element) -> None:
        """Takes note of every node, and gives each its name."""
        for element in _inside(net):
            if element.tag not in _NODES:
                continue
            known = element.get("id")
            if not known:
                self.faults.append(element.fault(f"<{element.tag}>", "has no id", 'add id="..."'))
            elif known in self.nodes:
                self.faults.append(element.fault(f"{element.tag} '{known}'", "is there twice", "give it another id"))
            self.nodes.setdefault(known, element)
        for tag in ("place", "transition"):
            labels = {known: _label(node) for known, node in self.nodes.items() if node.tag == tag}
            own = all(labels.values()) and max(Counter(labels.values()).values(), default=1) == 1
            self.names.update(labels if own else {known: known for known in labels})

    def _follow(self) -> None:
        """Takes note of what is wrong with references; those of arcs that lead nowhere are told there."""
        told = set(self.references)
        for known, node in self.nodes.items():
            if not node.tag.startswith("reference"):
                continue
            end = self.nodes.get(behind := self._behind(known))
            where, wanted = f"{node.tag} '{known}'", node.tag.removeprefix("reference").lower()
            if end is not None and end.tag not in (wanted, *_REFERENCES):
                self.faults.append(node.fault(where, f"refers to the {end.tag} '{behind}'", f"refer to a {wanted}"))
            elif known not in told and (end is None or end.tag in _REFERENCES):
                message = f"refers to '{behind}', which does not exist" if behind else "has no ref"
                message = message if end is None else "refers to itself"
                self.faults.append(node.fault(where, message, f"refer to a {wanted}"))

    def _net(self, element: Element, drawn: list[_Drawn]) -> PetriNet:
        places = {known: node for known, node in self.nodes.items() if node.tag == "place"}
        transitions = {known: node for known, node in self.nodes.items() if node.tag == "transition"}
        by_transition: dict[str, list[_Drawn]] = {known: [] for known in transitions}
        for arc in drawn:
            by_transition[arc.transition].append(arc)
        initial = {self.names[known]: self._tokens(node) for known, node in places.items()}
        net = Net(
            tuple(self.names[known] for known in places),
            tuple(self._transition(known, arcs) for known, arcs in by_transition.items()),
        )
        return PetriNet(
            net,
            {place: tokens for place, tokens in initial.items() if tokens},
            element.get("id") or "net",
            _label(element),
            {self.names[known]: self._look(known, node) for known, node in places.items()},
            {self.names[known]: self._look(known, node) for known, node in transitions.items()},
            dict(self._arc_look(arc) for arc in reversed(drawn)),
        )

    def _transition(self, known: str, arcs: list[_Drawn]) -> NetTransition:
        def chosen(kind: ArcKind, *, outgoing: bool | None = None) -> tuple[Arc, ...]:
            found = [arc for arc in arcs if arc.kind == kind and outgoing in (None, arc.outgoing)]
            weights: dict[str, int] = {}
            for arc in found:
                before = weights.get(arc.place)
                weights[arc.place] = arc.weight if before is None else _joined(kind, before, arc.weight)
            return tuple(Arc(self.names[place], weight) for place, weight in weights.items())

        return NetTransition(
            self.names[known],
            takes=chosen("normal", outgoing=False),
            gives=chosen("normal", outgoing=True),
            reads=chosen("read"),
            inhibitors=chosen("inhibitor"),
            resets=tuple(arc.place for arc in chosen("reset")),
        )

    def _arc(self, element: Element) -> Iterator[_Drawn]:
        """The arc between the nodes that it really joins; nothing where it is faulty."""
        where = f"arc '{element.get('id') or '?'}'"
        source, target = (self._end(element, where, end) for end in ("source", "target"))
        kind, weight = self._kind(element, where), self._number(element, where, "inscription", least=1, missing=1)
        if source is None or target is None or kind is None:
            return
        outgoing = self.nodes[source].tag == "transition"
        if outgoing == (self.nodes[target].tag == "transition"):
            remedy = "join a place and a transition"
            self.faults.append(element.fault(where, f"joins two {self.nodes[source].tag}s", remedy))
        elif outgoing and kind == "inhibitor":
            remedy = "turn it round"
            self.faults.append(element.fault(where, "inhibits a place", remedy))
        else:
            place, transition = (target, source) if outgoing else (source, target)
            yield _Drawn(place, transition, outgoing, kind, weight, _drawn(element))

    def _end(self, element: Element, where: str, end: str) -> str | None:
        """The place or transition at one end of an arc, behind all references."""
        known = self._behind(element.get(end))
        node = self.nodes.get(known)
        if node is None:
            message = f"{end} '{known}' does not exist" if known else f"has no {end}"
            few = len(self.faults) < _MOST_FAULTS and len(self.nodes) < _MOST_NEAR
            remedy = nearest(known, self.nodes) if few else "name a place or a transition"
            self.faults.append(element.fault(where, message, remedy))
        elif node.tag.startswith("reference"):
            self.faults.append(element.fault(where, f"{end} '{known}' refers to itself", "refer to a node"))
            return None
        return known if node is not None else None

    def _behind(self, known: str) -> str:
        """What a reference refers to in the end; what refers to itself is left where that was seen."""
        seen: dict[str, None] = {}
        while (node := self.nodes.get(known)) is not None and node.tag.startswith("reference") and known not in seen:
            seen[known] = None
            known = self.references.get(known) or node.get("ref")
        self.references.update(dict.fromkeys(seen, known))
        return known

    def _kind(self, element: Element, where: str) -> ArcKind | None:
        given = _kind_of(element).strip()
        kind = KINDS.get(given.lower())
        if kind is None:
            self.faults.append(element.fault(where, f"is of the kind '{given}'", nearest(given, list(KINDS)[1:])))
        return kind

    def _tokens(self, element: Element) -> int:
        return self._number(element, f"place '{element.get('id')}'", "initialMarking", least=0, missing=0)

    def _number(self, element: Element, where: str, tag: str, *, least: int, missing: int) -> int:
        """The number in an annotation; ``Default,3`` of PIPE is 3."""
        annotation = element.first(tag)
        text = _annotated(annotation).rpartition(",")[2].strip() if annotation is not None else ""
        if not text:
            return missing
        if text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= MOST_TOKENS:
            return int(text)
        at = annotation if annotation is not None else element
        remedy = f"give a number from {least} to {MOST_TOKENS:,}"
        self.faults.append(at.fault(where, f"{tag} is {text[:40]!r}", remedy))
        return missing

    def _look(self, known: str, element: Element) -> Look:
        graphics, name = element.first("graphics"), element.first("name")
        beside = name.first("graphics") if name is not None else None
        return Look(
            known,
            _label(element),
            _point(graphics, "position"),
            _point(graphics, "dimension"),
            _point(beside, "offset"),
        )

    def _arc_look(self, arc: _Drawn) -> tuple[ArcKey, ArcLook]:
        place, transition = self.names[arc.place], self.names[arc.transition]
        ends = (transition, place) if arc.outgoing else (place, transition)
        return (*ends, arc.kind), arc.look


def _joined(kind: ArcKind, one: int, other: int) -> int:
    """The weight of two arcs of one kind between the same nodes."""
    return one + other if kind == "normal" else max(one, other) if kind == "read" else min(one, other)


def _inside(net: Element) -> Iterator[Element]:
    """Every element of a net and of its pages, in order, but none of what tools added."""
    waiting = list(reversed(net.children))
    while waiting:
        element = waiting.pop()
        yield element
        if element.tag == "page":
            waiting.extend(reversed(element.children))


def _annotated(annotation: Element | None) -> str:
    """The text of an annotation, as PNML writes it or, as older tools do, under ``<value>``."""
    found = annotation.first("text", "value") if annotation is not None else None
    return found.text if found is not None else ""


def _label(element: Element) -> str:
    return _annotated(element.first("name"))


def _kind_of(arc: Element) -> str:
    for element in (arc, *arc.all("toolspecific")):
        for said in element.all("type", "arctype"):
            return said.get("value") or _annotated(said) or said.text
    return arc.attributes.get("type", "")


def _drawn(arc: Element) -> ArcLook:
    graphics, weight = arc.first("graphics"), arc.first("inscription")
    points = [_coordinates(point) for point in graphics.all("position")] if graphics is not None else []
    beside = weight.first("graphics") if weight is not None else None
    bends = tuple(point for point in points if point is not None)
    return ArcLook(arc.get("id"), bends, _point(beside, "offset"))


def _point(graphics: Element | None, tag: str) -> Point | None:
    found = graphics.first(tag) if graphics is not None else None
    return _coordinates(found) if found is not None else None


def _coordinates(element: Element) -> Point | None:
    """The point, or None of what is none: a drawing that nobody can draw is no reason to refuse the net."""
    try:
        point = float(element.get("x")), float(element.get("y"))
    except ValueError:
        return None
    return point if all(map(math.isfinite, point)) else None
