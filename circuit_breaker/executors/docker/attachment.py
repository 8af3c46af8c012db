"""The streams of a container, as they come from an engine."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Self

import attrs
import urllib3.exceptions
from docker.errors import DockerException

__all__ = ["GONE", "Attachment", "Log"]

GONE: Final = (OSError, urllib3.exceptions.HTTPError, DockerException)
"""The errors of an engine that was lost."""

_PIECE: Final = 64 * 1024


@attrs.define(eq=False)
class Attachment:
    """The standard streams of a container that has not begun yet."""

    _stream: Any
    _socket: socket.socket = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._socket = getattr(self._stream, "_sock", self._stream)
        self._socket.settimeout(None)

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Pieces of output as they come, each with 1 for the standard output or 2 for the standard error."""
        with suppress(OSError):  # stopped, or lost; which of them is seen by whoever asks for the exit code
            while len(header := self._exactly(8)) == 8:
                stream, left = struct.unpack(">BxxxL", header)
                while left and (piece := self._socket.recv(min(left, _PIECE))):
                    left -= len(piece)
                    yield stream, piece

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count and (piece := self._socket.recv(count - len(found))):
            found += piece
        return found

    def feed(self, data: bytes) -> bool:
        """Writes the standard input and ends it; gives whether the engine has all of it.

        A program that ends without reading it is no error.
        """
        with suppress(OSError):
            self._socket.sendall(data)
            self._socket.shutdown(socket.SHUT_WR)
            return True
        return False

    def stop(self) -> None:
        """Ends :meth:`frames` and :meth:`feed`, wherever they are."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Gives the connection back."""
        self.stop()
        response = getattr(self._stream, "_response", None)
        for part in (response, self._stream, self._socket):
            if part is not None:
                with suppress(OSError, ValueError):  # each may have closed the next
                    part.close()


class Log:
    """One stream of a container from its beginning to its end, in pieces; to be closed."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        response = getattr(self._stream, "_response", None)
        if response is not None:
            response.close()

    def __iter__(self) -> Iterator[bytes]:
        with suppress(*GONE):  # stopped, or lost, as above
            yield from self._stream

    def stop(self) -> None:
        """Ends the iteration, wherever it is."""
        with suppress(*GONE, AttributeError):  # it may have come to its end
            self._stream.close()
