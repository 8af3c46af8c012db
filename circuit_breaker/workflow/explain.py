"""Explain: for every transition of a case whether it can fire, and if not, exactly why."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.errors import TooManyChoices
from circuit_breaker.net import missing
from circuit_breaker.rules import Verdict
from circuit_breaker.workflow import choosing
from circuit_breaker.workflow.case import Block, Case, Pending, Status
from circuit_breaker.workflow.timing import Automatic, Every, Manual, OnSignal
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Explanation", "Reason", "explain", "lacking"]


@attrs.frozen
class Reason:
    """What can be said about one transition.

    Attributes:
        transition: Its name.
        id: Its id, which differs from the name where one name has several sources.
        enabled: Whether it can fire now.
        trigger: What makes it fire: ``"automatic"``, ``"manual"``, ``"signal"`` or ``"timer"``.
        missing: What keeps it from being enabled apart from rules, in words: tokens, a signal, a time, a reservation.
        verdict: What its rules say of the tokens it would take; None where there are no tokens to judge.
        remedies: Changes of data, each by path, of which any one would make its rules hold.
        roles: The roles of which whoever fires it needs one; empty where anybody may.
    """

    transition: str
    id: str
    enabled: bool
    trigger: str
    missing: tuple[str, ...] = ()
    verdict: Verdict | None = None
    remedies: tuple[Mapping[str, Any], ...] = ()
    roles: tuple[str, ...] = ()

    def to_document(self) -> dict[str, Any]:
        """The reason as plain JSON."""
        document: dict[str, Any] = {
            "transition": self.transition,
            "id": self.id,
            "enabled": self.enabled,
            "trigger": self.trigger,
            "missing": list(self.missing),
            "roles": list(self.roles),
        }
        if self.verdict is not None:
            document["verdict"] = self.verdict.to_document()
        if self.remedies:
            document["remedies"] = [dict(remedy) for remedy in self.remedies]
        return document

    def lines(self) -> Iterator[str]:
        """The reason as lines of text."""
        somebody = f"somebody with the role {' or '.join(self.roles)}" if self.roles else "somebody"
        how = {"automatic": "by itself", "manual": f"when {somebody} fires it"}.get(self.trigger, f"by {self.trigger}")
        yield f"{'✓' if self.enabled else '✗'} {self.id}: {f'can fire {how}' if self.enabled else 'cannot fire'}"
        yield from (f"    {reason}" for reason in self.missing)
        if self.verdict is not None and not self.verdict.passed:
            yield from (f"    {line}" for line in str(self.verdict).splitlines())
        if self.roles and not self.enabled:
            yield f"    only {somebody} may fire it"
        for remedy in self.remedies:
            yield f"    it would with {_wish(remedy)}"


def _wish(remedy: Mapping[str, Any]) -> str:
    """A remedy in words; whoever fires gives data, the rest is for actions to set."""
    changes = ", ".join(f"{path} = {value!r}" for path, value in remedy.items())
    return changes if all(path.startswith("data.") for path in remedy) else f"{changes} (set by an action)"


@attrs.frozen
class Explanation:
    """What can happen to a case, and what cannot and why. Printed, it is a text for people.

    Attributes:
        case: The id of the case.
        state: Where its tokens are.
        status: See :class:`circuit_breaker.Case`.
        message: What the states say to people.
        reasons: One for each transition, in the order of definition.
        interrupted: The ids of the transitions whose actions nobody carries out any more, since their worker has
            stopped; whoever runs the case next takes them up again.
    """

    case: str
    state: str
    status: Status
    message: str
    reasons: tuple[Reason, ...]
    interrupted: tuple[str, ...] = ()

    @property
    def enabled(self) -> tuple[str, ...]:
        """The names of the transitions that can fire now."""
        return tuple(dict.fromkeys(reason.transition for reason in self.reasons if reason.enabled))

    def __getitem__(self, name: str) -> Reason:
        """The reason of a transition, by its name or id; of several with one name, one that can fire."""
        found = [reason for reason in self.reasons if name in (reason.id, reason.transition)]
        if not found:
            raise KeyError(name)
        return max(found, key=lambda reason: reason.enabled)

    def to_document(self) -> dict[str, Any]:
        """The explanation as plain JSON."""
        return {
            "case": self.case,
            "state": self.state,
            "status": self.status,
            "message": self.message,
            "transitions": [reason.to_document() for reason in self.reasons],
            "interrupted": list(self.interrupted),
        }

    def __str__(self) -> str:
        head = f"case {self.case} is {self.status} in {self.state or 'no state'}"
        message = [f"  {self.message}"] if self.message else []
        return "\n".join([head, *message, *(line for reason in self.reasons for line in reason.lines())])


def explain(
    workflow: Workflow,
    case: Case,
    *,
    at: datetime | None = None,
    roles: Iterable[str] | None = None,
    stopped: Collection[str] = (),
) -> Explanation:
    """Why each transition can fire or not.

    Args:
        workflow: The definition.
        case: The case.
        at: The present moment, against which timers are held; None leaves them out.
        roles: The roles of whoever asks; None leaves roles out.
        stopped: The workers that are known to have stopped.
    """
    message = " ".join(text for place in case.states if (text := workflow.state(place).message))
    reasons = tuple(
        _reason(workflow, case, transition, at=at, roles=roles, stopped=stopped) for transition in workflow.transitions
    )
    interrupted = tuple(p.transition for p in case.pending if not p.doubt and p.worker in stopped)
    return Explanation(case.id, case.state, case.status, message, reasons, interrupted)


def _reason(
    workflow: Workflow,
    case: Case,
    transition: Transition,
    *,
    at: datetime | None,
    roles: Iterable[str] | None,
    stopped: Collection[str],
) -> Reason:
    trigger = _trigger(transition)
    if case.closed:
        return Reason(transition.name, transition.id, False, trigger, (f"the case is {case.status}",))
    absent = tuple(lacking(case, transition, stopped=stopped))
    if absent:
        return Reason(transition.name, transition.id, False, trigger, absent)
    found = _first_possible(workflow, case, transition, at=at, roles=roles)
    if found is None:
        key = "the tokens do not agree on the key that they are joined by"
        return Reason(transition.name, transition.id, False, trigger, (key,))
    return found


def _first_possible(
    workflow: Workflow, case: Case, transition: Transition, *, at: datetime | None, roles: Iterable[str] | None
) -> Reason | None:
    """What can be said of the first choice that is possible, or of the first if none is; None where there is none."""
    first: Reason | None = None
    try:
        for choice in choosing.choices(workflow, case, transition):
            reason = _judged(workflow, case, choice, at=at, roles=roles, advised=first is None)
            if reason.enabled:
                return reason
            first = first or reason
    except TooManyChoices as error:
        return first and attrs.evolve(first, missing=(*first.missing, error.message))
    return first


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


def _judged(
    workflow: Workflow,
    case: Case,
    choice: choosing.Choice,
    *,
    at: datetime | None,
    roles: Iterable[str] | None,
    advised: bool,
) -> Reason:
    transition = choice.transition
    trigger = _trigger(transition)
    waiting = list(_waiting(case, choice, at, roles))
    verdict = choosing.verdict(workflow, choice)
    if trigger != "manual" and choosing.blocked(case, choice) and (block := choosing.block_of(case, choice)):
        waiting.append(_spent(block))
    remedies = _remedies(workflow, choice) if advised and not verdict.passed else ()
    possible = verdict.passed and not waiting
    return Reason(
        transition.name, transition.id, possible, trigger, tuple(waiting), verdict, remedies, transition.roles
    )


def _waiting(case: Case, choice: choosing.Choice, at: datetime | None, roles: Iterable[str] | None) -> Iterator[str]:
    transition = choice.transition
    if transition.signal and not any(signal.name == transition.signal for signal in case.signals):
        yield f"it waits for the signal '{transition.signal}'"
    if transition.delay is not None and at is not None and (due := choosing.due(choice, case)) > at:
        block = choosing.block_of(case, choice) if isinstance(transition.trigger, Every) else None
        yield f"it is due at {due.isoformat(timespec='seconds')}" + (f"; {_spent(block)}" if block else "")
    if roles is not None and (verdict := choosing.role_verdict(transition, roles)) is not None and not verdict.passed:
        yield f"it needs the role {verdict.wanted}"


def _spent(block: Block) -> str:
    return f"it {'failed' if block.kind == 'failed' else 'was refused'} with these tokens: {block.reason}"


def _remedies(workflow: Workflow, choice: choosing.Choice) -> tuple[Mapping[str, Any], ...]:
    gate = choice.transition.gate
    if gate is None or choice.conflict is not None or workflow.schema is not None:
        return ()
    return tuple(gate.remedies(choice.view))


def _trigger(transition: Transition) -> str:
    if isinstance(transition.trigger, Automatic):
        return "automatic"
    if isinstance(transition.trigger, Manual):
        return "manual"
    return "signal" if isinstance(transition.trigger, OnSignal) else "timer"
