"""The recovery of executions: this process goes on with what others left behind, or what waited for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any

import attrs
import structlog

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.enrolment import check_equipment
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.roster import Post
from circuit_breaker.agents.store import stream_of
from circuit_breaker.agents.tail import Tail
from circuit_breaker.agents.turns import Seat
from circuit_breaker.errors import AgentNotFound, CircuitBreakerError, VersionConflict

__all__ = ["Recovery"]

_log = structlog.get_logger(__name__)
Change = Callable[[AgentExecution], AgentExecution | None]


@attrs.frozen(eq=False)
class Recovery:
    """Takes executions up.

    Attributes:
        office: Who carries them out.
    """

    office: Office
    _told: dict[str, str] = attrs.field(factory=dict, init=False)  # why executions are left to others

    async def take_up(self, execution_id: str, change: Change, *, cancelled: str | None = None) -> bool:
        """Whether this process goes on with an execution now.

        Args:
            execution_id: Which one.
            change: The execution as it goes on; None where it shall not, as it stands.
            cancelled: Why it is to end at once, if it is.

        Raises:
            AgentInvalid: A tool or the provider that it works with is not here; it is left as it stands.
        """
        if self.office.roster.has(execution_id):
            return False
        with ExitStack() as undo:
            post = self.office.roster.enter(execution_id, Tail(self.office.config.stream_buffer_size))
            undo.callback(self.office.roster.leave, execution_id)
            post.cancelled = cancelled
            if taken := await self._claimed(post, change):
                undo.pop_all()
        return taken

    async def put_down(self, execution_id: str) -> None:
        """Returns once the task that has written here that the execution waits for a person is over."""
        while self.office.roster.has(execution_id):
            post = self.office.roster.get(execution_id)
            known = 0 if post is None else post.tail.length
            if (await self.office.store.written(execution_id)).waiting_for != "approval":
                return  # somebody has decided
            if post is None:  # another engine of this process
                await asyncio.sleep(self.office.config.poll)
            else:
                await post.tail.more(known)

    async def _claimed(self, post: Post, change: Change) -> bool:
        # The events are read before the record: whoever writes after that lets our first event fail.
        documents = await self.office.storage.streams.read(stream_of(post.execution_id))
        found = await self.office.store.written(post.execution_id)
        execution = change(found)
        if execution is None:
            return False
        if post.cancelled is None and (why := await self.office.unwanted(found)):
            post.cancelled = f"cancelled: {why}"
        works = post.cancelled is None
        definition = await self._definition(execution, works=works)
        chronicle = await self._recalled(post, execution, documents)
        above = await self.office.treasury.above(execution)
        with ExitStack() as undo, suppress(VersionConflict):
            seat = self.office.seat(execution, always=True)
            undo.callback(seat.leave)
            guard = self.office.guard(definition, chronicle.execution, works=works)
            await chronicle.claim(self._again(chronicle, seat))
            post.purse = await self.office.treasury.purse(definition, chronicle.execution, above)
            self.office.employ(post, definition, chronicle, guard, seat)
            undo.pop_all()
            return True
        return False

    async def _recalled(self, post: Post, execution: AgentExecution, documents: Sequence[bytes]) -> Chronicle:
        """What is written of an execution from now on, behind what was written before."""
        steps = await self.office.store.steps(execution)
        taken = Account.of_document(execution.before) + Account.of_steps(steps)
        chronicle = self.office.chronicle(taken.entered(execution), post.tail)
        chronicle.recall(documents, steps)
        post.tail.length = len(documents)
        chronicle.go_on("resumed", details=_decided(execution))
        return chronicle

    async def _definition(self, execution: AgentExecution, *, works: bool) -> AgentDefinition:
        """The definition by which an execution goes on here; what only ends needs neither it nor what it names."""
        try:
            definition = await self.office.store.get(execution.agent_id, execution.agent_version)
        except AgentNotFound:
            if works:
                raise
            return AgentDefinition(id=execution.agent_id)
        if works:
            check_equipment(definition, execution, self.office.settings)
        return definition

    def _again(self, chronicle: Chronicle, seat: Seat) -> AgentExecution:
        """The execution that goes on here, or waits for its turn to do so."""
        execution = attrs.evolve(chronicle.execution, worker=self.office.storage.worker, idle=self._idle(chronicle))
        if seat.taken:
            return self.office.begun(execution)
        return attrs.evolve(execution, status="pending", waiting_for="turn")

    def _idle(self, chronicle: Chronicle) -> float:
        """Seconds in which nobody worked on it, which do not count."""
        before, execution = chronicle.last, chronicle.execution
        if before is None or execution.started_at is None:
            return execution.idle
        return execution.idle + max(0.0, (self.office.clock.now() - before).total_seconds())

    async def resume(self, execution_id: str) -> bool:
        """Whether this process goes on with an execution now, which a process that is gone has left behind.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentInvalid: A tool or the provider that it works with is not here.
        """
        execution = await self.office.store.written(execution_id)
        return not await self.office.is_elsewhere(execution) and await self.take_up(execution_id, _unless_at_rest)

    async def recover(self) -> list[str]:
        """Takes up the executions of processes that are gone; gives their ids.

        One that cannot go on here is left for others, which is logged once.
        """
        found = []
        lives = {self.office.storage.worker: False}
        async for execution in self.office.store.under_way():
            if self.office.roster.has(execution.id):
                continue
            if execution.worker not in lives:
                lives[execution.worker] = await self.office.storage.alive(execution.worker)
            if not lives[execution.worker] and await self._goes_on(execution.id, lives):
                found.append(execution.id)
        return found

    async def _goes_on(self, execution_id: str, lives: Mapping[str, bool]) -> bool:
        """Whether this process goes on with an execution, unless its process is one of those that live."""

        def left_behind(execution: AgentExecution) -> AgentExecution | None:
            return None if lives.get(execution.worker, True) else _unless_at_rest(execution)

        try:
            return await self.take_up(execution_id, left_behind)
        except CircuitBreakerError as error:
            self._leave(execution_id, str(error))
            return False

    def _leave(self, execution_id: str, why: str) -> None:
        """Tells why an execution is left to others, unless that was told before, or this engine ends."""
        if not self.office.roster.closed and self._told.get(execution_id) != why:
            self._told[execution_id] = why
            _log.warning("an execution could not be taken up", execution=execution_id, error=why)


def _unless_at_rest(execution: AgentExecution) -> AgentExecution | None:
    return None if execution.ended or execution.waiting_for == "approval" else execution


def _decided(execution: AgentExecution) -> Mapping[str, Any] | None:
    """What a person has decided, for those who follow."""
    approval = execution.approval
    if approval.get("decisions") is None:
        return None
    said = approval["decisions"]
    approved = dict(said) if isinstance(said, Mapping) else said is not False
    return {"digest": approval["digest"], "by": approval.get("by", ""), "approved": approved}
