"""Running an action: it is carried out, written down while it lasts, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.engine.actions import describe, perform
from circuit_breaker.engine.bus import Notice, Progress
from circuit_breaker.engine.resident import Resident
from circuit_breaker.errors import ActionError, CaseError, StorageError
from circuit_breaker.workflow import choosing, firing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.data import Data
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import (
    ActionRetried,
    Event,
    StepFinished,
    TransitionRefused,
)

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

ACTING: ContextVar[frozenset[str]] = ContextVar("circuit_breaker_acting", default=frozenset())
"""The cases of which an action is being carried out in this context."""

__all__ = ["ACTING", "JournalRecorder", "end", "find_pending", "foreground", "launch", "only", "stop_withdrawn"]


@attrs.define
class JournalRecorder:
    """Writes down what an action in progress reports."""

    engine: Engine
    resident: Resident
    workflow: Workflow
    pending: Pending

    async def step_finished(self, name: str, outcome: Any) -> None:
        """Keeps the outcome of a step; a conflict-free addition, since only this process ends its own actions."""
        key = self.pending.key
        await self._write(
            lambda case, at: StepFinished(case.id, case.sequence + 1, at, "", key, name, outcome),
            entering=outcome,
        )

    async def retried(self, attempt: int, error: Mapping[str, Any], wait: float) -> None:
        """Keeps that an attempt failed."""
        key, kept = self.pending.key, Data(error)
        await self._write(lambda case, at: ActionRetried(case.id, case.sequence + 1, at, "", key, attempt, kept, wait))

    async def _write(self, event: Any, *, entering: Any = None) -> None:
        def decide(case: Case) -> Case:
            if find_pending(case, self.pending.key) is None:
                return case
            after = choosing.apply(self.workflow, case, event(case, self.engine.clock.now()))
            return self.engine.limits.entered(self.resident, after, entering)

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
                after = choosing.apply(workflow, case, event)
                engine.limits.entered(resident, after, (change.data, change.metadata, change.results))
            except CaseError as fault:  # the tokens can no longer be made one, or the result does not fit them
                event = firing.fail(workflow, case, pending, at=at, error=describe(fault))
                told[0] = None if event.produced else fault
                return choosing.apply(workflow, case, event)
            told[0] = None
            if refused is not None and isinstance(event, TransitionRefused) and not event.produced:
                told[0] = firing.refused(case, event, refused)
            return after
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
