"""Explanation: what can happen to a case, and what cannot, why, and what it would take."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from typing import Any, Final

import attrs

from circuit_breaker.rules import MISSING, Verdict
from circuit_breaker.workflow.case import Status
from circuit_breaker.workflow.explain.need import told
from circuit_breaker.workflow.explain.refusal import Refusal
from circuit_breaker.workflow.explain.suggestion import Suggestion, joined_words

__all__ = ["FORM", "Explanation", "Reason"]

FORM: Final = "circuit-breaker.explanation/1"
"""The form of the document; its number grows when something in it is renamed, removed or means something else."""


@attrs.frozen(kw_only=True)
class Reason:
    """What can be said about one transition.

    Attributes:
        transition: Its name.
        id: Its id, which differs from the name where one name has several sources.
        enabled: Whether it can fire now.
        trigger: What makes it fire: ``"automatic"``, ``"manual"``, ``"signal"`` or ``"timer"``.
        missing: What keeps it from being enabled apart from rules, in words: tokens, a signal, a time, a reservation.
        verdict: What its rules say of the tokens it would take; None where there are no tokens to judge.
        suggestion: What it would take; None where it can fire, or the case has ended.
        remedies: Changes of data, each by path, of which any one would make its rules hold.
        roles: The roles of which whoever fires it needs one; empty where anybody may.
        refusals: When and why it was refused before, the oldest first.
        afterwards: The rules that its outcome will have to meet, in words; empty where there are none.
    """

    transition: str
    id: str
    enabled: bool
    trigger: str
    missing: tuple[str, ...] = ()
    verdict: Verdict | None = None
    suggestion: Suggestion | None = None
    remedies: tuple[Mapping[str, Any], ...] = ()
    roles: tuple[str, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    afterwards: str = ""

    def to_document(self) -> dict[str, Any]:
        """The reason as plain JSON."""
        document: dict[str, Any] = {
            "transition": self.transition,
            "id": self.id,
            "enabled": self.enabled,
            "trigger": self.trigger,
            "missing": list(self.missing),
            "roles": list(self.roles),
            "refusals": {"count": len(self.refusals), "events": [each.to_document() for each in self.refusals]},
        }
        if self.verdict is not None:
            document["verdict"] = self.verdict.to_document()
        if self.suggestion is not None:
            document["suggestion"] = self.suggestion.to_document()
        if self.remedies:
            document["remedies"] = [dict(remedy) for remedy in self.remedies]
        if self.afterwards:
            document["afterwards"] = self.afterwards
        return document

    def lines(self) -> Iterator[str]:
        """The reason as lines of text."""
        somebody = f"somebody with the role {' or '.join(self.roles)}" if self.roles else "somebody"
        how = {"automatic": "by itself", "manual": f"when {somebody} fires it"}.get(self.trigger, f"by {self.trigger}")
        yield f"{'✓' if self.enabled else '✗'} {self.id}: {f'can fire {how}' if self.enabled else 'cannot fire'}"
        if not self.enabled:
            yield from self._obstacles(somebody)
        if self.enabled and self.afterwards:
            yield f"    its outcome must meet: {self.afterwards}"
        if self.refusals:
            yield f"    {self._refused()}"

    def _obstacles(self, somebody: str) -> Iterator[str]:
        yield from (f"    {line}" for reason in self.missing for line in reason.splitlines())
        if self.verdict is not None and not self.verdict.passed:
            yield from (f"    {line}" for line in str(self.verdict).splitlines())
        told = any(text.startswith("it needs the role") for text in self.missing)
        if self.roles and self.verdict is not None and not told:
            yield f"    only {somebody} may fire it"
        if self.suggestion is not None:
            yield from self._would(self.suggestion)

    def _would(self, suggestion: Suggestion) -> Iterator[str]:
        if not suggestion.certain:
            text = f"whether it would {suggestion.text}" if suggestion.text else "what it would take"
            yield f"    {text} is not known: {suggestion.unknown}"
            return
        if suggestion.unknown and not suggestion.way:
            yield f"    {suggestion.unknown}"
            return
        if suggestion.way or not all(need.plain for need in suggestion.needs):
            yield f"    it would {suggestion.text}" + (f" ({suggestion.unknown})" if suggestion.unknown else "")
        nested = ("." in path.removeprefix("data.") for path in suggestion.changes if path.startswith("data."))
        if suggestion.give and any(nested):
            given = ", ".join(f"{key} = {value!r}" for key, value in suggestion.give.items())
            yield f"    for that, give {given}"
        leaves = () if self.verdict is None else self.verdict.leaves()
        there = {leaf.path for leaf in leaves if leaf.path and leaf.seen is not MISSING}
        yield from (f"    or with {_wish(remedy, there)}" for remedy in self._others(suggestion))

    def _others(self, suggestion: Suggestion) -> Iterator[Mapping[str, Any]]:
        """Other changes that are as small."""
        own = suggestion.changes
        if own and len(own) == len(suggestion.needs):
            yield from (remedy for remedy in self.remedies if len(remedy) <= len(own) and dict(remedy) != own)

    def _refused(self) -> str:
        last = self.refusals[-1]
        times = "once" if len(self.refusals) == 1 else f"{len(self.refusals)} times"
        who = f" by {last.by}" if last.by else ""
        when = f"{'' if len(self.refusals) == 1 else 'last '}at {last.at.isoformat(timespec='seconds')}{who}"
        return f"it was refused {times}, {when}" + (f": {'; '.join(last.reasons)}" if last.reasons else "")


def _wish(remedy: Mapping[str, Any], there: Collection[str]) -> str:
    """A remedy in words; whoever fires gives data, the rest is for actions to set."""
    changes = joined_words([told(path, value, other=path in there) for path, value in remedy.items()])
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
        version: The version of its workflow.
        at: The moment for which this holds; None where timers were left out.
        complete: Whether the refusals of all its history are told, or only of the part that was in memory.
    """

    case: str
    state: str
    status: Status
    message: str
    reasons: tuple[Reason, ...]
    interrupted: tuple[str, ...] = ()
    version: str = ""
    at: datetime | None = None
    complete: bool = True

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

    def only(self, names: Collection[str]) -> Explanation:
        """The explanation of the transitions of these names or ids; of all if none is given."""
        kept = (reason for reason in self.reasons if not names or {reason.id, reason.transition} & set(names))
        return attrs.evolve(self, reasons=tuple(kept))

    def to_document(self) -> dict[str, Any]:
        """The explanation as plain JSON."""
        return {
            "form": FORM,
            "case": self.case,
            "version": self.version,
            "at": self.at.isoformat() if self.at else None,
            "state": self.state,
            "status": self.status,
            "message": self.message,
            "enabled": list(self.enabled),
            "transitions": [reason.to_document() for reason in self.reasons],
            "interrupted": list(self.interrupted),
            "history": {"complete": self.complete},
        }

    def __str__(self) -> str:
        head = f"case {self.case} is {self.status} in {self.state or 'no state'}"
        message = [f"  {self.message}"] if self.message else []
        return "\n".join([head, *message, *(line for reason in self.reasons for line in reason.lines())])
