"""What executors that call other machines share: what their operator allows, limits of time, and tries."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import attrs

from circuit_breaker import outgoing
from circuit_breaker.attempts import repeated
from circuit_breaker.errors import ActionTimeout, Fault, ServiceFailed, ServiceUnavailable
from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.secrets import Redaction
from circuit_breaker.executors.settings import Settings

__all__ = ["Answer", "CallSettings", "Tries", "exchange", "header_faults", "within"]

T = TypeVar("T")

LONGEST_PAUSE: Final = 60.0
"""Seconds that a server may ask to wait before the next try; after more, the failure is told at once."""

EXCERPT: Final = 500
"""Characters of a wrong answer that an error shows."""

_PASSING: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TOKEN: Final = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_OWN: Final = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"})


def _listed(allow: Any) -> tuple[str, ...]:
    return outgoing.Perimeter(allow).allow


@attrs.frozen(kw_only=True)
class CallSettings(Settings):
    """What an operator decides about calls to other machines.

    Attributes:
        allow: Hosts (``"api.internal"``, ``"api.internal:8080"``, ``"*.internal"``) and ranges of addresses
            (``"10.0.0.0/8"``) that may be called although they are not public.
        public: Whether every address of the public internet may be called as well.
        ca_file: A file with certificates of further authorities to trust, in PEM.
    """

    allow: tuple[str, ...] = attrs.field(default=(), converter=_listed)
    public: bool = True
    ca_file: str | None = None

    @property
    def perimeter(self) -> outgoing.Perimeter:
        """What may be called."""
        return outgoing.Perimeter(self.allow, public=self.public)


@asynccontextmanager
async def within(seconds: float | None, what: str) -> AsyncIterator[asyncio.Timeout]:
    """A limit of time for the block.

    Raises:
        ActionTimeout: The block took longer; it was cancelled.
    """
    try:
        async with asyncio.timeout(seconds) as scope:
            yield scope
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ActionTimeout(f"{what} took longer than {seconds:g} seconds", remedy="allow more with timeout") from error


@attrs.frozen(kw_only=True)
class Tries:
    """How often a call is tried, and how long it waits in between.

    Attributes:
        most: The most tries.
        pause: Seconds between two; more when the server asks for more, up to 60.
    """

    most: int
    pause: float

    async def of(self, call: Callable[[int], Awaitable[T]], execution: ExecutionContext) -> T:
        """What the first call gives that succeeds; what failed is told in the log.

        Raises:
            ActionError: What the last one raised, or the first one that no further try can help.
        """

        async def tell(error: Exception, number: int, wait: float) -> None:
            execution.log(f"try {number} of {self.most}: {error}; again in {wait:g} s", stream="stderr")

        return await repeated(call, again=self._again, pause=self._pause, tell=tell)

    def _again(self, error: Exception, number: int) -> bool:
        if number >= self.most:
            return False
        if isinstance(error, ServiceFailed):
            return error.status in _PASSING and (error.retry_after or 0.0) <= LONGEST_PAUSE
        return isinstance(error, (ActionTimeout, ServiceUnavailable))

    def _pause(self, error: Exception, _: int) -> float:
        asked = error.retry_after if isinstance(error, ServiceFailed) else None
        return max(self.pause, asked or 0.0)


@attrs.frozen(kw_only=True)
class Answer:
    """What a server answered.

    Attributes:
        status: The number, such as 200.
        headers: By name in lower case, without cookies.
        body: The bytes, unpacked; text is in UTF-8.
    """

    status: int
    headers: Mapping[str, str] = attrs.field(repr=False)
    body: bytes = attrs.field(repr=False)


async def exchange(
    session: outgoing.Session,
    request: outgoing.Request,
    *,
    expected: Callable[[int], bool],
    max_output: int | None,
    redirects: int = 0,
    redaction: Redaction,
) -> Answer:
    """What the server answered, if its status is one that is expected; without its body if ``max_output`` is None.

    Raises:
        ServiceFailed: It answered with another status; the beginning of the answer is in the message.
        OutputTooLarge: The answer is longer than ``max_output`` bytes.
        ActionError: What :meth:`~circuit_breaker.outgoing.Session.open` raises.
    """
    async with session.open(request, redirects=redirects) as response:
        good = expected(response.status)
        limit = max_output if good else EXCERPT
        body = b"" if limit is None else await outgoing.read_body(response, limit, cut=not good)
        body = _utf8(body, response.charset)
    if good:
        return Answer(status=response.status, headers=_joined(response.headers.items()), body=body)
    said = body.decode(errors="replace").strip()
    raise ServiceFailed(
        redaction.clean(f"{request} answered {response.status} {response.reason}" + (f": {said}" if said else "")),
        status=response.status,
        retry_after=outgoing.retry_after(response.headers.get("Retry-After")),
    )


def _utf8(body: bytes, charset: str | None) -> bytes:
    """Text of another character set in UTF-8; what cannot be read stays as it is."""
    try:
        known = charset is not None and codecs.lookup(charset).name
        return body.decode(charset or "utf-8").encode() if known and known != "utf-8" else body
    except (LookupError, UnicodeError):
        return body


def _joined(headers: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in headers:
        key = name.lower()
        if key != "set-cookie":
            joined[key] = f"{joined[key]}, {value}" if key in joined else value
    return joined


def header_faults(headers: Mapping[str, Any]) -> list[Fault]:
    """What is wrong with the headers; values that are not known yet are not looked at, and none is shown."""
    faults = []
    for name, value in headers.items():
        place = f"parameter 'headers', {name!r}"
        if not name or not set(name.lower()) <= _TOKEN:
            faults.append(Fault(place, "is no name of a header"))
        elif name.lower() in _OWN:
            faults.append(Fault(place, "is written by the executor itself", "leave it out"))
        elif isinstance(value, str) and not _fits_a_line(value):
            faults.append(Fault(place, "has a value with a line break or a control character", "trim it"))
    return faults


def _fits_a_line(value: str) -> bool:
    return all(character == "\t" or character.isprintable() for character in value)
