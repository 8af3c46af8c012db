"""A step that asks an agent by an errand of its own making; what the answer means is for its kind to say."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import AgentEvent, ContentChunk, Thinking, ToolCallEvent
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import EMPTY
from circuit_breaker.engine.actions import ActionContext, resolved
from circuit_breaker.errors import (
    ActionError,
    ActionWithdrawn,
    AgentForbidden,
    AgentNotFound,
    CircuitBreakerError,
    StorageError,
)
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.steps import Execution
from circuit_breaker.workflow.token import Token

__all__ = ["BEYOND", "AskingStep", "failed", "key_of"]

BEYOND: Final = (ActionWithdrawn, AgentForbidden, StorageError)
"""What is no failure of the agent: a transition that does not need the answer does not go on after it either."""


class AskingStep(ABC):
    """Asks an agent once for each attempt of a transition, also across crashes.

    The execution is found again by the key of the action, so that nothing is asked twice. Where the transition is
    withdrawn or runs out of time, the execution is cancelled.

    Attributes:
        agents: The engine of agents.
        asked: The parameters of the step.
        begun: The executions that were begun, of which the last is the present one.
    """

    def __init__(self, agents: AgentEngine, asked: Mapping[str, Any]) -> None:
        self.agents = agents
        self.asked = asked
        self.begun: list[AgentExecution] = []
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

    async def allow(self, key: str) -> None:
        """Nothing, when the attempt of that key may be made; otherwise it raises."""
        del key

    async def noted(self, execution: AgentExecution, number: int, context: ActionContext) -> None:
        """Notes which execution is asked, at which attempt of the errand; here for those who follow the case."""
        del number
        context.log(f"{execution.agent_id}: execution {execution.id}", stream="agent")

    def without(self, error: CircuitBreakerError, token: Token) -> Change:
        """What is kept in the place of an answer that there is none of, where the transition does not need it."""
        del token
        raise error

    async def execute(self) -> dict[str, Any] | Change:
        """What is kept of the answer; where the transition does not need one, also of a failure.

        Raises:
            ActionError: The agent failed; the ``code`` says why.
            AgentForbidden: The workflow may not use the agent.
        """
        try:
            return await self._answered()
        except CircuitBreakerError as error:
            token = None if self._context is None else self._context.token
            if token is None or self.asked.get("required", True) or isinstance(error, BEYOND):
                raise
            return self.without(error, token)

    async def _answered(self) -> dict[str, Any] | Change:
        context = self._context
        if context is None or context.token is None or context.workflow is None:
            raise ActionError("a step that asks an agent works in a transition only", remedy="call agents.run(...)")
        self.begun = []
        definition = await self._definition()
        permit(definition, context.workflow)
        try:
            errand = await self.errand(definition, context.token, context)
            key, tell = key_of(context), telling(context)
            ended = await errand.run(self.agents, key, allow=self.allow, begun=self._note, tell=tell)
        except asyncio.CancelledError:
            if self.begun and (context.late or await context.withdrawn()):
                await self.agents.cancel(self.begun[-1].id, reason="the transition does not want it any more")
            raise
        return await self.outcome(ended, context.token)

    async def _definition(self) -> AgentDefinition:
        try:
            return await self.agents.definition(self.asked["agent"])
        except AgentNotFound as error:
            raise ActionError(error.message, code=error.code, remedy=error.remedy) from error

    async def _note(self, execution: AgentExecution, number: int) -> None:
        assert self._context is not None  # noqa: S101 - only what is bound begins anything
        self.begun.append(execution)
        await self.noted(execution, number, self._context)

    def mapping(self, token: Token, context: ActionContext) -> Mapping[str, Any]:
        """Where its inputs come from, as the definition of the transition says; empty where it does not."""
        named = () if context.workflow is None else context.workflow.by_name.get(context.transition, ())
        steps = (step for transition in named for step in transition.steps if isinstance(step, Execution))
        alike = (step for step in steps if step.parameters.get("agent") == self.asked["agent"])
        own = next((step for step in alike if resolved(step.parameters, token) == self.asked), None)
        return EMPTY if own is None else own.parameters.get("inputs") or EMPTY

    def around(
        self, token: Token, context: ActionContext, *, caller: ExecutionContext | None = None, **custom: Any
    ) -> ExecutionContext:
        """The context of the execution; what a caller says of itself is in it."""
        return surroundings(
            token,
            case=context.case_id,
            workflow=context.workflow.name if context.workflow is not None else "",
            transition=context.transition,
            history=token.sequence,
            tenant=self.agents.settings.tenant,
            custom=custom,
            caller=caller or ExecutionContext(),
        )


def telling(context: ActionContext) -> Callable[[AgentEvent], None]:
    """Passes on to whoever follows the case what the agent does."""
    said = 0.0

    def tell(event: AgentEvent) -> None:
        nonlocal said
        match event:
            case ContentChunk(content=content):
                context.log(content, stream="agent")
            case ToolCallEvent(tool_name=name):
                context.progress(said, f"calls {name}")
            case Thinking(status="approval_needed", execution_id=execution, details=asked):
                context.progress(said, _undecided(execution, asked or EMPTY))
            case Thinking(status=status, progress=share):
                said = share / 100 if share is not None else said
                context.progress(said, status.replace("_", " "))

    return tell


def _undecided(execution: str, asked: Mapping[str, Any]) -> str:
    """What a person must decide, and how."""
    names = ", ".join(call["name"] for call in asked.get("calls", ()))
    return f"approval needed for {names}: `agents.approve('{execution}', ...)`"


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
