"""The logs of executions: the last 64 KiB of each, in storage when it has ended."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from circuit_breaker.engine.ports import Journal
from circuit_breaker.executors.execution import ExecutionContext, LogLine

__all__ = ["LogBook", "LoggedContext", "Logs"]

KIND: Final = "function-log"
MOST: Final = 64 * 1024
CODES: Final = {"stdout": "o", "stderr": "e"}
STREAMS: Final = {code: stream for stream, code in CODES.items()}


class LogBook:
    """The last lines of one execution, at most so many bytes; may be written to from any thread."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lines: deque[LogLine] = deque()
        self._size = 0
        self._turn = threading.Lock()

    @property
    def lines(self) -> tuple[LogLine, ...]:
        """The lines, in order."""
        with self._turn:
            return tuple(self._lines)

    def add(self, line: str, stream: str) -> None:
        """Keeps a line; of one that is too long, its end."""
        written = line.encode(errors="backslashreplace")[-self._most :].decode(errors="replace")
        with self._turn:
            self._lines.append(LogLine(written, stream))
            self._size += _weight(written)
            while self._size > self._most and len(self._lines) > 1:
                self._size -= _weight(self._lines.popleft().line)


def _weight(line: str) -> int:
    return len(line.encode()) + 1


class LoggedContext:
    """The surroundings of an execution, whose lines are kept as well as passed on."""

    def __init__(self, inner: ExecutionContext, book: LogBook, executors: Mapping[Any, Any]) -> None:
        self._inner = inner
        self._book = book
        self.executors = executors

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Keeps one line of output, and passes it on."""
        self._book.add(line, stream)
        self._inner.log(line, stream=stream)


class Logs:
    """The logs of all executions of one storage."""

    def __init__(self, journal: Journal, *, most: int = MOST) -> None:
        self._journal = journal
        self._most = most
        self._open: dict[str, LogBook] = {}

    @asynccontextmanager
    async def book(self, execution: str) -> AsyncIterator[LogBook]:
        """The book of an attempt that begins here, with what those before it wrote; it is written down at the end."""
        self._open[execution] = book = LogBook(self._most)
        for line in await self._kept(execution):
            book.add(line.line, line.stream)
        try:
            yield book
        finally:
            await self._keep(execution, book.lines)
            del self._open[execution]

    async def _keep(self, execution: str, lines: tuple[LogLine, ...]) -> None:
        if lines:
            document = {"lines": [[CODES.get(line.stream, line.stream), line.line] for line in lines]}
            await self._journal.records.put(KIND, execution, document)

    async def read(self, execution: str) -> tuple[LogLine, ...]:
        """The lines of an execution: of one that runs here as far as it is, of any other as they were written down."""
        book = self._open.get(execution)
        return book.lines if book is not None else await self._kept(execution)

    async def _kept(self, execution: str) -> tuple[LogLine, ...]:
        record = await self._journal.records.get(KIND, execution)
        lines = record.document["lines"] if record is not None else ()
        return tuple(LogLine(line, STREAMS.get(code, code)) for code, line in lines)
