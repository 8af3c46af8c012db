"""The bridge: cases as contexts of agents, what agents gave as changes of cases, and both in one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.outputs import change_of, written_by
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import resolved
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import AgentError
from circuit_breaker.workflow.agent_step import agent_step, outputs_of
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.declared import typed
from circuit_breaker.workflow.token import Token

__all__ = ["AgentWork", "WorkflowAgentBridge"]

Choose = Callable[[AgentExecution], str]


@attrs.frozen
class AgentWork:
    """What came of an agent's work on a case.

    Attributes:
        execution: The execution, at its end.
        case: The case after it.
    """

    execution: AgentExecution
    case: Case


class WorkflowAgentBridge:
    """Lets agents work on cases.

    Args:
        engine: The engine of workflows, which stores the cases.
        agents: The engine of agents, on the same storage.
        tenant: Whose they are; what the metadata of a token says unless given.
    """

    def __init__(self, engine: Engine, agents: AgentEngine, *, tenant: str = "") -> None:
        self.engine = engine
        self.agents = agents
        self.tenant = tenant

    def resource_to_context(
        self, case: Case, *, token: str = "", transition: str = "", custom: Mapping[str, Any] | None = None
    ) -> ExecutionContext:
        """The context of an execution that works on a case.

        Args:
            case: The case.
            token: The id of the token, where it has several.
            transition: The transition that it is for.
            custom: What else belongs to it.

        Raises:
            TokenNotFound: There is no such token, or there are several and none is named.
        """
        return surroundings(
            _token(case, token),
            case=case.id,
            workflow=case.workflow,
            transition=transition,
            history=case.sequence,
            tenant=self.tenant,
            custom=custom,
        )

    def context_to_resource(
        self, execution: AgentExecution, case: Case, output_mapping: Mapping[str, str] | None = None, *, token: str = ""
    ) -> Change:
        """What the answer of an execution changes on a case; :meth:`Engine.change_token` makes it so.

        Args:
            execution: It is completed.
            case: The case.
            output_mapping: As for :meth:`Flow.agent`.
            token: The id of the token; that of the context of the execution unless given.

        Raises:
            TokenNotFound: The token is not there any more.
            OutcomeInvalid: The answer has not what the mapping names.
        """
        named = token or execution.get_context_value("workflow_context.token_id", "")
        outputs = None if output_mapping is None else outputs_of(output_mapping)
        return change_of(execution, outputs, _token(case, named))

    async def execute_workflow_agent(
        self,
        case: Case | str,
        agent: str,
        *,
        input_mapping: Mapping[str, Any] | None = None,
        output_mapping: Mapping[str, str] | None = None,
        transition: str | Choose = "",
        token: str = "",
        key: str = "",
        **asking: Any,
    ) -> AgentWork:
        """Asks an agent about a case, writes its outputs to the token where it stands, and fires a transition.

        Args:
            case: The case.
            agent: The id of the agent.
            input_mapping: As for :meth:`Flow.agent`.
            output_mapping: As for :meth:`Flow.agent`.
            transition: The name of the transition that fires then, or a function that gives it for the execution.
            token: The id of the token, where the case has several.
            key: With the same key the same execution is found again, and changes and moves the token once.
            **asking: ``timeout``, ``retry`` and ``llm_config``, as for :meth:`Flow.agent`.

        Raises:
            WorkflowInvalid: A mapping or what else is asked is wrong.
            AgentForbidden: The workflow may not use the agent.
            AgentError: The execution failed; nothing was changed.
            VersionConflict, TokenNotFound: The token was changed or left meanwhile; nothing was changed.
            Refused, NotEnabled: The transition did not fire; the outputs are on the token.
        """
        now = await self.engine.get(case)
        workflow = self.engine.workflow(now)
        permit(await self.agents.definition(agent), workflow)
        seen = _token(now, token)
        step = agent_step(agent, input_mapping=input_mapping, output_mapping=output_mapping, **asking)
        name = transition if isinstance(transition, str) else ""
        mapping = step.parameters.get("inputs") or {}
        around = self.resource_to_context(now, token=seen.id, transition=name)
        errand = Errand.of(step.parameters, resolved(mapping, typed(workflow, seen)), around, mapping)
        ended = await errand.run(self.agents, f"bridge:{now.id}:{key or new_id()}")
        if ended.status != "completed":
            raise AgentError(f"agent '{agent}' {ended.status}: {ended.error.get('message', '')} ('{ended.id}')")
        after, written = await self._written(ended, now, seen, output_mapping)
        chosen = transition if isinstance(transition, str) else transition(ended)
        if chosen and any(one.id == seen.id and one.sequence == written for one in after.marking):
            after = await self.engine.fire(after, chosen, by=f"agent:{agent}", token=seen.id)
        return AgentWork(ended, after)

    async def _written(
        self, ended: AgentExecution, now: Case, seen: Token, output_mapping: Mapping[str, str] | None
    ) -> tuple[Case, int]:
        """The case with the outputs, and the number of the event by which they were written, now or before."""
        given = ended.get_context_value("workflow_context.history_count", now.sequence)  # the execution may be older
        if (written := await written_by(self.engine, now.id, ended, after=given)) is not None:
            return await self.engine.get(now), written
        change = self.context_to_resource(ended, now, output_mapping, token=seen.id)
        after = await self.engine.change_token(
            now, seen.id, change, by=f"agent:{ended.agent_id}", expect=min(seen.sequence, given), key=ended.id
        )
        return after, after.find(seen.id).sequence


def _token(case: Case, token: str) -> Token:
    return case.find(token) if token else next(iter(case.marking)) if len(case.marking) == 1 else case.token
