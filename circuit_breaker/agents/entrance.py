"""The entrance of executions: they begin here, once for each key however often they are asked for."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import attrs

from circuit_breaker.agents.admission import Wish
from circuit_breaker.agents.conversations import Conversations
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.identity import check_ids
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.store import KEY
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import AgentError, DataInvalid, VersionConflict

__all__ = ["Entrance"]


@attrs.frozen(eq=False)
class Entrance:
    """Has executions begin.

    Attributes:
        office: Who lets them in.
        conversations: Those that executions may belong to.
    """

    office: Office
    conversations: Conversations

    async def begun(self, agent_id: str, wish: Wish) -> AgentExecution:
        """The execution that somebody wants, as it begins, or the one that has begun under its key.

        Raises:
            CircuitBreakerError: As :meth:`circuit_breaker.agents.engine.AgentEngine.start`.
        """
        check_ids(agent_id=agent_id, conversation=wish.conversation, key=wish.key)
        return await self._keyed(agent_id, wish) if wish.key else await self._begun(agent_id, wish, new_id())

    async def _begun(self, agent_id: str, wish: Wish, execution_id: str) -> AgentExecution:
        definition = await self.office.store.get(agent_id)
        if wish.conversation:
            conversation = await self.conversations.get(wish.conversation)
            wish = attrs.evolve(wish, context=wish.context or conversation.context)
        execution = wish.execution(
            definition, execution_id, worker=self.office.storage.worker, now=self.office.clock.now()
        )
        return await self.office.let_in(definition, execution)

    async def _keyed(self, agent_id: str, wish: Wish) -> AgentExecution:
        """The execution of a key: its id is kept before it begins, so that there is never another one."""
        found = await self._once(agent_id, wish, await self._id_of(wish.key))
        if found.agent_id != agent_id:
            raise DataInvalid(
                f"key {wish.key!r:.80} is that of an execution of agent '{found.agent_id}'", remedy="give another key"
            )
        return found

    async def _once(self, agent_id: str, wish: Wish, execution_id: str) -> AgentExecution:
        """The execution of that id, which begins unless it is there, or somebody else is quicker."""
        with suppress(LookupError):
            return await self.office.store.execution(execution_id)
        try:
            return await self._begun(agent_id, wish, execution_id)
        except (VersionConflict, AgentError):
            if (found := await self._found(execution_id)) is None:
                raise
            return found

    async def _found(self, execution_id: str) -> AgentExecution | None:
        """The execution that somebody else has begun at the same time, here or in another process."""
        while True:
            try:
                return await self.office.store.written(execution_id)
            except LookupError:
                if execution_id not in self.office.roster:
                    return None
            await asyncio.sleep(0.001)  # it is being written

    async def _id_of(self, key: str) -> str:
        record = await self.office.storage.records.get(KEY, key)
        if record is None:
            try:
                execution_id = new_id()
                await self.office.storage.records.put(KEY, key, {"execution": execution_id}, expected=0)
            except VersionConflict:
                return await self._id_of(key)
            return execution_id
        return str(record.document["execution"])
