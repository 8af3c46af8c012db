"""What a PNML document holds besides the net: its marking, and how it is drawn and named there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from circuit_breaker.net.structure import Net

__all__ = ["ArcKind", "ArcLook", "Look", "PetriNet", "Point"]

Point = tuple[float, float]
"""x to the right and y downwards."""
ArcKind = Literal["normal", "read", "inhibitor", "reset"]


@attrs.frozen
class Look:
    """How a place or a transition is named and drawn.

    Attributes:
        id: Its identifier in the document.
        label: The name that is written at it; empty where there is none.
        position: Where its middle is, or None.
        size: Its width and height, or None.
        offset: How far from it its name is written, or None.
    """

    id: str
    label: str = ""
    position: Point | None = None
    size: Point | None = None
    offset: Point | None = None


@attrs.frozen
class ArcLook:
    """How an arc is drawn.

    Attributes:
        id: Its identifier in the document.
        points: Where it bends, from its source on.
        offset: How far from it its weight is written, or None.
    """

    id: str
    points: tuple[Point, ...] = ()
    offset: Point | None = None


ArcKey = tuple[str, str, ArcKind]
"""The names of the place or transition where an arc begins and where it ends, and its kind."""


@attrs.frozen
class PetriNet:
    """A net as it is interchanged.

    Attributes:
        net: The net. Its places have the names of the document where each has one of its own, otherwise the
            identifiers; so have its transitions.
        initial: The marked places, with their tokens.
        id: The identifier of the net.
        name: Its name; empty where it has none.
        places: How each place is named and drawn, as far as known.
        transitions: The same for transitions.
        arcs: The same for arcs.
    """

    net: Net
    initial: Mapping[str, int] = attrs.field(factory=dict)
    id: str = "net"
    name: str = ""
    places: Mapping[str, Look] = attrs.field(factory=dict)
    transitions: Mapping[str, Look] = attrs.field(factory=dict)
    arcs: Mapping[ArcKey, ArcLook] = attrs.field(factory=dict)
