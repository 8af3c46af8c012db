"""The body of an answer: unpacked as it comes, and never more of it than wanted."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import aiohttp

from circuit_breaker.errors import OutputTooLarge, ServiceFailed

__all__ = ["ACCEPTED", "read_body", "retry_after"]

ACCEPTED: Final = "gzip"
"""The encoding that :func:`read_body` unpacks."""

_GZIP: Final = zlib.MAX_WBITS | 16


async def read_body(
    response: aiohttp.ClientResponse, limit: int, *, cut: bool = False, arrived: Callable[[], None] | None = None
) -> bytes:
    """The whole body, unpacked; with ``cut`` no more than its first ``limit`` bytes.

    Args:
        response: The answer.
        limit: The most bytes of its body, unpacked.
        cut: Whether the rest of a longer one is left out.
        arrived: Called whenever a piece has come.

    Raises:
        OutputTooLarge: There is more. It was not read.
        ServiceFailed: It is packed in a way that was not asked for, or not rightly.
    """
    unpacked = _unpacking(response)
    kept = bytearray()
    async for piece in response.content.iter_any():
        if arrived is not None:
            arrived()
        kept += unpacked.more(piece, limit + 1 - len(kept))
        if len(kept) > limit:
            if cut:
                break
            raise OutputTooLarge(
                f"the answer of {response.url.origin()} is longer than {limit} bytes",
                remedy="allow more with max_output, or ask for less",
            )
    else:
        unpacked.finish()
    return bytes(kept[:limit])


class _Plain:
    """A body that is not packed."""

    def more(self, piece: bytes, most: int) -> bytes:
        return piece[: max(most, 0)]

    def finish(self) -> None:
        """Nothing is left to check."""


class _Packed(_Plain):
    """A body in gzip: of a small piece that unpacks to very much, only the beginning is unpacked."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._unpacker = zlib.decompressobj(_GZIP)
        self._begun = False

    def more(self, piece: bytes, most: int) -> bytes:
        self._begun = True
        try:
            return self._unpacker.decompress(piece, max(most, 1))
        except zlib.error as error:
            raise ServiceFailed(f"the answer of {self._origin} is wrongly packed: {error}") from error

    def finish(self) -> None:
        if self._begun and (not self._unpacker.eof or self._unpacker.unused_data):
            raise ServiceFailed(f"the answer of {self._origin} is wrongly packed: it is not one whole file of gzip")


def _unpacking(response: aiohttp.ClientResponse) -> _Plain:
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    empty = response.method == "HEAD" or response.status in (204, 304)
    if coding == "identity" or empty:
        return _Plain()
    origin = str(response.url.origin())
    if coding not in (ACCEPTED, "x-gzip"):
        raise ServiceFailed(f"the answer of {origin} is packed as {coding!r}, which was not asked for")
    return _Packed(origin)


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a ``Retry-After`` asks for, which is a number or a date; None if it is neither (RFC 9110)."""
    text = (value or "").strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())
