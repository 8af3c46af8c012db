"""Running a case: firing what is automatic, with the actions of parallel branches at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.engine.actions import describe, perform
from circuit_breaker.engine.bus import Notice, Progress
from circuit_breaker.engine.resident import Resident
from circuit_breaker.errors import ActionError, CaseError, StorageError
from circuit_breaker.workflow import choosing, firing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.data import Data, freeze
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import (
    ActionInDoubt,
    ActionRetried,
    ActionStarted,
    Event,
    StepFinished,
    TransitionRefused,
)

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

ACTING: ContextVar[frozenset[str]] = ContextVar("circuit_breaker_acting", default=frozenset())
"""The cases of which an action is being carried out in this context."""

__all__ = ["end", "foreground", "launch", "run", "stop_withdrawn"]


@attrs.define
class JournalRecorder:
    """Writes down what an action in progress reports."""

    engine: Engine
    resident: Resident
    workflow: Workflow
    pending: Pending

    async def step_finished(self, name: str, outcome: Any) -> None:
        """Keeps the outcome of a step; a conflict-free addition, since only this process ends its own actions."""
        frozen = freeze(outcome, where=f"the outcome of step '{name}'")
        key = self.pending.key
        await self._write(lambda case, at: StepFinished(case.id, case.sequence + 1, at, "", key, name, frozen))

    async def retried(self, attempt: int, error: Mapping[str, Any], wait: float) -> None:
        """Keeps that an attempt failed."""
        key, kept = self.pending.key, Data(error)
        await self._write(lambda case, at: ActionRetried(case.id, case.sequence + 1, at, "", key, attempt, kept, wait))

    async def _write(self, event: Any) -> None:
        def decide(case: Case) -> Case:
            if find_pending(case, self.pending.key) is None:
                return case
            return choosing.apply(self.workflow, case, event(case, self.engine.clock.now()))

        await self.engine.decide(self.resident, decide)

    def progressed(self, fraction: float | None, message: str, stream: str) -> None:
        """Tells subscribers, and nobody else."""
        case = self.resident.case
        progress = Progress(case.id, self.pending.transition, self.pending.key, fraction, message, stream)
        self.engine.bus.publish(Notice(progress, case))


def find_pending(case: Case, key: str) -> Pending | None:
    """The action of that key, if it is still in progress."""
    return next((pending for pending in case.pending if pending.key == key), None)


def launch(
    group: asyncio.TaskGroup, engine: Engine, resident: Resident, workflow: Workflow, pending: Pending
) -> asyncio.Task[Exception | None]:
    """Carries out an action that was begun, in a task of the group."""
    work = carry_out(engine, resident, workflow, pending)
    task = group.create_task(work, name=f"action {pending.key}")
    resident.begun(pending.key, task)
    return task


async def carry_out(engine: Engine, resident: Resident, workflow: Workflow, pending: Pending) -> Exception | None:
    """Carries out an action and writes down how it ended; gives back what somebody who waits for it should be told."""
    ACTING.set(ACTING.get() | {resident.case.id})
    choice = firing.resume(workflow, resident.case, pending)
    change, error = await _attempt(engine, resident, workflow, pending, choice)
    return await end(engine, resident, workflow, pending.key, change=change, error=error)


async def _attempt(
    engine: Engine, resident: Resident, workflow: Workflow, pending: Pending, choice: choosing.Choice
) -> tuple[Change, Exception | None]:
    recorder = JournalRecorder(engine, resident, workflow, pending)
    try:
        change = await perform(
            choice.transition,
            choosing.typed(workflow, choice.view),
            case_id=resident.case.id,
            pending=pending,
            recorder=recorder,
            executors=engine.executors,
        )
        choosing.typed(workflow, choice.view.updated(data=change.data))
    except StorageError:
        raise  # it could not be written down: the action stays in progress, and is taken up again
    except Exception as error:  # noqa: BLE001 - the boundary of firing: whatever an action raises is recorded
        return Change(), error
    except SystemExit as error:
        return Change(), ActionError(f"the action ended the program with {error.code!r}", code="exit")
    return change, None


async def end(
    engine: Engine,
    resident: Resident,
    workflow: Workflow,
    key: str,
    *,
    change: Change,
    error: Exception | None = None,
    by: str = "",
    doubtful: bool = False,
) -> Exception | None:
    """Writes down how an action ended, and gives back the error if the tokens could not go on.

    The result of an action whose tokens were withdrawn is discarded; the event that withdrew them is the record.
    """
    told: list[Exception | None] = [None]

    def decide(case: Case) -> Case:
        pending = find_pending(case, key)
        if pending is None or (doubtful and not pending.doubt):
            told[0] = ActionError(f"the action '{key}' was withdrawn, or ended by somebody else", code="withdrawn")
            return case
        at = engine.clock.now()
        event: Event
        if error is not None:
            event = firing.fail(workflow, case, pending, at=at, error=describe(error))
            told[0] = None if event.produced else error
        else:
            try:
                event, refused = firing.finish(workflow, case, pending, at=at, by=by, change=change)
            except CaseError as fault:  # the tokens can no longer be made one, or the result does not fit them
                told[0] = fault
                event = firing.fail(workflow, case, pending, at=at, error=describe(fault))
                return choosing.apply(workflow, case, event)
            told[0] = None
            if refused is not None and isinstance(event, TransitionRefused) and not event.produced:
                told[0] = firing.refused(case, event, refused)
        return choosing.apply(workflow, case, event)

    await engine.decide(resident, decide)
    return told[0]


def stop_withdrawn(resident: Resident) -> None:
    """Stops the actions whose tokens were withdrawn, or whose case was cancelled."""
    alive = {pending.key for pending in resident.case.pending}
    ours = asyncio.current_task()
    for key, task in list(resident.actions.items()):
        if key not in alive and task is not ours:
            task.cancel()


async def foreground(engine: Engine, resident: Resident, workflow: Workflow, pending: Pending) -> Case:
    """Carries out an action that somebody asked for, and tells them if it was refused or failed.

    Raises:
        Refused: The policy refused its result, and no ``.otherwise`` leads on.
        ActionError: It was withdrawn by something else that happened to the case.
        Exception: What it failed with, if no ``.on_failure`` leads on.
    """
    with resident.used():
        try:
            async with asyncio.TaskGroup() as group:
                task = launch(group, engine, resident, workflow, pending)
        except BaseExceptionGroup as errors:
            raise only(errors) from None
    if task.cancelled():
        raise ActionError(f"the action '{pending.key}' was withdrawn", code="withdrawn")
    error = task.result()
    if error is not None:
        raise error
    return resident.case


def only(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a task group, with a note of each of the others."""
    first, *others = group.exceptions
    found = only(first) if isinstance(first, BaseExceptionGroup) else first
    for other in others:
        found.add_note(f"at the same time: {other!r}")
    return found


