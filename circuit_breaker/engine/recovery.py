"""After a crash, in doubt, on time, or undone: what brings cases on that nobody is running."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from circuit_breaker.engine.actions import ActionContext, call_action
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.running import JournalRecorder, end, foreground, only, restarted, run
from circuit_breaker.errors import ActionError, NotEnabled, WorkflowNotFound
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionCompensated, TransitionFired
from circuit_breaker.workflow.flow import Execution
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["compensate", "recover", "resolve", "work"]

AT_ONCE = 50
"""How many cases are taken up at the same time."""


async def recover(engine: Engine) -> list[Case]:
    """Runs every case that has something to do, until it rests. Cases of unknown workflows are left alone."""
    recovered: list[Case] = []
    after = ""
    while page := await engine.cases(status="running", after=after, limit=AT_ONCE):
        after = page[-1].id
        recovered += await run_all(engine, [summary.id for summary in page])
    return recovered


async def run_all(engine: Engine, ids: list[str]) -> list[Case]:
    """Runs these cases at the same time until all of them rest."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run_known(engine, case_id), name=f"case {case_id}") for case_id in ids]
    except BaseExceptionGroup as errors:
        raise only(errors) from None
    return [case for task in tasks if (case := task.result()) is not None]


async def _run_known(engine: Engine, case_id: str) -> Case | None:
    resident = await engine.resident(case_id)
    try:
        engine.workflow(resident.case)
    except WorkflowNotFound:
        return None
    return await run(engine, resident)


async def work(engine: Engine, *, until_idle: bool, poll: float) -> None:
    """Takes up what was interrupted, then fires timers when they are due."""
    while True:
        engine.timer_set.clear()
        await recover(engine)
        now = engine.clock.now()
        due = await engine.storage.due(now, limit=AT_ONCE)
        if due and await run_all(engine, [summary.id for summary in due]):
            continue
        earliest = await engine.storage.next_due() if not due else None
        if earliest is None and until_idle:
            return
        latest = now + timedelta(seconds=poll)
        await _sleep(engine, latest if earliest is None else min(earliest, latest))


async def _sleep(engine: Engine, moment: Any) -> None:
    """Until the moment has come, or a timer was set that may be earlier."""
    try:
        async with asyncio.TaskGroup() as group:
            timer = group.create_task(engine.clock.sleep_until(moment))
            changed = group.create_task(engine.timer_set.wait())
            await asyncio.wait({timer, changed}, return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            changed.cancel()
    except BaseExceptionGroup as errors:
        raise only(errors) from None


async def resolve(
    engine: Engine, resident: Resident, transition: str, *, outcome: Any, failed: str | None, again: bool, by: str
) -> Case:
    """Ends or repeats an action in doubt, as somebody says who knows what became of it."""
    case = resident.case
    workflow = engine.workflow(case)
    pending = _doubtful(workflow, case, transition)
    if again:
        return await _again(engine, resident, workflow, pending, by)
    error = ActionError(failed, code="resolved_as_failed") if failed is not None else None
    change = Change() if error is not None else _meant(workflow, pending, outcome)
    told = await end(engine, resident, workflow, pending.key, change=change, error=error, by=by)
    if told is not None and told is not error:
        raise told
    return resident.case


def _doubtful(workflow: Workflow, case: Case, transition: str) -> Pending:
    ids = {t.id for t in workflow.named(transition)}
    for pending in case.pending:
        if pending.transition in ids and pending.doubt:
            return pending
    doubtful = ", ".join(sorted(p.transition for p in case.pending if p.doubt)) or "none"
    raise NotEnabled(
        f"no action of transition '{transition}' of case '{case.id}' is in doubt", remedy=f"in doubt: {doubtful}"
    )


async def _again(engine: Engine, resident: Resident, workflow: Workflow, pending: Pending, by: str) -> Case:
    worker = engine.storage.worker

    def decide(case: Case) -> Case:
        return choosing.apply(workflow, case, restarted(case, pending, at=engine.clock.now(), worker=worker, by=by))

    await engine.decide(resident, decide)
    return await foreground(engine, resident, workflow, pending)


def _meant(workflow: Workflow, pending: Pending, outcome: Any) -> Change:
    """What the action would have added, had it returned this."""
    steps = workflow.by_id[pending.transition].steps
    last = steps[-1] if steps else None
    result = last.result if isinstance(last, Execution) else None
    done = [Change(**recorded) for name, recorded in pending.steps.items() if name.startswith("#")]
    total = Change()
    for change in (*done, Change.of(outcome, result=result, what="resolve()")):
        total = total.plus(change)
    return total


async def compensate(engine: Engine, resident: Resident, workflow: Workflow, history: History) -> None:
    """Undoes what was done, the last first; what was undone before a crash is not undone again."""
    undone = {event.key for event in history if isinstance(event, ActionCompensated)}
    for event in reversed(list(history)):
        if not isinstance(event, TransitionFired) or not event.key or event.key in undone:
            continue
        transition = workflow.by_id.get(event.transition)
        if transition is not None and transition.compensate is not None:
            await _undo(engine, resident, workflow, transition, event.key)


async def _undo(engine: Engine, resident: Resident, workflow: Workflow, transition: Transition, key: str) -> None:
    call = transition.compensate
    assert call is not None  # noqa: S101 - only what has one is undone
    case = resident.case
    token: Token = next(iter(case.marking))
    recorder = JournalRecorder(engine, resident, workflow, Pending(key, transition.id))
    context = ActionContext(case.id, transition.name, f"{key}:undo", 1, recorder, {}, asyncio.get_running_loop())
    await call_action(call, choosing.typed(workflow, token), context)

    def decide(now: Case) -> Case:
        event = ActionCompensated(now.id, now.sequence + 1, engine.clock.now(), "", transition.id, key)
        return choosing.apply(workflow, now, event)

    await engine.decide(resident, decide)
