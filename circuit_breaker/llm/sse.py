"""What a stream is made of: server-sent events (WHATWG HTML, 9.2.6) and lines of JSON, however the bytes are cut."""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

__all__ = ["LONGEST", "Decoder", "EventDecoder", "LineDecoder", "ServerEvent", "StreamTooLong"]

LONGEST: Final = 16 * 1024 * 1024
"""Bytes of the longest line or event, unless told otherwise."""

_BOM: Final = b"\xef\xbb\xbf"


class StreamTooLong(ValueError):
    """A line or an event is longer than it may be."""


class ServerEvent(NamedTuple):
    """One event.

    Attributes:
        data: Its lines of data, joined by line feeds; of a line of JSON, the line.
        event: Its name; ``"message"`` where none is given.
        id: The last id that the server gave, or an empty text.
    """

    data: bytes
    event: str = "message"
    id: str = ""


class Decoder(Protocol):
    """Bytes to events."""

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that are complete with these bytes.

        Raises:
            StreamTooLong: A line or an event is longer than it may be.
        """
        ...

    def end(self) -> list[ServerEvent]:
        """What stood at the end without its last line feed."""
        ...


class _Lines:
    """Bytes to lines, which end in LF and, where that is wanted, in CR or CRLF too."""

    def __init__(self, longest: int, *, returns: bool) -> None:
        self._longest = longest
        self._returns = returns
        self._held: list[bytes] = []
        self._size = 0
        self._skip = False

    def feed(self, data: bytes) -> list[bytes]:
        if self._returns:
            data = self._plain(data)
        if b"\n" not in data:
            self._hold(data)
            return []
        lines = data.split(b"\n")
        if self._held:
            lines[0] = b"".join((*self._held, lines[0]))
            self._held.clear()
        self._size = 0
        self._hold(lines.pop())
        if len(data) > self._longest or len(lines[0]) > self._longest:
            self._check(max(map(len, lines)))
        return lines

    def end(self) -> bytes:
        rest = b"".join(self._held)
        self._held.clear()
        return rest

    def _plain(self, data: bytes) -> bytes:
        """The bytes with LF at the end of each line; an LF that belongs to a CR of the last piece is left out."""
        if self._skip and data:
            self._skip = False
            if data.startswith(b"\n"):
                data = data[1:]
        if b"\r" not in data:
            return data
        self._skip = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, data: bytes) -> None:
        if data:
            self._held.append(data)
            self._size += len(data)
            self._check(self._size)

    def _check(self, size: int) -> None:
        if size > self._longest:
            raise StreamTooLong(f"a line is longer than {self._longest} bytes")


class EventDecoder:
    """Server-sent events, as the standard has them.

    An event at the end of the stream without its empty line is given by :meth:`end`, which the standard drops: some
    servers close the connection a moment too early.

    Args:
        longest: Bytes of the longest line and of the longest event.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._lines = _Lines(longest, returns=True)
        self._longest = longest
        self._first = True
        self._data: list[bytes] = []
        self._size = 0
        self._event = ""
        self._id = ""

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that are complete with these bytes.

        Raises:
            StreamTooLong: A line or an event is longer than it may be.
        """
        found: list[ServerEvent] = []
        for line in self._lines.feed(data):
            self._take(line, found)
        return found

    def end(self) -> list[ServerEvent]:
        """What stood at the end without its empty line."""
        found: list[ServerEvent] = []
        rest = self._lines.end()
        if rest:
            self._take(rest, found)
        self._dispatch(found)
        return found

    def _take(self, line: bytes, found: list[ServerEvent]) -> None:
        if self._first:
            self._first = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(found)
        elif line.startswith(b"data:"):
            self._add(line[6:] if line[5:6] == b" " else line[5:])
        else:
            name, _, value = line.partition(b":")
            self._field(name, value.removeprefix(b" "))

    def _field(self, name: bytes, value: bytes) -> None:
        """Any field but ``data:``; a comment has an empty name."""
        if name == b"data":
            self._add(value)
        elif name == b"event":
            self._event = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _add(self, value: bytes) -> None:
        self._size += len(value) + 1
        if self._size > self._longest:
            raise StreamTooLong(f"an event is longer than {self._longest} bytes")
        self._data.append(value)

    def _dispatch(self, found: list[ServerEvent]) -> None:
        if self._data:
            found.append(ServerEvent(b"\n".join(self._data), self._event or "message", self._id))
            self._data = []
            self._size = 0
        self._event = ""


class LineDecoder:
    """Lines of JSON; empty ones are left out.

    Args:
        longest: Bytes of the longest line.
    """

    def __init__(self, longest: int = LONGEST) -> None:
        self._lines = _Lines(longest, returns=False)

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The lines that are complete with these bytes.

        Raises:
            StreamTooLong: A line is longer than it may be.
        """
        return [ServerEvent(line) for line in self._lines.feed(data) if line.strip()]

    def end(self) -> list[ServerEvent]:
        """The last line, where it has no line feed."""
        rest = self._lines.end()
        return [ServerEvent(rest)] if rest.strip() else []
