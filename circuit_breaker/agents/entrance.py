"""The entrance of executions: they begin here, once for each key however often they are asked for."""

from __future__ import annotations

from contextlib import suppress

import attrs

from circuit_breaker.agents.admission import Wish
from circuit_breaker.agents.conversations import Conversations
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.identity import check_ids, check_key
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.store import KEY
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    AgentNotFound,
    DataInvalid,
    LimitReached,
    VersionConflict,
)

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
        check_key(wish.key)
        if wish.parent is None and (present := self.office.roster.present) is not None:
            wish = attrs.evolve(wish, parent=present)
        if not wish.key:
            return await self.office.let_in(*await self._wanted(agent_id, wish, new_id()))
        found = await self._once(agent_id, wish)
        if found.agent_id != agent_id:
            raise DataInvalid(
                f"key {wish.key!r:.80} is that of an execution of agent '{found.agent_id}'", remedy="give another key"
            )
        return found

    async def _wanted(self, agent_id: str, wish: Wish, execution_id: str) -> tuple[AgentDefinition, AgentExecution]:
        """The agent, and the execution that it comes to."""
        definition = await self.office.store.get(agent_id)
        if wish.conversation:
            conversation = await self.conversations.get(wish.conversation)
            wish = attrs.evolve(wish, context=wish.context or conversation.context)
        execution = wish.execution(
            definition, execution_id, worker=self.office.storage.worker, now=self.office.clock.now()
        )
        await self._check_depth(execution, wish.parent)
        return definition, execution

    async def _check_depth(self, execution: AgentExecution, above: AgentExecution | None) -> None:
        """Nothing, when all that the execution is inside of allow another one.

        Raises:
            LimitReached: One does not.
        """
        while above is not None:
            with suppress(AgentNotFound):
                outer = await self.office.store.get(above.agent_id, above.agent_version)
                if execution.depth - above.depth >= outer.limits.depth:
                    raise LimitReached(
                        f"{execution.depth - above.depth + 1} executions want one another, and agent '{outer.id}' "
                        f"allows {outer.limits.depth}",
                        remedy="end the ring, or raise its limits.depth",
                    )
            above = await self.office.parent_of(above)

    async def _once(self, agent_id: str, wish: Wish) -> AgentExecution:
        """The execution of a key, which begins unless it is there, or somebody else is quicker.

        Its id is kept before it begins, so that there is never another one, and after it was seen that it can.
        """
        known = await self.office.store.id_of(wish.key)
        if known:
            with suppress(AgentExecutionNotFound):
                return await self.office.store.execution(known)
        definition, wanted = await self._wanted(agent_id, wish, known or new_id())
        if not known and not await self._keeps(wish.key, wanted.id):
            return await self._once(agent_id, wish)
        try:
            return await self.office.let_in(definition, wanted)
        except (VersionConflict, AgentError):
            if (found := await self._found(wanted.id)) is None:
                raise
            return found

    async def _found(self, execution_id: str) -> AgentExecution | None:
        """The execution that somebody else has begun at the same time, here or in another process."""
        while True:
            try:
                return await self.office.store.written(execution_id)
            except AgentExecutionNotFound:
                if (post := self.office.roster.get(execution_id)) is None:
                    return None
            await post.tail.more(0)  # it is being written

    async def _keeps(self, key: str, execution_id: str) -> bool:
        """Whether the id is the one that is kept for a key from now on."""
        try:
            await self.office.storage.records.put(KEY, key, {"execution": execution_id}, expected=0)
        except VersionConflict:
            return False
        return True
