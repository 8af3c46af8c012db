"""The place agents of an engine at work: they see tokens enter, wait for their times, and take up what was left."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any, Self

import structlog

from circuit_breaker.agents.bridge.attendance import Attendance
from circuit_breaker.agents.bridge.case_client import CaseClient
from circuit_breaker.agents.bridge.doorway import Doorway
from circuit_breaker.agents.bridge.keeping import USUALLY_KEPT, Keeping
from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.bridge.place_check import check_places
from circuit_breaker.agents.bridge.undecided import undecided
from circuit_breaker.agents.bridge.visits import Visit, Visits
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.bus import Subscription
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import (
    CircuitBreakerError,
    WorkflowNotFound,
    words_of,
)
from circuit_breaker.workflow.events import Event

__all__ = ["PlaceAgents"]

_log = structlog.get_logger("circuit_breaker.places")


class PlaceAgents:
    """Agents that keep states; an async context manager that works for as long as it is open.

    A token that enters a state begins one visit, in whichever process sees it, however often one of them is killed.

    Args:
        engine: The engine of workflows, open.
        agents: The engine of agents, open, on the same storage.
        placed: The place agents, each with a name of its own.
        poll: Seconds after which what other processes did is noticed.
        keep: Seconds that a visit is kept of which the token has left, or the case has ended; None for ever.
    """

    def __init__(
        self,
        engine: Engine,
        agents: AgentEngine,
        *placed: PlaceAgent,
        poll: float = 1.0,
        keep: float | None = USUALLY_KEPT,
    ) -> None:
        self.visits = Visits(engine.storage)
        self._engine = engine
        self._agents = agents
        self._placed: Mapping[str, PlaceAgent] = {each.name: each for each in placed}
        self._given = placed
        self._poll = poll
        self.doorway = Doorway(engine, self.visits, placed)
        self._keeping = Keeping(engine, self.visits, keep)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._passed_over: set[str] = set()
        self._woken = asyncio.Event()
        self._turning = asyncio.Lock()
        self._next: datetime | None = None
        self._group: asyncio.TaskGroup | None = None
        self._exit = AsyncExitStack()
        agents.serve(CaseClient(engine.storage))

    async def __aenter__(self) -> Self:
        """Checks everything first.

        Raises:
            AgentInvalid: A place, an agent, a transition or a mapping leads nowhere; every fault is named.
        """
        await self.check()
        async with AsyncExitStack() as opening:
            self._group = await opening.enter_async_context(asyncio.TaskGroup())
            notices = opening.enter_context(self._engine.subscribe(types=(Event,), size=1))
            tasks = [self._group.create_task(self._work()), self._group.create_task(self._listen(notices))]
            opening.push_async_callback(self._stop, tasks)
            self._exit = opening.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._exit.aclose()

    async def _stop(self, tasks: list[asyncio.Task[None]]) -> None:
        """Stops everything as it is; whoever opens the storage next goes on with it."""
        for task in (*tasks, *self._running.values()):
            task.cancel()
        await asyncio.wait({*tasks, *self._running.values()})
        await self.doorway.save(always=True)

    async def check(self) -> None:
        """Nothing, when every place agent can do what it is to do.

        Raises:
            AgentInvalid: One cannot; every fault is named.
        """
        await check_places(self._engine, self._agents, self._given)

    async def settle(self) -> bool:
        """Whether there was something to do; returns when nothing is left to be done now.

        What waits for its time, for a change of its token, or for a person, waits on.
        """
        worked = False
        while True:
            more = await self._turn()
            worked |= bool(self._running)
            if self._running:
                await asyncio.wait(self._running.values(), timeout=self._poll)
            if not more and await self._only_people():
                return worked

    async def _only_people(self) -> bool:
        """Whether everything that is under way waits for a person."""
        for visit_id in list(self._running):
            visit = await self.visits.get(visit_id)
            if visit is None or not visit.execution:
                return False
            if (await self._agents.store.written(visit.execution)).waiting_for != "approval":
                return False
        return True

    async def next_due(self) -> datetime | None:
        """When the next visit is due, or None."""
        now = self._engine.clock.now()
        async for visit in self.visits.due(now):
            return visit.due
        return await self.visits.next_moment(now)

    async def undecided(self, case: str) -> list[AgentExecution]:
        """The executions for a case that wait for a person's yes or no, the oldest first."""
        return await undecided(self._agents, case)

    # The rounds

    async def _listen(self, notices: Subscription) -> None:
        while await notices.take() is not None:
            self._woken.set()

    async def _work(self) -> None:
        """Goes on for ever; a fault of the storage is logged, and tried again after a while."""
        while True:
            self._woken.clear()
            more = False
            try:
                more = await self._turn()
            except CircuitBreakerError as error:
                _log.warning("place agents could not be looked after", error=words_of(error))
            if not more:
                await self._rest()

    async def _rest(self) -> None:
        """Until something has happened here, the next time has come, or it is time to look anyway."""
        wait = self._poll
        if self._next is not None:
            wait = min(wait, max(0.0, (self._next - self._engine.clock.now()).total_seconds()))
        try:
            async with asyncio.timeout(wait):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _turn(self) -> bool:
        """Deals with the next page of events and with what is due; whether there may be more to do at once."""
        async with self._turning:
            more = await self.doorway.read_on()
            begun = await self._begin_due()
            await self._keeping.tidy()
            return more or begun

    async def _begin_due(self) -> bool:
        """Begins what is due and nobody does; whether there was any."""
        begun, now = False, self._engine.clock.now()
        async for visit in self.visits.due(now, but=self._running):
            if await self._is_free(visit):
                self._attend(visit)
                begun = True
        self._next = await self.visits.next_moment(now)
        return begun

    async def _is_free(self, visit: Visit) -> bool:
        if visit.place_agent not in self._placed or visit.id in self._running or visit.id in self._passed_over:
            return False
        storage = self._engine.storage
        return visit.worker in ("", storage.worker) or not await storage.alive(visit.worker)

    def _attend(self, visit: Visit) -> None:
        assert self._group is not None  # noqa: S101 - only what is open begins anything
        task = self._group.create_task(self._attended(visit), name=f"visit {visit.id}")
        self._running[visit.id] = task

    async def _attended(self, visit: Visit) -> None:
        placed = self._placed[visit.place_agent]
        log: Any = _log.bind(place_agent=placed.name, case=visit.case, visit=visit.id)
        try:
            await Attendance(placed, self._engine, self._agents, self.visits).attend(visit)
        except WorkflowNotFound as error:
            self._passed_over.add(visit.id)
            log.warning("the workflow of a visit is not known here", error=words_of(error))
        except Exception as error:  # noqa: BLE001 - the boundary of firing: one visit must not end the others
            log.warning("a visit broke off", error=words_of(error) or repr(error))
            await asyncio.sleep(min(1.0, self._poll))
        finally:
            self._running.pop(visit.id, None)
            self._woken.set()
