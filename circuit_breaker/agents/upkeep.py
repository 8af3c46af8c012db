"""The upkeep of agents: cancels what other processes ask for, takes up what was left behind, removes what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import attrs
import structlog

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.office import Office
from circuit_breaker.agents.recovery import Recovery
from circuit_breaker.agents.store import CANCEL, DAY, day_of

__all__ = ["Upkeep"]

_log = structlog.get_logger(__name__)


@attrs.define(eq=False)
class Upkeep:
    """Looks after executions, again and again."""

    recovery: Recovery

    @property
    def office(self) -> Office:
        """Who carries executions out."""
        return self.recovery.office

    async def run(self) -> None:
        """Does so until it is cancelled; what fails is logged, and tried again."""
        config = self.office.config
        async with asyncio.TaskGroup() as group:
            group.create_task(self._again(config.poll, self.cancel_for_others))
            if config.recover:
                group.create_task(self._again(config.cleanup_interval, self.recovery.recover))
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
            removed += await self._cleaned(day.id, until)
            if day.id < day_of(until):
                await records.delete(DAY, day.id)
        return removed

    async def _cleaned(self, day: str, until: datetime) -> int:
        """How many executions were removed that ended on a day."""
        removed = 0
        async for execution in self.office.store.every(ended=day):
            if _is_old(execution, until):
                await self.office.store.forget(execution)
                removed += 1
        return removed


def _is_old(execution: AgentExecution, until: datetime) -> bool:
    return execution.ended_at is not None and execution.ended_at <= until
