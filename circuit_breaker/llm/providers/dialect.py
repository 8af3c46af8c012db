"""A vendor's wire format: what a provider is to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from circuit_breaker.errors import LLMError
from circuit_breaker.llm.adapting import Draft
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.failures import VendorFault
from circuit_breaker.llm.sse import Decoder, ServerEvent

__all__ = ["Dialect", "Reader"]


class Reader(Protocol):
    """Reads one streamed answer, event by event.

    Attributes:
        over: Whether the vendor has said that nothing more comes.
    """

    over: bool

    @property
    def decoder(self) -> Decoder:
        """Makes events of the bytes."""
        ...

    def take(self, event: ServerEvent) -> None:
        """Tells the assembly of an event.

        Raises:
            LLMError: The event is an error.
            ValueError: It is no JSON. Any of the errors that come of reading another form than the vendor's may be
                raised as well.
        """
        ...


class Dialect(Protocol):
    """A vendor's wire format: pure functions between our values and its documents.

    Attributes:
        kind: The kind of provider.
        kinds: Classes of errors for the vendor's own codes and types of faults.
    """

    kind: str
    kinds: Mapping[str, type[LLMError]]

    def path(self, draft: Draft) -> str:
        """Where the request goes, relative to the base address, with its query."""
        ...

    def body(self, draft: Draft) -> dict[str, Any]:
        """The request as the vendor takes it. What cannot be sent is told with ``draft.lose``."""
        ...

    def read(self, document: Any, assembly: Assembly) -> None:
        """Tells the assembly of a whole answer."""
        ...

    def reader(self, assembly: Assembly) -> Reader:
        """What reads a streamed answer."""
        ...

    def fault(self, document: Any) -> VendorFault | None:
        """What the vendor says is wrong in a document; None where it says nothing."""
        ...
