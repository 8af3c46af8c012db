"""The engine of agents: definitions, executions and their events, behind one door."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import attrs

from circuit_breaker.agents.admission import Wish
from circuit_breaker.agents.assignment import provider_faults
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.conversations import Conversations
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution, AgentStatus
from circuit_breaker.agents.following import AgentEvents
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.ports import AgentStorage, Allowed, Guarding, Memory, ToolsFor
from circuit_breaker.agents.recovery import Recovery
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import CANCEL, KEY, AgentStore
from circuit_breaker.agents.upkeep import Upkeep
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.ports import Clock, SystemClock
from circuit_breaker.errors import AgentError, AgentInvalid, DataInvalid, Fault, VersionConflict
from circuit_breaker.executors.models.settings import ModelSettings
from circuit_breaker.executors.models.tools import tool_faults
from circuit_breaker.llm.loop.approvals import checked_decisions
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["AgentEngine"]


class AgentEngine:
    """Agents at work; an async context manager.

    ::

        async with connect("sqlite:///agents.db") as storage, AgentEngine(storage, providers=[...]) as agents:
            await agents.register(AgentDefinition(id="helper", prompts=AgentPrompts(system="You help.")))
            done = await agents.run("helper", {"question": "What is a Petri net?"})
            print(done.final_response, done.dollars)

    At its end work stops as it is; the next engine on the storage goes on with it.

    Args:
        storage: Where everything is kept; open for as long as the engine.
        router: A router, open for as long as the engine.
        providers: Who answers where there is no router.
        tools: Tools that agents may name, beside those of the toolbox.
        settings: All of this in one value, in its place.
        guardrails: What agents may name under ``guardrails``, beside what is built in; see :class:`Guardrails`.
        guarding: Gives whoever watches over an execution.
        memory: What is remembered of conversations, in place of what :attr:`conversations` keeps.
        tools_for: Gives tools that an execution has beside those of its agent.
        allowed: Says whether somebody may follow, cancel or approve an execution; everybody may, unless given.
        config: How executions are run and followed.
        clock: The time.
    """

    def __init__(  # noqa: PLR0913 - all that an operator decides
        self,
        storage: AgentStorage,
        *,
        router: Any = None,
        providers: Any = (),
        tools: Any = (),
        settings: ModelSettings | None = None,
        guardrails: Mapping[str, Any] | None = None,
        guarding: Guarding | None = None,
        memory: Memory | None = None,
        tools_for: ToolsFor | None = None,
        allowed: Allowed | None = None,
        config: AgentEngineConfig | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.config = config or AgentEngineConfig()
        self.clock = clock or SystemClock()
        self.settings = settings or ModelSettings(router=router, providers=providers, tools=Toolset().add_tools(tools))
        self.guardrails = Guardrails(guardrails)
        self.storage = storage
        self.store = AgentStore(storage)
        roster = Roster()
        self.conversations = Conversations.over(
            storage,
            self.store,
            self.clock,
            roster=roster,
            poll=self.config.poll,
            conceal=self.guardrails.concealed,
        )
        self.office = Office(
            storage=storage,
            store=self.store,
            settings=self.settings,
            config=self.config,
            clock=self.clock,
            memory=memory or self.conversations.recollection,
            roster=roster,
            guarding=guarding or self.guardrails,
            tools_for=[] if tools_for is None else [tools_for],
        )
        self.events = AgentEvents(
            storage, self.store, self.office.roster, self.config.poll, allowed, self.config.connection_timeout
        )
        self.recovery = Recovery(self.office)
        self._upkeep = Upkeep(self.recovery)
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self.office.roster.worker = self.storage.worker
            await opening.enter_async_context(self.office.roster)
            if self.config.recover:
                await self.recover()
            self.office.roster.run(self._upkeep.run())
            self._stack = opening.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await self._stack.aclose()

    # Definitions

    async def register(self, definition: AgentDefinition) -> AgentDefinition:
        """Keeps the agent, from now on in this version; executions that have begun keep theirs.

        Raises:
            AgentInvalid: Something is wrong with it, or it names what nobody has given; every fault is named.
        """
        self.check(definition)
        return await self.store.put(definition, self.clock.now())

    def check(self, definition: AgentDefinition) -> None:
        """Nothing, when the agent could be registered.

        Raises:
            AgentInvalid: Something is wrong with it, or it names what nobody has given; every fault is named.
        """
        if faults := [*definition.faults(), *self._foreign_faults(definition)]:
            raise AgentInvalid(f"agent '{definition.id:.100}' is not valid", faults=faults)

    def _foreign_faults(self, definition: AgentDefinition) -> list[Fault]:
        tools = tool_faults(definition.tools, self.settings.tools, definition.approve)
        faults = [attrs.evolve(fault, place=_member(fault.place)) for fault in tools]
        faults += self.guardrails.faults(definition)
        return faults + provider_faults(definition, self.settings)

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
        timeout: float | None = None,  # noqa: ASYNC109 - of the execution, which this does not wait for
    ) -> AgentExecution:
        """A new execution, which begins when it is its turn.

        Args:
            agent_id: Who is to work.
            given: The input, by name.
            context: For whom and where.
            conversation: The conversation that it belongs to: it begins when those before it are over, is shown what
                was said, and takes the context of the conversation where it is given none.
            key: With the same key there is the same execution, however often it is asked for.
            parent: The execution that wants it; its limits hold for both together, and it gets a place at once.
            overrides: Members of ``llm_config`` for this execution.
            timeout: Seconds that it may take, in place of what its agent says.

        Raises:
            AgentNotFound: There is no such agent.
            ConversationNotFound: There is no such conversation.
            ParameterInvalid: The input is not what the agent needs.
            DataInvalid: A prompt needs a value that nobody has given, or the key is that of another agent.
            LimitReached: Too many wait already, or too many executions want one another.
        """
        wish = Wish(
            given=given,
            context=context,
            conversation=conversation,
            key=key,
            parent=parent,
            overrides=overrides,
            timeout=timeout,
        )
        return await self._keyed(agent_id, wish) if key else await self._begun(agent_id, wish, new_id())

    async def _begun(self, agent_id: str, wish: Wish, execution_id: str) -> AgentExecution:
        definition = await self.store.get(agent_id)
        if wish.conversation:
            conversation = await self.conversations.get(wish.conversation)
            wish = attrs.evolve(wish, context=wish.context or conversation.context)
        execution = wish.execution(definition, execution_id, worker=self.storage.worker, now=self.clock.now())
        return await self.office.let_in(definition, execution, wish.parent)

    async def _keyed(self, agent_id: str, wish: Wish) -> AgentExecution:
        """The execution of a key: its id is kept before it begins, so that there is never another one."""
        execution_id = await self._id_of(wish.key)
        try:
            found = await self.store.execution(execution_id)
        except LookupError:
            try:
                return await self._begun(agent_id, wish, execution_id)
            except (VersionConflict, AgentError):
                if (found := await self._found(execution_id)) is None:  # type: ignore[assignment]
                    raise
        if found.agent_id != agent_id:
            raise DataInvalid(
                f"key {wish.key!r:.80} is that of an execution of agent '{found.agent_id}'", remedy="give another key"
            )
        return found

    async def _found(self, execution_id: str) -> AgentExecution | None:
        """The execution that somebody else has begun at the same time, here or in another process."""
        while True:
            try:
                return await self.store.execution(execution_id)
            except LookupError:
                if execution_id not in self.office.roster:
                    return None
            await asyncio.sleep(0.001)  # it is being written

    async def _id_of(self, key: str) -> str:
        record = await self.storage.records.get(KEY, key)
        if record is None:
            try:
                execution_id = new_id()
                await self.storage.records.put(KEY, key, {"execution": execution_id}, expected=0)
            except VersionConflict:
                return await self._id_of(key)
            return execution_id
        return str(record.document["execution"])

    async def wait(self, execution_id: str) -> AgentExecution:
        """The execution once it is over, or waits for a person.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        while True:
            post = self.office.roster.get(execution_id)
            if post is not None:
                await post.tail.over()
            execution = await self.store.execution(execution_id)
            if execution.ended or execution.waiting_for == "approval":
                return execution
            if execution_id not in self.office.roster:
                await asyncio.sleep(self.config.poll)

    async def cancel(self, execution_id: str, *, by: str = "", reason: str = "") -> bool:
        """Whether the execution was stopped, which was not over yet; the call of a model that it waits for is ended.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentForbidden: Whoever asks for it may not.
        """
        await self.events.check(by, "cancel", await self.store.execution(execution_id))
        why = f"cancelled{f' by {by}' if by else ''}{f': {reason}' if reason else ''}"
        asked = stopped = False
        while not (execution := await self.store.execution(execution_id)).ended:
            if (post := self.office.roster.get(execution_id)) is not None:
                stopped |= post.cancel(why)
                await post.tail.over()
            elif await self._is_elsewhere(execution):
                keys = {"worker": execution.worker}
                await self.storage.records.put(CANCEL, execution_id, {"reason": why}, keys=keys)
                asked = True
                await asyncio.sleep(self.config.poll)
            else:
                stopped |= await self.recovery.take_up(execution_id, _unless_ended, cancelled=why)
        if asked:
            await self.storage.records.delete(CANCEL, execution_id)
        return execution.status == "cancelled" and (stopped or asked or execution.error.get("message") == why)

    async def _is_elsewhere(self, execution: AgentExecution) -> bool:
        """Whether another process is at work on it, or another engine of this one."""
        if execution.worker in ("", self.storage.worker):
            return self.office.roster.is_beside(execution.id)
        return await self.storage.alive(execution.worker)

    async def approve(self, execution_id: str, decision: Any, *, by: str = "") -> AgentExecution:
        """The execution, which goes on with what a person has said of the calls that waited for it.

        Args:
            execution_id: Which one.
            decision: The digest of the calls for a yes, False for a no, or both by the digest of each call.
            by: Who has said so.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentForbidden: Whoever decides may not.
            DataInvalid: The decision is none, or is about other calls.
            AgentError: It does not wait for a person, or somebody else was quicker.
        """
        execution = await self.store.execution(execution_id)
        await self.events.check(by, "approve", execution)
        if execution.waiting_for != "approval":
            raise AgentError(f"execution '{execution_id}' waits for nobody's approval")
        decisions = _decisions(execution, decision)
        await self.recovery.put_down(execution_id)

        def decided(found: AgentExecution) -> AgentExecution | None:
            if found.waiting_for != "approval" or found.approval["digest"] != execution.approval["digest"]:
                return None
            approval = {**found.approval, "decisions": decisions, "by": by}
            return attrs.evolve(found, status="running", waiting_for="", approval=approval)

        if not await self.recovery.take_up(execution_id, decided):
            raise AgentError(f"somebody else has decided about execution '{execution_id}'", remedy="look at it again")
        return await self.store.execution(execution_id)

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

    # Upkeep

    async def recover(self) -> list[str]:
        """Takes up the executions of processes that are gone, which is also done from time to time; gives their ids."""
        return await self.recovery.recover()

    async def resume(self, execution_id: str) -> bool:
        """Whether this process goes on with an execution now, which a process that is gone has left behind.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        return await self.recovery.resume(execution_id)

    async def clean_up(self) -> int:
        """How many executions were removed, which were kept long enough after their end."""
        return await self._upkeep.clean_up()


def _unless_ended(execution: AgentExecution) -> AgentExecution | None:
    return None if execution.ended else execution


def _decisions(execution: AgentExecution, decision: Any) -> Any:
    """What was said of the calls that an execution waits with.

    Raises:
        DataInvalid: It is no decision, or about other calls.
    """
    decisions = checked_decisions(decision)
    approval = execution.approval
    known = {approval["digest"], *(call["digest"] for call in approval["calls"])}
    said = {decisions} if isinstance(decisions, str) else set(decisions or ())
    if decisions is None or said - known or (isinstance(decisions, Mapping) and not said):
        raise DataInvalid(
            "the approval is for other calls", remedy=f"give {approval['digest']}, the digest of each call, or false"
        )
    return decisions


def _member(place: str) -> str:
    return place.removeprefix("parameter '").removesuffix("'")
