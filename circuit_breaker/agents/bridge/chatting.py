"""Chatting with agents that have a workflow: state machines, and agents that are bound to one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import attrs

from circuit_breaker.agents.bridge.case_toolset import case_tools
from circuit_breaker.agents.bridge.machine import END, MESSAGE, machine_agents, machine_workflow
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.chat import ChatRequest, ChatResponse
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import AgentError, AgentForbidden, CaseExists, ConversationNotFound, InvalidAgentType
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.workflow import Case

__all__ = ["StateMachineAgent", "WorkflowAgent"]


class _CaseAgent(ABC):
    """An agent to talk to, of which each conversation is a case.

    Args:
        engine: The engine of workflows, open.
        agents: The engine of agents, open.
        id: The agent.
        conversation_id: The conversation that goes on, which is the id of its case; a new one, when something is said
            first, unless given.
    """

    kind: ClassVar[str] = ""

    def __init__(self, engine: Engine, agents: AgentEngine, id: str, *, conversation_id: str = "") -> None:  # noqa: A002
        self.engine = engine
        self.agents = agents
        self.id = id
        self.conversation_id = conversation_id

    @classmethod
    async def deploy(
        cls, engine: Engine, agents: AgentEngine, definition: AgentDefinition | str, *, conversation_id: str = ""
    ) -> Self:
        """The agent, which is registered now and can be talked to.

        Args:
            engine: The engine of workflows.
            agents: The engine of agents.
            definition: The agent, or the id of one that is registered: after a restart.
            conversation_id: The conversation that goes on.

        Raises:
            InvalidAgentType: It is of another type.
            AgentInvalid: Something is wrong with it; every fault is named.
            AgentNotFound: There is no such agent.
        """
        known = await agents.definition(definition) if isinstance(definition, str) else definition
        if known.type != cls.kind:
            raise InvalidAgentType(
                f"agent '{known.id}' is of type '{known.type}'", remedy=f"give one of type '{cls.kind}'"
            )
        made = cls(engine, agents, known.id, conversation_id=conversation_id)
        await made._prepared(known)
        if not isinstance(definition, str):
            await agents.register(known)
        return made

    async def case(self) -> Case:
        """The case of the conversation, as it stands.

        Raises:
            CaseNotFound: Nothing was said yet.
        """
        return await self.engine.get(self.conversation_id)

    async def chat(self, request: ChatRequest | str) -> ChatResponse:
        """What the agent answers, once it has.

        Raises:
            CaseClosed: The conversation has ended.
            AgentError: It has come to no answer.
        """
        asked = request if isinstance(request, ChatRequest) else ChatRequest(request)
        if asked.conversation_id:
            self.conversation_id = asked.conversation_id
        self.conversation_id = self.conversation_id or new_id()
        case = await self._opened(asked)
        return ChatResponse.of(await self._answered(case, asked))

    async def _opened(self, asked: ChatRequest) -> Case:
        """The case, and beside it what was said; both are begun where there are none."""
        data = thaw(asked.context) if self.kind == "workflow" else {}
        try:
            case = await self.engine.start(await self._workflow(), id=self.conversation_id, data=data)
        except CaseExists:
            case = await self.engine.get(self.conversation_id)
        try:
            await self.agents.conversations.get(case.id)
        except ConversationNotFound:
            await self.agents.conversations.create(self.id, id=case.id)
        return case

    @abstractmethod
    async def _prepared(self, definition: AgentDefinition) -> None:
        """What the agent needs is there."""

    @abstractmethod
    async def _workflow(self) -> str:
        """The name of the workflow."""

    @abstractmethod
    async def _answered(self, case: Case, asked: ChatRequest) -> AgentExecution:
        """The execution that has answered."""


class StateMachineAgent(_CaseAgent):
    """A state machine to talk to: what is said moves it, and it stays where it is across crashes.

    ::

        async with Engine(storage=journal, executors=agent_executors(agents)) as engine, agents:
            bot = await StateMachineAgent.deploy(engine, agents, definition)
            response = await bot.chat("I want my money back")
            print(response.message, await bot.state())
    """

    kind = "state_machine"

    async def state(self) -> str:
        """The state in which it waits.

        Raises:
            CaseNotFound: Nothing was said yet.
        """
        return (await self.case()).state

    async def end(self, *, by: str = "") -> Case:
        """The case, which somebody has ended.

        Raises:
            NotEnabled: It has ended already, or an answer is being worked on.
        """
        return await self.engine.fire(self.conversation_id, END, by=by)

    async def _prepared(self, definition: AgentDefinition) -> None:
        workflow = machine_workflow(definition)
        for speaker in machine_agents(definition):
            await self.agents.register(speaker)
        await self.engine.add_workflow(workflow)

    async def _workflow(self) -> str:
        return self.id

    async def _answered(self, case: Case, asked: ChatRequest) -> AgentExecution:
        message_id = asked.key or new_id()
        if not _has_heard(case, message_id):
            said = {MESSAGE: asked.message, "context": thaw(asked.context), "message_id": message_id}
            await self.engine.signal(case, MESSAGE, data=said)
        now = await self.engine.run(case)
        found = await self.agents.executions(
            context={"workflow_context.resource_id": case.id, "custom_context.machine.message_id": message_id}
        )
        if not found:
            raise AgentError(
                f"agent '{self.id}' has not answered in '{now.state}': {_failure(now)}", remedy="say it again"
            )
        return found[-1]


def _has_heard(case: Case, message_id: str) -> bool:
    """Whether the message came before; a crash may have come between it and the answer."""
    waiting = [signal.data.get("message_id") for signal in case.signals]
    return message_id in waiting or any(token.data.get("message_id") == message_id for token in case.marking)


def _failure(case: Case) -> str:
    failures = [str(token.metadata["failure"].get("message")) for token in case.marking if "failure" in token.metadata]
    return failures[-1] if failures else "it has not come to that"


@attrs.frozen
class _CaseTools:
    """Gives one agent the transitions of the case that it talks about; the case then runs on until it rests."""

    engine: Engine
    agent: str

    async def __call__(self, definition: AgentDefinition, execution: AgentExecution) -> Toolset:
        """The tools of an execution; none where it is another's, or about no case."""
        case = execution.get_context_value("workflow_context.resource_id")
        if definition.id != self.agent or not case:
            return Toolset()
        workflow = self.engine.workflow(await self.engine.get(case))
        permit(definition, workflow)
        if workflow.name != definition.workflow:
            raise AgentForbidden(
                f"agent '{definition.id}' is bound to workflow '{definition.workflow}', not to '{workflow.name}'",
                remedy="ask it about a case of its workflow",
            )
        return await case_tools(self.engine, case, by=f"agent:{self.agent}", run=True)


