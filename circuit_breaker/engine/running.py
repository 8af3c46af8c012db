"""Running an action: it is carried out, written down while it lasts, and ended."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.data import Data
from circuit_breaker.engine.actions import describe, perform
from circuit_breaker.engine.bus import Notice, Progress
from circuit_breaker.engine.resident import Resident
from circuit_breaker.errors import ActionError, ActionWithdrawn, CaseError, LimitReached, StorageError
from circuit_breaker.workflow import choosing, declared, firing, standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionFailed, ActionRetried, StepFinished, TransitionRefused

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

ACTING: ContextVar[frozenset[str]] = ContextVar("circuit_breaker_acting", default=frozenset())
"""The cases of which an action is being carried out in this context."""

__all__ = ["ACTING", "JournalRecorder", "end", "find_pending", "foreground", "launch", "only", "stop_withdrawn"]


@attrs.define
class JournalRecorder:
    """Writes down what an action in progress reports.

    Attributes:
        broken: Why something could not be written down; any other error of a storage is of the action itself.
    """

    engine: Engine
    resident: Resident
    workflow: Workflow
    pending: Pending
    broken: StorageError | None = None

    async def step_finished(self, name: str, outcome: Any) -> None:
        """Keeps the outcome of a step; a conflict-free addition, since only this process ends its own actions."""
        key = self.pending.key
        await self._write(
            lambda case, at: StepFinished(case.id, case.sequence + 1, at, "", key, name, outcome),
            entering=outcome,
        )

    async def check(self) -> None:
        """Looks into the journal whether the action may go on: another process may have withdrawn it.

        Raises:
            ActionWithdrawn: It was withdrawn, or ended by somebody else.
            StorageError: The journal cannot be read.
        """
        try:
            case = await self.engine.get(self.resident.case.id)
        except StorageError as error:
            self.broken = error
            raise
        if find_pending(case, self.pending.key) is None:
            raise withdrawn(self.pending.key)

    async def retried(self, attempt: int, error: Mapping[str, Any], wait: float) -> None:
        """Keeps that an attempt failed."""
        key, kept = self.pending.key, Data(error)
        await self._write(lambda case, at: ActionRetried(case.id, case.sequence + 1, at, "", key, attempt, kept, wait))

    async def _write(self, event: Any, *, entering: Any = None) -> None:
        def decide(case: Case) -> Case:
            if find_pending(case, self.pending.key) is None:
                raise withdrawn(self.pending.key)
            after = standing.apply(self.workflow, case, event(case, self.engine.clock.now()))
            return self.engine.limits.entered(self.resident, after, entering)

        try:
            await self.engine.decide(self.resident, decide)
        except StorageError as error:
            self.broken = error
            raise

    def progressed(self, fraction: float | None, message: str, stream: str) -> None:
        """Tells subscribers, and nobody else."""
        case = self.resident.case
        progress = Progress(case.id, self.pending.transition, self.pending.key, fraction, message, stream)
        self.engine.bus.publish(Notice(progress, case))


def find_pending(case: Case, key: str) -> Pending | None:
    """The action of that key, if it is still in progress."""
    return next((pending for pending in case.pending if pending.key == key), None)


def withdrawn(key: str) -> ActionWithdrawn:
    """The error for an action that is not to go on."""
    return ActionWithdrawn(f"the action '{key}' was withdrawn, or ended by somebody else")


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
            declared.typed(workflow, choice.view),
            case_id=resident.case.id,
            pending=pending,
            recorder=recorder,
            executors=engine.executors,
            workflow=workflow,
        )
        declared.typed(workflow, choice.view.updated(data=change.data))
    except Exception as error:
        if error is recorder.broken:
            raise  # it could not be written down: the action stays in progress, and is taken up again
        return Change(), error  # the boundary of firing: whatever an action raises is recorded
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
            told[0] = withdrawn(key)
            return case
        at = engine.clock.now()
        if error is not None:
            after, told[0] = _failed(engine, resident, workflow, case=case, pending=pending, error=error)
            return after
        try:
            event, refused = firing.finish(workflow, case, pending, at=at, by=by, change=change)
            after = standing.apply(workflow, case, event)
            engine.limits.entered(resident, after, (change.data, change.metadata, change.results))
            engine.limits.moved(resident, after, event)
        except CaseError as fault:  # the tokens can no longer be made one, or the result does not fit them
            after, told[0] = _failed(engine, resident, workflow, case=case, pending=pending, error=fault)
            return after
        told[0] = None
        if refused is not None and isinstance(event, TransitionRefused) and not event.produced:
            told[0] = firing.refused(case, event, refused)
        return after

    await engine.decide(resident, decide)
    return told[0]


def _failed(
    engine: Engine, resident: Resident, workflow: Workflow, *, case: Case, pending: Pending, error: Exception
) -> tuple[Case, Exception | None]:
    """The case after an action failed for good, and the error if its tokens could not go on."""
    at = engine.clock.now()
    event = firing.fail(workflow, case, pending, at=at, error=describe(error))
    after = standing.apply(workflow, case, event)
    try:
        engine.limits.moved(resident, after, event)
    except LimitReached as fault:  # tokens that are too much together stand where they stood
        kept = Data({**event.error, "unmoved": fault.message})
        event = ActionFailed(
            event.case, event.sequence, at, "", event.transition, event.consumed, key=event.key, error=kept
        )
        after = standing.apply(workflow, case, event)
    return after, None if event.produced else error


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
        ActionWithdrawn: Something else that happened to the case withdrew it.
        Exception: What it failed with, if no ``.on_failure`` leads on.
    """
    with resident.used():
        try:
            async with asyncio.TaskGroup() as group:
                task = launch(group, engine, resident, workflow, pending)
        except BaseExceptionGroup as errors:
            raise only(errors) from None
    if task.cancelled():
        raise withdrawn(pending.key)
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
