"""Attention: how workers learn that there may be something to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Attention", "Heard"]


class Heard:
    """What one worker has heard and not yet dealt with.

    Attributes:
        cases: The ids of cases that may have something to do.
    """

    def __init__(self) -> None:
        self.cases: dict[str, None] = {}
        self._called = asyncio.Event()

    def next(self) -> str:
        """The case that was heard of first, which is dealt with from now on."""
        case_id = next(iter(self.cases))
        del self.cases[case_id]
        return case_id

    def wake(self) -> None:
        """Lets the worker look again."""
        self._called.set()

    def begin(self) -> None:
        """Listens for what comes from now on; what has come before is going to be dealt with."""
        self._called.clear()

    async def wait(self) -> None:
        """Returns when it was woken since :meth:`begin`."""
        await self._called.wait()


class Attention:
    """Those who want to know when a case may have something to do; it costs nothing while nobody works."""

    def __init__(self) -> None:
        self._listeners: list[Heard] = []

    def call(self, case_id: str = "") -> None:
        """Tells every worker that a case may have something to do, or only that it should look again."""
        for listener in self._listeners:
            if case_id:
                listener.cases[case_id] = None
            listener.wake()

    @contextmanager
    def listening(self) -> Iterator[Heard]:
        """What is heard as long as the ``with`` block lasts."""
        heard = Heard()
        self._listeners.append(heard)
        try:
            yield heard
        finally:
            self._listeners.remove(heard)
