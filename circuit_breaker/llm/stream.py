"""The events of a stream: what comes of a response while it is made, in one form whoever makes it.

The contract, for every provider and however the bytes are cut: :class:`StreamStarted` first; then deltas; then exactly
one :class:`StreamEnded`, whose response is what the deltas add up to, or :class:`StreamFailed`, whose partial response
is what was delivered before. Usage is in the last event only, and once.
"""

from __future__ import annotations

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.llm.response import ChatCompletionResponse

__all__ = [
    "StreamContinued",
    "StreamEnded",
    "StreamEvent",
    "StreamFailed",
    "StreamStarted",
    "TextDelta",
    "ThinkingDelta",
    "ToolCallDelta",
    "ToolCallEnded",
]


@attrs.frozen(kw_only=True)
class StreamStarted:
    """The model begins to answer."""

    id: str
    model: str
    provider: str = ""


@attrs.frozen(kw_only=True)
class TextDelta:
    """A piece of text; never empty."""

    text: str
    index: int = 0


@attrs.frozen(kw_only=True)
class ThinkingDelta:
    """A piece of a thought; never empty."""

    text: str
    index: int = 0


@attrs.frozen(kw_only=True)
class ToolCallDelta:
    """A piece of a call of a tool.

    Attributes:
        call: Which call of the answer, counted from 0, whatever the vendor counts.
        id: The id of the call; the same in all of its deltas.
        name: The name of the tool.
        arguments: The next piece of the JSON text; may be empty in the first delta of a call.
        index: Which answer of several.
    """

    call: int
    id: str
    name: str
    arguments: str
    index: int = 0


@attrs.frozen(kw_only=True)
class ToolCallEnded:
    """A call of a tool is complete.

    Attributes:
        call: Which call of the answer.
        id: The id of the call.
        name: The name of the tool.
        arguments: The whole JSON text.
        index: Which answer of several.
    """

    call: int
    id: str
    name: str
    arguments: str
    index: int = 0


@attrs.frozen(kw_only=True)
class StreamContinued:
    """The stream of one model broke off, and another goes on with the answer; comes only where the request allows it.

    Attributes:
        provider: Who goes on.
        model: The model that goes on.
        error: Why the one before broke off.
    """

    provider: str
    model: str
    error: CircuitBreakerError


@attrs.frozen
class StreamEnded:
    """The model has answered; the response is complete, with its usage."""

    response: ChatCompletionResponse


@attrs.frozen
class StreamFailed:
    """The stream broke off.

    Attributes:
        error: Why.
        partial: What was delivered before; its finish reason is ``"error"``.
    """

    error: CircuitBreakerError
    partial: ChatCompletionResponse


StreamEvent = (
    StreamStarted
    | TextDelta
    | ThinkingDelta
    | ToolCallDelta
    | ToolCallEnded
    | StreamContinued
    | StreamEnded
    | StreamFailed
)
