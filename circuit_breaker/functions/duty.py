"""Duty: what goes on in the background as long as a manager is open."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import attrs
import structlog

from circuit_breaker.engine.bus import Subscription
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import CircuitBreakerError, words_of
from circuit_breaker.functions.allowance import Allowances
from circuit_breaker.functions.config import ExecutionConfig
from circuit_breaker.functions.crew import Crew
from circuit_breaker.functions.dispatch import Cursors, Dispatch, Starts
from circuit_breaker.functions.occasions import Reasons
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.timetable import Delays, Timetable
from circuit_breaker.workflow.events import Event

__all__ = ["Duty"]


@attrs.define(eq=False)
class Duty:
    """Acts on events and times, and takes up what nobody carries out.

    Attributes:
        engine: Keeps the cases.
        registry: The functions.
        crew: Carries out executions.
        starts: Begins them.
        dispatch: Goes through the events.
        cursors: How far it has come.
        delays: What waits for its moment.
        timetable: What comes again and again.
        poll: Seconds after which what other processes did is noticed.
    """

    engine: Engine
    registry: Registry
    crew: Crew
    starts: Starts
    dispatch: Dispatch
    cursors: Cursors
    delays: Delays
    timetable: Timetable
    poll: float
    _woken: asyncio.Event = attrs.field(factory=asyncio.Event, init=False)
    _rests: bool = attrs.field(default=False, init=False)
    _swept: datetime | None = attrs.field(default=None, init=False)

    @classmethod
    def of(cls, engine: Engine, registry: Registry, crew: Crew, reasons: Reasons, settings: ExecutionConfig) -> Duty:
        """What is made of these parts."""
        journal = engine.storage
        delays, cursors = Delays(journal, registry), Cursors(journal)
        allowances = Allowances(journal, most=settings.followers)
        starts = Starts(engine, registry, crew, delays, allowances, generations=settings.generations)
        dispatch = Dispatch(journal, registry, reasons, starts, cursors)
        timetable = Timetable(journal, reasons, lateness=settings.lateness)
        return cls(engine, registry, crew, starts, dispatch, cursors, delays, timetable, settings.poll)

    @asynccontextmanager
    async def going_on(self, group: asyncio.TaskGroup) -> AsyncIterator[None]:
        """Works in tasks of the group as long as the ``async with`` block lasts."""
        with self.engine.subscribe(types=(Event,), size=1) as notices:
            listening = group.create_task(self._listen(notices), name="functions listening")
            working = group.create_task(self._work(), name="functions")
            try:
                yield
            finally:
                listening.cancel()
                working.cancel()
                await asyncio.wait({working})
                await self.cursors.save()

    @asynccontextmanager
    async def standing_by(self) -> AsyncIterator[None]:
        """Does nothing."""
        yield

    def wake(self) -> None:
        """Lets it look again."""
        self._rests = False
        self._woken.set()

    @property
    def idle(self) -> bool:
        """Whether there is nothing left to do but to wait for events and scheduled times."""
        return self._rests and self.crew.idle and self.delays.empty

    async def _listen(self, notices: Subscription) -> None:
        """Looks again whenever something has happened here."""
        while await notices.take() is not None:
            self.wake()

    async def _work(self) -> None:
        """Goes on for ever; a fault of the storage is logged, and tried again after a while."""
        while True:
            self._woken.clear()
            due: datetime | None = None
            try:
                more, due = await self.turn()
            except CircuitBreakerError as error:
                more = False
                structlog.get_logger("circuit_breaker.functions").warning("triggers failed", error=words_of(error))
            if not more:
                self._rests = not self._woken.is_set()
                await self._rest(due)
            else:
                await asyncio.sleep(0)

    async def turn(self) -> tuple[bool, datetime | None]:
        """Does what can be done now; says whether there may be more, and when the next time comes."""
        now = self.engine.clock.now()
        if self._swept is None or abs(now - self._swept) >= timedelta(seconds=self.poll):  # a clock may be put back
            self._swept = now
            self.delays.look_again()
            await self.crew.take_up()
        more = await self.dispatch.turn()
        moments = [
            await self.delays.turn(now, self.starts.all),
            await self.timetable.turn(self.registry.current.values(), now, self.starts.all),
        ]
        due = min((moment for moment in moments if moment is not None), default=None)
        return more or (due is not None and due <= now), due

    async def _rest(self, due: datetime | None) -> None:
        """Until something has happened here, the next time has come, or it is time to look anyway."""
        latest = self.engine.clock.now() + timedelta(seconds=self.poll)
        waiting: list[Coroutine[Any, Any, Any]] = [
            self._woken.wait(),
            self.engine.clock.sleep_until(latest if due is None else min(due, latest)),
        ]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(each) for each in waiting]
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED, timeout=self.poll)  # a clock may be put back
            for task in tasks:
                task.cancel()