async def run(engine: Engine, resident: Resident) -> Case:
    """Fires what is automatic until the case rests. Of several that run one case, one does it and the others wait."""
    if resident.case.id in ACTING.get():
        raise ActionError(
            f"an action of case '{resident.case.id}' cannot wait until its own case rests",
            code="deadlock",
            remedy="return, and let the engine go on; or run another case",
        )
    with resident.used():
        async with resident.running:
            try:
                async with asyncio.TaskGroup() as group:
                    await _drive(engine, resident, group)
            except BaseExceptionGroup as errors:
                raise only(errors) from None
    return resident.case


async def _drive(engine: Engine, resident: Resident, group: asyncio.TaskGroup) -> None:
    while True:
        resident.changed.clear()
        if await _advance(engine, resident, group):
            await asyncio.sleep(0)  # a case that never rests must not keep the others waiting
            continue
        if not resident.actions:
            return
        await resident.changed.wait()


async def _advance(engine: Engine, resident: Resident, group: asyncio.TaskGroup) -> bool:
    """Does the next thing that the case can do by itself; says whether there was any."""
    orphan = await _orphan(engine, resident)
    before = resident.case.sequence
    key: list[str] = []

    def decide(case: Case) -> Case:
        key.clear()
        workflow = engine.workflow(case)  # looked up here, since the case may have been migrated meanwhile
        pending = find_pending(case, orphan) if orphan is not None else None
        event = _taken_up(engine, workflow, case, pending) if pending else _next_event(engine, workflow, case)
        if isinstance(event, ActionStarted):
            key.append(event.key)
        return case if event is None else choosing.apply(workflow, case, event)

    await engine.decide(resident, decide)
    pending = find_pending(resident.case, key[0]) if key else None
    if pending is not None and pending.key not in resident.actions:
        launch(group, engine, resident, engine.workflow(resident.case), pending)
    return resident.case.sequence > before


def _next_event(engine: Engine, workflow: Workflow, case: Case) -> Event | None:
    at = engine.clock.now()
    choice = choosing.next_automatic(workflow, case, at=at)
    if choice is None:
        return None
    transition = choice.transition
    if not choosing.admitted(workflow, choice):
        return firing.refusal(workflow, case, choice, at=at, roles=transition.roles)
    if transition.steps:
        return firing.begin(case, choice, at=at, worker=engine.storage.worker)
    return firing.fired(case, choice, at=at)


async def _orphan(engine: Engine, resident: Resident) -> str | None:
    """The key of an action that nobody carries out any more, or None."""
    for pending in resident.case.pending:
        if pending.key in resident.actions or pending.doubt:
            continue
        if pending.worker == engine.storage.worker or not await engine.storage.alive(pending.worker):
            return pending.key
    return None


def _taken_up(engine: Engine, workflow: Workflow, case: Case, pending: Pending) -> Event:
    """The event that takes an interrupted action up again, or says that it is in doubt."""
    at: datetime = engine.clock.now()
    if not _may_repeat(workflow, case, pending):
        return ActionInDoubt(case.id, case.sequence + 1, at, "", pending.key)
    return restarted(case, pending, at=at, worker=engine.storage.worker)


def restarted(case: Case, pending: Pending, *, at: datetime, worker: str, by: str = "") -> ActionStarted:
    """The event that an action begins once more, with the same idempotency key."""
    transition, consumed, key, given = pending.transition, pending.consumed, pending.key, pending.input
    return ActionStarted(case.id, case.sequence + 1, at, by, transition, consumed, key, worker, given, pending.used)


def _may_repeat(workflow: Workflow, case: Case, pending: Pending) -> bool:
    transition = workflow.by_id[pending.transition]
    if transition.effect == "idempotent":
        return True
    rule = transition.again_if
    return rule is not None and rule.test(choosing.typed(workflow, firing.resume(workflow, case, pending).view))
