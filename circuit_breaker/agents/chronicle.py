"""The chronicle of an execution: its events and finished steps, as they are written.

An event is stored before anybody sees it. What is told while a write goes on is written with the next one, and pieces
of content that wait are put together. What was written before a crash is neither done nor told a second time.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.agents.ending import Remembering
from circuit_breaker.agents.events import AgentEvent, ContentChunk, Thinking, decode, encode
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.agents.store import STEP, execution_put, step_id, stream_of
from circuit_breaker.agents.tail import Tail
from circuit_breaker.agents.told import Told, merged
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.running import only
from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import CircuitBreakerError, VersionConflict

__all__ = ["Chronicle"]


_LINGER: Final = 0.002
"""Seconds that an event may wait for others, so that they share a write."""
_TRIES: Final = 100
"""How often records are made again that others have changed before they were written."""


def _as_it_is(value: Any) -> Any:
    return value


@attrs.define(eq=False)
class Chronicle:
    """Writes the events of one execution, one batch after the other.

    Attributes:
        storage: Where.
        clock: When.
        execution: How the execution stands.
        tail: Who follows, told after each write.
        chunk: The most characters of one piece of content.
        conceal: Changes what a finished step gave before it is kept.
        steps: What finished steps gave, by name.
        told: What was told.
        last: When the last event was written that was there before.
        closed: Whether the last event of the execution was told; what comes later is dropped.
    """

    storage: AgentStorage
    clock: Clock
    execution: AgentExecution
    tail: Tail
    chunk: int
    conceal: Callable[[Any], Any] = _as_it_is
    last: datetime | None = None
    closed: bool = False
    steps: dict[str, Any] = attrs.field(factory=dict)
    told: Told = attrs.field(factory=Told)
    _written: int = 0
    _number: int = 0
    _changed: bool = False
    _pending: list[AgentEvent] = attrs.field(factory=list)
    _puts: list[Put | Gone] = attrs.field(factory=list)
    _remembering: Remembering | None = None
    _waiting: list[asyncio.Future[None]] = attrs.field(factory=list)
    _bell: asyncio.Event = attrs.field(factory=asyncio.Event)
    _soon: asyncio.TimerHandle | None = None
    _broken: CircuitBreakerError | None = None
    _loop: asyncio.AbstractEventLoop = attrs.field(factory=asyncio.get_running_loop)
    _thread: int = attrs.field(factory=threading.get_ident)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Writes what is told for as long as the block runs.

        Raises:
            StorageError: Something cannot be written, or somebody else goes on with the execution.
        """
        try:
            async with asyncio.TaskGroup() as group:
                scribe = group.create_task(self._scribe())
                try:
                    yield
                finally:
                    scribe.cancel()
                    if self._soon is not None:
                        self._soon.cancel()
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    def is_elsewhere(self, call: Callable[..., object], *arguments: Any) -> bool:
        """Whether this is another thread than that of the work, which is then to make the call."""
        if threading.get_ident() == self._thread:
            return False
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(call, *arguments)
        return True

    # Telling

    def tell(self, event: AgentEvent) -> None:
        """Has an event written, unless it was before."""
        event = msgspec.structs.replace(
            event, execution_id=self.execution.id, timestamp=self.clock.now(), sequence=self._number + 1
        )
        if self.closed or not self.told.is_new(event):
            return
        if (both := merged(self._pending[-1] if self._pending else None, event, self.chunk)) is not None:
            self._pending[-1] = both
        elif isinstance(event, ContentChunk | Thinking) and len(event.content) > self.chunk:
            self._split(event)
        else:
            self._pending.append(event)
            self._number += 1
        if self._soon is None:
            self._soon = self._loop.call_later(_LINGER, self._linger_no_more)

    def _linger_no_more(self) -> None:
        """Has written what was told and waits; a write in between may have taken all of it along."""
        self._soon = None
        if self._pending:
            self._bell.set()

    def _split(self, event: ContentChunk | Thinking) -> None:
        for at in range(0, len(event.content), self.chunk):
            self._number += 1
            piece = event.content[at : at + self.chunk]
            self._pending.append(msgspec.structs.replace(event, content=piece, sequence=self._number))

    # Writing

    async def write(self, *put: Put | Gone, execution: AgentExecution | None = None) -> None:
        """Writes what was told, together with these records and how the execution stands now.

        Cancelled, it is written all the same.

        Raises:
            StorageError: It cannot be written, or somebody else goes on with the execution.
        """
        if self._broken is not None:
            raise self._broken
        self._stands(execution)
        self._puts += put
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiter)
        self._bell.set()
        await waiter

    async def end(
        self, event: AgentEvent, execution: AgentExecution, *put: Put | Gone, remembering: Remembering | None = None
    ) -> None:
        """Writes the last event, after which nothing is told; finished steps are not needed any more."""
        self.tell(event)
        self.closed = True
        self._remembering = remembering
        self._forget_steps()
        await self.write(*put, execution=execution)

    async def claim(self, execution: AgentExecution) -> None:
        """Writes what was told and how the execution stands, before the chronicle is open.

        Raises:
            VersionConflict: Somebody else was quicker.
        """
        self._stands(execution)
        await self._write_all()

    def note(self, execution: AgentExecution) -> None:
        """Has written soon how the execution stands now."""
        self._stands(execution)
        self._bell.set()

    def _stands(self, execution: AgentExecution | None) -> None:
        if execution is not None:
            self.execution, self._changed = execution, True

    async def _scribe(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            try:
                await self._write_all()
            except CircuitBreakerError as error:
                self._broken = error
                raise

    async def _write_all(self) -> None:
        events, self._pending = self._pending, []
        puts, self._puts = self._puts, []
        waiting, self._waiting = self._waiting, []
        length = self._written + len(events)
        if self._changed:
            self._changed = False
            self.execution = attrs.evolve(self.execution, events=length)
            puts.append(execution_put(self.execution))
        if events or puts:
            documents = [encode(event) for event in events]
            await self._append(documents, puts)
            self._written = length
            self.tail.extend(documents)
        for waiter in waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def _append(self, documents: Sequence[bytes], puts: Sequence[Put | Gone]) -> None:
        """Appends, together with what is remembered of the execution at its end."""
        streams, name = self.storage.streams, stream_of(self.execution.id)
        remembering, self._remembering = self._remembering, None
        if remembering is None:
            await streams.append(name, documents, after=self._written, put=puts)
            return
        remembered = remembering.put
        for tries in range(_TRIES):
            try:
                await streams.append(name, documents, after=self._written, put=[*puts, *remembered])
            except VersionConflict:
                if tries == _TRIES - 1 or await streams.length(name) != self._written:
                    raise
                remembered = await remembering.again()
            else:
                return

    async def keep(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the call gives, which is JSON; what is kept from before is not done again."""
        if name in self.steps:
            return self.steps[name]
        value = await call()
        document = {"name": name, "value": json.dumps(self.conceal(value))}
        self.steps[name] = value  # first: if the work is stopped while it is written, the end forgets it too
        await self.write(Put(STEP, step_id(self.execution.id, self.execution.round, name), document))
        return value

    # Going on where somebody has stopped

    def recall(self, documents: Sequence[bytes], steps: dict[str, Any]) -> None:
        """Takes up what was written before."""
        self._written = self._number = len(documents)
        self.steps = steps
        events = [decode(document) for document in documents]
        self.told.recall(events)
        self.last = events[-1].timestamp if events else None

    def go_on(self, status: str, **members: Any) -> None:
        """Tells that the work is gone through again, and which content does not count: of an answer that broke off."""
        void = self.told.broken(self.steps)
        self.tell(self._thinking(status, void, members))
        self.told.replay()

    def begin_again(self, status: str, **members: Any) -> None:
        """Tells that the work begins from the start; nothing counts that was done or said before."""
        self.told.begin_again()
        self._forget_steps()
        self.tell(self._thinking(status, 0, members))

    def _forget_steps(self) -> None:
        standing = self.execution
        self._puts += [Gone(STEP, step_id(standing.id, standing.round, name)) for name in self.steps]
        self.steps = {}

    def _thinking(self, status: str, void: int | None, members: dict[str, Any]) -> Thinking:
        return Thinking(
            execution_id="", sequence=0, timestamp=self.clock.now(), status=status, void_after=void, **members
        )
