"""Findings: what an import left out or took in its own way, and what it could not understand."""

from __future__ import annotations

import attrs

from circuit_breaker.errors import DocumentInvalid, Fault
from circuit_breaker.net.xml import Element

__all__ = ["Findings"]

MOST = 200


@attrs.define(eq=False)
class Findings:
    """The faults and notes of one document, gathered while it is read.

    Attributes:
        name: What the document is called in messages.
        faults: What is not understood, or wrong: with any of them there is no workflow.
        notes: What is left out because it does not change what happens, or was taken in a way that is good to know.
    """

    name: str
    faults: list[Fault] = attrs.field(factory=list)
    notes: list[Fault] = attrs.field(factory=list)

    def fault(self, element: Element, place: str, message: str, remedy: str = "") -> None:
        """Keeps what is wrong at an element.

        Raises:
            DocumentInvalid: There are too many already.
        """
        self.faults.append(element.fault(place, message, remedy))
        if len(self.faults) >= MOST:
            self.stop()

    def note(self, element: Element, place: str, message: str, remedy: str = "") -> None:
        """Keeps what is good to know about an element."""
        self.notes.append(element.fault(place, message, remedy))

    def stop(self) -> None:
        """Ends the import if anything is wrong.

        Raises:
            DocumentInvalid: With every fault so far, in the order of the text.
        """
        if self.faults:
            found = sorted(dict.fromkeys(self.faults), key=lambda fault: (fault.line or 0, fault.column or 0))
            raise DocumentInvalid(f"{self.name} cannot be made a workflow", faults=found)
