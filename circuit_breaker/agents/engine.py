"""The engine of agents: definitions, executions and their events, behind one door."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Any, Self

from circuit_breaker.agents.admission import Wish
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.conversations import Conversations
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.enrolment import check_definition
from circuit_breaker.agents.entrance import Entrance
from circuit_breaker.agents.execution import AgentExecution, AgentStatus
from circuit_breaker.agents.following import AgentEvents
from circuit_breaker.agents.guardrails.registry import Guardrails
from circuit_breaker.agents.intervention import Intervention
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.ports import AgentStorage, Allowed, Client, Guarding, Memory, ToolsFor
from circuit_breaker.agents.recovery import Recovery
from circuit_breaker.agents.roster import Roster
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.agents.upkeep import Upkeep
from circuit_breaker.engine.ports import Clock, SystemClock
from circuit_breaker.errors import AgentNotFound, DataInvalid
from circuit_breaker.executors.models.settings import ModelSettings
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
        settings: All of this in one value, in its place; then none of it is given beside.
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
        if settings is not None and (router is not None or providers or tools):
            raise DataInvalid("settings= has the router, the providers and the tools", remedy="give these in it alone")
        self.config = config or AgentEngineConfig()
        self.clock = clock or SystemClock()
        self.settings = settings or ModelSettings(router=router, providers=providers, tools=Toolset().add_tools(tools))
        self.guardrails = Guardrails(guardrails)
        self.storage = storage
        self.store = AgentStore(storage)
        roster = Roster()
        self.conversations = Conversations.over(
            storage, self.store, self.clock, roster=roster, poll=self.config.poll, conceal=self.guardrails.concealed
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
        self._entrance = Entrance(self.office, self.conversations)
        self._intervention = Intervention(self.office, self.events, self.recovery)
        self._upkeep = Upkeep(self.recovery, self._intervention)
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

    async def ensure(self, definition: AgentDefinition) -> AgentDefinition:
        """The agent as it is kept, which is registered unless it is in this version already.

        Raises:
            AgentInvalid: As where it is registered.
        """
        with suppress(AgentNotFound):
            if (known := await self.store.get(definition.id)).version == definition.version:
                return known
        return await self.register(definition)

    def check(self, definition: AgentDefinition) -> None:
        """Nothing, when the agent could be registered; raises what :meth:`register` does."""
        check_definition(definition, self.settings, self.guardrails)

    async def definition(self, agent_id: str, version: str | None = None) -> AgentDefinition:
        """The agent, in its present version or in that one.

        Raises:
            AgentNotFound: There is none.
        """
        return await self.store.get(agent_id, version)

    async def definitions(
        self, *, tag: str = "", capability: str = "", after: str = "", limit: int = 100
    ) -> list[AgentDefinition]:
        """The agents, ordered by id, a page at a time.

        Raises:
            DataInvalid: The limit is none.
        """
        return await self.store.listed(tag=tag, capability=capability, after=after, limit=limit)

    async def remove(self, agent_id: str) -> bool:
        """Whether there was such an agent, which takes no work any more."""
        return await self.store.remove(agent_id)

    def give_tools(self, tools_for: ToolsFor) -> None:
        """Gives executions what this gives beside the tools of their agents; what is given twice is there once."""
        self.office.give_tools(tools_for)

    def serve(self, client: Client) -> None:
        """Stops executions that the client does not want any more, and keeps those that it needs; it is there once."""
        if client not in self.office.clients:
            self.office.clients.append(client)

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
            parent: The execution that wants it; its limits hold for both together, and it gets a place at once. Inside
                of a tool it is the one that calls the tool, unless given.
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
        return await self._entrance.begun(agent_id, wish)

    async def wait(self, execution_id: str) -> AgentExecution:
        """The execution once it is over, or waits for a person.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentError: The engine was closed before that.
        """
        return await self.events.rest(execution_id)

    async def cancel(self, execution_id: str, *, by: str = "", reason: str = "") -> bool:
        """Whether the execution was stopped, which was not over yet; the call of a model that it waits for is ended.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentForbidden: Whoever asks for it may not.
        """
        return await self._intervention.cancelled(execution_id, by=by, reason=reason)

    async def withdraw(self, execution_id: str) -> bool:
        """Whether the execution was stopped, because nobody wants it any more; see :meth:`serve`.

        Raises:
            AgentExecutionNotFound: There is none.
        """
        return bool(await self._intervention.withdrawn(await self.store.written(execution_id)))

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
            AgentInvalid: A tool or the provider that it works with is not here.
            AgentError: It does not wait for a person, somebody else was quicker, or nobody wants it any more.
        """
        return await self._intervention.approved(execution_id, decision, by=by)

    async def execution(self, execution_id: str) -> AgentExecution:
        """The execution as it stands, with what its finished calls have taken.

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

        Raises:
            DataInvalid: There is no such status, or the limit is none.
        """
        return await self.store.executions(
            agent=agent,
            status=status,
            conversation=conversation,
            parent=parent,
            context=context,
            after=after,
            limit=limit,
        )

    async def recover(self) -> list[str]:
        """Takes up the executions of processes that are gone, which is also done from time to time; gives their ids."""
        return await self.recovery.recover()

    async def resume(self, execution_id: str) -> bool:
        """Whether this process goes on with an execution now, which a process that is gone has left behind.

        Raises:
            AgentExecutionNotFound: There is none.
            AgentInvalid: A tool or the provider that it works with is not here.
        """
        return await self.recovery.resume(execution_id)

    async def clean_up(self) -> int:
        """How many executions were removed, which were kept long enough after their end."""
        return await self._upkeep.clean_up()
