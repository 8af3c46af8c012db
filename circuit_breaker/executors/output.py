"""The output of a program: passed on line by line as it comes, and kept within a limit as the outcome."""

from __future__ import annotations

import base64
import codecs
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal

import attrs
import msgspec

from circuit_breaker.errors import OutputInvalid, OutputTooLarge
from circuit_breaker.executors.secrets import Redaction

__all__ = ["LONGEST_LINE", "OUTPUT_LIMIT", "TAIL", "Lines", "Output", "OutputFormat", "Tail", "read_output"]

OUTPUT_LIMIT: Final = 1024 * 1024
"""Bytes of output that are kept unless a parameter says otherwise."""

LONGEST_LINE: Final = 16 * 1024
"""Characters after which a line without an end is passed on in pieces."""

TAIL: Final = 8 * 1024
"""Characters of the end of an output that errors show."""

OutputFormat = Literal["auto", "json", "text", "base64", "none"]
"""How the output becomes a value: JSON where it is JSON and else text, JSON, text, base64, or not at all."""


class Lines:
    """Bytes that come in pieces, as lines of text without secrets.

    A character or a secret that is split between pieces is put together first; what is no UTF-8 becomes U+FFFD.
    """

    def __init__(self, redaction: Redaction) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._redaction = redaction
        self._rest = ""

    def feed(self, data: bytes) -> Iterator[str]:
        """The lines that are complete now."""
        *complete, self._rest = (self._rest + self._decoder.decode(data)).split("\n")
        yield from map(self._shown, complete)
        yield from self._pieces()

    def close(self) -> Iterator[str]:
        """The last line, when it did not end."""
        rest, self._rest = self._rest + self._decoder.decode(b"", final=True), ""
        if rest:
            yield self._shown(rest)

    def _pieces(self) -> Iterator[str]:
        """What is passed on of a line that does not end; as much is held back as a secret that has begun may take."""
        most = LONGEST_LINE + self._redaction.longest
        while len(self._rest) > most:
            self._rest = self._redaction.clean(self._rest)
            if len(self._rest) > most:
                yield self._rest[:LONGEST_LINE]
                self._rest = self._rest[LONGEST_LINE:]

    def _shown(self, line: str) -> str:
        return self._redaction.clean(line.removesuffix("\r"))


class Tail:
    """The end of a text that comes line by line: at most ``limit`` characters."""

    def __init__(self, limit: int = TAIL) -> None:
        self._limit = limit
        self._lines: deque[str] = deque()
        self._length = 0

    def add(self, line: str) -> None:
        """Adds a line, and forgets what is too far back."""
        self._lines.append(line)
        self._length += len(line) + 1
        while self._length - len(self._lines[0]) - 2 >= self._limit:
            self._length -= len(self._lines.popleft()) + 1

    def __str__(self) -> str:
        return "\n".join(self._lines)[-self._limit :] if self._limit else ""


@attrs.define
class Output:
    """One stream of a program: every line goes to ``log``, and what it says is kept up to ``limit`` bytes.

    Attributes:
        name: ``"stdout"`` or ``"stderr"``.
        log: Told each line, without secrets, as it comes.
        redaction: Takes the secrets out.
        form: What :meth:`value` makes of it; ``"none"`` keeps nothing but the tail.
        limit: The most bytes that are kept.
        tail: The end of it, for errors.
    """

    name: str
    log: Callable[[str], None]
    redaction: Redaction = attrs.field(factory=Redaction)
    form: OutputFormat = "auto"
    limit: int = OUTPUT_LIMIT
    tail: Tail = attrs.field(factory=Tail)
    _kept: bytearray = attrs.field(factory=bytearray)
    _lines: Lines = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._lines = Lines(self.redaction)

    def feed(self, data: bytes) -> None:
        """Takes the next piece.

        Raises:
            OutputTooLarge: With it, there is more than the limit.
        """
        for line in self._lines.feed(data):
            self._tell(line)
        if self.form == "none":
            return
        if len(self._kept) + len(data) > self.limit:
            raise OutputTooLarge(
                f"{self.name} is longer than {self.limit} bytes",
                remedy="allow more with max_output, print less, or use output='none'",
            )
        self._kept += data

    @property
    def empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._kept

    def close(self) -> None:
        """Passes on what is left when the stream has ended."""
        for line in self._lines.close():
            self._tell(line)

    def _tell(self, line: str) -> None:
        self.tail.add(line)
        self.log(line)

    def value(self) -> Any:
        """What the whole output says, without secrets; None for ``"none"``.

        Raises:
            OutputInvalid: It is no JSON or no text where that was asked for.
        """
        if self.form == "none":
            return None
        return read_output(bytes(self._kept), self.form, name=self.name, redaction=self.redaction)


_NOTHING_HIDDEN: Final = Redaction()


def read_output(data: bytes, form: OutputFormat, *, name: str, redaction: Redaction = _NOTHING_HIDDEN) -> Any:
    """What the bytes say in that form, without secrets; text loses one line end at its end.

    Raises:
        OutputInvalid: They are no JSON or no text where that was asked for.
    """
    if form == "base64":
        return base64.b64encode(redaction.clean_bytes(data)).decode()
    if form == "json":
        return redaction.clean_json(_parsed(data, name, redaction))
    text = _decoded(data, name)
    if form == "text":
        return redaction.clean(text)
    try:
        return redaction.clean_json(msgspec.json.decode(data))
    except (msgspec.DecodeError, RecursionError):
        return redaction.clean(text)


def _parsed(data: bytes, name: str, redaction: Redaction) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        begins = redaction.clean_bytes(data)[:60]
        raise OutputInvalid(
            f"{name} is no JSON: {redaction.clean(str(error))}; it begins with {begins!r}",
            remedy="print JSON and nothing else, or use output='text'",
        ) from None


def _decoded(data: bytes, name: str) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise OutputInvalid(
            f"{name} is no UTF-8 text: byte {error.start} is {data[error.start]:#04x}",
            remedy="use output='base64', or write it to a file",
        ) from None
    return text.removesuffix("\n").removesuffix("\r")
