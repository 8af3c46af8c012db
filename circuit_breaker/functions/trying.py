"""Trying triggers out: which functions an event would run, with what, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from circuit_breaker.engine.ports import Entry, Journal
from circuit_breaker.errors import CaseNotFound
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.occasions import Occasion, Past, Reasons, occasions, triggered
from circuit_breaker.functions.requests import unfit
from circuit_breaker.rules import Verdict
from circuit_breaker.workflow.case import Case

__all__ = ["TriggerVerdict", "entries_of", "verdicts"]


@attrs.frozen(kw_only=True)
class TriggerVerdict:
    """What a trigger makes of an event.

    Attributes:
        function_id: The function.
        trigger: The number of the trigger, counted from 0.
        trigger_type: Its kind.
        event: The number of the event in its case.
        runs: Whether the function runs.
        input: What it is given.
        reason: Why it does not run, or fails at once; empty where it runs.
        verdict: What its condition says, where it came to that.
        execution: The id that the execution has, where it runs.
    """

    function_id: str
    trigger: int
    trigger_type: str
    event: int
    runs: bool = False
    input: Any = None
    reason: str = ""
    verdict: Verdict | None = None
    execution: str = ""

    def to_document(self) -> dict[str, Any]:
        """The answer as JSON."""
        document = attrs.asdict(self, recurse=False)
        return document | {"verdict": self.verdict.to_document() if self.verdict is not None else None}


async def entries_of(journal: Journal, case_id: str, event: int | None) -> list[Entry]:
    """An event of a case, or all of them where none is named, as the feed would show them.

    Raises:
        CaseNotFound: There is no such case or event.
    """
    case = await journal.load(case_id)
    after, limit = (event - 1, 1) if event is not None else (0, None)
    found = await journal.events(case_id, after=after, limit=limit) if case is not None and after >= 0 else []
    if case is None or not found:
        missing = f"case '{case_id}'" if case is None else f"event {event} of case '{case_id}'"
        raise CaseNotFound(f"there is no {missing}", remedy="see engine.cases()")
    return [Entry(0, case.workflow, each) for each in found]


async def verdicts(
    reasons: Reasons, definition: FunctionDefinition, entries: Sequence[Entry], *, generations: int
) -> list[TriggerVerdict]:
    """What each trigger of a function makes of these events.

    Of several events those count that make the function run; where none does, those that only the condition refused;
    and where there is none of these either, the last one.
    """
    past = Past(reasons.past.journal)
    answers: dict[int, list[TriggerVerdict]] = {number: [] for number in range(len(definition.triggers))}
    for entry in entries:
        case = await past.case(entry.event)
        for number in answers:
            answers[number] += _of_trigger(_Trial(reasons, definition, entry, case, generations), number)
    return [answer for found in answers.values() for answer in _telling(found)]


def _telling(answers: list[TriggerVerdict]) -> list[TriggerVerdict]:
    running = [answer for answer in answers if answer.runs]
    return running or [answer for answer in answers if answer.verdict is not None] or answers[-1:]


@attrs.frozen
class _Trial:
    """One event that triggers of a function are tried on."""

    reasons: Reasons
    definition: FunctionDefinition
    entry: Entry
    case: Case
    generations: int


def _of_trigger(trial: _Trial, number: int) -> Iterator[TriggerVerdict]:
    trigger, event = trial.definition.triggers[number], trial.entry.event
    base = TriggerVerdict(
        function_id=trial.definition.id, trigger=number, trigger_type=trigger.trigger_type, event=event.sequence
    )
    objection = trigger.objection(trial.entry)
    given = list(occasions(trigger, trial.entry, trial.case)) if not objection else []
    if not given:
        yield attrs.evolve(base, reason=objection or "the function ended in another way, or was refused")
    for occasion in given:
        answer = attrs.evolve(base, verdict=trial.reasons.verdict(trigger, occasion))
        if occasion.generation > trial.generations:
            yield attrs.evolve(answer, reason="functions lead to one another for ever")
        else:
            yield _answer(answer, trial.definition, trial.entry, occasion)


def _answer(answer: TriggerVerdict, definition: FunctionDefinition, entry: Entry, occasion: Occasion) -> TriggerVerdict:
    if answer.verdict is not None and not answer.verdict.passed:
        return attrs.evolve(answer, reason=str(answer.verdict))
    request = triggered(definition, answer.trigger, entry, occasion)
    faults = definition.misfits(request.input) if not request.error else []
    reason = str(request.error.get("message", "")) or (str(unfit(definition, faults)) if faults else "")
    return attrs.evolve(answer, runs=not reason, input=request.input, reason=reason, execution=request.execution)
