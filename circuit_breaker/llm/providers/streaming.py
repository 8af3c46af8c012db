"""Streaming: bytes of a vendor to our events, with every fault as the last of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, Self

import attrs

from circuit_breaker.errors import LLMError, ResponseInvalid
from circuit_breaker.llm.assembly import Assembly
from circuit_breaker.llm.metering import meter
from circuit_breaker.llm.profile import ModelProfile
from circuit_breaker.llm.providers.answers import (
    MISSHAPEN,
    finished,
    misshaped,
    read_document,
    read_into,
    refuse,
    request_id_of,
)
from circuit_breaker.llm.providers.dialect import Dialect, Reader
from circuit_breaker.llm.response import ChatCompletionResponse
from circuit_breaker.llm.session import Answer, Exchange
from circuit_breaker.llm.sse import ServerEvent, StreamTooLong
from circuit_breaker.llm.stream import StreamEvent
from circuit_breaker.llm.structured import Plan, reading

__all__ = ["Events", "Opening", "Streaming"]

TAIL: Final = 0.05
"""Seconds that the end of a body may take after the vendor has said that it is over; then the connection is closed."""


@attrs.frozen(kw_only=True)
class Opening:
    """What a stream is read with."""

    exchange: Exchange
    assembly: Assembly
    dialect: Dialect
    plan: Plan
    profile: ModelProfile


class Streaming:
    """A streamed answer, as an async context manager: leaving it ends the request at the vendor's.

    Args:
        prepare: Makes ready what it is read with.
    """

    def __init__(self, prepare: Callable[[], Awaitable[Opening]]) -> None:
        self._prepare = prepare

    async def __aenter__(self) -> Events:
        opening = await self._prepare()
        with meter().call():
            answer = await opening.exchange.__aenter__()
            try:
                self._opening, self._events = opening, await _begun(opening, answer)
            except BaseException:
                await opening.exchange.__aexit__()
                raise
        return self._events

    async def __aexit__(self, *_: object) -> None:
        try:
            await self._events.drained()
        finally:
            await self._opening.exchange.__aexit__()


async def _begun(opening: Opening, answer: Answer) -> Events:
    """The events of an answer that is none of an error; some servers give a whole answer although asked to stream."""
    assembly, dialect = opening.assembly, opening.dialect
    assembly.request_id = request_id_of(answer)
    if answer.status != 200:
        raise refuse(await answer.body(), answer, assembly.asked, dialect)
    if answer.media_type == "text/html":
        read_document(await answer.body(), answer, assembly.asked, dialect)
    events = Events(opening, answer)
    if answer.media_type == "application/json":
        events.whole(await answer.body())
    return events


class Events:
    """The events of one stream."""

    def __init__(self, opening: Opening, answer: Answer) -> None:
        self._opening = opening
        self._assembly = opening.assembly
        self._reader: Reader = opening.dialect.reader(opening.assembly)
        self._answer = answer
        self._pending: deque[ServerEvent] = deque()
        self._ready: deque[StreamEvent] = deque()
        self._ended = False
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event.

        Raises:
            StopAsyncIteration: The last one was given.
        """
        while not self._ready:
            if self._over:
                raise StopAsyncIteration
            if self._pending:
                self._take(self._pending.popleft())
            else:
                await self._advance()
            self._ready.extend(self._assembly.take())
        return self._ready.popleft()

    def whole(self, data: bytes) -> None:
        """Takes an answer that came whole.

        Raises:
            LLMError: It is an error, or no answer.
        """
        document = read_document(data, self._answer, self._assembly.asked, self._opening.dialect)
        read_into(self._assembly, document, self._opening.dialect)
        self._assembly.end(self._response())
        self._over = True
        self._ready.extend(self._assembly.take())

    async def drained(self) -> None:
        """Reads the end of a body that is over, so that its connection can be used again."""
        if not self._over or not self._reader.over:
            return
        with suppress(LLMError, TimeoutError):
            async with asyncio.timeout(TAIL):
                while await self._answer.more():
                    pass

    async def _advance(self) -> None:
        """Reads the next piece of the body. What it holds is taken one by one, so that the first need not wait."""
        try:
            piece = await self._answer.more()
        except LLMError as error:
            self._broken(error)
        else:
            self._read(piece)

    def _read(self, piece: bytes) -> None:
        decoder = self._reader.decoder
        try:
            self._pending.extend(decoder.feed(piece) if piece else decoder.end())
        except StreamTooLong as error:
            self._fail(self._assembly.asked.error(ResponseInvalid, f"its stream cannot be read: {error}"))
            return
        self._ended = not piece
        if self._ended and not self._pending:
            self._finish()

    def _take(self, event: ServerEvent) -> None:
        try:
            self._reader.take(event)
        except LLMError as error:
            self._fail(error)
        except MISSHAPEN as error:
            self._fail(misshaped(self._assembly.asked, error))
        else:
            if self._reader.over or (self._ended and not self._pending):
                self._finish()

    def _broken(self, error: LLMError) -> None:
        """The connection broke: that matters only if the answer was not complete."""
        if self._assembly.finished:
            self._read(b"")
        else:
            self._fail(error)

    def _finish(self) -> None:
        try:
            self._assembly.end(self._response())
        except LLMError as error:
            self._fail(error)
        self._over = True

    def _response(self) -> ChatCompletionResponse:
        """The whole answer, as it leaves the provider.

        Raises:
            LLMError: It is not complete, or does not fit the form that was asked for.
        """
        response = self._assembly.response()
        found = reading(self._opening.plan, response)
        return finished(response, found, self._assembly.asked, self._opening.profile)

    def _fail(self, error: LLMError) -> None:
        self._assembly.fail(error)
        self._over = True
