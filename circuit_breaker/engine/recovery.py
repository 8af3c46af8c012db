"""In doubt, or undone: what people decide about actions that have ended badly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.engine.actions import ActionContext, call_action
from circuit_breaker.engine.driving import restarted
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.running import JournalRecorder, end, foreground
from circuit_breaker.errors import ActionError, DataInvalid, NotEnabled, words_of
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionCompensated, TransitionFired
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.flow import Execution
from circuit_breaker.workflow.history import History
from circuit_breaker.workflow.token import Token

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["UNSAID", "Answer", "Doubt", "compensate", "resolve"]


UNSAID: Any = object()
"""Stands for an outcome that was not given, where None means something."""


@attrs.frozen
class Doubt:
    """Which action in doubt is meant: by the name or id of its transition, its key, or a token that it took."""

    transition: str
    key: str | None = None
    token: str | None = None

    def find(self, workflow: Workflow, case: Case) -> Pending:
        """The action that is meant.

        Raises:
            NotEnabled: There is none, or somebody else has just resolved it.
            DataInvalid: Several are.
        """
        doubtful = [pending for pending in case.pending if pending.doubt]
        meant = [pending for pending in doubtful if self._fits(workflow, pending)]
        if not meant:
            known = "; ".join(map(_named, doubtful)) or "none"
            raise NotEnabled(
                f"no action of transition '{self.transition}'{self._closer} of case '{case.id}' is in doubt",
                remedy=f"in doubt: {known}",
            )
        if len(meant) > 1:
            raise DataInvalid(
                f"{len(meant)} actions of transition '{self.transition}'{self._closer} of case '{case.id}' are in "
                f"doubt: {'; '.join(map(_named, meant))}",
                remedy="say which by key=... or token=...",
            )
        return meant[0]

    def _fits(self, workflow: Workflow, pending: Pending) -> bool:
        return (
            self.transition in (pending.transition, workflow.by_id[pending.transition].name)
            and self.key in (None, pending.key)
            and (self.token is None or any(self.token == token for token, _ in pending.consumed))
        )

    @property
    def _closer(self) -> str:
        given = {"key": self.key, "token": self.token}
        return "".join(f" with the {what} '{value}'" for what, value in given.items() if value is not None)


def _named(pending: Pending) -> str:
    tokens = ", ".join(f"'{token}' in '{state}'" for token, state in pending.consumed)
    return f"'{pending.transition}' with the key '{pending.key}' on the token {tokens}"


@attrs.frozen
class Answer:
    """What became of an action in doubt: the outcome of it, why it was not done, or that it shall be done now."""

    outcome: Any
    failed: str | None
    again: bool
    by: str

    def check(self, case_id: str, transition: str) -> None:
        """Does nothing.

        Raises:
            DataInvalid: Not exactly one of these is said.
        """
        said = [self.outcome is not UNSAID, self.failed is not None, self.again]
        if said.count(True) != 1 or self.failed == "":
            raise DataInvalid(
                f"what became of the action of '{transition}' of case '{case_id}' is not said exactly once",
                remedy="give one of outcome=..., failed='why' and again=True",
            )


async def resolve(engine: Engine, case_id: str, doubt: Doubt, answer: Answer) -> Case:
    """Ends or repeats an action in doubt, as somebody says who knows what became of it."""
    answer.check(case_id, doubt.transition)
    case = await engine.get(case_id)
    resident = await engine.resident(case_id)
    workflow = engine.workflow(case)
    pending = doubt.find(workflow, case)
    if answer.again:
        return await _again(engine, resident, workflow, pending, answer.by)
    error = ActionError(answer.failed, code="resolved_as_failed") if answer.failed is not None else None
    change = Change() if error is not None else _meant(workflow, pending, answer.outcome)
    told = await end(engine, resident, workflow, pending.key, change=change, error=error, by=answer.by, doubtful=True)
    if told is not None and told is not error:
        raise told
    return resident.case


async def _again(engine: Engine, resident: Resident, workflow: Workflow, pending: Pending, by: str) -> Case:
    worker = engine.storage.worker
    doubt = Doubt(pending.transition, pending.key)

    def decide(case: Case) -> Case:
        now = doubt.find(workflow, case)
        return choosing.apply(workflow, case, restarted(case, now, at=engine.clock.now(), worker=worker, by=by))

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


async def compensate(engine: Engine, resident: Resident, workflow: Workflow) -> None:
    """Undoes what was done, the last first, once nobody runs the case any more; nothing is undone twice.

    Each compensation gets the token as it was right after its transition had fired.
    """
    with resident.used():
        async with resident.running:
            choosing.open_case(resident.case)
            while (done := _last_done(workflow, history := await engine.history(resident.case))) is not None:
                await _undo(engine, resident, workflow, history, done)


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


async def _undo(
    engine: Engine, resident: Resident, workflow: Workflow, history: History, fired: TransitionFired
) -> None:
    transition = workflow.by_id[fired.transition]
    call = transition.compensate
    assert call is not None  # noqa: S101 - only what has one is undone
    case, key = resident.case, fired.key
    token = _token_after(history, fired)
    recorder = JournalRecorder(engine, resident, workflow, Pending(key, transition.id))
    context = ActionContext(case.id, transition.name, f"{key}:undo", 1, recorder, {}, asyncio.get_running_loop())
    try:
        await call_action(call, choosing.typed(workflow, token), context)
    except Exception as error:
        raise ActionError(
            f"undoing transition '{transition.id}' of case '{case.id}' failed: {words_of(error)}",
            code="compensation_failed",
            remedy="mend it and cancel again: what was undone is not undone twice; or cancel without compensate",
        ) from error

    def decide(now: Case) -> Case:
        event = ActionCompensated(now.id, now.sequence + 1, engine.clock.now(), "", transition.id, key)
        return choosing.apply(workflow, now, event)

    await engine.decide(resident, decide)
