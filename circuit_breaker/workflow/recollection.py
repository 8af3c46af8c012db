"""Recollection: what a decision of the past was made on, as far as the journal tells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal

import attrs
import msgspec

from circuit_breaker.data import EMPTY, Data, freeze_mapping
from circuit_breaker.errors import CircuitBreakerError, DataInvalid
from circuit_breaker.rules import Rule, Verdict
from circuit_breaker.rules.fewest import opaque
from circuit_breaker.rules.path import Path
from circuit_breaker.rules.verdict import MISSING
from circuit_breaker.workflow import choosing, declared
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.events import ActionStarted, Event, Move, TransitionFired, TransitionRefused
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Recollection", "Unrecorded", "recollect"]

Stage = Literal["before", "after"]
NOTHING: Final = Verdict(True, "nothing is asked", kind="all")
GIVEN: Final = "what was given with the request, or came of the action, is not recorded"


@attrs.frozen
class Unrecorded:
    """That a decision cannot be made again, and why.

    Attributes:
        transition: The id of the transition.
        reason: Why, in words.
    """

    transition: str
    reason: str


@attrs.frozen
class Recollection:
    """A decision of the past.

    Attributes:
        workflow: The version that made it.
        transition: What was decided on.
        stage: Before its action, or after it.
        passed: Whether it fired.
        binding: The tokens that were to be taken.
        given: What came with them then: of the request, the signal and the action.
        seen: What the recorded verdict says was seen at each path, where not everything is known; otherwise None.
        role: The recorded verdict about roles, where there is one.
    """

    workflow: Workflow
    transition: Transition
    stage: Stage
    passed: bool
    binding: tuple[Token, ...]
    given: Token
    seen: Mapping[str, Any] | None = None
    role: Mapping[str, Any] | None = None

    def unrecorded(self, reason: str) -> Unrecorded:
        """That this decision cannot be made again, for that reason."""
        return Unrecorded(self.transition.id, reason)

    def verdict(self, version: Workflow | None = None) -> Verdict | Unrecorded:
        """The verdict of a version of the workflow on what was seen then; of the one that decided if none is given."""
        workflow = version or self.workflow
        transition = workflow.by_id.get(self.transition.id)
        if transition is None:
            return self.unrecorded("the new version has no such transition")
        if tuple(transition.sources) != tuple(self.transition.sources):
            return self.unrecorded("the new version takes its tokens from other states")
        if bool(transition.steps) is not bool(self.transition.steps):
            return self.unrecorded("only one of the versions has an action there")
        role = self._role(transition)
        if isinstance(role, Unrecorded) or (role is not None and not role.passed):
            return role
        rule = transition.gate if self.stage == "before" else transition.rules
        if rule is None and self.passed:
            return NOTHING
        return self._judged(workflow, transition, rule)

    def _role(self, transition: Transition) -> Verdict | Unrecorded | None:
        """Whether the roles of whoever asked suffice; None where they do, or none is asked for."""
        if self.stage == "after" or not transition.roles:
            return None
        if self.role is not None:
            return choosing.role_verdict(transition, self.role.get("seen", ()))
        if self.transition.roles and set(self.transition.roles) <= set(transition.roles):
            return None
        return self.unrecorded("the roles of who asked are not recorded")

    def _judged(self, workflow: Workflow, transition: Transition, rule: Rule | None) -> Verdict | Unrecorded:
        if self.role is not None and not self.seen and rule == self.transition.gate:
            return NOTHING  # nothing but the role stood in the way
        choice = choosing.choice_of(workflow, transition, self.binding, EMPTY)
        if choice.conflict is not None and not self.passed:
            return choosing.verdict(workflow, choice)
        if self.seen is not None and rule is not None and not self._tells(rule):
            return self.unrecorded(GIVEN)
        try:
            view = declared.typed(workflow, self._view(choice.view))
        except DataInvalid as error:
            return Verdict(False, "the data is of the declared class", kind="data", reason=error.message)
        except LookupError:
            return self.unrecorded(GIVEN)
        return NOTHING if rule is None else rule.judge(view)

    def _tells(self, rule: Rule) -> bool:
        """Whether the recorded verdict tells all that the rule asks for."""
        return not opaque(rule.tree) and rule.paths <= (self.seen or {}).keys() | {"state"}

    def _view(self, view: Token) -> Token:
        given = self.given
        view = view.updated(data=given.data, metadata=given.metadata, results=given.results)
        parts: dict[str, Any] = {part: getattr(view, part) for part in ("data", "metadata", "results")}
        for text, value in (self.seen or {}).items():
            path = Path.parse(text)
            now = path.reader()(view)
            if path.namespace == "state" or (now == value and type(now) is type(value)):
                continue
            if value is MISSING:
                raise LookupError(text)
            parts[path.namespace] = path.changed(parts[path.namespace], value)
        return msgspec.structs.replace(view, **{part: freeze_mapping(value) for part, value in parts.items()})


def recollect(workflow: Workflow, case: Case, event: Event) -> Recollection | Unrecorded | None:
    """The decision that an event records, the case being as it was before; None where it records none."""
    if not isinstance(event, (ActionStarted, TransitionFired, TransitionRefused)):
        return None
    transition = workflow.by_id.get(event.transition)
    if transition is None:
        return Unrecorded(event.transition, "the old version has no such transition")
    pending = next((each for each in case.pending if each.key == event.key), None) if event.key else None
    if isinstance(event, ActionStarted) and pending is not None:
        return None  # the same action once more, after a crash
    try:
        binding = _binding(case, event.consumed)
    except CircuitBreakerError as error:
        return Unrecorded(transition.id, error.message)
    if isinstance(event, TransitionRefused):
        return _refused(workflow, transition, binding, event, pending)
    if isinstance(event, ActionStarted):
        return Recollection(workflow, transition, "before", True, binding, Token("", "", event.input))
    return _fired(workflow, transition, binding, event, pending)


def _binding(case: Case, consumed: tuple[Move, ...]) -> tuple[Token, ...]:
    return tuple(case.find(token_id) for token_id, _ in consumed)


def _fired(
    workflow: Workflow,
    transition: Transition,
    binding: tuple[Token, ...],
    event: TransitionFired,
    pending: Pending | None,
) -> Recollection:
    """The decision of a firing: what it wrote down by itself, such as counts, was not there to be judged."""
    own = {*transition.counts, *transition.restarts, *transition.stamps.values()}
    metadata = Data({key: value for key, value in event.metadata.items() if key not in own})
    data = event.data if pending is None else Data({**pending.input, **event.data})
    given = Token("", "", data, metadata, event.results)
    return Recollection(workflow, transition, "before" if pending is None else "after", True, binding, given)


def _refused(
    workflow: Workflow,
    transition: Transition,
    binding: tuple[Token, ...],
    event: TransitionRefused,
    pending: Pending | None,
) -> Recollection:
    """The decision of a refusal: what came with the request is known only as far as the verdict tells."""
    recorded: Mapping[str, Any] = event.verdict
    parts = recorded.get("children", ())
    role = next((each for each in (recorded, *parts[:1]) if each.get("kind") == "role"), None)
    alone = pending is None and transition.automatic and not event.by
    seen = None if alone else dict(_seen(recorded))
    given = Token("", "", EMPTY if pending is None else pending.input)
    stage: Stage = "before" if pending is None else "after"
    return Recollection(workflow, transition, stage, False, binding, given, seen, role)


def _seen(verdict: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a recorded verdict says was seen, by path."""
    if verdict.get("kind") != "role" and verdict.get("path"):
        seen = verdict.get("seen")
        yield verdict["path"], MISSING if isinstance(seen, Mapping) and seen.get("missing") is True else seen
    for child in verdict.get("children", ()):
        yield from _seen(child)
