"""One connection to a NATS server: to an address that was checked, with its errors told as ours."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

import attrs
from nats import errors as faults
from nats.aio.client import Client
from nats.js import errors as stream_faults
from nats.protocol.parser import AWAITING_MSG_PAYLOAD, Parser

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    Fault,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ServiceFailed,
    ServiceUnavailable,
)
from circuit_breaker.executors.output import OUTPUT_LIMIT
from circuit_breaker.executors.secrets import Redaction
from circuit_breaker.outgoing.perimeter import Perimeter

__all__ = ["Connection", "Server", "connected"]

LONGEST_LINE: Final = 1 << 20
"""Bytes of the longest line that a server may send, which is what it says of itself and of its cluster."""

LONGEST_HEADERS: Final = 1 << 16
"""Bytes that the headers of a message may have beside what is kept of it."""

_MALFORMED: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)
_WHICH: Final = "does something else listen there?"

FAREWELL: Final = 1.0
"""Seconds that closing the connection may take."""


@attrs.frozen(kw_only=True)
class Server:
    """Where a server is, and whether it may be called.

    Attributes:
        host: A name or an address.
        port: Its port.
        tls: Whether nothing is said without TLS; where the server wants TLS, it is used in any case.
        perimeter: What may be called.
        ca_file: A file with certificates of further authorities to trust.
        login: ``token``, or ``user`` and ``password``, or nothing.
        patience: Seconds for all that is done there.
        connect_timeout: Seconds for connecting.
        max_output: Bytes of the longest message that is read.
    """

    host: str
    port: int
    tls: bool
    perimeter: Perimeter
    ca_file: str | None = None
    login: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    patience: float = 30.0
    connect_timeout: float = 5.0
    max_output: int = OUTPUT_LIMIT

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"nats://{host}:{self.port}"

    async def addresses(self) -> list[str]:
        """Where to connect to: addresses, all checked, so that no second look-up can say something else.

        Raises:
            AddressRefused: One of them may not be called.
            ServiceUnavailable: There is no such host.
        """
        try:
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise ServiceUnavailable(f"there is no host {self.host!r}", remedy="check its name") from error
        hosts = list(dict.fromkeys(str(address[0]) for *_, address in found))
        for host in hosts:
            self.perimeter.check(self.host, self.port, host)
        return [f"nats://{f'[{host}]' if ':' in host else host}:{self.port}" for host in hosts]

    def trust(self) -> ssl.SSLContext:
        """Whom to trust: the authorities that the system trusts, and those in the file."""
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        return context


class _Bounded(Parser):
    """Reads what the server says, and no more of it than there is room for."""

    def __init__(self, client: Client, most: int, refuse: Callable[[Exception], None]) -> None:
        super().__init__(client)
        self._most = most + LONGEST_HEADERS
        self._refuse = refuse

    async def parse(self, data: bytes = b"") -> None:
        try:
            await super().parse(data)
        except _MALFORMED as error:
            self._end(OutputInvalid(f"the server sent what is no NATS: {type(error).__name__}", remedy=_WHICH))
        if self.state == AWAITING_MSG_PAYLOAD and self.needed > self._most:
            message = f"the server sent a message of {self.needed} bytes, and at most {self._most} are read"
            self._end(OutputTooLarge(message, remedy="allow more with max_output"))
        if self.state != AWAITING_MSG_PAYLOAD and len(self.buf) > LONGEST_LINE:
            message = f"the server sent a line of more than {LONGEST_LINE} bytes"
            self._end(OutputTooLarge(message, remedy=_WHICH))

    def _end(self, error: ActionError) -> None:
        self.reset()
        self._refuse(error)
        raise faults.ProtocolError


class _Client(Client):
    """The client of NATS, which says nothing in the clear where TLS was asked for."""

    only_tls = False

    def _connect_command(self) -> bytes:
        if self.only_tls and not self._server_info.get("tls_required"):
            raise faults.SecureConnWantedError
        return super()._connect_command()


@attrs.define
class _Trouble:
    """What went wrong beside the call that waits; it ends that call at once instead of letting it wait.

    Attributes:
        scope: The limit of time of the call, or None when it is over, and what the client reports means nothing.
        error: What is to be told.
    """

    scope: asyncio.Timeout | None = None
    error: Exception | None = None

    async def note(self, error: Exception) -> None:
        """What the client reports: permissions ends the call, other errors explain why connecting failed."""
        if "permissions violation" in str(error).lower():
            self._end(error)
        else:
            self.error = self.error or error

    async def closed(self) -> None:
        self._end(self.error or faults.ConnectionClosedError())

    def refuse(self, error: Exception) -> None:
        """What was read is not to be borne: nothing that comes after it explains more."""
        self._end(error)
        self.scope = None

    def _end(self, error: Exception) -> None:
        if self.scope is not None and not self.scope.expired():
            self.error = error
            self.scope.reschedule(asyncio.get_running_loop().time())


@attrs.frozen
class Connection:
    """What can be sent while the connection is open."""

    _client: Client
    _timeout: float

    async def request(self, subject: str, body: bytes, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
        """The reply and its headers."""
        self._check(body)
        reply = await self._client.request(subject, body, timeout=self._timeout, headers=headers)
        return reply.data, dict(reply.headers or {})

    async def publish(self, subject: str, body: bytes, headers: dict[str, str], stream: str | None) -> dict[str, Any]:
        """Which stream keeps the message, its sequence, and whether it had it already."""
        self._check(body)
        kept = await self._client.jetstream().publish(subject, body, self._timeout, stream, headers)
        return {"stream": kept.stream, "sequence": kept.seq, "duplicate": bool(kept.duplicate)}

    def _check(self, body: bytes) -> None:
        if len(body) > self._client.max_payload:
            message = f"is {len(body)} bytes long, and the server takes at most {self._client.max_payload}"
            fault = Fault("parameter 'payload'", message, "put it into a storage, and send where it is")
            raise ParameterInvalid("The message is too large", faults=[fault])


@asynccontextmanager
async def connected(server: Server, redaction: Redaction) -> AsyncIterator[Connection]:
    """A connection, which is closed at the end of the block; its errors in the block are told as ours.

    Raises:
        ActionError: As :class:`~circuit_breaker.executors.nats.NatsExecutor` says.
    """
    trouble = _Trouble()
    try:
        async with asyncio.timeout(server.patience) as trouble.scope, _client(server, trouble) as client:
            yield Connection(client, server.patience)
    except ActionError:
        raise
    except (TimeoutError, OSError, faults.Error, *_MALFORMED) as error:
        raise _explained(trouble.error or error, server, redaction) from None


@asynccontextmanager
async def _client(server: Server, trouble: _Trouble) -> AsyncIterator[_Client]:
    """A client that is connected; it is closed whatever state it is in."""
    addresses = await server.addresses()
    client = _Client()
    client.only_tls = server.tls
    client._ps = _Bounded(client, server.max_output, trouble.refuse)  # the client has no limit of its own
    try:
        await client.connect(
            addresses,
            error_cb=trouble.note,
            closed_cb=trouble.closed,
            name="circuit-breaker",
            allow_reconnect=False,
            max_reconnect_attempts=1,
            reconnect_time_wait=0.05,  # type: ignore[arg-type]  # it is handed to asyncio.sleep
            connect_timeout=server.connect_timeout,  # type: ignore[arg-type]  # and this to asyncio.wait_for
            dont_randomize=True,
            tls=server.trust(),
            tls_hostname=server.host,
            user=server.login.get("user"),
            password=server.login.get("password"),
            token=server.login.get("token"),
        )
        trouble.error = None
        yield client
    finally:
        trouble.scope = None
        await _closed(client)


async def _closed(client: Client) -> None:
    """Closes the connection, and goes on with it when cancelled: half closed, the client would leave tasks behind."""
    closing = asyncio.gather(_farewell(client))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:
        await closing
        raise


async def _farewell(client: Client) -> None:
    with contextlib.suppress(TimeoutError, OSError, faults.Error):
        async with asyncio.timeout(FAREWELL):
            await client.close()


def _explained(error: Exception, server: Server, redaction: Redaction) -> ActionError:
    if isinstance(error, ActionError):
        return error
    said = redaction.clean(str(error).removeprefix("nats: "))
    for kinds, told, message, remedy in _TOLD:
        if isinstance(error, kinds):
            return told(message.format(server=server, said=said), remedy=remedy)
    if isinstance(error, stream_faults.APIError):
        message = redaction.clean(str(error.description))
        return ServiceFailed(f"{server} did not keep the message: {message}", status=error.code)
    return _refusal(said, server) or ServiceUnavailable(f"{server} cannot be reached: {said}", remedy="is it up?")


_TOLD: Final[tuple[tuple[Any, type[ActionError], str, str], ...]] = (
    (
        faults.NoRespondersError,
        ServiceUnavailable,
        "nobody at {server} listens to the subject",
        "start what answers, or check the subject",
    ),
    (
        stream_faults.NoStreamResponseError,
        ServiceFailed,
        "no stream at {server} keeps the subject",
        "create one, or use mode='request'",
    ),
    (faults.SecureConnWantedError, ServiceUnavailable, "{server} offers no TLS", "use nats:// if that is right"),
    (ssl.SSLError, ServiceUnavailable, "{server} cannot be trusted: {said}", "trust its authority with ca_file"),
    (
        json.JSONDecodeError,
        OutputInvalid,
        "{server} acknowledged with no JSON",
        "is the subject taken by something else?",
    ),
    (
        (faults.ConnectionClosedError, faults.StaleConnectionError, ConnectionResetError),
        ServiceUnavailable,
        "{server} closed the connection",
        "check why it did",
    ),
    (
        _MALFORMED,
        OutputInvalid,
        "{server} sent what is no NATS",
        _WHICH,
    ),
    (TimeoutError, ActionTimeout, "{server} took too long", "allow more with timeout"),
)


def _refusal(said: str, server: Server) -> ServiceFailed | None:
    """What the server said against the login or the subject, or None."""
    if "authorization violation" in said.lower() or "authentication" in said.lower():
        return ServiceFailed(f"{server} refused the login", status=401, remedy="check auth and its secrets")
    if "permissions violation" in said.lower():
        return ServiceFailed(f"{server} does not permit it: {said}", status=403)
    return None
