"""The event bus: everybody who wants to know what happens is told, and nobody can hold it up.

Each subscriber has a bounded queue of its own. When it is full the oldest event is dropped and counted in ``missed``;
the journal still has it, so a subscriber that must not miss anything reads ``engine.history(case)`` again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Event

__all__ = ["Bus", "Notice", "Progress", "Subscription"]


@attrs.frozen
class Progress:
    """How far an action is. It is told to subscribers, but not kept in the journal.

    Attributes:
        case: The id of the case.
        transition: The id of the transition.
        key: The idempotency key of the action.
        fraction: From 0 to 1, or None for a mere line of log.
        message: What is being done, or a line of output.
        stream: Where that line came from, such as ``"stdout"``; empty for progress.
    """

    case: str
    transition: str
    key: str
    fraction: float | None = None
    message: str = ""
    stream: str = ""


@attrs.frozen
class Notice:
    """One thing that happened: the event, the case after it and the states its tokens were in before."""

    event: Event | Progress
    case: Case | None = None
    before: tuple[str, ...] = ()


class Subscription:
    """What one subscriber has not seen yet. Iterate over it, or take from it.

    Attributes:
        missed: How many events were dropped because the queue was full.
    """

    def __init__(self, wanted: Callable[[Notice], bool], size: int) -> None:
        self._wanted = wanted
        self._queue: deque[Notice] = deque(maxlen=size)
        self._arrived = asyncio.Event()
        self._closed = False
        self.missed = 0

    def offer(self, notice: Notice) -> None:
        """Adds a notice if it is wanted; never waits."""
        if not self._wanted(notice):
            return
        if len(self._queue) == self._queue.maxlen:
            self.missed += 1
        self._queue.append(notice)
        self._arrived.set()

    def close(self) -> None:
        """Ends the iteration once everything in the queue was taken."""
        self._closed = True
        self._arrived.set()

    async def take(self) -> Notice | None:
        """The next notice with its case; None when the subscription has ended."""
        while not self._queue:
            if self._closed:
                return None
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.popleft()

    async def __aiter__(self) -> AsyncIterator[Any]:
        while (notice := await self.take()) is not None:
            yield notice.event


class Bus:
    """All subscriptions of one engine."""

    def __init__(self) -> None:
        self._subscriptions: list[Subscription] = []

    @property
    def idle(self) -> bool:
        """Whether nobody listens."""
        return not self._subscriptions

    def publish(self, notice: Notice) -> None:
        """Tells every subscriber; never waits and never raises."""
        for subscription in self._subscriptions:
            subscription.offer(notice)

    @contextmanager
    def subscribe(
        self, *, case: str | None = None, types: tuple[type, ...] = (), size: int = 1000
    ) -> Iterator[Subscription]:
        """A subscription that lasts as long as the ``with`` block.

        Args:
            case: Only events of this case.
            types: Only these kinds of event.
            size: How many events may wait before the oldest is dropped.
        """

        def wanted(notice: Notice) -> bool:
            return (case is None or notice.event.case == case) and (not types or isinstance(notice.event, types))

        subscription = Subscription(wanted, size)
        self._subscriptions.append(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.remove(subscription)
            subscription.close()

    def close(self) -> None:
        """Ends every subscription."""
        for subscription in self._subscriptions:
            subscription.close()
