"""The chronicle of an execution: its events and finished steps, as they are written.

An event is stored before anybody sees it. What is told while a write goes on is written with the next one, and pieces
of content that wait are put together. What was written before a crash is neither done nor told a second time.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final

import attrs
import msgspec

from circuit_breaker.agents.events import (
    AgentEvent,
    ContentChunk,
    ExecutionStart,
    Thinking,
    ToolCallEvent,
    ToolResultEvent,
    UsageUpdate,
    decode,
    encode,
)
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.agents.store import STEP, execution_put, step_id, stream_of
from circuit_breaker.agents.tail import Tail
from circuit_breaker.engine.ports import Clock
from circuit_breaker.engine.streams import Put

__all__ = ["Chronicle"]

_AGAIN: Final = ("retrying",)


def _key(event: AgentEvent) -> tuple[Any, ...] | None:
    """What an event is recognised by when the same work is gone through again; None where it is never told twice."""
    match event:
        case ToolCallEvent():
            return "tool_call", event.iteration, event.tool_name, event.call_id
        case ToolResultEvent(partial=False):
            return "tool_result", event.iteration, event.tool_name, event.call_id
        case UsageUpdate():
            return ("usage_update",)
        case ExecutionStart():
            return ("execution_start",)
        case Thinking(status="calling_model" | "repeating" | "planned" | "approval_needed"):
            digest = (event.details or {}).get("digest")
            return "thinking", event.status, event.iteration, digest
        case ContentChunk():
            return "content", event.iteration
    return None


@attrs.define(eq=False)
class Chronicle:
    """Writes the events of one execution; only one at a time can.

    Attributes:
        storage: Where.
        clock: When.
        execution: How the execution stands.
        tail: Who follows, told after each write.
        chunk: The most characters of one piece of content.
        redact: Changes an event before it is written.
    """

    storage: AgentStorage
    clock: Clock
    execution: AgentExecution
    tail: Tail
    chunk: int
    redact: Callable[[AgentEvent], AgentEvent] = lambda event: event
    _length: int = 0
    _pending: list[AgentEvent] = attrs.field(factory=list)
    _seen: Counter[tuple[Any, ...]] = attrs.field(factory=Counter)
    _steps: dict[str, Any] = attrs.field(factory=dict)
    _told: asyncio.Event = attrs.field(factory=asyncio.Event)
    _writing: asyncio.Lock = attrs.field(factory=asyncio.Lock)

    @property
    def length(self) -> int:
        """How many events are written."""
        return self._length

    def tell(self, event: AgentEvent) -> None:
        """Has an event written, unless it was before."""
        key = _key(event)
        if key is not None and self._seen[key] > 0:
            if not isinstance(event, ContentChunk):
                self._seen[key] -= 1
            return
        self._pending += self._numbered_later(event)
        self._told.set()

    def _numbered_later(self, event: AgentEvent) -> Iterable[AgentEvent]:
        """The event with its time: its content put to what waits, or split where it is too long."""
        event = msgspec.structs.replace(event, execution_id=self.execution.id, timestamp=self.clock.now())
        if not isinstance(event, ContentChunk):
            return (event,)
        last = self._pending[-1] if self._pending else None
        if (
            isinstance(last, ContentChunk)
            and last.iteration == event.iteration
            and len(last.content) + len(event.content) <= self.chunk
        ):
            self._pending[-1] = msgspec.structs.replace(last, content=last.content + event.content)
            return ()
        content, size = event.content, self.chunk
        pieces = (content[at : at + size] for at in range(0, len(content), size))
        return (msgspec.structs.replace(event, content=piece) for piece in pieces)

    async def write(self, *put: Put, execution: AgentExecution | None = None) -> None:
        """Writes what was told, together with these records and how the execution stands now.

        Raises:
            VersionConflict: Somebody else goes on with the execution.
        """
        async with self._writing:
            events, self._pending = self._pending, []
            self._told.clear()
            numbered = [
                self.redact(msgspec.structs.replace(event, sequence=number))
                for number, event in enumerate(events, self._length + 1)
            ]
            length = self._length + len(numbered)
            records = list(put)
            if execution is not None:
                execution = attrs.evolve(execution, events=length)
                records.append(execution_put(execution))
            if not numbered and not records:
                return
            documents = [encode(event) for event in numbered]
            await self.storage.streams.append(stream_of(self.execution.id), documents, after=self._length, put=records)
            self._length = length
            self.execution = execution or self.execution
            self.tail.extend(documents)

    async def scribe(self) -> None:
        """Writes whatever is told, until cancelled."""
        while True:
            await self._told.wait()
            await self.write()

    async def keep(self, name: str, call: Callable[[], Awaitable[Any]]) -> Any:
        """What the call gives; what is kept from before is not done again."""
        if name in self._steps:
            return self._steps[name]
        value = await call()
        put = Put(STEP, step_id(self.execution.id, self.execution.round, name), {"name": name, "value": value})
        await self.write(put)
        self._steps[name] = value
        return value

    # Going on where somebody has stopped

    def recall(self, documents: Sequence[bytes], steps: dict[str, Any]) -> None:
        """Takes up what was written before, and withdraws the content of an answer that was not finished."""
        self._length = len(documents)
        self._steps = steps
        content: dict[int, int] = {}
        for event in map(decode, documents):
            if isinstance(event, Thinking) and event.status in _AGAIN:
                self._seen.clear()
                content.clear()
            elif isinstance(event, ContentChunk):
                content.setdefault(event.iteration, event.sequence)
            elif isinstance(event, Thinking) and event.void_after is not None:
                content = {number: first for number, first in content.items() if first <= event.void_after}
            if (key := _key(event)) is not None:
                self._seen[key] += 1
        broken = {number: first for number, first in content.items() if f"{number}/model" not in steps}
        for number in broken:
            del self._seen["content", number]
        self._void = min(broken.values(), default=None)

    _void: int | None = None

    def resumed(self, status: str, **members: Any) -> Thinking:
        """The event that says that the work goes on, and which content does not count any more."""
        void = None if self._void is None else self._void - 1
        self._void = None
        return Thinking(
            execution_id="", sequence=0, timestamp=self.clock.now(), status=status, void_after=void, **members
        )

    def begin_again(self) -> None:
        """Forgets what was kept and told: the next attempt begins from the start."""
        self._seen.clear()
        self._steps.clear()