class WorkflowAgent(_CaseAgent):
    """An agent that is bound to a workflow: it talks about one case, and can fire what somebody may fire in it.

    The context of what is said first is the data that the case begins with. Each transition that somebody may fire is
    a tool, so that the workflow bounds what the agent can do; with ``explain`` it finds out why something is not
    possible. Deploy it before the engine of agents opens, or what a crash left behind goes on without these tools.
    """

    kind = "workflow"

    async def _prepared(self, definition: AgentDefinition) -> None:
        permit(definition, self.engine.workflow(definition.workflow))
        tools = _CaseTools(self.engine, definition.id)
        if tools not in self.agents.office.tools_for:
            self.agents.office.tools_for.append(tools)

    async def _workflow(self) -> str:
        return (await self.agents.definition(self.id)).workflow

    async def _answered(self, case: Case, asked: ChatRequest) -> AgentExecution:
        now = await self.engine.run(case)
        definition = await self.agents.definition(self.id)
        known = {name: thaw(asked.context[name]) for name in definition.inputs if name in asked.context}
        begun = await self.agents.start(
            self.id,
            {**known, MESSAGE: asked.message},
            context=surroundings(
                next(iter(now.marking)),
                case=now.id,
                workflow=now.workflow,
                history=now.sequence,
                tenant=self.agents.settings.tenant,
                custom=asked.around().get("custom_context"),
            ),
            conversation=now.id,
            key=f"{now.id}/{asked.key}" if asked.key else "",
        )
        return await self.agents.wait(begun.id)
