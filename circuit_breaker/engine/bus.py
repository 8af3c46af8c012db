"""The event bus: everybody who wants to know what happens is told, and nobody can hold it up.

Each subscriber has a bounded queue of its own. When it is full the oldest event is dropped and counted in ``missed``,
and the first time that is logged. The journal still has it, so a subscriber that must not miss anything reads
``engine.history(case)`` again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import attrs
import structlog

from circuit_breaker.errors import DataInvalid
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

    def __init__(self, wanted: Callable[[Notice], bool], size: int, *, name: str = "subscriber") -> None:
        self._wanted = wanted
        self._name = name
        self._queue: deque[Notice] = deque(maxlen=size)
        self._arrived = asyncio.Event()
        self._closed = False
        self.missed = 0

    def offer(self, notice: Notice) -> None:
        """Adds a notice if it is wanted; never waits."""
        if self._closed or not self._wanted(notice):
            return
        if len(self._queue) == self._queue.maxlen:
            self._miss()
        self._queue.append(notice)
        self._arrived.set()

    @property
    def waiting(self) -> int:
        """How many events were not taken yet."""
        return len(self._queue)

    def _miss(self) -> None:
        self.missed += 1
        if self.missed == 1 and self._queue.maxlen != 1:  # a queue of one is for who only wants to know the newest
            structlog.get_logger("circuit_breaker.bus").warning(
                "subscriber too slow: events are dropped", subscriber=self._name, size=self._queue.maxlen
            )

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

    def subscribe(
        self, *, case: str | None = None, types: Iterable[type] = (), size: int = 1000, name: str = "subscriber"
    ) -> AbstractContextManager[Subscription]:
        """A subscription that lasts as long as the ``with`` block.

        Args:
            case: Only events of this case.
            types: Only these classes of events.
            size: How many events may wait before the oldest is dropped.
            name: Who it is, for the log.

        Raises:
            DataInvalid: One of the types is no class of events, or the size no number from 1.
        """
        kinds = _kinds(types)
        if type(size) is not int or size < 1:
            raise DataInvalid(f"size: {size!r:.60} is no number of events", remedy="use 1 or more")

        def wanted(notice: Notice) -> bool:
            return (case is None or notice.event.case == case) and (not kinds or isinstance(notice.event, kinds))

        return self._subscribed(Subscription(wanted, size, name=name))

    @contextmanager
    def _subscribed(self, subscription: Subscription) -> Iterator[Subscription]:
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


def _kinds(types: Iterable[Any]) -> tuple[type, ...]:
    """The classes of events that somebody wants to hear of.

    Raises:
        DataInvalid: One is something else.
    """
    kinds = (types,) if isinstance(types, (type, str)) else tuple(types)
    for kind in kinds:
        if not (isinstance(kind, type) and issubclass(kind, (Event, Progress))):
            raise DataInvalid(
                f"types: {kind!r:.60} is no class of events",
                remedy="import the class from circuit_breaker.workflow.events, such as TransitionFired",
            )
    return kinds
