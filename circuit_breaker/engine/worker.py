"""The worker: takes up every case that has something to do, and every timer that is due."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from circuit_breaker.engine.attention import Heard
from circuit_breaker.engine.driving import Drive
from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.engine.running import only
from circuit_breaker.engine.slots import Slots
from circuit_breaker.errors import StorageCorrupt, StorageError, StorageLocked, WorkflowNotFound, words_of
from circuit_breaker.workflow.case import Case

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["recover", "work"]

AT_ONCE = 50
"""How many actions are carried out at the same time, and how many cases are looked at for something to do."""


async def recover(engine: Engine) -> list[Case]:
    """Runs every case that has something to do, until it rests; gives those that did.

    Cases of unknown workflows are left alone. A case that the journal cannot read is logged: one whose events are
    damaged must not keep a program from starting.

    Raises:
        Exception: What went wrong with the first of the others, when all have come to rest.
    """
    places = asyncio.Semaphore(AT_ONCE)
    tasks: list[asyncio.Task[Case | Exception | None]] = []
    try:
        async with asyncio.TaskGroup() as group:
            async for case_id in _running(engine):
                await places.acquire()
                tasks.append(group.create_task(_recovered(engine, case_id, places)))
    except BaseExceptionGroup as errors:
        raise only(errors) from None
    outcomes = [task.result() for task in tasks]
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return [outcome for outcome in outcomes if isinstance(outcome, Case)]


async def _running(engine: Engine) -> AsyncIterator[str]:
    after = ""
    while page := await engine.cases(status="running", after=after, limit=AT_ONCE):
        after = page[-1].id
        for summary in page:
            if summary.definition in engine.versions:
                yield summary.id


async def _recovered(engine: Engine, case_id: str, places: asyncio.Semaphore) -> Case | Exception | None:
    """The case at rest, or what went wrong with it; one does not stop the others."""
    try:
        drive = await _drive(engine, case_id)
        return await drive.until_rest() if drive is not None else None
    except StorageCorrupt as error:
        _log("case cannot be read", error, case=case_id)
        return None
    except Exception as error:  # noqa: BLE001 - the boundary of firing: it is raised when all have come to rest
        error.add_note(f"case '{case_id}'")
        return error
    finally:
        places.release()


async def _drive(engine: Engine, case_id: str, slots: Slots | None = None) -> Drive | None:
    """A drive of the case, if its workflow is known."""
    resident = await engine.resident(case_id)
    try:
        engine.workflow(resident.case)
    except WorkflowNotFound:
        return None
    return Drive(engine, resident, slots)


async def work(engine: Engine, *, until_idle: bool, poll: float) -> None:
    """Keeps everything going; see :meth:`Engine.work`."""
    try:
        with engine.attention.listening() as heard:
            async with asyncio.TaskGroup() as group:
                await Worker(engine, group, heard).work(until_idle=until_idle, poll=poll)
    except BaseExceptionGroup as errors:
        raise only(errors) from None


class Worker:
    """Runs what has something to do, each case in a task of its own, so that none holds up the others.

    Only actions are limited in number. Timers and what fires without an action never wait for them: a case that could
    only begin another action is left alone until there is a slot. What could not go on is looked at again when it has
    changed or its timer is due, and at every poll: the process that carries out its action may have died.
    """

    def __init__(self, engine: Engine, group: asyncio.TaskGroup, heard: Heard) -> None:
        self._engine = engine
        self._group = group
        self._heard = heard
        self._slots = Slots(AT_ONCE, freed=heard.wake)
        self._drives: dict[str, Drive | None] = {}
        self._tried: dict[str, tuple[int, datetime]] = {}
        self._woken: dict[str, CaseSummary] = {}
        self._swept_to: str | None = ""

    async def work(self, *, until_idle: bool, poll: float) -> None:
        """Goes on for ever, until nothing is left to do and no timer runs, or until the engine winds down."""
        engine, interval = self._engine, timedelta(seconds=poll)
        polled = engine.clock.now()
        while not engine.winding_down:
            self._heard.begin()
            now = engine.clock.now()
            if now < polled or (self._swept_to is None and now >= polled + interval):  # a clock may be set back
                await self._sweep_again()
                polled = now
            latest = max(polled, now) + interval if self._swept_to is not None else polled + interval
            try:
                begun = await self._begin(now)
                timer = await self._next_timer(now, latest)
            except StorageLocked as error:
                _log("the journal is locked", error)
                await self._rest(now + interval, poll)
                continue
            if begun:
                await asyncio.sleep(0)
            elif until_idle and not self._drives and timer is None:
                return
            else:
                await self._rest(latest if timer is None else min(timer, latest), poll)
        self._slots.close()

    async def _sweep_again(self) -> None:
        """Looks at every case again, but for those that only wait for a slot."""
        await self._look_at_actions()
        self._tried = {case_id: tried for case_id, tried in self._tried.items() if case_id in self._slots}
        self._woken.clear()
        self._swept_to = ""

    async def _look_at_actions(self) -> None:
        """Reads the cases again whose actions are in progress here: another process may have withdrawn these."""
        for case_id, drive in list(self._drives.items()):
            if drive is not None and drive.resident.actions:
                try:
                    await self._engine.get(case_id)
                except StorageError as error:
                    _log("case cannot be read", error, case=case_id)

    async def _next_timer(self, now: datetime, latest: datetime) -> datetime | None:
        """When the next timer is due that is not due yet."""
        storage, known = self._engine.storage, self._engine.versions
        soon = await storage.due(latest, limit=AT_ONCE + len(self._tried), definitions=known)
        coming = [summary.due for summary in soon if summary.due is not None and summary.due > now]
        earliest = min(coming) if coming else await storage.next_due(definitions=known)
        return earliest if earliest is not None and earliest > now else None

    async def _begin(self, now: datetime) -> bool:
        """Begins what can be begun; says whether there was any, or may be more."""
        begun = await self._begin_timers(now)
        begun |= self._begin_actions()
        begun |= await self._begin_heard()
        return await self._sweep() or begun

    async def _begin_timers(self, now: datetime) -> bool:
        """Every case with a timer that is due, however many there are."""
        begun = False
        engine, limit = self._engine, AT_ONCE + len(self._tried)
        for summary in await engine.storage.due(now, limit=limit, definitions=engine.versions):
            self._wake(summary)
            if self._is_new(summary.id, summary.sequence, summary.due):
                self._start(summary.id, summary.sequence)
                begun = True
        return begun

    def _wake(self, summary: CaseSummary) -> None:
        """Lets whoever drives the case see that a timer is due; it may be waiting for the end of an action."""
        resident = self._engine.held(summary.id)
        if resident is not None and self._woken.get(summary.id) != summary:
            self._woken[summary.id] = summary
            resident.wake()

    def _begin_actions(self) -> bool:
        """The cases for which there is a slot."""
        begun = False
        for case_id in self._slots.first():
            drive = self._drives.get(case_id)
            if drive is not None:
                drive.resident.wake()
            elif case_id not in self._drives:
                self._start(case_id, 0)
                begun = True
        return begun

    async def _begin_heard(self) -> bool:
        """The cases that were changed here."""
        begun = False
        while self._heard.cases and self._has_room:
            case_id = self._heard.next()
            if case_id in self._drives:
                continue
            sequence = await self._engine.storage.sequence(case_id)
            if self._is_new(case_id, sequence):
                self._start(case_id, sequence)
                begun = True
        return begun

    async def _sweep(self) -> bool:
        """The next cases in the order of ids, once after every poll; says whether there are more at once."""
        if self._swept_to is None or not self._has_room:
            return False
        page = await self._engine.cases(status="running", after=self._swept_to, limit=AT_ONCE)
        for summary in page:
            known = summary.definition in self._engine.versions
            if known and self._is_new(summary.id, summary.sequence):
                self._start(summary.id, summary.sequence)
        self._swept_to = page[-1].id if page else None
        return bool(page)

    @property
    def _has_room(self) -> bool:
        """Whether few enough cases are being moved just now; those that wait for their actions do not count."""
        return sum(drive is None or not drive.still for drive in self._drives.values()) < AT_ONCE

    def _is_new(self, case_id: str, sequence: int, due: datetime | None = None) -> bool:
        """Whether nobody here runs the case, and it has changed or become due since somebody did."""
        if case_id in self._drives:
            return False
        known, moment = self._tried.get(case_id, (0, None))
        return known != sequence or (moment is not None and due is not None and due > moment)

    def _start(self, case_id: str, sequence: int) -> None:
        self._drives[case_id] = None
        self._group.create_task(self._run(case_id, sequence), name=f"case {case_id}")

    async def _run(self, case_id: str, sequence: int) -> None:
        moment = self._engine.clock.now()
        drive: Drive | None = None
        try:
            self._drives[case_id] = drive = await _drive(self._engine, case_id, self._slots)
            if drive is not None:
                sequence = (await drive.until_rest()).sequence
        except Exception as error:  # noqa: BLE001 - the boundary of firing: one case must not end the work on others
            drive = None
            _log("case failed to run", error, case=case_id)
        self._tried[case_id] = (sequence, moment)
        del self._drives[case_id]
        if drive is None or not drive.starved:
            self._slots.leave(case_id)
        self._heard.wake()

    async def _rest(self, moment: datetime, poll: float) -> None:
        """Until the moment has come, or there may be something to do.

        Never longer than ``poll`` seconds, whatever the clock says: it may be set to another time meanwhile.
        """
        calling = self._group.create_task(self._heard.wait())
        sleeping = self._group.create_task(self._engine.clock.sleep_until(moment))
        await asyncio.wait({calling, sleeping}, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
        calling.cancel()
        sleeping.cancel()


def _log(what: str, error: Exception, **facts: str) -> None:
    structlog.get_logger("circuit_breaker.work").warning(what, **facts, error=words_of(error))
