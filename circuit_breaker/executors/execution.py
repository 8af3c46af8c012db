"""The surroundings of one execution: where it belongs, and where its progress, its logs and its finished steps go."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeVar, cast

import attrs

from circuit_breaker.engine.invocation import threaded

__all__ = ["ExecutionContext", "LogLine", "Progress", "StandaloneContext"]

T = TypeVar("T")

KEPT: Final = 10_000


class ExecutionContext(Protocol):
    """What an executor is told about its execution, and whom it tells.

    ``progress`` and ``log`` may be called from a worker thread.
    """

    @property
    def case_id(self) -> str | None:
        """The case that this belongs to, or None."""

    @property
    def transition(self) -> str | None:
        """The transition that this belongs to, or None."""

    @property
    def idempotency_key(self) -> str:
        """The same text whenever the same work is done again, for services that refuse to do it twice."""

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1."""

    @property
    def results(self) -> Mapping[str, Any]:
        """What the journal knows of earlier work of the case, by the names of its results."""

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells how much is done, from 0 to 1."""

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Passes on one line of output."""

    async def step(self, name: str, call: Callable[[], Awaitable[T] | T]) -> T:
        """What ``call`` gives, which is JSON; a finished step is not done again when the work is repeated."""

    def step_sync(self, name: str, call: Callable[[], T]) -> T:
        """The same, for work in a worker thread."""


@attrs.frozen
class Progress:
    """How much was done at some moment: ``fraction`` from 0 to 1."""

    fraction: float
    message: str = ""


@attrs.frozen
class LogLine:
    """One line of output, and the stream that it came from."""

    line: str
    stream: str = "stdout"


class StandaloneContext:
    """The surroundings of an executor outside of a workflow: what it tells is kept, steps are simply done."""

    case_id: str | None = None
    transition: str | None = None
    attempt: int = 1
    results: Mapping[str, Any] = MappingProxyType({})

    def __init__(self) -> None:
        self._logs: deque[LogLine] = deque(maxlen=KEPT)
        self._reports: deque[Progress] = deque(maxlen=KEPT)

    @property
    def logs(self) -> list[LogLine]:
        """The last 10,000 lines, in order."""
        return list(self._logs)

    @property
    def reports(self) -> list[Progress]:
        """The last 10,000 times that progress was told, in order."""
        return list(self._reports)

    @cached_property
    def idempotency_key(self) -> str:
        """A random text, the same for as long as this lives."""
        return uuid.uuid4().hex

    def progress(self, fraction: float, message: str = "") -> None:
        """Keeps how much is done."""
        self._reports.append(Progress(fraction, message))

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Keeps one line."""
        self._logs.append(LogLine(line, stream))

    async def step(self, name: str, call: Callable[[], Awaitable[T] | T]) -> T:  # noqa: ARG002 - the name is for a journal
        """What the call gives."""
        return cast(T, await threaded(call))

    def step_sync(self, name: str, call: Callable[[], T]) -> T:  # noqa: ARG002 - the name is for a journal
        """What the call gives."""
        return call()
