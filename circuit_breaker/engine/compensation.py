"""Compensation: what a case has done is undone before it is cancelled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from circuit_breaker.engine.actions import ActionContext, call_action
from circuit_breaker.engine.driving import may_repeat, orphans
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.running import ACTING, JournalRecorder
from circuit_breaker.errors import ActionError, ActionInDoubt, words_of
from circuit_breaker.workflow import choosing, declared, standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionCompensated, TransitionFired
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Token

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["compensate"]


async def compensate(engine: Engine, resident: Resident, workflow: Workflow) -> None:
    """Ends what is in progress, and undoes what was done, the last first; nothing is undone twice.

    An action that can be undone, or must not be repeated, ends by itself; any other is stopped. Each compensation gets
    the token as it was right after its transition had fired. Whoever calls this is in ``resident.ended()``, so that
    nothing begins meanwhile.

    Raises:
        CaseClosed: The case has ended.
        ActionInDoubt: Of an action nobody knows whether it was done; nothing was undone.
        ActionError: A compensation failed; or an action of the case itself asked for it, and would wait for itself.
    """
    if resident.case.id in ACTING.get():
        raise ActionError(
            f"an action of case '{resident.case.id}' cannot wait until its own case is undone",
            code="deadlock",
            remedy="return, and let somebody else cancel it",
        )
    with resident.used():
        await _check_doubts(engine, resident, workflow)
        await _come_to_rest(resident, workflow)
        async with resident.running:
            choosing.open_case(resident.case)
            await _check_doubts(engine, resident, workflow)
            while (done := _last_done(workflow, history := await engine.history(resident.case))) is not None:
                await _undo(engine, resident, workflow, history, done)


async def _check_doubts(engine: Engine, resident: Resident, workflow: Workflow) -> None:
    """Nothing, where of each action it is known whether it was done, or it may be done twice.

    Raises:
        ActionInDoubt: Of one nobody knows.
    """
    case = resident.case
    interrupted = [pending async for pending in orphans(engine, resident) if not may_repeat(workflow, case, pending)]
    for pending in (*(pending for pending in case.pending if pending.doubt), *interrupted):
        raise ActionInDoubt(
            f"the action of transition '{pending.transition}' of case '{case.id}' is in doubt, with the key "
            f"'{pending.key}': it cannot be told whether it has to be undone",
            remedy="say with engine.resolve(...) what became of it, and cancel again; or cancel without compensate",
        )


async def _come_to_rest(resident: Resident, workflow: Workflow) -> None:
    """Returns when no action of the case is in progress here any more."""
    case, tasks = resident.case, dict(resident.actions)
    for pending in case.pending:
        undone = workflow.by_id[pending.transition].compensate is not None
        if pending.key in tasks and not undone and may_repeat(workflow, case, pending):
            tasks[pending.key].cancel()
    resident.wake()
    if tasks:
        await asyncio.wait(tasks.values())


def _last_done(workflow: Workflow, history: History) -> TransitionFired | None:
    """The last firing that can be undone and was not."""
    undone = {event.key for event in history if isinstance(event, ActionCompensated)}
    for event in reversed(list(history)):
        if isinstance(event, TransitionFired) and event.key and event.key not in undone:
            transition = workflow.by_id.get(event.transition)
            if transition is not None and transition.compensate is not None:
                return event
    return None


def _token_after(history: History, fired: TransitionFired) -> Token:
    """The token that a firing made, or the one that it took where it made none."""
    case: Case | None = None
    before: Case | None = None
    for event in history[: fired.sequence]:
        before, case = case, evolve(case, event)
    assert case is not None  # noqa: S101 - a firing comes after the start of its case
    if fired.produced or before is None:
        return case.find(fired.produced[0][0])
    return before.find(fired.consumed[0][0])


class _Unkept(JournalRecorder):
    """Tells how far an undoing is; its steps are not kept, since it is called anew if it fails."""

    async def check(self) -> None:
        """Lets every step begin."""

    async def _write(self, event: Any, *, entering: Any = None) -> None:
        del event, entering


async def _undo(
    engine: Engine, resident: Resident, workflow: Workflow, history: History, fired: TransitionFired
) -> None:
    transition = workflow.by_id[fired.transition]
    call = transition.compensate
    assert call is not None  # noqa: S101 - only what has one is undone
    case, key = resident.case, fired.key
    token = _token_after(history, fired)
    recorder = _Unkept(engine, resident, workflow, Pending(key, transition.id))
    context = ActionContext(case.id, transition.name, f"{key}:undo", 1, recorder, {}, asyncio.get_running_loop())
    try:
        await call_action(call, declared.typed(workflow, token), context)
    except Exception as error:
        raise ActionError(
            f"undoing transition '{transition.id}' of case '{case.id}' failed: {words_of(error)}",
            code="compensation_failed",
            remedy="mend it and cancel again: what was undone is not undone twice; or cancel without compensate",
        ) from error

    def decide(now: Case) -> Case:
        event = ActionCompensated(now.id, now.sequence + 1, engine.clock.now(), "", transition.id, key)
        return standing.apply(workflow, now, event)

    await engine.decide(resident, decide)
