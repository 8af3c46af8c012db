"""The upkeep of agents: cancels what other processes ask for, takes up what was left behind, removes what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
import structlog

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.intervention import Intervention
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.recovery import Recovery
from circuit_breaker.agents.store import CANCEL, DAY, day_of

__all__ = ["Upkeep"]

_log = structlog.get_logger(__name__)
_OFTEN: Final = 20
"""After how many polls it is asked who still wants what is carried out here."""


@attrs.define(eq=False)
class Upkeep:
    """Looks after executions, again and again."""

    recovery: Recovery
    intervention: Intervention

    @property
    def office(self) -> Office:
        """Who carries executions out."""
        return self.recovery.office

    async def run(self) -> None:
        """Does so until it is cancelled; what fails is logged, and tried again."""
        config = self.office.config
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(config.poll, self.cancel_for_others))
            group.create_task(self._again(min(config.cleanup_interval, _OFTEN * config.poll), self.stop_unwanted))
            if config.recover:
                group.create_task(self._again(config.cleanup_interval, self.recovery.recover))
            group.create_task(self._again(config.cleanup_interval, self.stop_waiting))
            group.create_task(self._again(config.cleanup_interval, self.clean_up))

    async def _again(self, pause: float, work: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await asyncio.sleep(pause)
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - whatever it is, executions go on
                _log.warning("agents could not be looked after", error=type(error).__name__)

    async def cancel_for_others(self) -> None:
        """Cancels executions of this process that another one wants to end."""
        office = self.office
        if not any(office.roster):
            return
        for record in await office.storage.records.find(CANCEL, keys={"worker": office.storage.worker}):
            if (post := office.roster.get(record.id)) is not None:
                post.cancel(str(record.document["reason"]))
            elif office.roster.is_beside(record.id):
                continue
            await office.storage.records.delete(CANCEL, record.id)

    async def stop_unwanted(self) -> None:
        """Cancels executions of this process that nobody wants any more."""
        office = self.office
        for post in office.roster if office.clients else ():
            if post.execution is not None and (why := await office.unwanted(post.execution)):
                post.cancel(f"cancelled: {why}")

    async def stop_waiting(self) -> None:
        """Cancels executions that wait for a person, and that nobody wants any more."""
        if not self.office.clients:
            return
        async for execution in self.office.store.each(status="pending"):
            if execution.waiting_for == "approval":
                await self.intervention.withdrawn(execution)

    async def clean_up(self) -> int:
        """How many executions were removed, which were kept long enough after their end."""
        seconds = self.office.config.retention
        if seconds is None:
            return 0
        until = self.office.clock.now() - timedelta(seconds=seconds)
        removed = 0
        records = self.office.storage.records
        for day in await records.find(DAY):
            if day.id > day_of(until):
                break
            found, kept = await self._cleaned(day.id, until)
            removed += found
            if day.id < day_of(until) and not kept:
                await records.delete(DAY, day.id)
        return removed

    async def _cleaned(self, day: str, until: datetime) -> tuple[int, int]:
        """How many executions were removed that ended on a day, and how many are needed still."""
        removed = kept = 0
        async for execution in self.office.store.each(ended=day):
            if not _is_old(execution, until):
                continue
            if await self.office.is_needed(execution):
                kept += 1
            else:
                await self.office.store.forget(execution)
                removed += 1
        return removed, kept


def _is_old(execution: AgentExecution, until: datetime) -> bool:
    return execution.ended_at is not None and execution.ended_at <= until
