"""Residents: the cases in memory because something is going on with them, and a bounded number of recent ones."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager

from circuit_breaker.workflow.case import Case

__all__ = ["Resident", "Residents"]

NOTHING: dict[str, asyncio.Task[Exception | None]] = {}
"""The actions of every case that has none: one empty dictionary, which is never written to."""


class Turn:
    """Whose turn it is to decide about a case: a lock that costs next to nothing while nobody else wants it.

    A decision holds it until it is written. Those that wait get it in the order in which they came. It is an
    asynchronous context manager; where every step counts, ``if turn.taken: await turn.comes()`` and then, without
    awaiting anything in between, ``with turn:`` are the same.
    """

    __slots__ = ("_waiting", "taken")

    def __init__(self) -> None:
        self.taken = False
        self._waiting: deque[asyncio.Future[None]] | None = None

    def __enter__(self) -> None:
        self.taken = True

    def __exit__(self, *exc: object) -> None:
        self._pass_on()

    async def __aenter__(self) -> None:
        if self.taken:
            await self.comes()
        self.taken = True

    async def __aexit__(self, *exc: object) -> None:
        self._pass_on()

    async def comes(self) -> None:
        """Returns when whoever has the turn, and all that wait already, have had it; it is then the caller's."""
        if self._waiting is None:
            self._waiting = deque()
        mine = asyncio.get_running_loop().create_future()
        self._waiting.append(mine)
        try:
            await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled():
                self._pass_on()
            raise

    def _pass_on(self) -> None:
        """Gives the turn to the next that still waits, or to nobody."""
        while self._waiting:
            following = self._waiting.popleft()
            if not following.done():
                following.set_result(None)
                return
        self._waiting = None
        self.taken = False


class Resident:
    """One case in memory.

    Attributes:
        case: What is known to be in the journal.
        turn: Held while a decision is made and written.
        actions: The tasks of actions in progress here, by idempotency key.
        carried: How many bytes a token carries at most; None where it was not weighed yet. See :class:`Limits`.
        ending: How many are about to cancel the case, and undo what it did: nothing of it begins any more.
    """

    __slots__ = ("_changed", "_running", "_users", "actions", "carried", "case", "ending", "turn")

    def __init__(self, case: Case) -> None:
        self.case = case
        self.turn = Turn()
        self.carried: int | None = None
        self.ending = 0
        self.actions: dict[str, asyncio.Task[Exception | None]] = NOTHING
        self._running: asyncio.Lock | None = None
        self._changed: asyncio.Event | None = None
        self._users = 0

    @property
    def running(self) -> asyncio.Lock:
        """Held by whoever runs the case; made when first asked for, since most residents are never run."""
        if self._running is None:
            self._running = asyncio.Lock()
        return self._running

    @property
    def changed(self) -> asyncio.Event:
        """Set whenever something happened to the case or to one of its actions."""
        if self._changed is None:
            self._changed = asyncio.Event()
        return self._changed

    def wake(self) -> None:
        """Lets whoever runs the case look at it again."""
        if self._changed is not None:
            self._changed.set()

    def begun(self, key: str, task: asyncio.Task[Exception | None]) -> None:
        """Remembers an action in progress, until its task is done and its task group knows."""
        if self.actions is NOTHING:
            self.actions = {}
        self.actions[key] = task
        task.add_done_callback(lambda _: self._ended(key, task))

    def _ended(self, key: str, task: asyncio.Task[Exception | None]) -> None:
        if self.actions.get(key) is task:
            del self.actions[key]
        self.wake()

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keeps the case in memory as long as the ``with`` block lasts."""
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1

    @contextmanager
    def ended(self) -> Iterator[None]:
        """Lets nothing of the case begin as long as the ``with`` block lasts."""
        self.ending += 1
        try:
            with self.used():
                yield
        finally:
            self.ending -= 1
            self.wake()

    @property
    def busy(self) -> bool:
        """Whether somebody works on it, so that it must stay in memory."""
        return self._users > 0 or bool(self.actions) or self.turn.taken


class Residents:
    """At most ``limit`` cases at rest, and every busy one."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._cases: OrderedDict[str, Resident] = OrderedDict()

    def get(self, case_id: str) -> Resident | None:
        """The resident of that id, or None."""
        return self._cases.get(case_id)

    def add(self, case: Case) -> Resident:
        """The case as a resident; one that is there already is kept as it is."""
        resident = self._cases.get(case.id)
        if resident is None:
            resident = self._cases[case.id] = Resident(case)
            if len(self._cases) > self._limit:
                self._evict()
        return resident

    def _evict(self) -> None:
        """Forgets the oldest cases at rest; looks at no more than a few, so that adding stays cheap."""
        for _ in range(min(8, len(self._cases))):
            case_id, resident = self._cases.popitem(last=False)
            if resident.busy:
                self._cases[case_id] = resident
            elif len(self._cases) <= self._limit:
                return

    def __len__(self) -> int:
        return len(self._cases)
