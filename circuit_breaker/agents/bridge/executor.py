"""The executor of the steps of transitions that ask agents."""

from __future__ import annotations

import asyncio
from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, Self, cast

from circuit_breaker.agents.bridge.composition.handing import hand_offs
from circuit_breaker.agents.bridge.composition.step import PartStep
from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.machine import MachineTurn
from circuit_breaker.agents.bridge.outputs import change_of, failure_of
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import AgentEvent, ContentChunk, Thinking, ToolCallEvent
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import ActionContext
from circuit_breaker.errors import (
    ActionError,
    ActionWithdrawn,
    AgentForbidden,
    AgentNotFound,
    CircuitBreakerError,
    StorageError,
)
from circuit_breaker.workflow.agent_step import ASKS, PART, TURN
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.token import Token

__all__ = ["AgentStep", "agent_executors"]


def agent_executors(agents: AgentEngine, others: Mapping[Any, Any] | None = None) -> Mapping[Any, Any]:
    """The executors of an engine of workflows whose transitions ask these agents; compositions and machines are some.

    Agents that hand a conversation on are given the tool for it by this. So call it before the engine of agents opens,
    which takes up what was left behind.

    ::

        journal = connect("sqlite:///work.db")
        agents = AgentEngine(journal, providers=[...])
        async with Engine(workflow, storage=journal, executors=agent_executors(agents)) as engine, agents:
            ...

    Args:
        agents: The engine of agents, on the same storage; open while cases run.
        others: The other executors.
    """
    if hand_offs not in agents.office.tools_for:
        agents.office.tools_for.append(hand_offs)
    own = {name: _maker(kind, agents) for name, kind in _STEPS.items()}
    return ChainMap(own, cast(MutableMapping[Any, Any], others or {}))  # which writes into the first only


def _maker(kind: Callable[[AgentEngine, Mapping[str, Any]], Any], agents: AgentEngine) -> Callable[..., Any]:
    def make(**parameters: Any) -> Any:
        return kind(agents, parameters)

    return make


_BEYOND: Final = (ActionWithdrawn, AgentForbidden, StorageError)
"""What is no failure of the agent: a transition that does not need the answer does not go on after it either."""


class AgentStep:
    """One step of a transition that asks an agent.

    The execution is found again by the key of the action, so that after a crash of the workflow nothing is asked twice.
    Where the action is cancelled or runs out of time, the execution is cancelled too.
    """

    def __init__(self, agents: AgentEngine, parameters: Mapping[str, Any]) -> None:
        self._agents = agents
        self._asked = parameters
        self._context: ActionContext | None = None

    def bind(self, context: ActionContext) -> Self:
        """The step as a part of this action."""
        self._context = context
        return self

    async def execute(self) -> Change:
        """What the answer changes on the token.

        Raises:
            ActionError: The agent failed, and the transition needs it; the ``code`` says why.
            AgentForbidden: The workflow may not use the agent.
            OutcomeInvalid: The answer has not what the output mapping names.
        """
        context = self._context
        if context is None or context.token is None or context.workflow is None:
            raise ActionError(f"'{ASKS}' works in a transition only", remedy="call agents.run(...)")
        begun: list[AgentExecution] = []
        try:
            return self._change(await self._run(context, begun), context.token)
        except asyncio.CancelledError:
            if begun and (context.late or await context.withdrawn()):
                await self._agents.cancel(begun[-1].id, reason="the transition does not want it any more")
            raise
        except CircuitBreakerError as error:
            if self._asked.get("required", True) or isinstance(error, _BEYOND):
                raise
            return failure_of(self._asked["agent"], begun[-1].id if begun else "", error, context.token)

    def _change(self, ended: AgentExecution, token: Token) -> Change:
        if ended.status != "completed":
            raise _failed(ended)
        return change_of(ended, self._asked.get("outputs"), token, keep=self._asked.get("keep"))

    async def _run(self, context: ActionContext, begun: list[AgentExecution]) -> AgentExecution:
        asked, token, workflow = self._asked, context.token, context.workflow
        assert token is not None and workflow is not None  # noqa: S101, PT018 - the caller has looked
        permit(await self._definition(asked["agent"]), workflow)
        around = surroundings(
            token,
            case=context.case_id,
            workflow=workflow.name,
            transition=context.transition,
            history=token.sequence,
            tenant=self._agents.settings.tenant,
        )
        errand = Errand.of(asked, asked.get("inputs") or {}, around)

        async def note(execution: AgentExecution, number: int) -> None:
            begun.append(execution)
            name = f"agent {execution.agent_id}, attempt {context.tries}.{number}"
            await context.step(name, lambda: {"execution_id": execution.id, "agent_id": execution.agent_id})

        return await errand.run(
            self._agents, f"{context.idempotency_key}/{context.tries}", begun=note, tell=_telling(context)
        )

    async def _definition(self, agent_id: str) -> Any:
        try:
            return await self._agents.definition(agent_id)
        except AgentNotFound as error:
            raise ActionError(error.message, code=error.code, remedy=error.remedy) from error


def _failed(execution: AgentExecution) -> ActionError:
    error = execution.error
    return ActionError(
        f"agent '{execution.agent_id}' {execution.status}: {error.get('message', '')} (execution '{execution.id}')",
        code=error.get("code") or None,
        remedy=error.get("remedy", ""),
    )


def _telling(context: ActionContext) -> Callable[[AgentEvent], None]:
    """Passes on to whoever follows the case what the agent does."""
    said = 0.0

    def tell(event: AgentEvent) -> None:
        nonlocal said
        match event:
            case ContentChunk(content=content):
                context.log(content, stream="agent")
            case ToolCallEvent(tool_name=name):
                context.progress(said, f"calls {name}")
            case Thinking(status=status, progress=share):
                said = share / 100 if share is not None else said
                context.progress(said, status.replace("_", " "))

    return tell


_STEPS: Final[Mapping[str, Callable[[AgentEngine, Mapping[str, Any]], Any]]] = {
    ASKS: AgentStep,
    PART: PartStep,
    TURN: MachineTurn,
}
