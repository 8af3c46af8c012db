"""A clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

from circuit_breaker.workflow.timing import Duration, seconds

__all__ = ["ManualClock"]


class ManualClock:
    """A clock for tests: time passes only by :meth:`advance`, and whoever sleeps until then wakes."""

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._sleepers: list[tuple[datetime, asyncio.Event]] = []

    def now(self) -> datetime:
        """The moment at which the clock stands."""
        return self._now

    async def advance(self, duration: Duration) -> None:
        """Moves the clock on by seconds, a timedelta, or a text such as ``"2h"``, and lets sleepers wake."""
        self._now += timedelta(seconds=seconds(duration))
        for moment, woken in self._sleepers:
            if moment <= self._now:
                woken.set()
        for _ in range(3):
            await asyncio.sleep(0)

    async def sleep_until(self, moment: datetime) -> None:
        """Returns when the clock was moved to that moment or past it."""
        if moment <= self._now:
            return
        sleeper = (moment, asyncio.Event())
        self._sleepers.append(sleeper)
        try:
            await sleeper[1].wait()
        finally:
            self._sleepers.remove(sleeper)
