"""What two versions of a policy decide differently over the recorded history of cases."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.rules import Verdict
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.recollection import Recollection, Unrecorded, recollect

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["FORM", "Decision", "PolicyDiff", "Unjudged", "diff_policy"]

FORM: Final = "circuit-breaker.policy-diff/1"
"""The form of the document; its number grows when something in it is renamed, removed or means something else."""

Outcome = Literal["fired", "refused"]


@attrs.frozen
class Decision:
    """A decision of the past that would be otherwise now.

    Attributes:
        case: The id of the case.
        sequence: The number of the event that recorded it.
        at: When it was, in UTC.
        by: Who wanted it; empty for the engine itself.
        transition: The id of the transition.
        stage: ``"before"``: whether it may begin; ``"after"``: whether the outcome of its action is good enough.
        was: What was decided.
        would: What the new version decides.
        old: The verdict of the old version.
        new: The verdict of the new version.
    """

    case: str
    sequence: int
    at: datetime
    by: str
    transition: str
    stage: Literal["before", "after"]
    was: Outcome
    would: Outcome
    old: Verdict
    new: Verdict

    def to_document(self) -> dict[str, Any]:
        """The decision as plain JSON, with both verdicts."""
        document: dict[str, Any] = {
            field.name: getattr(self, field.name) for field in attrs.fields(Decision) if field.name not in _WRITTEN
        }
        written = {"at": self.at.isoformat(), "old": self.old.to_document(), "new": self.new.to_document()}
        return document | written


_WRITTEN: Final = ("at", "old", "new")


@attrs.frozen
class Unjudged:
    """A decision of the past of which nobody can say how the new version would decide it.

    Attributes:
        case: The id of the case.
        sequence: The number of the event that recorded it.
        transition: The id of the transition.
        reason: Why it cannot be said.
    """

    case: str
    sequence: int
    transition: str
    reason: str


@attrs.frozen
class PolicyDiff:
    """What two versions of a workflow decide differently. Each decision is judged alone, as its case was then.

    Attributes:
        workflow: The name of the workflow.
        old: The old version.
        new: The new version.
        cases: How many cases were looked at.
        same: How many decisions stay as they were, by what was decided.
        changed: The decisions that would be otherwise.
        unjudged: The decisions of which that cannot be said.
        elsewhere: How many decisions were made under versions that are not the old one; they are left out.
    """

    workflow: str
    old: str
    new: str
    cases: int = 0
    same: Counter[str] = attrs.field(factory=Counter)
    changed: tuple[Decision, ...] = ()
    unjudged: tuple[Unjudged, ...] = ()
    elsewhere: int = 0

    def __bool__(self) -> bool:
        """Whether any decision would be otherwise."""
        return bool(self.changed)

    @classmethod
    def between(cls, old: Workflow, new: Workflow) -> PolicyDiff:
        """The difference over no history at all.

        Raises:
            WorkflowInvalid: They are not versions of one workflow.
        """
        if old.name != new.name:
            raise WorkflowInvalid(
                f"'{old.name}' and '{new.name}' are not versions of one workflow", remedy="give two of the same name"
            )
        return cls(old.name, old.version, new.version)

    def plus(self, findings: Iterable[Finding]) -> PolicyDiff:
        """The difference with the decisions of one case more."""
        found = list(findings)
        same = Counter(each for each in found if isinstance(each, str))
        return attrs.evolve(
            self,
            cases=self.cases + 1,
            same=self.same + Counter({key: same[key] for key in ("fired", "refused") if same[key]}),
            changed=(*self.changed, *(each for each in found if isinstance(each, Decision))),
            unjudged=(*self.unjudged, *(each for each in found if isinstance(each, Unjudged))),
            elsewhere=self.elsewhere + same[ELSEWHERE],
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many decisions there are of each kind."""
        turned = Counter(f"{each.was}_to_{each.would}" for each in self.changed)
        return {
            "cases": self.cases,
            "same_fired": self.same["fired"],
            "same_refused": self.same["refused"],
            "fired_to_refused": turned["fired_to_refused"],
            "refused_to_fired": turned["refused_to_fired"],
            "unjudged": len(self.unjudged),
            "other_versions": self.elsewhere,
        }

    @property
    def reasons(self) -> dict[str, int]:
        """How many decisions could not be judged for each reason."""
        return dict(Counter(each.reason for each in self.unjudged).most_common())

    def to_document(self) -> dict[str, Any]:
        """The difference as plain JSON."""
        return {
            "form": FORM,
            "workflow": self.workflow,
            "old": self.old,
            "new": self.new,
            "counts": self.counts,
            "changed": [decision.to_document() for decision in self.changed],
            "unjudged": [attrs.asdict(each) for each in self.unjudged],
        }


ELSEWHERE: Final = "elsewhere"
Finding = Decision | Unjudged | str
"""What is found about one decision; a text where it stays: what was decided, or that it is of another version."""


def diff_policy(old: Workflow, new: Workflow, histories: Iterable[Iterable[Event]]) -> PolicyDiff:
    """Which decisions of the past the new version would make otherwise.

    Args:
        old: The version under which the cases ran.
        new: The other version of the same workflow.
        histories: The events of each case, from its first on.

    Raises:
        WorkflowInvalid: They are not versions of one workflow.
        StorageCorrupt: A history does not begin at the beginning.
    """
    diff = PolicyDiff.between(old, new)
    for events in histories:
        diff = diff.plus(findings(old, new, events))
    return diff


def findings(old: Workflow, new: Workflow, events: Iterable[Event]) -> Iterator[Finding]:
    """What is found about each decision of one case."""
    case: Case | None = None
    for event in events:
        if case is not None and (recollection := recollect(old, case, event)) is not None:
            yield _finding(old, new, case, event, recollection)
        case = evolve(case, event)


def _finding(
    old: Workflow, new: Workflow, case: Case, event: Event, recollection: Recollection | Unrecorded
) -> Finding:
    if case.definition != old.version:
        return ELSEWHERE
    found = _compared(new, recollection, event) if isinstance(recollection, Recollection) else recollection
    return Unjudged(case.id, event.sequence, found.transition, found.reason) if isinstance(found, Unrecorded) else found


def _compared(new: Workflow, recollection: Recollection, event: Event) -> Decision | Unrecorded | str:
    before = recollection.verdict()
    was: Outcome = "fired" if recollection.passed else "refused"
    if isinstance(before, Unrecorded):
        return before
    if before.passed is not recollection.passed:
        return recollection.unrecorded("the old version decides otherwise now: its functions have changed")
    after = recollection.verdict(new)
    if isinstance(after, Unrecorded):
        return after
    would: Outcome = "fired" if after.passed else "refused"
    if was == would:
        return was
    stage, transition = recollection.stage, recollection.transition.id
    return Decision(event.case, event.sequence, event.at, event.by, transition, stage, was, would, before, after)
