"""Calls over HTTP: to addresses inside a perimeter, hop by hop, with the errors of aiohttp told as ours."""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from ipaddress import ip_address
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from circuit_breaker.errors import ActionError, ActionTimeout, AddressRefused, ServiceFailed, ServiceUnavailable
from circuit_breaker.outgoing.body import ACCEPTED
from circuit_breaker.outgoing.perimeter import Perimeter
from circuit_breaker.outgoing.redirect import REDIRECTS, Request, redirected
from circuit_breaker.outgoing.target import origin_of

__all__ = ["CheckedResolver", "Session"]


class CheckedResolver(AbstractResolver):
    """Gives the addresses of a name if all may be called.

    It is asked by the connector itself, which connects to what it is given: there is no second look-up that could say
    something else.
    """

    def __init__(self, perimeter: Perimeter, resolver: AbstractResolver) -> None:
        self._perimeter = perimeter
        self._resolver = resolver

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of the host.

        Raises:
            AddressRefused: One of them may not be called.
        """
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            self._perimeter.check(host, port, result["host"])
        return found

    async def close(self) -> None:
        """Closes the resolver that it asks."""
        await self._resolver.close()


class Session:
    """Connections that one owner opens and closes, as an async context manager.

    Nothing is taken from the environment: no proxy, no ``.netrc``. Cookies are not kept. TLS is always verified.

    Args:
        perimeter: What may be called.
        connect: Seconds for finding and connecting to a host.
        first_byte: Seconds for everything until the answer begins, or None.
        ca_file: A file with certificates of further authorities to trust.
        resolver: Looks up names; the system does unless given.
        limit: The most connections at once; 0 for any number.
        buffer: Bytes of an answer that are kept until they are read; at twice as many the server is made to wait.
    """

    def __init__(
        self,
        perimeter: Perimeter,
        *,
        connect: float = 10.0,
        first_byte: float | None = None,
        ca_file: str | None = None,
        resolver: AbstractResolver | None = None,
        limit: int = 100,
        buffer: int = 65536,
    ) -> None:
        self._perimeter = perimeter
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect)
        self._first_byte = first_byte
        self._ca_file = ca_file
        self._resolver = resolver
        self._limit = limit
        self._buffer = buffer
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        resolver = CheckedResolver(self._perimeter, self._resolver or aiohttp.ThreadedResolver())
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=resolver, ssl=_trust(self._ca_file), limit=self._limit),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=self._timeout,
            auto_decompress=False,
            read_bufsize=self._buffer,
            trust_env=False,
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._session is not None:
            await self._session.close()

    @asynccontextmanager
    async def open(self, request: Request, *, redirects: int = 0) -> AsyncIterator[aiohttp.ClientResponse]:
        """The answer, whose body is read by the caller inside of the block.

        Args:
            request: What to send.
            redirects: How many redirects to follow; with 0 a redirect is an answer like any other.

        Raises:
            AddressRefused: The address, or one that it redirects to, may not be called.
            ServiceUnavailable: Nobody is there, its certificate is wrong, or the connection broke.
            ServiceFailed: It speaks no HTTP, or there are too many redirects.
            ActionTimeout: It took too long to connect or to begin the answer.
        """
        hops = 0
        while True:
            with _told(request):
                async with await self._sent(request) as response:
                    location = response.headers.get("Location") if response.status in REDIRECTS else None
                    if location is None or not redirects:
                        yield response
                        return
            hops += 1
            if hops > redirects:
                raise ServiceFailed(f"{request} redirects more than {redirects} times", status=response.status)
            request = redirected(request, response.status, location)

    async def _sent(self, request: Request) -> aiohttp.ClientResponse:
        if self._session is None:
            raise RuntimeError("the session is not open; use 'async with Session(...)'")
        self._check_literal(request)
        async with nullcontext() if self._first_byte is None else asyncio.timeout(self._first_byte):
            return await self._session.request(
                request.method,
                request.url,
                headers={"Accept-Encoding": ACCEPTED, **request.headers},
                data=request.body,
                allow_redirects=False,
            )

    def _check_literal(self, request: Request) -> None:
        """An address in place of a name is never looked up, so it is checked here."""
        host = request.url.raw_host or ""
        if _is_address(host):
            self._perimeter.check(host, request.url.port or 0, host)


@functools.lru_cache(maxsize=1024)
def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


@functools.lru_cache(maxsize=8)
def _trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """Whom to trust: the authorities that the system trusts, and those in the file."""
    if ca_file is None:
        return True
    context = ssl.create_default_context()
    context.load_verify_locations(ca_file)
    return context


@contextmanager
def _told(request: Request) -> Iterator[None]:
    """Tells errors of the connection as ours, without the path and the query, which may hold secrets."""
    try:
        yield
    except ActionError:
        raise
    except (TimeoutError, aiohttp.ClientError) as error:
        # What the library says has the whole request in it, with the headers.
        raise _explained(error, request) from None


def _explained(error: Exception, request: Request) -> ActionError:
    where = origin_of(request.url)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return ActionTimeout(f"connecting to {where} took too long", remedy="check that it is up, or allow more")
        case TimeoutError():
            return ActionTimeout(f"{where} took too long to answer {request.method}", remedy="allow more time")
        case aiohttp.ClientConnectorDNSError():
            return ServiceUnavailable(f"there is no host {request.url.host!r}", remedy="check its name")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError():
            return ServiceUnavailable(f"{where} cannot be trusted: {_reason(error)}", remedy=_TLS_REMEDY)
        case aiohttp.ClientConnectorError():
            return ServiceUnavailable(f"{where} cannot be reached: {_reason(error)}", remedy="check that it is up")
        case aiohttp.ClientResponseError():
            return ServiceFailed(f"{where} answered {request.method} with something that is no HTTP")
        case aiohttp.InvalidURL():
            return AddressRefused(f"{where} cannot be called: {_reason(error)}")
        case _:
            return ServiceUnavailable(f"{where} closed the connection before it had answered {request.method} in full")


_TLS_REMEDY = "renew its certificate, or let the operator trust its authority with ca_file"


def _reason(error: BaseException) -> str:
    """What the operating system or the TLS library said."""
    cause = getattr(error, "certificate_error", None) or getattr(error, "os_error", None) or error.__cause__ or error
    return str(getattr(cause, "verify_message", "") or getattr(cause, "strerror", "") or cause)
