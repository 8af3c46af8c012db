"""The office: lets executions in, and has each carried out in its turn."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, suppress
from datetime import datetime

import attrs
import structlog

from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.events import ExecutionStart
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.agents.guardrails.watch import Watch
from circuit_breaker.agents.ports import AgentStorage, Client, Guard, Guarding, Memory, ToolsFor
from circuit_breaker.agents.roster import Post, Roster
from circuit_breaker.agents.running import Running
from circuit_breaker.agents.stint import Stint
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.agents.tail import Tail
from circuit_breaker.agents.treasury import Treasury
from circuit_breaker.agents.turns import Seat, Turns
from circuit_breaker.engine.ports import Clock
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    AgentInvalid,
    CircuitBreakerError,
    VersionConflict,
)
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.llm.loop.limits import LoopLimits

__all__ = ["Office"]

_log = structlog.get_logger(__name__)


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
        clients: Those who may not want an execution any more.
        treasury: Gives executions their purses.
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
    clients: list[Client] = attrs.field(factory=list)
    treasury: Treasury = attrs.field(init=False)
    _turns: Turns = attrs.field(init=False)
    _days: set[str] = attrs.field(factory=set)

    def __attrs_post_init__(self) -> None:
        self.treasury = Treasury(self.store, self.limits)
        self._turns = Turns(self.config.max_concurrent_executions, most=self.config.max_waiting)

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return self._turns.waiting

    def give_tools(self, tools_for: ToolsFor) -> None:
        """Gives executions what this gives beside the tools of their agents, unless it does so already."""
        if tools_for not in self.tools_for:
            self.tools_for.append(tools_for)

    # Those for whom the work is done

    async def unwanted(self, execution: AgentExecution) -> str:
        """Why nobody wants an execution any more, or the one that wants it; empty where somebody does."""
        for client in self.clients:
            if why := await client.unwanted(execution):
                return why
        parent = await self.parent_of(execution) if self.clients else None
        return "" if parent is None else await self.unwanted(parent)

    async def is_needed(self, execution: AgentExecution) -> bool:
        """Whether what an execution said or took is still looked at: by a client, or by the one that wanted it."""
        for client in self.clients:
            if await client.needs(execution):
                return True
        parent = await self.parent_of(execution)
        return parent is not None and (not parent.ended or await self.is_needed(parent))

    async def parent_of(self, execution: AgentExecution) -> AgentExecution | None:
        """The execution that wants it, as its record says; None where nobody knows of one."""
        if not execution.parent_id:
            return None
        with suppress(AgentExecutionNotFound):
            return await self.store.written(execution.parent_id)
        return None

    # New ones

    async def let_in(self, definition: AgentDefinition, execution: AgentExecution) -> AgentExecution:
        """The execution as it begins, or waits for its turn.

        Raises:
            LimitReached: Too many wait already.
            VersionConflict: There is an execution of this id.
        """
        above = await self.treasury.above(execution)
        with ExitStack() as undo:
            post = self.roster.enter(execution.id, Tail(self.config.stream_buffer_size))
            undo.callback(self.roster.leave, execution.id)
            seat = self.seat(execution)
            undo.callback(seat.leave)
            guard = self.guard(definition, execution)
            execution = guard.admitted(execution)
            chronicle = self.chronicle(execution, post.tail)
            chronicle.tell(_start_event(execution, self.clock))
            post.purse = self.treasury.begun(self._narrowed(guard, definition), execution, above)
            await chronicle.claim(self.begun(execution) if seat.taken else execution)
            self.employ(post, definition, chronicle, guard, seat)
            undo.pop_all()
        return chronicle.execution

    async def is_elsewhere(self, execution: AgentExecution) -> bool:
        """Whether another process is at work on an execution, or another engine of this one."""
        if execution.worker in ("", self.storage.worker):
            return self.roster.is_beside(execution.id)
        return await self.storage.alive(execution.worker)

    def seat(self, execution: AgentExecution, *, always: bool = False) -> Seat:
        """A place: beside all others for what another execution waits for, which has one already."""
        if execution.parent_id:
            return Seat()
        return self._turns.seat(execution.context.tenant_id, execution.agent_id, always=always)

    def chronicle(self, execution: AgentExecution, tail: Tail) -> Chronicle:
        """What is written of an execution from now on."""
        return Chronicle(self.storage, self.clock, execution, tail, self.config.chunk_size)

    def begun(self, execution: AgentExecution) -> AgentExecution:
        """The execution once this process works on it."""
        started = execution.started_at or self.clock.now()
        return attrs.evolve(execution, status="running", waiting_for="", worker=self.storage.worker, started_at=started)

    # The work

    def guard(self, definition: AgentDefinition, execution: AgentExecution, *, works: bool = True) -> Guard:
        """Whoever watches over an execution.

        Args:
            definition: Of its agent.
            execution: Which one.
            works: Whether it is carried out here; else what it names may be missing.

        Raises:
            AgentInvalid: It names a guardrail that is not here.
        """
        found = None
        try:
            found = self.guarding(definition, execution)
        except AgentInvalid:
            if works:
                raise
        return found or Watch(definition=definition, execution=execution)

    def limits(self, definition: AgentDefinition, execution: AgentExecution) -> LoopLimits:
        """What an execution may take here, with all that it wants."""
        return self._narrowed(self.guard(definition, execution, works=False), definition)

    def _narrowed(self, guard: Guard, definition: AgentDefinition) -> LoopLimits:
        return guard.limits(self.settings.limited(definition.limits.for_loop()))

    def employ(self, post: Post, definition: AgentDefinition, chronicle: Chronicle, guard: Guard, seat: Seat) -> None:
        """Has an execution carried out that is claimed."""
        chronicle.conceal = guard.conceal
        post.execution = chronicle.execution
        stint = Stint(
            definition=definition,
            chronicle=chronicle,
            settings=self.settings,
            limits=self._narrowed(guard, definition),
            purse=post.purse,
            guard=guard,
            tools_for=self.tools_for,
            memory=self.memory,
        )
        running = Running(
            stint=stint,
            clock=self.clock,
            most_seconds=self.config.execution_timeout,
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
        except asyncio.CancelledError:
            with suppress(CircuitBreakerError):
                await self.store.put_down(post.execution_id, self.storage.worker)
            raise
        except VersionConflict:
            _log.info("another process goes on with the execution", execution=post.execution_id)
        except Exception as error:  # noqa: BLE001 - one execution that cannot be written stops no other
            said = str(error) if isinstance(error, CircuitBreakerError) else type(error).__name__
            _log.error("an execution broke off", execution=post.execution_id, error=said)
        finally:
            self.roster.leave(post.execution_id)

    async def _work(self, running: Running, seat: Seat) -> None:
        since = self.clock.now()
        try:
            if await running.cancelled():
                return
            seat = await self._in_conversation(running, seat)
            async with seat:
                if running.execution.status != "running":
                    await running.chronicle.write(execution=self.begun(self._rested(running.execution, since)))
                await running.run()
        except asyncio.CancelledError:
            if not await running.cancelled():
                raise
        finally:
            seat.leave()  # also where it was stopped before it sat down

    def _rested(self, execution: AgentExecution, since: datetime) -> AgentExecution:
        """The execution, whose time stood still if it had begun: it waited for its conversation or for a place."""
        if execution.started_at is None:
            return execution
        return attrs.evolve(execution, idle=execution.idle + (self.clock.now() - since).total_seconds())

    async def _in_conversation(self, running: Running, seat: Seat) -> Seat:
        """The place; while others have their turn in the conversation, it is theirs."""
        memory, execution = self.memory, running.execution
        if memory is None or not execution.conversation_id:
            return seat
        with suppress(AgentError):  # whatever is wrong with the conversation is told when it is recalled
            if await memory.enters(execution):
                return seat
            seat.leave()
            await running.chronicle.write(execution=attrs.evolve(execution, status="pending", waiting_for="turn"))
            await memory.enter(execution)
        return seat if seat.turns is not None else self.seat(execution, always=True)


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
