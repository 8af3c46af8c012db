"""Connections to providers: one set that they share, with limits of time and size, and errors told as ours."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from circuit_breaker import outgoing
from circuit_breaker.errors import OutputTooLarge, RequestRefused, ResponseTooLong
from circuit_breaker.llm.disturbances import telling
from circuit_breaker.llm.failures import Asked
from circuit_breaker.llm.patience import SECONDS, Pace, Timeouts
from circuit_breaker.outgoing.perimeter import Perimeter

if TYPE_CHECKING:
    import aiohttp

__all__ = ["Answer", "Call", "Connections", "Exchange", "Whole"]

MOST: Final = 64 * 1024 * 1024
"""Bytes of the longest answer that is not streamed."""

MOST_STREAMED: Final = 256 * 1024 * 1024
"""Bytes of the longest answer that is streamed: each token comes with some hundred bytes around it."""

BUFFER: Final = 4096
"""Bytes of a stream that are kept until they are read: a thousand streams at once are not rare."""


class _Anywhere(Perimeter):
    """The addresses that an operator has configured, wherever they are."""

    def check(self, host: str, port: int, address: str) -> None:
        """Lets every connection pass."""


@attrs.frozen(kw_only=True)
class Call:
    """One request to a provider.

    Attributes:
        url: Where it goes, a :class:`yarl.URL`.
        method: In capitals.
        headers: By name; not shown, for they hold the key.
        body: JSON, or None.
    """

    url: Any = attrs.field(repr=False)
    method: str = "POST"
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)


class Connections:
    """Connections that one owner opens and closes, as an async context manager; several providers may share them.

    It may be entered by each of them; it is closed when the last one leaves. Redirects are never followed. The
    addresses of providers are those that the operator has configured, and may be anywhere; an address that comes with
    a request, such as that of an image, is called by :meth:`fetch` only, and only if it is public.

    Args:
        timeouts: Seconds, unless a provider has its own.
        ca_file: A file with certificates of further authorities to trust.
        limit: The most connections at once; 0 for any number.
        allow: Hosts and ranges that :meth:`fetch` may call although they are not public.
        most_streamed: Bytes of the longest streamed answer.
    """

    def __init__(
        self,
        *,
        timeouts: Timeouts = SECONDS,
        ca_file: str | None = None,
        limit: int = 0,
        allow: tuple[str, ...] = (),
        most_streamed: int = MOST_STREAMED,
    ) -> None:
        self.timeouts = timeouts
        self._ca_file = ca_file
        self._limit = limit
        self._allow = allow
        self._most = most_streamed
        self._users = 0
        self._providers: outgoing.Session | None = None
        self._others: outgoing.Session | None = None

    async def __aenter__(self) -> Self:
        if not self._users:
            self._providers = self._session(_Anywhere())
            await self._providers.__aenter__()
        self._users += 1
        return self

    async def __aexit__(self, *_: object) -> None:
        self._users -= 1
        if self._users:
            return
        opened, self._providers, self._others = (self._providers, self._others), None, None
        for session in filter(None, opened):
            await session.__aexit__(None, None, None)

    def _session(self, perimeter: Perimeter) -> outgoing.Session:
        return outgoing.Session(
            perimeter, connect=self.timeouts.connect, ca_file=self._ca_file, limit=self._limit, buffer=BUFFER
        )

    def exchange(self, call: Call, asked: Asked, timeouts: Timeouts | None = None) -> Exchange:
        """The request and its answer, which comes piece by piece, to be entered with ``async with``.

        Raises:
            RuntimeError: The connections are not open.
        """
        return Exchange(self._opening(call, asked), asked, timeouts or self.timeouts, self._most)

    async def whole(self, call: Call, asked: Asked, timeouts: Timeouts | None = None) -> Whole:
        """The answer to a request, all of it.

        Raises:
            RuntimeError: The connections are not open.
            ConnectionFailed: Nobody is there, its certificate is wrong, or the connection broke.
            ResponseTimeout: It took too long.
            ResponseTooLong: It is too long.
            ResponseInvalid: It is wrongly packed.
        """
        timeouts = timeouts or self.timeouts
        opening, pace = self._opening(call, asked), timeouts.pace()
        with telling(asked):
            async with asyncio.timeout(timeouts.beginning) as limit, opening as response:
                return Whole(response.status, response.headers, await _body(response, limit, pace))

    def _opening(self, call: Call, asked: Asked) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        if self._providers is None:
            raise RuntimeError(f"{asked}: it is not open; use 'async with provider:'")
        return self._providers.open(
            outgoing.Request(
                method=call.method,
                url=call.url,
                headers={"Accept-Encoding": "identity", **call.headers},
                body=call.body,
            )
        )

    async def fetch(self, url: str, asked: Asked, *, most: int = MOST) -> tuple[bytes, str]:
        """What is at a public address, and its media type.

        Raises:
            RequestRefused: The address is none, or may not be called, or more bytes than ``most`` are there.
            LLMError: It cannot be had.
        """
        if self._others is None:
            self._others = self._session(Perimeter(self._allow))
            await self._others.__aenter__()
        try:
            request = outgoing.Request(method="GET", url=outgoing.read_url(url))
        except ValueError as error:
            raise asked.error(RequestRefused, f"the address of an image {error}") from error
        with telling(asked):
            async with asyncio.timeout(self.timeouts.first_byte), self._others.open(request, redirects=3) as response:
                if response.status != 200:
                    raise asked.error(RequestRefused, f"an image cannot be had: its server answered {response.status}")
                try:
                    return await outgoing.read_body(response, most), response.content_type
                except OutputTooLarge as error:
                    what = f"images that are given by address have more than the {most} bytes that are left for them"
                    raise asked.error(RequestRefused, what, remedy="give fewer or smaller ones") from error


@attrs.frozen
class Whole:
    """An answer that was read to its end.

    Attributes:
        status: As HTTP has it.
        headers: By name, in any case of letters.
        data: The body, unpacked.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes


