"""Agents that are bound to a workflow: each conversation is about a case of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from circuit_breaker.agents.bridge.case_agent import CaseAgent
from circuit_breaker.agents.bridge.case_toolset import case_tools, forget_firings
from circuit_breaker.agents.bridge.machine import MESSAGE
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import AgentForbidden
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.workflow import Case

__all__ = ["WorkflowAgent"]


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
        await forget_firings(self.engine, case, execution)
        return await case_tools(self.engine, case, by=f"agent:{self.agent}", run=True)


class WorkflowAgent(CaseAgent):
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

    def _key_of(self, execution: AgentExecution) -> str:
        return execution.key.removeprefix(f"{execution.conversation_id}/")

    @asynccontextmanager
    async def _answering(self, case: Case, asked: ChatRequest) -> AsyncIterator[AgentExecution]:
        now = await self.engine.run(case)
        definition = await self.agents.definition(self.id)
        known = {name: thaw(asked.context[name]) for name in definition.inputs if name in asked.context}
        yield await self.agents.start(
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
            overrides=self.overrides or None,
        )

    @asynccontextmanager
    async def _going_on(self, case: Case, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
        del case  # its tools let it go on
        yield execution
