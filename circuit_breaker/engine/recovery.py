"""In doubt: what people decide about actions of which nobody knows whether they were done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.engine.driving import restarted
from circuit_breaker.engine.labels import label
from circuit_breaker.engine.resident import Resident
from circuit_breaker.engine.running import end, foreground
from circuit_breaker.errors import ActionError, DataInvalid, NotEnabled
from circuit_breaker.workflow import standing
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Execution

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine

__all__ = ["UNSAID", "Answer", "Doubt", "resolve"]


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
        said = [self.outcome is not UNSAID, self.failed is not None, bool(self.again)]
        if said.count(True) != 1 or self.failed == "":
            raise DataInvalid(
                f"what became of the action of '{transition}' of case '{case_id}' is not said exactly once",
                remedy="give one of outcome=..., failed='why' and again=True",
            )
        if self.failed is not None:
            label(self.failed, "failed")


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
        return standing.apply(workflow, case, restarted(case, now, at=engine.clock.now(), worker=worker, by=by))

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
