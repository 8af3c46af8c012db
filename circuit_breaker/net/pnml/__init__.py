"""PNML, the interchange format of Petri nets (ISO/IEC 15909-2), read and written."""

from circuit_breaker.net.pnml.document import ArcLook, Look, PetriNet
from circuit_breaker.net.pnml.reading import from_pnml
from circuit_breaker.net.pnml.writing import to_pnml

__all__ = ["ArcLook", "Look", "PetriNet", "from_pnml", "to_pnml"]
