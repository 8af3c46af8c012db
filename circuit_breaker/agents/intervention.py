"""Intervention: what somebody from outside does to an execution that is under way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any, Final

import attrs

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.following import AgentEvents
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.recovery import Recovery
from circuit_breaker.agents.store import CANCEL
from circuit_breaker.errors import AgentError, DataInvalid
from circuit_breaker.llm.loop.approvals import checked_decisions

__all__ = ["Intervention"]

_SECONDS: Final = 2.0
_POLLS: Final = 40


@attrs.frozen(eq=False)
class Intervention:
    """Cancels executions, and says yes or no to what they ask.

    Attributes:
        office: Who carries them out.
        events: Who knows what somebody may do.
        recovery: Goes on with what nobody works on.
    """

    office: Office
    events: AgentEvents
    recovery: Recovery

    @property
    def _patience(self) -> float:
        """Seconds that a process has to cancel what it carries out: one that hears nothing has it taken away."""
        return max(_SECONDS, _POLLS * self.office.config.poll)

    async def cancelled(self, execution_id: str, *, by: str, reason: str) -> bool:
        """Whether the execution was stopped; see :meth:`circuit_breaker.agents.engine.AgentEngine.cancel`."""
        await self.events.check(by, "cancel", await self.office.store.execution(execution_id))
        why = f"cancelled{f' by {by}' if by else ''}{f': {reason}' if reason else ''}"
        return await self._stopped(execution_id, why)

    async def withdrawn(self, execution: AgentExecution) -> str:
        """Why an execution was stopped that nobody wants any more; empty where somebody does, or where it is over."""
        why = "" if execution.ended else await self.office.unwanted(execution)
        if why:
            await self._stopped(execution.id, f"cancelled: {why}")
        return why

    async def _stopped(self, execution_id: str, why: str) -> bool:
        """Whether the execution was stopped for this."""
        asked = stopped = False
        since = monotonic()
        while not (execution := await self.office.store.written(execution_id)).ended:
            if (post := self.office.roster.get(execution_id)) is not None:
                stopped |= post.cancel(why)
                await post.tail.over()
            elif monotonic() - since < self._patience and await self.office.is_elsewhere(execution):
                keys = {"worker": execution.worker}
                await self.office.storage.records.put(CANCEL, execution_id, {"reason": why}, keys=keys)
                asked = True
                await asyncio.sleep(self.office.config.poll)
            elif await self.recovery.take_up(execution_id, _unless_ended, cancelled=why):
                stopped = True
            else:  # somebody else was quicker
                await asyncio.sleep(self.office.config.poll)
        if asked:
            await self.office.storage.records.delete(CANCEL, execution_id)
        return execution.status == "cancelled" and (stopped or asked or execution.error.get("message") == why)

    async def approved(self, execution_id: str, decision: Any, *, by: str) -> AgentExecution:
        """The execution, which goes on; see :meth:`circuit_breaker.agents.engine.AgentEngine.approve`."""
        execution = await self.office.store.execution(execution_id)
        await self.events.check(by, "approve", execution)
        if execution.waiting_for != "approval":
            raise AgentError(f"execution '{execution_id}' waits for nobody's approval")
        decisions = _decisions(execution, decision)
        if why := await self.withdrawn(execution):
            raise AgentError(f"execution '{execution_id}' is not wanted any more: {why}")
        await self.recovery.put_down(execution_id)

        def decided(found: AgentExecution) -> AgentExecution | None:
            if found.waiting_for != "approval" or found.approval["digest"] != execution.approval["digest"]:
                return None
            approval = {**found.approval, "decisions": decisions, "by": by}
            return attrs.evolve(found, status="running", waiting_for="", approval=approval)

        if not await self.recovery.take_up(execution_id, decided):
            raise AgentError(f"somebody else has decided about execution '{execution_id}'", remedy="look at it again")
        return await self.office.store.execution(execution_id)


def _unless_ended(execution: AgentExecution) -> AgentExecution | None:
    return None if execution.ended else execution


def _decisions(execution: AgentExecution, decision: Any) -> Any:
    """What was said of the calls that an execution waits with.

    Raises:
        DataInvalid: It is no decision, or about other calls.
    """
    decisions = checked_decisions(decision)
    approval = execution.approval
    known = {approval["digest"], *(call["digest"] for call in approval["calls"])}
    said = {decisions} if isinstance(decisions, str) else set(decisions or ())
    if decisions is None or said - known or (isinstance(decisions, Mapping) and not said):
        raise DataInvalid(
            "the approval is for other calls", remedy=f"give {approval['digest']}, the digest of each call, or false"
        )
    return decisions
