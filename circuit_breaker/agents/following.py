"""Following executions: their events, live or later, from any number, of one or of several at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import attrs

from circuit_breaker.agents.events import AgentEvent, decode, is_last
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.identity import check_ids
from circuit_breaker.agents.ports import AgentStorage, Allowed
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import AgentStore, stream_of
from circuit_breaker.engine.running import only
from circuit_breaker.errors import AgentError, AgentForbidden, CircuitBreakerError, DataInvalid
from circuit_breaker.invocation import inline

__all__ = ["AgentEvents"]

_PAGE: Final = 200
_Queue = asyncio.Queue[bytes | CircuitBreakerError | None]


@attrs.frozen(eq=False)
class AgentEvents:
    """The events of executions.

    Attributes:
        storage: Where they are kept.
        store: Who knows the executions.
        roster: Who is at work in this process.
        poll: Seconds between two looks at what another process writes.
        connection_timeout: Seconds that a follower waits until he knows that he may follow.
        allowed: Says who may do what; everybody everything, where it is None.
    """

    storage: AgentStorage
    store: AgentStore
    roster: Roster
    poll: float
    allowed: Allowed | None = None
    connection_timeout: float = 30.0

    async def check(self, by: str, deed: str, execution: AgentExecution) -> None:
        """Nothing, when somebody may do that to an execution.

        Raises:
            AgentForbidden: He may not.
        """
        if self.allowed is not None and not await inline(self.allowed, by, deed, execution):
            raise AgentForbidden(f"'{by:.100}' may not {deed} execution '{execution.id}'")

    async def read(self, execution_id: str, *, after: int = 0, limit: int | None = None, by: str = "") -> list[bytes]:
        """The events whose number is above ``after``, as they are kept.

        Raises:
            AgentExecutionNotFound: There is no such execution.
            AgentForbidden: Whoever reads may not follow it.
        """
        await self.check(by, "follow", await self.store.written(execution_id))
        return await self.storage.streams.read(stream_of(execution_id), after=after, limit=limit)

    async def rest(self, execution_id: str) -> AgentExecution:
        """The execution once it is over, or waits for a person.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentError: The engine was closed before that.
        """
        check_ids(execution_id=execution_id)
        while True:
            if (post := self.roster.get(execution_id)) is not None:
                await post.tail.over()
            execution = await self.store.written(execution_id)
            if execution.ended or execution.waiting_for == "approval":
                return execution
            if execution_id not in self.roster:
                self.roster.check_not_closed()
                await asyncio.sleep(self.poll)

    @asynccontextmanager
    async def subscribe(
        self, *execution_ids: str, after: int | Mapping[str, int] = 0, by: str = ""
    ) -> AsyncIterator[AsyncIterator[AgentEvent]]:
        """The events as they come: ``async with events.subscribe(id) as following: async for event in following: ...``.

        Those that happened before come first. It ends with the last event of the last execution. A follower that is
        slow or goes away costs nobody anything: what it has not had yet is read from the storage.

        Args:
            *execution_ids: One or several.
            after: The number of the last event that the follower has: of all, or by execution.
            by: Who follows.

        Raises:
            AgentExecutionNotFound: There is no such execution.
            AgentForbidden: Whoever follows may not.
            DataInvalid: An execution has not come to that number yet.
            AgentError: The engine was closed before the end; raised where the events are read.
        """
        async with self.subscribe_raw(*execution_ids, after=after, by=by) as raw:
            yield (decode(document) async for document in raw)

    @asynccontextmanager
    async def subscribe_raw(
        self, *execution_ids: str, after: int | Mapping[str, int] = 0, by: str = ""
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The same as the bytes that are kept."""
        if not execution_ids:
            raise DataInvalid("no execution is named", remedy="give the id of at least one")
        check_ids(**{f"execution_ids[{at}]": one for at, one in enumerate(execution_ids)})
        begun = {
            one: after.get(one, 0) if isinstance(after, Mapping) else after for one in dict.fromkeys(execution_ids)
        }
        await self._admitted(begun, by)
        if len(begun) == 1:
            ((execution_id, number),) = begun.items()
            yield self._followed(execution_id, number)
            return
        queue: _Queue = asyncio.Queue(_PAGE)  # full, it keeps only this follower waiting
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._pass_on(one, number, queue)) for one, number in begun.items()]
                try:
                    yield _merged(queue, len(begun))
                finally:
                    for task in tasks:
                        task.cancel()
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    async def _admitted(self, begun: Mapping[str, int], by: str) -> None:
        """Nothing, when somebody may follow all of these from these numbers on.

        Raises:
            AgentError: The storage does not say so in time.
        """
        try:
            async with asyncio.timeout(self.connection_timeout) as limit:
                for execution_id, number in begun.items():
                    await self._check(execution_id, number, by)
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise AgentError(
                f"the events could not be reached in {self.connection_timeout:g} seconds", remedy="try again"
            ) from error

    async def _check(self, execution_id: str, number: int, by: str) -> None:
        await self.check(by, "follow", await self.store.written(execution_id))
        length = await self.storage.streams.length(stream_of(execution_id))
        if type(number) is not int or number < 0 or number > length:
            raise DataInvalid(
                f"execution '{execution_id}' has {length} events, and none with the number {number!r}",
                remedy="give the number of the last event that you have, or 0 for all",
            )

    async def _pass_on(self, execution_id: str, number: int, queue: _Queue) -> None:
        try:
            async for document in self._followed(execution_id, number):
                await queue.put(document)
        except CircuitBreakerError as error:
            await queue.put(error)
        else:
            await queue.put(None)

    async def _followed(self, execution_id: str, number: int) -> AsyncIterator[bytes]:
        while True:
            documents = await self._more(execution_id, number)
            for document in documents:
                yield document
            number += len(documents)
            if documents and is_last(decode(documents[-1])):
                return
            if not documents:
                execution = await self.store.written(execution_id)
                if execution.ended and execution.events <= number:
                    return
                self.roster.check_not_closed()

    async def _more(self, execution_id: str, number: int) -> list[bytes]:
        """The next events, once there are some; none where the execution is over, or another process writes it."""
        stream = stream_of(execution_id)
        post = self.roster.get(execution_id)
        if post is not None:
            await post.tail.more(number)
            if found := post.tail.after(number):
                return found
        documents = await self.storage.streams.read(stream, after=number, limit=_PAGE)
        if not documents and execution_id not in self.roster:
            await asyncio.sleep(self.poll)
        return documents


async def _merged(queue: _Queue, open_: int) -> AsyncIterator[bytes]:
    while open_:
        document = await queue.get()
        if document is None:
            open_ -= 1
        elif isinstance(document, CircuitBreakerError):
            raise document
        else:
            yield document
