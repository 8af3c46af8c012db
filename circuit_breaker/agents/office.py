"""The office: lets executions in, has each carried out in its turn, and takes up what others left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import attrs
import structlog

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.events import ExecutionStart
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.agents.guardrails.watch import Watch
from circuit_breaker.agents.ports import AgentStorage, Guard, Guarding, Memory, ToolsFor
from circuit_breaker.agents.purse import Purse, purse_of
from circuit_breaker.agents.roster import Post, Roster
from circuit_breaker.agents.running import Running
from circuit_breaker.agents.store import AgentStore, stream_of
from circuit_breaker.agents.tail import Tail
from circuit_breaker.agents.turns import Seat, Turns
from circuit_breaker.engine.ports import Clock
from circuit_breaker.errors import AgentError, AgentNotFound, CircuitBreakerError, VersionConflict
from circuit_breaker.executors.models.settings import ModelSettings

__all__ = ["Office"]

_log = structlog.get_logger(__name__)
Change = Callable[[AgentExecution], AgentExecution | None]


@attrs.define(eq=False, kw_only=True)
class Office:
    """Carries executions out.

    Attributes:
        storage: Where everything is kept.
        store: What is known of agents.
        settings: Who answers, and which tools there are.
        config: How many at a time, and for how long.
        clock: The time.
        memory: What is remembered of conversations.
        guarding: Gives whoever watches over an execution.
        tools_for: Give tools that executions have beside those of their agents.
        roster: Who is at work.
    """

    storage: AgentStorage
    store: AgentStore
    settings: ModelSettings
    config: AgentEngineConfig
    clock: Clock
    memory: Memory | None = None
    guarding: Guarding = attrs.field(factory=Guardrails)
    tools_for: list[ToolsFor] = attrs.field(factory=list)
    roster: Roster = attrs.field(factory=Roster)
    _turns: Turns = attrs.field(init=False)
    _days: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self._turns = Turns(self.config.max_concurrent_executions, most=self.config.max_waiting)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._turns.waiting

    # New ones

    async def let_in(
        self, definition: AgentDefinition, execution: AgentExecution, parent: AgentExecution | None
    ) -> AgentExecution:
        """The execution as it begins, or waits for its turn.

        Raises:
            LimitReached: Too many wait already.
            VersionConflict: There is an execution of this id.
        """
        above = await self._purse(parent) if parent is not None else None
        tail = Tail(self.config.stream_buffer_size)
        post = self.roster.enter(execution.id, tail)
        try:
            seat = self._seat(execution)
        except CircuitBreakerError:
            self.roster.leave(execution.id)
            raise
        try:
            guard = self._guard(definition, execution)
            execution = guard.admitted(execution)
            chronicle = self._chronicle(execution, tail)
            chronicle.tell(_start_event(execution, self.clock))
            await chronicle.claim(self._begun(execution) if seat.taken else execution)
            post.purse = await purse_of(self.store, definition, chronicle.execution, above)
            self._employ(post, definition, chronicle, guard, seat)
        except BaseException:
            seat.leave()
            self.roster.leave(execution.id)
            raise
        return chronicle.execution

    def _seat(self, execution: AgentExecution, *, always: bool = False) -> Seat:
        """A place: beside all others for what another execution waits for, which has one already."""
        if execution.parent_id:
            return Seat()
        return self._turns.seat(execution.context.tenant_id, execution.agent_id, always=always)

    def _chronicle(self, execution: AgentExecution, tail: Tail) -> Chronicle:
        return Chronicle(self.storage, self.clock, execution, tail, self.config.chunk_size)

    def _begun(self, execution: AgentExecution) -> AgentExecution:
        started = execution.started_at or self.clock.now()
        return attrs.evolve(execution, status="running", waiting_for="", worker=self.storage.worker, started_at=started)

    async def _purse(self, execution: AgentExecution) -> Purse | None:
        """The purse of an execution that wants another."""
        post = self.roster.get(execution.id)
        if post is not None and post.purse is not None:
            return post.purse
        return await self._purse_as_written(execution.id)

    async def _purse_as_written(self, execution_id: str) -> Purse | None:
        try:
            execution = await self.store.execution(execution_id)
            definition = await self.store.get(execution.agent_id, execution.agent_version)
        except LookupError:
            return None  # whoever wants it is none of ours, and has limits of its own
        above = await self._purse_as_written(execution.parent_id) if execution.parent_id else None
        return await purse_of(self.store, definition, execution, above)

    # The work

    def _guard(self, definition: AgentDefinition, execution: AgentExecution) -> Guard:
        """Whoever watches over an execution."""
        return self.guarding(definition, execution) or Watch(definition=definition, execution=execution)

    def _employ(self, post: Post, definition: AgentDefinition, chronicle: Chronicle, guard: Guard, seat: Seat) -> None:
        chronicle.conceal = guard.conceal
        running = Running(
            definition=definition,
            chronicle=chronicle,
            settings=self.settings,
            clock=self.clock,
            purse=post.purse or Purse(post.execution_id),
            most_seconds=self.config.execution_timeout,
            tools_for=self.tools_for,
            memory=self.memory,
            guard=guard,
            days=self._days,
            reason=lambda: post.cancelled,
        )
        self.roster.run(self._carry_out(post, running, seat))

    async def _carry_out(self, post: Post, running: Running, seat: Seat) -> None:
        """Carries out one execution; what cannot be written is logged, and taken up again later."""
        try:
            async with running.chronicle.open():
                with post.held():
                    await self._work(running, seat)
        except VersionConflict:
            _log.info("another process goes on with the execution", execution=post.execution_id)
        except Exception as error:  # noqa: BLE001 - one execution that cannot be written stops no other
            said = str(error) if isinstance(error, CircuitBreakerError) else type(error).__name__
            _log.error("an execution broke off", execution=post.execution_id, error=said)
        finally:
            self.roster.leave(post.execution_id)

    async def _work(self, running: Running, seat: Seat) -> None:
        if running.reason() is not None:
            seat.leave()
            await running.cancel()
            return
        try:
            seat = await self._in_conversation(running, seat)
            async with seat:
                if running.execution.status != "running":
                    await running.chronicle.write(execution=self._begun(running.execution))
                await running.run()
        except asyncio.CancelledError:
            if running.reason() is None:
                raise
            await running.cancel()

    async def _in_conversation(self, running: Running, seat: Seat) -> Seat:
        """The place; while others have their turn in the conversation, it is theirs, and the time does not count."""
        memory, execution = self.memory, running.execution
        if memory is None or not execution.conversation_id:
            return seat
        with suppress(AgentError):  # whatever is wrong with the conversation is told when it is recalled
            if await memory.enters(execution):
                return seat
            seat.leave()
            begun = self.clock.now()
            await running.chronicle.write(execution=attrs.evolve(execution, status="pending", waiting_for="turn"))
            await memory.enter(execution)
            waited = (self.clock.now() - begun).total_seconds()
            running.chronicle.execution = attrs.evolve(running.execution, idle=running.execution.idle + waited)
            return self._seat(execution, always=True)
        return seat

    # What others left behind

    async def take_up(self, execution_id: str, change: Change, *, cancelled: str | None = None) -> bool:
        """Whether this process goes on with an execution now.

        Args:
            execution_id: Which one.
            change: The execution as it goes on; None where it shall not, as it stands.
            cancelled: Why it is to end at once, if it is.
        """
        if execution_id in self.roster:
            return False
        tail = Tail(self.config.stream_buffer_size)
        post = self.roster.enter(execution_id, tail)
        post.cancelled = cancelled
        try:
            taken = await self._claimed(post, change)
        except BaseException:
            self.roster.leave(execution_id)
            raise
        if not taken:
            self.roster.leave(execution_id)
        return taken

    async def _claimed(self, post: Post, change: Change) -> bool:
        # The events are read before the record: whoever writes after that lets our first event fail.
        documents = await self.storage.streams.read(stream_of(post.execution_id))
        execution = change(await self.store.execution(post.execution_id))
        if execution is None:
            return False
        definition = await self._definition(execution, lost=post.cancelled is not None)
        steps = await self.store.steps(execution)
        taken = Account.of_document(execution.before) + Account.of_steps(steps)
        chronicle = self._chronicle(taken.entered(execution), post.tail)
        chronicle.recall(documents, steps)
        post.tail.length = len(documents)
        chronicle.go_on("resumed", details=_decided(execution))
        above = await self._purse_as_written(execution.parent_id) if execution.parent_id else None
        seat = self._seat(execution, always=True)
        try:
            guard = self._guard(definition, chronicle.execution)
            await chronicle.claim(self._again(chronicle, seat))
            post.purse = await purse_of(self.store, definition, chronicle.execution, above)
            self._employ(post, definition, chronicle, guard, seat)
        except VersionConflict:
            seat.leave()
            return False
        except BaseException:
            seat.leave()
            raise
        return True

    async def _definition(self, execution: AgentExecution, *, lost: bool) -> AgentDefinition:
        """The definition of an execution; an empty one where it may be lost, because the execution only ends."""
        try:
            return await self.store.get(execution.agent_id, execution.agent_version)
        except AgentNotFound:
            if not lost:
                raise
            return AgentDefinition(id=execution.agent_id)

    def _again(self, chronicle: Chronicle, seat: Seat) -> AgentExecution:
        """The execution that goes on here, or waits for its turn to do so."""
        execution = attrs.evolve(chronicle.execution, worker=self.storage.worker, idle=self._idle(chronicle))
        if seat.taken:
            return self._begun(execution)
        return attrs.evolve(execution, status="pending", waiting_for="turn")

    def _idle(self, chronicle: Chronicle) -> float:
        """Seconds in which nobody worked on it, which do not count."""
        before, execution = chronicle.last, chronicle.execution
        if before is None or execution.started_at is None:
            return execution.idle
        return execution.idle + max(0.0, (self.clock.now() - before).total_seconds())

    async def resume(self, execution_id: str) -> bool:
        """Whether this process goes on with an execution now, which a process that is gone has left behind.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        execution = await self.store.execution(execution_id)
        elsewhere = execution.worker not in ("", self.storage.worker) and await self.storage.alive(execution.worker)
        return not elsewhere and await self.take_up(execution_id, _unless_at_rest)

    async def recover(self) -> list[str]:
        """Takes up the executions of processes that are gone; gives their ids."""
        found = []
        lives: dict[str, bool] = {self.storage.worker: False}

        def left_behind(execution: AgentExecution) -> AgentExecution | None:
            over = execution.ended or execution.waiting_for == "approval"
            return None if over or lives.get(execution.worker, True) else execution

        async for execution in self.store.every(open="1"):
            if execution.id in self.roster:
                continue
            if execution.worker not in lives:
                lives[execution.worker] = await self.storage.alive(execution.worker)
            if lives[execution.worker]:
                continue
            try:
                if await self.take_up(execution.id, left_behind):
                    found.append(execution.id)
            except CircuitBreakerError as error:
                _log.warning("an execution could not be taken up", execution=execution.id, error=str(error))
        return found


def _unless_at_rest(execution: AgentExecution) -> AgentExecution | None:
    return None if execution.ended or execution.waiting_for == "approval" else execution


def _start_event(execution: AgentExecution, clock: Clock) -> ExecutionStart:
    """The first event of an execution."""
    return ExecutionStart(
        execution_id=execution.id,
        sequence=1,
        timestamp=clock.now(),
        agent_id=execution.agent_id,
        agent_version=execution.agent_version,
        conversation_id=execution.conversation_id,
        parent_id=execution.parent_id,
    )


def _decided(execution: AgentExecution) -> Mapping[str, Any] | None:
    """What a person has decided, for those who follow."""
    approval = execution.approval
    if approval.get("decisions") is None:
        return None
    said = approval["decisions"]
    approved = dict(said) if isinstance(said, Mapping) else said is not False
    return {"digest": approval["digest"], "by": approval.get("by", ""), "approved": approved}
