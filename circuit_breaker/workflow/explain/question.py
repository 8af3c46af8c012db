"""The question why a transition can fire or not, and the search for its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.errors import TooManyChoices
from circuit_breaker.net import missing
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.explain.advice import advise
from circuit_breaker.workflow.explain.explanation import Explanation, Reason
from circuit_breaker.workflow.explain.refusal import Refusal, refusals
from circuit_breaker.workflow.explain.situation import Situation, trigger_of
from circuit_breaker.workflow.explain.way import Ways
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["explain", "lacking"]


def explain(
    workflow: Workflow,
    case: Case,
    *,
    at: datetime | None = None,
    roles: Iterable[str] | None = None,
    stopped: Collection[str] = (),
    events: Iterable[Event] | None = None,
) -> Explanation:
    """Why each transition can fire or not, and what it would take.

    Args:
        workflow: The definition.
        case: The case.
        at: The present moment, against which timers are held; None leaves them out.
        roles: The roles of whoever asks; None leaves roles out.
        stopped: The workers that are known to have stopped.
        events: Its whole history, from which refusals are told; without it only the part of it that is in memory.
    """
    situation = Situation(workflow, case, at, None if roles is None else choosing.role_set(roles), stopped)
    history = case.history
    told = history[history.offset :] if events is None else events
    question = _Question(situation, refusals(told))
    message = " ".join(text for place in case.states if (text := workflow.state(place).message))
    reasons = tuple(question.about(transition) for transition in workflow.transitions)
    interrupted = tuple(p.transition for p in case.pending if not p.doubt and p.worker in stopped)
    complete = events is not None or history.offset == 0
    return Explanation(case.id, case.state, case.status, message, reasons, interrupted, workflow.version, at, complete)


@attrs.frozen(slots=False)
class _Question:
    """What is asked about every transition of a case."""

    situation: Situation
    refused: dict[str, tuple[Refusal, ...]]

    @cached_property
    def ways(self) -> Ways:
        return Ways(self.situation.workflow, self.situation.case)

    def about(self, transition: Transition) -> Reason:
        """What can be said of one transition."""
        return attrs.evolve(
            self._answer(transition),
            refusals=self.refused.get(transition.id, ()),
            afterwards=transition.rules.text if transition.steps and transition.rules is not None else "",
        )

    def _answer(self, transition: Transition) -> Reason:
        situation = self.situation
        known: dict[str, Any] = {"transition": transition.name, "id": transition.id, "trigger": trigger_of(transition)}
        if situation.case.closed:
            return Reason(**known, enabled=False, missing=(f"the case is {situation.case.status}",))
        absent = tuple(lacking(situation.case, transition, stopped=situation.stopped))
        if absent:
            return self._advised(transition, Reason(**known, enabled=False, missing=absent, roles=transition.roles))
        return self._judged(transition, known)

    def _judged(self, transition: Transition, known: dict[str, Any]) -> Reason:
        """What can be said of the first choice that is possible, or of the first if none is."""
        trouble: tuple[str, ...] = ()
        first: choosing.Choice | None = None
        try:
            for choice in choosing.choices(self.situation.workflow, self.situation.case, transition):
                if self.situation.passes(choice):
                    return self._reason(choice, known, enabled=True)
                first = first or choice
        except TooManyChoices as error:
            trouble = (error.message,)
        if first is None:
            why = choosing.unbound(self.situation.workflow, self.situation.case, transition)
            return self._advised(transition, Reason(**known, enabled=False, missing=(*trouble, why)))
        found = self._reason(first, known, enabled=False)
        missing_ = (*found.missing, *_unfit(self.situation.case, first), *trouble)
        return self._advised(transition, attrs.evolve(found, missing=missing_), first)

    def _reason(self, choice: choosing.Choice, known: dict[str, Any], *, enabled: bool) -> Reason:
        obstacles = tuple(self.situation.obstacles(choice))
        verdict = choosing.verdict(self.situation.workflow, choice)
        return Reason(**known, enabled=enabled, missing=obstacles, verdict=verdict, roles=choice.transition.roles)

    def _advised(self, transition: Transition, reason: Reason, choice: choosing.Choice | None = None) -> Reason:
        """The reason with what it would take."""
        suggestion = advise(self.situation, transition, self.ways)
        return attrs.evolve(reason, suggestion=suggestion, remedies=self._remedies(choice, reason))

    def _remedies(self, choice: choosing.Choice | None, reason: Reason) -> tuple[dict[str, Any], ...]:
        gate = None if choice is None else choice.transition.gate
        if choice is None or gate is None or reason.verdict is None or reason.verdict.passed:
            return ()
        if choice.conflict is not None or self.situation.workflow.schema is not None:
            return ()
        return gate.remedies(choice.view)


def _unfit(case: Case, choice: choosing.Choice) -> Iterator[str]:
    """That signals wait of which none will do, in words."""
    if choice.used:
        waiting = len(choosing.free_signals(case, choice.transition.signal))
        what = f"{waiting:,} signals '{choice.transition.signal}' wait" if waiting > 1 else "the signal that waits does"
        yield f"{what}, and none of them fits" if waiting > 1 else f"{what} not fit"


def lacking(case: Case, transition: Transition, *, stopped: Collection[str] = ()) -> Iterator[str]:
    """The tokens, in words, that keep a transition from being enabled: what is not there, or who has reserved it.

    Args:
        case: The case.
        transition: The transition.
        stopped: The workers that are known to have stopped.
    """
    for kind, place, _ in missing(transition.net, case.marking, reserved=case.reserved):
        holding = [p for p in case.pending if kind == "takes" and any(state == place for _, state in p.consumed)]
        for pending in holding:
            state = _progress(pending, stopped)
            yield f"the token in '{place}' is reserved: the action of '{pending.transition}' {state}"
        if not holding:
            yield choosing.missing_in_words(kind, place)


def _progress(pending: Pending, stopped: Collection[str]) -> str:
    if pending.doubt:
        return "is in doubt since a crash"
    return "was interrupted, since its worker has stopped" if pending.worker in stopped else "is in progress"
