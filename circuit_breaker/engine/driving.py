"""Driving a case: firing what is automatic until it rests, with the actions of parallel branches at the same time."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from circuit_breaker.data import Data
from circuit_breaker.engine.actions import describe
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.running import ACTING, find_pending, launch, only
from circuit_breaker.engine.slots import Slots
from circuit_breaker.errors import ActionError, LimitReached
from circuit_breaker.workflow import choosing, declared, firing, standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.choosing import UNKNOWN
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionFailed, ActionInDoubt, ActionStarted, Event, Moved

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["Drive", "may_repeat", "orphans", "restarted", "run"]


async def run(engine: Engine, resident: Resident) -> Case:
    """Fires what is automatic until the case rests. Of several that run one case, one does it and the others wait."""
    return await Drive(engine, resident).until_rest()


class Drive:
    """One drive of a case, until it rests.

    Args:
        engine: The engine.
        resident: The case.
        slots: What has to be taken before an action begins; without them every action begins at once. A transition
            that waits for a slot keeps its tokens from everything that comes after it, and everything else goes on.

    Attributes:
        still: Whether it only waits: for its actions to end, or for somebody else who drives the case.
        starved: Whether there was something that only the want of a slot kept from beginning.
    """

    def __init__(self, engine: Engine, resident: Resident, slots: Slots | None = None) -> None:
        self.resident = resident
        self.still = False
        self.starved = False
        self._engine = engine
        self._slots = slots or Slots(sys.maxsize, freed=engine.attention.call)
        self._has_slot = False

    async def until_rest(self) -> Case:
        """The case when nothing can be done any more, or only if there were a free slot."""
        resident = self.resident
        if resident.case.id in ACTING.get():
            raise ActionError(
                f"an action of case '{resident.case.id}' cannot wait until its own case rests",
                code="deadlock",
                remedy="return, and let the engine go on; or run another case",
            )
        with resident.used():
            await self._begin()
            try:
                async with asyncio.TaskGroup() as group:
                    await self._go_on(group)
            except BaseExceptionGroup as errors:
                raise only(errors) from None
            finally:
                resident.running.release()
        return resident.case

    async def _begin(self) -> None:
        """Waits until nobody else drives the case; somebody who does needs no slot that this one waits for."""
        if self.resident.running.locked():
            self._slots.leave(self.resident.case.id)
        with self._waiting():
            await self.resident.running.acquire()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Lets whoever counts the drives that are not still know that this one is."""
        self.still = True
        self._engine.attention.call()
        try:
            yield
        finally:
            self.still = False

    async def _go_on(self, group: asyncio.TaskGroup) -> None:
        resident = self.resident
        while True:
            resident.changed.clear()
            if await self._advance(group):
                await asyncio.sleep(0)  # a case that never rests must not keep the others waiting
                continue
            if not resident.actions:
                return
            with self._waiting():
                await resident.changed.wait()

    async def _advance(self, group: asyncio.TaskGroup) -> bool:
        """Does the next thing that the case can do by itself; says whether there was any."""
        engine, resident = self._engine, self.resident
        orphan = await _orphan(engine, resident)
        before = resident.case.sequence
        key: list[str] = []

        def decide(case: Case) -> Case:
            key.clear()
            self.starved = False
            workflow = engine.workflow(case)  # looked up here, since the case may have been migrated meanwhile
            event = None if self.resident.ending else self._next(workflow, case, orphan)
            if isinstance(event, ActionStarted):
                key.append(event.key)
            return case if event is None else self._applied(workflow, case, event)

        try:
            await engine.decide(resident, decide)
            if not self.starved:
                self._slots.leave(resident.case.id)
            pending = find_pending(resident.case, key[0]) if key else None
            if pending is not None and pending.key not in resident.actions:
                self._launch(group, pending)
        finally:
            if self._has_slot:
                self._has_slot = False
                self._slots.give_back()
        return resident.case.sequence > before

    def _applied(self, workflow: Workflow, case: Case, event: Event) -> Case:
        """The case after the event, or after its failure where what it makes would be more than may be."""
        after = standing.apply(workflow, case, event)
        try:
            return self._engine.limits.moved(self.resident, after, event)
        except LimitReached as error:
            assert isinstance(event, Moved)  # noqa: S101 - nothing else makes tokens
            return standing.apply(workflow, case, _too_heavy(case, event, error))

    def _launch(self, group: asyncio.TaskGroup, pending: Pending) -> None:
        """Begins the action; its slot is free again when it has ended."""
        workflow = self._engine.workflow(self.resident.case)
        task = launch(group, self._engine, self.resident, workflow, pending)
        if self._has_slot:
            self._has_slot = False
            task.add_done_callback(lambda _: self._slots.give_back())

    def _may_act(self) -> bool:
        """Whether an action may begin now; a decision that is made anew keeps the slot that it has."""
        if not self._has_slot:
            self._has_slot = self._slots.take(self.resident.case.id)
            self.starved = self.starved or not self._has_slot
        return self._has_slot

    def _next(self, workflow: Workflow, case: Case, orphan: str | None) -> Event | None:
        pending = find_pending(case, orphan) if orphan is not None else None
        if pending is None:
            return self._next_automatic(workflow, case)
        at, worker = self._engine.clock.now(), self._engine.storage.worker
        if not may_repeat(workflow, case, pending):
            return ActionInDoubt(case.id, case.sequence + 1, at, "", pending.key)
        if self._may_act():
            return restarted(case, pending, at=at, worker=worker)
        return self._next_automatic(workflow, case)

    def _next_automatic(self, workflow: Workflow, case: Case) -> Event | None:
        at = self._engine.clock.now()
        waiting = UNKNOWN
        while (choice := choosing.next_automatic(workflow, case, at=at, waiting=waiting)) is not None:
            if not choosing.admitted(workflow, choice):
                return firing.refusal(workflow, case, choice, at=at, roles=choice.transition.roles)
            if not choice.transition.steps:
                return firing.fired(case, choice, at=at)
            if self._may_act():
                return firing.begin(case, choice, at=at, worker=self._engine.storage.worker)
            waiting = waiting.union(choice.binding)
        return None