class Exchange:
    """One request and its answer, as an async context manager: leaving it ends the request at the vendor's.

    What goes wrong inside of the block is the caller's affair and passes through unchanged.
    """

    def __init__(
        self,
        opening: AbstractAsyncContextManager[aiohttp.ClientResponse],
        asked: Asked,
        timeouts: Timeouts,
        most: int = MOST_STREAMED,
    ) -> None:
        self._opening = opening
        self._asked = asked
        self._timeouts = timeouts
        self._most = most

    async def __aenter__(self) -> Answer:
        """Sends the request and waits for the answer to begin.

        Raises:
            ConnectionFailed: Nobody is there, its certificate is wrong, or the connection broke.
            ResponseTimeout: It took too long.
        """
        pace = self._timeouts.pace()
        with telling(self._asked):
            async with asyncio.timeout(self._timeouts.beginning):
                response = await self._opening.__aenter__()
        return Answer(response, self._asked, pace, most=self._most)

    async def __aexit__(self, *_: object) -> None:
        await self._opening.__aexit__(None, None, None)


class Answer:
    """The answer of a provider, which comes piece by piece.

    Attributes:
        status: As HTTP has it.
        headers: By name, in any case of letters.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, asked: Asked, pace: Pace, *, most: int = MOST_STREAMED
    ) -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._asked = asked
        self._pace = pace
        self._most = most
        self._left = most

    @property
    def media_type(self) -> str:
        """Such as ``"application/json"``."""
        return self._response.content_type

    async def body(self) -> bytes:
        """All of it.

        Raises:
            ResponseTimeout: It took too long, or stopped coming.
            ConnectionFailed: The connection broke.
            ResponseTooLong: It is too long.
            ResponseInvalid: It is wrongly packed.
        """
        with telling(self._asked):
            async with asyncio.timeout(None) as limit:
                return await _body(self._response, limit, self._pace)

    async def more(self) -> bytes:
        """The next piece; nothing at the end.

        Raises:
            ResponseTimeout: It took too long.
            ConnectionFailed: The connection broke.
            ResponseTooLong: There is more than a streamed answer may have.
        """
        with telling(self._asked):
            async with asyncio.timeout_at(self._pace.until()):
                piece = await self._response.content.readany()
        self._left -= len(piece)
        if self._left < 0:
            what = f"its stream is longer than {self._most} bytes, and has no end"
            raise self._asked.error(ResponseTooLong, what, remedy="if it has one, raise Connections(most_streamed=...)")
        return piece


async def _body(response: aiohttp.ClientResponse, limit: asyncio.Timeout, pace: Pace) -> bytes:
    """All of a body; the limit of time goes on with each piece."""

    def go_on() -> None:
        limit.reschedule(pace.until())

    go_on()
    return await outgoing.read_body(response, MOST, arrived=go_on)
