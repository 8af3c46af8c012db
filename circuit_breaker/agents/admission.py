"""The admission of an execution: what was asked for, checked, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs

from circuit_breaker.agents.asking import check_input, messages_of
from circuit_breaker.agents.assignment import WHO
from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.faults import as_members
from circuit_breaker.agents.numbers import is_duration
from circuit_breaker.data import EMPTY, freeze_mapping
from circuit_breaker.errors import AgentForbidden, AgentInvalid, DataInvalid, Fault, LimitReached
from circuit_breaker.executors.models.sampling import sampling_faults

__all__ = ["Wish"]


@attrs.frozen(kw_only=True)
class Wish:
    """What somebody wants an agent to do.

    Attributes:
        given: The input, by name.
        context: For whom and where.
        conversation: The conversation that it belongs to.
        key: With the same key there is the same execution.
        parent: The execution that wants it.
        overrides: Members of ``llm_config``, or ``llm_provider``, for this execution.
        timeout: Seconds that it may take.
    """

    given: Mapping[str, Any] | None = None
    context: ExecutionContext | Mapping[str, Any] | None = None
    conversation: str = ""
    key: str = ""
    parent: AgentExecution | None = None
    overrides: Mapping[str, Any] | None = None
    timeout: float | None = None

    def execution(
        self, definition: AgentDefinition, execution_id: str, *, worker: str, now: datetime
    ) -> AgentExecution:
        """The execution that it comes to.

        Raises:
            ParameterInvalid: The input is not what the agent needs.
            DataInvalid: A prompt needs a value that nobody has given, or the time is none.
            AgentInvalid: The overrides are no parameters of a model.
            LimitReached: Too many executions want one another.
            AgentForbidden: The agent may not work for the tenant of the context.
        """
        frozen = freeze_mapping(self.given or {}, where="input")
        check_input(definition, frozen)
        self._check()
        around = attrs.evolve(ExecutionContext.from_document(self.context or {}), execution_id=execution_id)
        _check_tenant(definition, around.tenant_id)
        if definition.type == "conversational" and not self.conversation:
            messages_of(definition, frozen, around)
        return AgentExecution(
            id=execution_id,
            agent_id=definition.id,
            agent_version=definition.version,
            waiting_for="turn",
            input=frozen,
            context=around,
            conversation_id=self.conversation,
            parent_id=self.parent.id if self.parent is not None else "",
            depth=self._depth(definition),
            worker=worker,
            key=self.key,
            overrides=self.overrides or EMPTY,
            timeout=self.timeout,
            created_at=now,
        )

    def _check(self) -> None:
        if self.timeout is not None and not is_duration(self.timeout):
            raise DataInvalid(f"timeout={self.timeout!r:.40} is no time", remedy="give seconds above 0, or None")
        if not isinstance(self.overrides or {}, Mapping):
            raise DataInvalid(f"overrides={self.overrides!r:.40} is no mapping", remedy="give members of llm_config")
        if self.overrides and (faults := list(_override_faults(self.overrides))):
            raise AgentInvalid("the overrides are not valid", faults=faults)

    def _depth(self, definition: AgentDefinition) -> int:
        depth = self.parent.depth + 1 if self.parent is not None else 0
        if depth >= definition.limits.depth:
            raise LimitReached(f"{depth} executions want one another", remedy="end the ring, or raise limits.depth")
        return depth


def _check_tenant(definition: AgentDefinition, tenant: str) -> None:
    allowed = definition.allowed_tenants
    if allowed is not None and tenant not in allowed:
        whom = f"for tenant '{tenant:.100}'" if tenant else "where no tenant is named"
        raise AgentForbidden(
            f"agent '{definition.id}' may not work {whom}",
            remedy="name a tenant that it may work for in the context, or add this one to allowed_tenants of the agent",
        )


def _override_faults(overrides: Mapping[str, Any]) -> list[Fault]:
    parameters = {name: value for name, value in overrides.items() if name not in WHO}
    places = [*as_members(sampling_faults(parameters))]
    wrong = [name for name in WHO if not isinstance(overrides.get(name, "any"), str)]
    places += [Fault(name, "is no text", "give a name") for name in wrong]
    if not overrides.get("model", "any"):
        places.append(Fault("model", "is no name of a model", "give such as 'gpt-4o' or 'cb:smart-chat'"))
    return places
