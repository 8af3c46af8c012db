"""What happens, for plain scripts: a subscription that is iterated over without ``await``."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any

from circuit_breaker.engine.bus import Notice, Subscription
from circuit_breaker.errors import StorageClosed

__all__ = ["SyncSubscription"]


class SyncSubscription:
    """What one subscriber has not seen yet. Iterate over it, or take from it; both wait for what comes next.

    Args:
        subscription: The subscription, which belongs to the loop of the engine.
        wait: Waits for what is done on that loop.
    """

    def __init__(self, subscription: Subscription, wait: Callable[[Coroutine[Any, Any, Any]], Any]) -> None:
        self._subscription = subscription
        self._wait = wait

    @property
    def missed(self) -> int:
        """How many events were dropped because the queue was full."""
        return self._subscription.missed

    def take(self) -> Notice | None:
        """The next notice with its case; None when the subscription, or the engine, has ended."""
        try:
            taken: Notice | None = self._wait(self._subscription.take())
        except StorageClosed:
            return None
        return taken

    def __iter__(self) -> Iterator[Any]:
        while (notice := self.take()) is not None:
            yield notice.event
