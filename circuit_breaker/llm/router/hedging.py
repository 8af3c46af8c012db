"""Hedging: a second provider is asked when the first takes long; who answers first wins, the other is stopped.

See Dean and Barroso, The Tail at Scale, Communications of the ACM 56 (2013).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

import attrs

from circuit_breaker.errors import CircuitBreakerError, LLMError
from circuit_breaker.llm.router.config import Hedging
from circuit_breaker.llm.router.failover import Tour
from circuit_breaker.llm.router.route import Route
from circuit_breaker.llm.router.trial import NoPlace
from circuit_breaker.llm.router.upstream import Upstream
from circuit_breaker.llm.stream import StreamEnded, StreamEvent, StreamFailed

__all__ = ["Pump", "Runner", "delay_of", "race", "settled"]

T = TypeVar("T")
WAITING = 64


def delay_of(policy: Hedging | None, route: Route, *, streamed: bool) -> float | None:
    """After how many seconds a second provider is asked; None for never."""
    if policy is None:
        return None
    if policy.after is not None:
        return max(policy.after, policy.least)
    measured = route.lane.first_token(route.model) if streamed else route.lane.whole(route.model)
    if len(measured) < policy.measured:
        return None
    return max(measured.quantile(0.95) or 0.0, policy.least)


@attrs.define(eq=False)
class Runner(Generic[T]):
    """One of two that race.

    Attributes:
        route: Who is asked.
        task: The call.
        error: How it failed, or None.
        result: What it gave, or None.
    """

    route: Route
    task: asyncio.Task[None] | None = None
    error: CircuitBreakerError | NoPlace | None = None
    result: T | None = None

    async def run(self, call: Callable[[Route], Awaitable[T]]) -> None:
        """Calls, and keeps what comes of it."""
        try:
            self.result = await call(self.route)
        except (CircuitBreakerError, NoPlace) as error:
            self.error = error


async def race(
    group: asyncio.TaskGroup,
    first: Route,
    call: Callable[[Route], Awaitable[T]],
    *,
    spare: Callable[[], Route | None],
    delay: float,
) -> list[Runner[T]]:
    """Those who ran, when the first has succeeded or all have failed; calls that still run are cancelled.

    Args:
        group: Owns the calls.
        first: Who is asked at once.
        call: Asks somebody.
        spare: Says who is asked second.
        delay: Seconds until then.
    """
    runners = [_start(group, first, call)]
    try:
        await asyncio.wait(_tasks(runners), timeout=delay)
        if _tasks(runners) and (second := spare()) is not None:
            runners.append(_start(group, second, call))
        while (running := _tasks(runners)) and all(runner.result is None for runner in runners):
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        return runners
    finally:
        for task in _tasks(runners):
            task.cancel()


def settled(runners: list[Runner[T]], tour: Tour) -> T:
    """What the winner gave; the tour learns of the others that failed.

    Raises:
        CircuitBreakerError: All have failed: how the first did.
        NoPlace: None could be asked.
    """
    won = next((runner.result for runner in runners if runner.result is not None), None)
    errors = [(runner.route, runner.error) for runner in runners if runner.error is not None]
    told = errors if won is not None else errors[1:]  # whoever asked for the race notes what is raised
    for route, error in told:
        if isinstance(error, LLMError):
            tour.failed(route, error)
    if won is None:
        raise errors[0][1] if errors else NoPlace
    return won


def _start(group: asyncio.TaskGroup, route: Route, call: Callable[[Route], Awaitable[T]]) -> Runner[T]:
    runner = Runner[T](route)
    runner.task = group.create_task(runner.run(call))
    return runner


def _tasks(runners: list[Runner[T]]) -> list[asyncio.Task[None]]:
    """The calls that still run."""
    return [runner.task for runner in runners if runner.task is not None and not runner.task.done()]


class Pump:
    """A stream that is read by a task of its own, so that two can be opened at once.

    Args:
        upstream: The stream, not yet open.
    """

    def __init__(self, upstream: Upstream) -> None:
        self.trial = upstream.trial
        self._upstream = upstream
        self._events: asyncio.Queue[StreamEvent] = asyncio.Queue(WAITING)
        self._task: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._error: CircuitBreakerError | NoPlace | None = None
        self._over = False

    async def open(self, group: asyncio.TaskGroup) -> None:
        """Starts to read; comes back with the first content. A call that is cancelled meanwhile stops the reading.

        Raises:
            LLMError: It cannot be had.
        """
        self._task = group.create_task(self._run())
        try:
            await self._opened.wait()
        except BaseException:
            await self.close()
            raise
        if self._error is not None:
            raise self._error

    async def _run(self) -> None:
        try:
            await self._upstream.open()
        except (CircuitBreakerError, NoPlace) as error:
            self._error = error
            return
        finally:
            self._opened.set()
        try:
            while True:
                event = await self._upstream.pull()
                await self._events.put(event)
                if type(event) in {StreamEnded, StreamFailed}:
                    return
        finally:
            await self._upstream.close()

    async def pull(self) -> StreamEvent:
        """The next event; see :meth:`Upstream.pull`."""
        if self._over:
            raise StopAsyncIteration
        event = await self._events.get()
        self._over = type(event) in {StreamEnded, StreamFailed}
        return event

    async def close(self) -> None:
        """Stops the call at the vendor's, if it still runs, and settles it."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([self._task])
