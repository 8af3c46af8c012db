"""The roster: the executions that this process carries out, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Self
from weakref import WeakSet

import attrs

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.purse import Purse
from circuit_breaker.agents.tail import Tail
from circuit_breaker.errors import AgentError

__all__ = ["Post", "Roster"]

_AT_WORK: Final[ContextVar[str]] = ContextVar("circuit_breaker_execution", default="")
"""The execution that is carried out in this context."""


@attrs.define(eq=False)
class Post:
    """An execution that this process carries out.

    Attributes:
        execution_id: Which one.
        tail: Its last events, for those who follow.
        purse: Who pays; known before anything is written.
        execution: The execution as it began here; None until then.
        cancelled: Why it is to end; None where nobody wants that.
    """

    execution_id: str
    tail: Tail
    purse: Purse = attrs.field(init=False)
    execution: AgentExecution | None = attrs.field(default=None, init=False)
    cancelled: str | None = None
    _task: asyncio.Task[Any] | None = None

    def cancel(self, why: str) -> bool:
        """Whether the execution ends for this: once however often it is asked for."""
        if self.cancelled is not None:
            return False
        self.cancelled = why
        if self._task is not None:
            self._task.cancel()
        return True

    @contextmanager
    def held(self) -> Iterator[None]:
        """From here to the end of the block the task that runs now is stopped by :meth:`cancel`.

        What begins inside of it, also in a tool, begins for this execution.
        """
        self._task = asyncio.current_task()
        token = _AT_WORK.set(self.execution_id)
        try:
            yield
        finally:
            _AT_WORK.reset(token)
            self._task = None


class Roster:
    """Who is at work; an async context manager, which stops everybody at its end.

    Attributes:
        worker: The name of this process on the storage that it works for, known once that is open.
    """

    def __init__(self) -> None:
        self.worker = ""
        self._posts: dict[str, Post] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open = self._closed = False

    async def __aenter__(self) -> Self:
        self._group = await asyncio.TaskGroup().__aenter__()  # a new one, for the engine may be opened again
        self._open, self._closed = True, False
        _OPEN.add(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._open, self._closed = False, True
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)
        for execution_id in list(self._posts):
            self.leave(execution_id)
        _OPEN.discard(self)

    def __contains__(self, execution_id: str) -> bool:
        return execution_id in self._posts

    def has(self, execution_id: str) -> bool:
        """Whether this engine carries out an execution, or another one of this process on the same storage."""
        return execution_id in self or self.is_beside(execution_id)

    def is_beside(self, execution_id: str) -> bool:
        """Whether another engine of this process carries it out, on the same storage and so under the same name."""
        return any(execution_id in one for one in list(_OPEN) if one is not self and one.worker == self.worker)

    def __iter__(self) -> Iterator[Post]:
        return iter(list(self._posts.values()))

    def get(self, execution_id: str) -> Post | None:
        """The post of an execution, or None where this process does not carry it out."""
        return self._posts.get(execution_id)

    @property
    def present(self) -> AgentExecution | None:
        """The execution for which whoever asks this works, if this engine carries it out; as it began."""
        post = self.get(_AT_WORK.get())
        return None if post is None else post.execution

    def enter(self, execution_id: str, tail: Tail) -> Post:
        """A new post.

        Raises:
            AgentError: The roster is closed, or has the execution already.
        """
        if not self._open:
            raise AgentError("the engine of agents is not open", remedy="use it inside `async with`")
        if execution_id in self._posts:
            raise AgentError(f"execution '{execution_id}' is at work already")
        self._posts[execution_id] = post = Post(execution_id, tail)
        return post

    @property
    def closed(self) -> bool:
        """Whether the engine has ended, or is about to."""
        return self._closed

    def check_not_closed(self) -> None:
        """Nothing, unless the engine has ended; one that was not opened yet may look at what others do.

        Raises:
            AgentError: It has.
        """
        if self._closed:
            raise AgentError("the engine of agents is closed", remedy="open one on the storage, and ask there again")

    def leave(self, execution_id: str) -> None:
        """Ends a post; whoever follows reads from the storage from now on."""
        if (post := self._posts.pop(execution_id, None)) is not None:
            post.tail.end()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Does some work in a task of its own."""
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_OPEN: Final[WeakSet[Roster]] = WeakSet()
"""The rosters that are open in this process: two engines on one storage must not take each other for dead."""
