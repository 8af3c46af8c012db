"""Messages, requests, responses and the events of streams as plain JSON documents, and back without a loss.

A document is what :mod:`json` can write: members that have their default value are left out, and where a value can be
one of several, the member ``type`` says which. Storage, recordings and doors use the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from circuit_breaker.errors import CircuitBreakerError, DataInvalid, LLMError
from circuit_breaker.lazy import Later
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import File, Image, Text, Thinking, ToolCall, ToolResult
from circuit_breaker.llm.stream import (
    StreamContinued,
    StreamEnded,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)

__all__ = ["from_document", "messages_from_document", "to_document"]

T = TypeVar("T")

_PARTS: Final[Mapping[str, type]] = {
    "text": Text,
    "image": Image,
    "file": File,
    "thinking": Thinking,
    "tool_call": ToolCall,
    "tool_result": ToolResult,
}
_EVENTS: Final[Mapping[str, type]] = {
    "started": StreamStarted,
    "text_delta": TextDelta,
    "thinking_delta": ThinkingDelta,
    "tool_call_delta": ToolCallDelta,
    "tool_call_ended": ToolCallEnded,
    "continued": StreamContinued,
    "ended": StreamEnded,
    "failed": StreamFailed,
}
wire: Any = Later("circuit_breaker.wire")  # cattrs takes longer to import than all of this


@cache
def _documents() -> Any:
    return wire.Documents(_PARTS, _EVENTS, others={CircuitBreakerError: (_told, _error)})


def to_document(value: Any) -> Any:
    """A message, request, response, event or several of them as a plain document."""
    return _documents().write(value)


def from_document(document: Any, kind: type[T] | Any) -> T:
    """The value of that type which the document describes.

    Raises:
        DataInvalid: The document does not fit; every fault is named with its path.
    """
    return _documents().read(document, kind, getattr(kind, "__name__", str(kind)))  # type: ignore[no-any-return]


def messages_from_document(documents: list[Any]) -> tuple[ChatMessage, ...]:
    """The messages of a list that :func:`to_document` has made of them.

    Raises:
        DataInvalid: The documents do not fit; every fault is named with its path.
    """
    if not isinstance(documents, list):
        raise DataInvalid(f"a conversation is a list of messages, not {documents!r:.80}")
    return tuple(_documents().read(documents, list[ChatMessage], "conversation"))


def _told(error: CircuitBreakerError) -> dict[str, Any]:
    return error.to_document()


def _error(document: Mapping[str, Any]) -> CircuitBreakerError:
    """The error that was written; one of a class that is not known here is an :class:`LLMError`."""
    kind = _kinds().get(document.get("code", ""), LLMError)
    told = ("message", "remedy", "provider", "model", "attempt", "status", "retry_after", "request_id")
    return kind(**{name: document[name] for name in told if name in document})


@cache
def _kinds() -> dict[str, type[LLMError]]:
    return {kind.code: kind for kind in _below(LLMError)}


def _below(kind: type[LLMError]) -> Iterator[type[LLMError]]:
    yield kind
    for inner in kind.__subclasses__():
        yield from _below(inner)
