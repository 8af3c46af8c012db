"""The worker: takes up every case that has something to do, and every timer that is due."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.engine.running import only, run
from circuit_breaker.errors import StorageLocked, WorkflowNotFound, words_of
from circuit_breaker.workflow.case import Case

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["recover", "work"]

AT_ONCE = 50
"""How many cases are run at the same time."""


async def recover(engine: Engine) -> list[Case]:
    """Runs every case that has something to do, until it rests. Cases of unknown workflows are left alone."""
    recovered: list[Case] = []
    after = ""
    while page := await engine.cases(status="running", after=after, limit=AT_ONCE):
        after = page[-1].id
        recovered += await run_all(engine, [summary.id for summary in page])
    return recovered


async def run_all(engine: Engine, ids: list[str]) -> list[Case]:
    """Runs these cases at the same time until all of them rest; one that goes wrong does not stop the others.

    Raises:
        Exception: What went wrong with the first of them, when all have come to rest.
    """
    outcomes = await asyncio.gather(*(_run_known(engine, case_id) for case_id in ids), return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Case)]


async def _run_known(engine: Engine, case_id: str) -> Case | None:
    resident = await engine.resident(case_id)
    try:
        engine.workflow(resident.case)
    except WorkflowNotFound:
        return None
    return await run(engine, resident)


async def work(engine: Engine, *, until_idle: bool, poll: float) -> None:
    """Keeps everything going; see :meth:`Engine.work`."""
    try:
        async with asyncio.TaskGroup() as group:
            await Worker(engine, group).work(until_idle=until_idle, poll=poll)
    except BaseExceptionGroup as errors:
        raise only(errors) from None


class Worker:
    """Runs what has something to do, each case in a task of its own, so that none holds up the others.

    A case that could not go on is looked at again when it has changed or its timer is due, and at every poll: the
    process that carries out its action may have died.
    """

    def __init__(self, engine: Engine, group: asyncio.TaskGroup) -> None:
        self._engine = engine
        self._group = group
        self._busy: set[str] = set()
        self._tried: dict[str, tuple[int, datetime]] = {}

    async def work(self, *, until_idle: bool, poll: float) -> None:
        """Goes on for ever, or until nothing is left to do and no timer runs."""
        engine = self._engine
        polled = engine.clock.now()
        while True:
            engine.stirred.clear()
            now = engine.clock.now()
            if now >= polled + timedelta(seconds=poll):
                self._tried.clear()
                polled = now
            latest = polled + timedelta(seconds=poll)
            try:
                begun = await self._begin(now)
                timer = await self._next_timer(now, latest)
            except StorageLocked as error:
                log = structlog.get_logger("circuit_breaker.work")
                log.warning("the journal is locked", error=words_of(error))
                begun, timer = True, None
            if until_idle and not begun and not self._busy and timer is None:
                return
            await self._rest(latest if timer is None else min(timer, latest))

    async def _next_timer(self, now: datetime, latest: datetime) -> datetime | None:
        """When the next timer is due that is not due yet."""
        storage = self._engine.storage
        soon = await storage.due(latest, limit=AT_ONCE + len(self._tried))
        coming = [summary.due for summary in soon if summary.due is not None and summary.due > now]
        earliest = min(coming) if coming else await storage.next_due()
        return earliest if earliest is not None and earliest > now else None

    async def _begin(self, now: datetime) -> bool:
        """Begins what can be begun; says whether there was any."""
        engine = self._engine
        most = AT_ONCE + len(self._tried)
        found = await engine.storage.due(now, limit=most)
        found += await engine.cases(status="running", limit=most)
        new = [summary for summary in found if self._is_new(summary)]
        for summary in list({summary.id: summary for summary in new}.values())[: AT_ONCE - len(self._busy)]:
            self._busy.add(summary.id)
            self._group.create_task(self._run(summary), name=f"case {summary.id}")
        return bool(new)

    def _is_new(self, summary: CaseSummary) -> bool:
        """Whether nobody here runs the case, and it has changed or become due since somebody did."""
        if summary.id in self._busy:
            return False
        sequence, moment = self._tried.get(summary.id, (0, None))
        return sequence != summary.sequence or (moment is not None and summary.due is not None and summary.due > moment)

    async def _run(self, summary: CaseSummary) -> None:
        engine, case_id = self._engine, summary.id
        moment = engine.clock.now()
        try:
            await _run_known(engine, case_id)
            self._tried[case_id] = (await engine.storage.sequence(case_id), moment)
        except Exception as error:  # noqa: BLE001 - the boundary of firing: one case must not end the work on others
            log = structlog.get_logger("circuit_breaker.work")
            log.warning("case failed to run", case=case_id, error=words_of(error))
            self._tried[case_id] = (summary.sequence, moment)
        self._busy.discard(case_id)
        engine.stirred.set()

    async def _rest(self, moment: datetime) -> None:
        """Until the moment has come, or there may be something to do."""
        stirring = self._group.create_task(self._engine.stirred.wait())
        sleeping = self._group.create_task(self._engine.clock.sleep_until(moment))
        await asyncio.wait({stirring, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        stirring.cancel()
        sleeping.cancel()
