"""The engine of agents: carries out executions, as many at a time as it may, and takes up what others left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, Self

import attrs
import structlog

from circuit_breaker.agents.asking import check_input, messages_of
from circuit_breaker.agents.chronicle import Chronicle
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import ENDED, AgentExecution, AgentStatus
from circuit_breaker.agents.following import AgentEvents
from circuit_breaker.agents.ports import AgentStorage
from circuit_breaker.agents.running import Attempt, Running, start_event
from circuit_breaker.agents.store import KEY, AgentStore, execution_put, stream_of
from circuit_breaker.agents.tail import Tail
from circuit_breaker.agents.turns import Turns
from circuit_breaker.data import freeze_mapping
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.ports import Clock, SystemClock
from circuit_breaker.errors import (
    AgentError,
    AgentInvalid,
    CircuitBreakerError,
    DataInvalid,
    Fault,
    LimitReached,
    StorageError,
    VersionConflict,
)
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.executors.models.tools import tool_faults
from circuit_breaker.llm.loop.approvals import checked_decisions
from circuit_breaker.llm.loop.state import LoopState
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["AgentEngine"]

_log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class _Work:
    """An execution that this process carries out."""

    task: asyncio.Task[None] | None = None
    cancelled: str | None = None


class AgentEngine:
    """Agents at work; an async context manager.

    ::

        async with connect("sqlite:///agents.db") as storage, AgentEngine(storage, providers=[...]) as agents:
            await agents.register(AgentDefinition(id="helper", prompts=AgentPrompts(system="You help.")))
            done = await agents.run("helper", {"question": "What is a Petri net?"})
            print(done.final_response, done.dollars)

    Args:
        storage: Where everything is kept; open for as long as the engine.
        router: A router, open for as long as the engine.
        providers: Who answers where there is no router.
        tools: Tools that agents may name, beside those of the toolbox.
        settings: All of this in one value, in its place.
        config: How executions are run and followed.
        clock: The time.
    """

    def __init__(
        self,
        storage: AgentStorage,
        *,
        router: Any = None,
        providers: Any = (),
        tools: Any = (),
        settings: ModelSettings | None = None,
        config: AgentEngineConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config or AgentEngineConfig()
        self.clock = clock or SystemClock()
        self.settings = settings or ModelSettings(router=router, providers=providers, tools=Toolset().add_tools(tools))
        self.storage = storage
        self.store = AgentStore(storage)
        self._tails: dict[str, Tail] = {}
        self.events = AgentEvents(storage, self.store, self._tails, self.config.poll)
        self._turns = Turns(self.config.max_concurrent_executions, most=self.config.max_waiting)
        self._working: dict[str, _Work] = {}
        self._stack = AsyncExitStack()
        self._group: asyncio.TaskGroup | None = None

    async def __aenter__(self) -> Self:
        if self._group is not None:
            raise AgentError("the engine of agents is open already", remedy="make another one")
        self._group = await self._stack.enter_async_context(asyncio.TaskGroup())
        keeping = self._group.create_task(self._housekeeping())
        self._stack.push_async_callback(self._stop, keeping)
        await self.recover()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._group = None
        await self._stack.aclose()

    async def _stop(self, keeping: asyncio.Task[None]) -> None:
        """Stops everything as it is; whoever opens the storage next goes on with it."""
        keeping.cancel()
        for work in self._working.values():
            if work.task is not None:
                work.task.cancel()

    # Definitions

    async def register(self, definition: AgentDefinition) -> AgentDefinition:
        """Keeps the agent, from now on in this version; executions that have begun keep theirs.

        Raises:
            AgentInvalid: Something is wrong with it, or names what nobody has given; every fault is named.
        """
        faults = [*definition.faults(), *self._foreign_faults(definition)]
        if faults:
            raise AgentInvalid(f"agent '{definition.id:.100}' is not valid", faults=faults)
        return await self.store.put(definition, self.clock.now())

    def _foreign_faults(self, definition: AgentDefinition) -> list[Fault]:
        faults = list(tool_faults(definition.tools, self.settings.tools, definition.approve))
        return [attrs.evolve(fault, place=_member(fault.place)) for fault in faults]

    async def definition(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The agent, in its present version or in that one.

        Raises:
            AgentNotFound: There is none.
        """
        return await self.store.get(agent_id, version)

    async def definitions(
        self, *, tag: str = "", capability: str = "", after: str = "", limit: int = 100
    ) -> list[AgentDefinition]:
        """The agents, ordered by id, a page at a time."""
        return await self.store.listed(tag=tag, capability=capability, after=after, limit=limit)

    async def remove(self, agent_id: str) -> bool:
        """Whether there was such an agent, which takes no work any more."""
        return await self.store.remove(agent_id)

    # Executions

    async def run(self, agent_id: str, given: Mapping[str, Any] | None = None, **options: Any) -> AgentExecution:
        """The execution once it is over, or waits for a person; see :meth:`start`."""
        begun = await self.start(agent_id, given, **options)
        return await self.wait(begun.id)

    async def start(
        self,
        agent_id: str,
        given: Mapping[str, Any] | None = None,
        *,
        context: ExecutionContext | Mapping[str, Any] | None = None,
        conversation: str = "",
        key: str = "",
        parent: AgentExecution | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> AgentExecution:
        """A new execution, which begins when it is its turn.

        Args:
            agent_id: Who is to work.
            given: The input, by name.
            context: For whom and where.
            conversation: The conversation that it belongs to.
            key: With the same key there is the same execution, however often it is asked for.
            parent: The execution that wants it; its limits of depth hold, and it gets a place at once.
            overrides: Members of ``llm_config`` for this execution.

        Raises:
            AgentNotFound: There is no such agent.
            ParameterInvalid: The input is not what the agent needs.
            DataInvalid: A prompt needs a value that nobody has given.
            LimitReached: Too many wait already, or too many executions want one another.
        """
        if key and (known := await self._known(key)) is not None:
            return known
        definition = await self.store.get(agent_id)
        execution = self._made(
            definition,
            given,
            context=context,
            conversation=conversation,
            key=key,
            parent=parent,
            overrides=overrides,
        )
        self._turns.check()
        if key:
            try:
                await self.storage.records.put(KEY, key, {"execution": execution.id}, expected=0)
            except VersionConflict:
                return await self.store.execution(await self._holder(key))
        await self.storage.streams.append(stream_of(execution.id), [], after=0, put=[execution_put(execution)])
        self._begin(definition, execution, Attempt(), parent is not None)
        return execution

    async def _known(self, key: str) -> AgentExecution | None:
        record = await self.storage.records.get(KEY, key)
        if record is None:
            return None
        found = await self.storage.records.get("agent_execution", record.document["execution"])
        return await self.store.execution(found.id) if found is not None else None

    async def _holder(self, key: str) -> str:
        record = await self.storage.records.get(KEY, key)
        return str(record.document["execution"]) if record is not None else ""

    def _made(
        self,
        definition: AgentDefinition,
        given: Mapping[str, Any] | None,
        *,
        context: ExecutionContext | Mapping[str, Any] | None,
        conversation: str,
        key: str,
        parent: AgentExecution | None,
        overrides: Mapping[str, Any] | None,
    ) -> AgentExecution:
        depth = parent.depth + 1 if parent is not None else 0
        if depth >= definition.limits.depth:
            raise LimitReached(f"{depth} executions want one another", remedy="end the ring, or raise limits.depth")
        frozen = freeze_mapping(given or {}, where="input")
        check_input(definition, frozen)
        execution_id = new_id()
        surroundings = attrs.evolve(ExecutionContext.from_document(context or {}), execution_id=execution_id)
        if definition.type == "conversational" and not conversation:
            messages_of(definition, frozen, surroundings)
        return AgentExecution(
            id=execution_id,
            agent_id=definition.id,
            agent_version=definition.version,
            waiting_for="turn",
            input=frozen,
            context=surroundings,
            conversation_id=conversation,
            parent_id=parent.id if parent is not None else "",
            depth=depth,
            worker=self.storage.worker,
            key=key,
            overrides=overrides or {},
            created_at=self.clock.now(),
        )

    async def wait(self, execution_id: str) -> AgentExecution:
        """The execution once it is over, or waits for a person.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        while True:
            execution = await self.store.execution(execution_id)
            if execution.ended or execution.waiting_for == "approval":
                return execution
            tail = self._tails.get(execution_id)
            if tail is None:
                await asyncio.sleep(self.config.poll)
            else:
                await tail.more(1 << 62)

    async def cancel(self, execution_id: str, *, by: str = "", reason: str = "") -> bool:
        """Whether the execution was stopped, which was not over yet; the call of a model that it waits for is ended.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        execution = await self.store.execution(execution_id)
        if execution.ended:
            return False
        why = f"cancelled{f' by {by}' if by else ''}{f': {reason}' if reason else ''}"
        work = self._working.get(execution_id)
        if work is not None and work.task is not None:
            work.cancelled = why
            work.task.cancel()
        elif execution.worker and await self.storage.alive(execution.worker):
            await self.storage.records.put(_CANCEL, execution_id, {"reason": why})
        else:
            await self._take_up(execution, cancelled=why)
        return (await self.wait(execution_id)).status == "cancelled"

    async def approve(self, execution_id: str, decision: Any, *, by: str = "") -> AgentExecution:
        """The execution, which goes on with what a person has said of the calls that waited for it.

        Args:
            execution_id: Which one.
            decision: The digest of the calls for a yes, False for a no, or both by the digest of each call.
            by: Who has said so.

        Raises:
            AgentExecutionNotFound: There is none.
            DataInvalid: The decision is none, or is about other calls.
            AgentError: It does not wait for a person.
        """
        execution = await self.store.execution(execution_id)
        if execution.waiting_for != "approval":
            raise AgentError(f"execution '{execution_id}' waits for nobody's approval")
        decisions = checked_decisions(decision)
        if isinstance(decisions, str) and decisions != execution.approval["digest"]:
            raise DataInvalid(
                "the approval is for other calls", remedy=f"give {execution.approval['digest']}, or false"
            )
        approval = {**execution.approval, "decisions": decisions, "by": by}
        decided = attrs.evolve(execution, status="running", waiting_for="", approval=approval)
        await self._take_up(decided)
        return decided

    async def execution(self, execution_id: str) -> AgentExecution:
        """The execution as it stands.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        return await self.store.execution(execution_id)

    async def executions(
        self,
        *,
        agent: str = "",
        status: AgentStatus | None = None,
        conversation: str = "",
        parent: str = "",
        context: Mapping[str, str] | None = None,
        after: str = "",
        limit: int = 100,
    ) -> list[AgentExecution]:
        """The executions that fit all of it, the oldest first, a page at a time.

        ``context`` finds by what is in the context: ``{"workflow_context.token_id": "..."}``.
        """
        keys = {f"context.{path}": str(text) for path, text in (context or {}).items()}
        keys |= {"conversation": conversation, "parent": parent, "agent": agent, "status": status or ""}
        found = {name: text for name, text in keys.items() if text}
        return await self.store.executions(found, after=after, limit=limit)

    # The work

    def _begin(self, definition: AgentDefinition, execution: AgentExecution, attempt: Attempt, at_once: bool) -> None:
        if self._group is None:
            raise AgentError("the engine of agents is not open", remedy="use it inside `async with`")
        tail = self._tails[execution.id] = Tail(self.config.stream_buffer_size)
        chronicle = Chronicle(self.storage, self.clock, execution, tail, self.config.chunk_size)
        self._go_on(definition, chronicle, attempt, at_once=at_once)

    def _go_on(self, definition: AgentDefinition, chronicle: Chronicle, attempt: Attempt, *, at_once: bool) -> _Work:
        work = self._working[chronicle.execution.id] = _Work()
        running = Running(
            definition=definition,
            chronicle=chronicle,
            settings=self.settings,
            clock=self.clock,
            tools=Toolset(),
            most_seconds=self.config.execution_timeout,
            overrides=chronicle.execution.overrides,
            reason=lambda: work.cancelled,
        )
        assert self._group is not None  # noqa: S101 - the callers have looked
        work.task = self._group.create_task(self._carried_out(running, attempt, at_once=at_once))
        return work

    async def _carried_out(self, running: Running, attempt: Attempt, *, at_once: bool) -> None:
        """Carries out one execution; what goes wrong beyond that is logged, and taken up again later."""
        execution_id = running.execution.id
        try:
            if at_once:
                await self._worked(running, attempt)
            else:
                group = f"{running.execution.context.tenant_id}/{running.execution.agent_id}"
                await self._in_turn(running, attempt, group)
        except VersionConflict:
            _log.info("another process goes on with the execution", execution=execution_id)
        except (CircuitBreakerError, ExceptionGroup) as error:
            _log.error("an execution broke off", execution=execution_id, error=str(error))
        finally:
            self._working.pop(execution_id, None)
            self._tails.pop(execution_id).end()

    async def _in_turn(self, running: Running, attempt: Attempt, group: str) -> None:
        try:
            async with self._turns.place(group):
                await self._worked(running, attempt)
        except asyncio.CancelledError:
            if running.reason() is None or running.execution.ended:
                raise
            await asyncio.shield(running.cancelled())

    async def _worked(self, running: Running, attempt: Attempt) -> None:
        chronicle = running.chronicle
        now = self.clock.now()
        begun = attrs.evolve(
            running.execution,
            status="running",
            waiting_for="",
            worker=self.storage.worker,
            started_at=running.execution.started_at or now,
        )
        chronicle.tell(start_event(begun, self.clock))
        await chronicle.write(execution=begun)
        ended = await running.run(attempt)
        if ended.ended:
            await self.store.forget_steps(ended)

    # What others left behind

    async def recover(self) -> list[str]:
        """Takes up the executions of processes that are gone; gives their ids."""
        found = []
        for status in ("running", "pending"):
            async for execution in self.store.every(status=status):
                mine = execution.id in self._working
                if mine or execution.waiting_for == "approval":
                    continue
                if execution.worker != self.storage.worker and await self.storage.alive(execution.worker):
                    continue
                if await self._take_up(execution):
                    found.append(execution.id)
        return found

    async def _take_up(self, execution: AgentExecution, *, cancelled: str | None = None) -> bool:
        """Whether this process goes on with the execution now; another one may have been quicker."""
        definition = await self.store.get(execution.agent_id, execution.agent_version)
        documents = await self.storage.streams.read(stream_of(execution.id))
        steps = await self.store.steps(execution)
        tail = self._tails[execution.id] = Tail(self.config.stream_buffer_size, length=len(documents))
        claimed = attrs.evolve(execution, worker=self.storage.worker)
        chronicle = Chronicle(self.storage, self.clock, claimed, tail, self.config.chunk_size)
        chronicle.recall(documents, steps)
        if documents:
            chronicle.tell(chronicle.resumed("resumed"))
        try:
            await chronicle.write(execution=claimed)
        except VersionConflict:
            self._tails.pop(execution.id).end()
            return False
        work = self._go_on(definition, chronicle, _attempt(execution), at_once=False)
        if cancelled is not None and work.task is not None:
            work.cancelled = cancelled
            await asyncio.sleep(0)  # it has begun, and can write of its end
            work.task.cancel()
        return True

    async def _housekeeping(self) -> None:
        """Cancels what others asked for, takes up what was left behind, and removes what was kept long enough."""
        pause = min(1.0, self.config.cleanup_interval)
        waited = 0.0
        while True:
            await asyncio.sleep(pause)
            waited += pause
            try:
                await self._cancel_for_others()
                if waited >= self.config.cleanup_interval:
                    waited = 0.0
                    await self.recover()
                    await self.clean_up()
            except StorageError as error:
                _log.warning("agents could not be looked after", error=str(error))

    async def _cancel_for_others(self) -> None:
        for record in await self.storage.records.find(_CANCEL):
            work = self._working.get(record.id)
            if work is not None and work.task is not None:
                work.cancelled = str(record.document["reason"])
                work.task.cancel()
                await self.storage.records.delete(_CANCEL, record.id)

    async def clean_up(self) -> int:
        """How many executions were removed, which were kept long enough after their end."""
        if self.config.retention is None:
            return 0
        removed = 0
        now = self.clock.now()
        async for execution in _ended(self.store):
            if execution.ended_at is not None and (now - execution.ended_at).total_seconds() > self.config.retention:
                await self.store.forget(execution)
                removed += 1
        return removed


_CANCEL = "agent_cancellation"


async def _ended(store: AgentStore) -> AsyncIterator[AgentExecution]:
    for status in ENDED:
        async for execution in store.every(status=status):
            yield execution


def _attempt(execution: AgentExecution) -> Attempt:
    approval = execution.approval
    if not approval.get("decisions") and approval.get("decisions") is not False:
        return Attempt()
    return Attempt(state=LoopState.from_document(approval["state"]), decisions=approval["decisions"])


def _member(place: str) -> str:
    return place.removeprefix("parameter '").removesuffix("'")
