"""Agents that are bound to a workflow: each conversation is about a case of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from circuit_breaker.agents.bridge.case_agent import CaseAgent
from circuit_breaker.agents.bridge.case_toolset import CaseTools
from circuit_breaker.agents.bridge.machine import MESSAGE
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.chat import ChatRequest, context_in
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.workflow import Case

__all__ = ["WorkflowAgent"]


class WorkflowAgent(CaseAgent):
    """An agent that is bound to a workflow: it talks about one case, and can fire what somebody may fire in it.

    The context of what is said first is the data that the case begins with. Each transition that somebody may fire is
    a tool, so that the workflow bounds what the agent can do; with ``explain`` it finds out why something is not
    possible. Deploy it before the engine of agents opens, or what a crash left behind goes on without these tools.
    """

    kind = "workflow"

    async def _prepared(self, definition: AgentDefinition) -> None:
        permit(definition, self.engine.workflow(definition.workflow))
        self.agents.give_tools(CaseTools(self.engine, agents=(definition.id,), run=True))

    def _data(self, asked: ChatRequest) -> dict[str, Any]:
        known: dict[str, Any] = thaw(asked.context)
        return known

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
                caller=await context_in(self.agents, now.id, asked),
            ),
            conversation=now.id,
            key=f"{now.id}/{self._said_as(asked.key)}" if asked.key else "",
            overrides=self.overrides or None,
        )

    @asynccontextmanager
    async def _going_on(self, case: Case, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
        del case  # its tools let it go on
        yield execution
