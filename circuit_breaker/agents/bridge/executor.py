"""The executor of the steps of transitions that ask agents."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any, Final, cast

from circuit_breaker.agents.bridge.asking_step import AskingStep, failed
from circuit_breaker.agents.bridge.case_client import serve_cases
from circuit_breaker.agents.bridge.composition.handing import hand_offs
from circuit_breaker.agents.bridge.composition.step import PartStep
from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.machine import MachineTurn
from circuit_breaker.agents.bridge.outputs import change_of, failure_of
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import ActionContext
from circuit_breaker.errors import CircuitBreakerError
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
    agents.give_tools(hand_offs)
    serve_cases(agents)
    own = {name: _maker(kind, agents) for name, kind in _STEPS.items()}
    return ChainMap(own, cast(MutableMapping[Any, Any], others or {}))  # which writes into the first only


def _maker(kind: Callable[[AgentEngine, Mapping[str, Any]], Any], agents: AgentEngine) -> Callable[..., Any]:
    def make(**parameters: Any) -> Any:
        return kind(agents, parameters)

    return make


class AgentStep(AskingStep):
    """One step of a transition that asks an agent, and writes what it answers to the token."""

    def without(self, error: CircuitBreakerError, token: Token) -> Change:
        """What a failure changes on the token."""
        return failure_of(self.asked["agent"], self.begun[-1].id if self.begun else "", error, token)

    async def errand(self, definition: AgentDefinition, token: Token, context: ActionContext) -> Errand:
        """What the inputs of the transition say."""
        del definition
        inputs, mapping = self.asked.get("inputs") or {}, self.mapping(token, context)
        return Errand.of(self.asked, inputs, self.around(token, context), mapping)

    async def outcome(self, ended: AgentExecution, token: Token) -> Change:
        """What the output mapping of the transition says.

        Raises:
            ActionError: The agent has not answered.
        """
        if ended.status != "completed":
            raise failed(ended)
        return change_of(ended, self.asked.get("outputs"), token, keep=self.asked.get("keep"))

    async def noted(self, execution: AgentExecution, number: int, context: ActionContext) -> None:
        """Keeps in the journal which execution it is."""
        name = f"agent {execution.agent_id}, attempt {context.tries}.{number}"
        await context.step(name, lambda: {"execution_id": execution.id, "agent_id": execution.agent_id})


_STEPS: Final[Mapping[str, Callable[[AgentEngine, Mapping[str, Any]], Any]]] = {
    ASKS: AgentStep,
    PART: PartStep,
    TURN: MachineTurn,
}
