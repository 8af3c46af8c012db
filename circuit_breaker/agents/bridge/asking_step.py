"""A step that asks an agent by an errand of its own making; what the answer means is for its kind to say."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import ActionContext
from circuit_breaker.errors import ActionError
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.token import Token

__all__ = ["AskingStep", "failed"]


class AskingStep(ABC):
    """Asks an agent once for each attempt of a transition, also across crashes.

    Where the transition is withdrawn or runs out of time, the execution is cancelled.

    Attributes:
        agents: The engine of agents.
        asked: The parameters of the step.
    """

    def __init__(self, agents: AgentEngine, asked: Mapping[str, Any]) -> None:
        self.agents = agents
        self.asked = asked
        self._context: ActionContext | None = None

    def bind(self, context: ActionContext) -> Self:
        """The step as a part of this action."""
        self._context = context
        return self

    @abstractmethod
    async def errand(self, definition: AgentDefinition, token: Token, context: ActionContext) -> Errand:
        """What is asked."""

    @abstractmethod
    async def outcome(self, ended: AgentExecution, token: Token) -> dict[str, Any] | Change:
        """What is kept of the answer, or raised where there is none."""

    async def execute(self) -> dict[str, Any] | Change:
        """What is kept of the answer.

        Raises:
            ActionError: The agent failed; the ``code`` says why.
            AgentForbidden: The workflow may not use the agent.
        """
        context = self._context
        if context is None or context.token is None or context.workflow is None:
            raise ActionError("an agent is asked so in a transition only", remedy="run it as a part of a workflow")
        definition = await self.agents.definition(self.asked["agent"])
        permit(definition, context.workflow)
        begun: list[AgentExecution] = []

        async def note(execution: AgentExecution, _: int) -> None:
            begun.append(execution)
            context.log(f"{execution.agent_id}: execution {execution.id}", stream="agent")

        try:
            errand = await self.errand(definition, context.token, context)
            ended = await errand.run(self.agents, key_of(context), begun=note)
        except asyncio.CancelledError:
            if begun and (context.late or await context.withdrawn()):
                await self.agents.cancel(begun[-1].id, reason="the workflow does not want it any more")
            raise
        return await self.outcome(ended, context.token)

    def around(self, token: Token, context: ActionContext, **custom: Any) -> ExecutionContext:
        """The context of the execution."""
        return surroundings(
            token,
            case=context.case_id,
            workflow=context.workflow.name if context.workflow is not None else "",
            transition=context.transition,
            history=token.sequence,
            tenant=self.agents.settings.tenant,
            custom=custom,
        )


def key_of(context: ActionContext) -> str:
    """What the keys of the executions of an attempt begin with."""
    return f"{context.idempotency_key}/{context.tries}"


def failed(ended: AgentExecution) -> ActionError:
    """The error of an execution that came to no answer."""
    error = ended.error
    return ActionError(
        f"agent '{ended.agent_id}' {ended.status}: {error.get('message', '')} (execution '{ended.id}')",
        code=error.get("code") or None,
        remedy=error.get("remedy", ""),
    )
