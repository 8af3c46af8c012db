"""The treasury: the purses of executions, one for each in all engines of this process that work on one storage."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final
from weakref import WeakValueDictionary

import attrs

from circuit_breaker.agents.account import Account
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.purse import Purse
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.errors import AgentExecutionNotFound, AgentNotFound
from circuit_breaker.llm.loop.limits import LoopLimits

__all__ = ["Treasury"]

_PURSES: Final[WeakValueDictionary[tuple[str, str], Purse]] = WeakValueDictionary()
"""By the name of this process on a storage, and the execution; kept for as long as anybody pays from it."""


@attrs.frozen(eq=False)
class Treasury:
    """Gives executions their purses.

    Attributes:
        store: What is known of agents.
        limits: What an execution may take, whoever narrows what its definition says.
    """

    store: AgentStore
    limits: Callable[[AgentDefinition, AgentExecution], LoopLimits]

    def begun(self, limits: LoopLimits, execution: AgentExecution, above: Purse | None) -> Purse:
        """The purse of an execution that begins; made before it is written, so that whoever reads of it finds this."""
        return self._kept(execution, Purse(execution.id, limits.tokens, limits.dollars, above))

    async def purse(self, definition: AgentDefinition, execution: AgentExecution, above: Purse | None) -> Purse:
        """The purse of an execution that began before, as far as is written: what it and those it wants have taken."""
        if (known := self._known(execution.id)) is not None:
            return known
        limits = self.limits(definition, execution)
        purse = Purse(execution.id, limits.tokens, limits.dollars, above)
        purse.note(Account.of_execution(execution))
        async for below in self._below(execution):
            purse.note(Account.of_execution(below))
        return self._kept(execution, purse)

    async def above(self, execution: AgentExecution) -> Purse | None:
        """The purse of whoever wants an execution, wherever that is carried out; None where nobody of ours does."""
        if not execution.parent_id:
            return None
        if (known := self._known(execution.parent_id)) is not None:
            return known
        try:
            parent = await self.store.execution(execution.parent_id)
            definition = await self.store.get(parent.agent_id, parent.agent_version)
        except (AgentExecutionNotFound, AgentNotFound):
            return None  # whoever wants it is none of ours, and has limits of its own
        return await self.purse(definition, parent, await self.above(parent))

    def _known(self, execution_id: str) -> Purse | None:
        return _PURSES.get((self.store.storage.worker, execution_id))

    def _kept(self, execution: AgentExecution, purse: Purse) -> Purse:
        return _PURSES.setdefault((self.store.storage.worker, execution.id), purse)

    async def _below(self, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
        """All that the execution wanted, and what those wanted."""
        async for child in self.store.every(parent=execution.id):
            yield child
            async for below in self._below(child):
                yield below