async def orphans(engine: Engine, resident: Resident) -> AsyncIterator[Pending]:
    """The actions that nobody carries out any more, without those that are known to be in doubt."""
    for pending in resident.case.pending:
        if pending.key in resident.actions or pending.doubt:
            continue
        if pending.worker == engine.storage.worker or not await engine.storage.alive(pending.worker):
            yield pending


async def _orphan(engine: Engine, resident: Resident) -> str | None:
    """The key of an action that nobody carries out any more, or None."""
    if resident.case.pending:
        async for pending in orphans(engine, resident):
            return pending.key
    return None


def _too_heavy(case: Case, event: Moved, error: LimitReached) -> ActionFailed:
    """The event that a case cannot do by itself what it would; the tokens stand where they stood."""
    sequence = case.sequence + 1
    key = f"{case.id}:{event.transition}:{sequence}"  # with a key it is not tried again and again
    return ActionFailed(
        case.id, sequence, event.at, "", event.transition, event.consumed,
        used=event.used, key=key, error=Data(describe(error)),
    )  # fmt: skip


def restarted(case: Case, pending: Pending, *, at: datetime, worker: str, by: str = "") -> ActionStarted:
    """The event that an action begins once more, with the same idempotency key."""
    transition, consumed, key, given = pending.transition, pending.consumed, pending.key, pending.input
    return ActionStarted(case.id, case.sequence + 1, at, by, transition, consumed, key, worker, given, pending.used)


def may_repeat(workflow: Workflow, case: Case, pending: Pending) -> bool:
    """Whether an interrupted action is done again by itself; otherwise it is in doubt."""
    transition = workflow.by_id[pending.transition]
    if transition.effect == "idempotent":
        return True
    rule = transition.again_if
    return rule is not None and rule.test(declared.typed(workflow, firing.resume(workflow, case, pending).view))
