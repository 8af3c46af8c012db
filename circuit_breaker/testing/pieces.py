"""A response in pieces: the events of a stream that add up to it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterable, Iterator
from typing import Self

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.llm.messages import ChatMessage
from circuit_breaker.llm.parts import Part, Text, Thinking, ToolCall
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.stream import (
    StreamEnded,
    StreamEvent,
    StreamFailed,
    StreamStarted,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEnded,
)
from circuit_breaker.llm.usage import NO_USAGE

__all__ = ["PiecewiseStream", "broken_off", "in_pieces"]


class PiecewiseStream:
    """Events, one after the other.

    Args:
        events: The events.
        between: Seconds before each.

    Attributes:
        ended: Whether the last one was given.
    """

    def __init__(self, events: Iterable[StreamEvent], between: float = 0.0) -> None:
        self._events = iter(events)
        self._between = between
        self.ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event.

        Raises:
            StopAsyncIteration: The last one was given.
        """
        await asyncio.sleep(self._between)
        event = next(self._events, None)
        if event is None:
            raise StopAsyncIteration
        self.ended = isinstance(event, (StreamEnded, StreamFailed))
        return event


def in_pieces(response: ChatCompletionResponse, size: int) -> Iterator[StreamEvent]:
    """The events of a stream that ends with this response, in pieces of so many characters."""
    yield StreamStarted(id=response.id, model=response.model, provider=response.provider)
    for choice in response.choices:
        calls = itertools.count()
        for part in choice.message.parts:
            yield from _pieces(part, max(1, size), choice.index, calls)
    yield StreamEnded(response)


def broken_off(
    events: Iterable[StreamEvent], after: int, error: CircuitBreakerError, whole: ChatCompletionResponse
) -> Iterator[StreamEvent]:
    """The events up to the piece of that number, and then the failure, with what was delivered until then."""
    given: list[StreamEvent] = []
    for event in itertools.islice(events, after + 1):  # the first event is no piece
        if isinstance(event, StreamEnded):
            break
        given.append(event)
        yield event
    yield StreamFailed(error, _partial(given, whole))


def _pieces(part: Part, size: int, index: int, calls: Iterator[int]) -> Iterator[StreamEvent]:
    match part:
        case Text():
            yield from (TextDelta(text=text, index=index) for text in _cut(part.text, size))
        case Thinking():
            yield from (ThinkingDelta(text=text, index=index) for text in _cut(part.text, size))
        case ToolCall():
            call, name = next(calls), part.name
            for text in ("", *_cut(part.arguments, size)):
                yield ToolCallDelta(call=call, id=part.id, name=name, arguments=text, index=index)
            yield ToolCallEnded(call=call, id=part.id, name=name, arguments=part.arguments, index=index)


def _cut(text: str, size: int) -> Iterator[str]:
    return (text[start : start + size] for start in range(0, len(text), size))


def _partial(given: Iterable[StreamEvent], whole: ChatCompletionResponse) -> ChatCompletionResponse:
    """What the events add up to; a call that is not complete is left out."""
    parts: list[Part] = []
    for event in given:
        match event:
            case ThinkingDelta():
                parts.append(Thinking(text=event.text))
            case TextDelta() if parts and isinstance(parts[-1], Text):
                parts[-1] = Text(parts[-1].text + event.text)
            case TextDelta():
                parts.append(Text(event.text))
            case ToolCallEnded():
                parts.append(ToolCall(id=event.id, name=event.name, arguments=event.arguments))
    choice = Choice(message=ChatMessage("assistant", parts), finish_reason="error")
    return attrs.evolve(whole, choices=(choice,), usage=NO_USAGE)
