"""Findings: what is wrong with a workflow, each with the shortest way to it and how to mend it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.errors import nearest
from circuit_breaker.rules.constant import plain

__all__ = ["KINDS", "Counterexample", "Finding", "Kind", "Mend", "Step"]

Severity = Literal["error", "warning"]


@attrs.frozen
class Kind:
    """A kind of finding.

    Attributes:
        code: Its stable code.
        severity: ``error``: the workflow is not sound. ``warning``: it is, but that is probably not meant.
        meaning: What it means.
    """

    code: str
    severity: Severity
    meaning: str


_ALL = (
    Kind("unbounded", "error", "tokens pile up in a state without end"),
    Kind("starved-join", "error", "a join waits for a token that can never come"),
    Kind("left-behind", "error", "a branch has ended, but a token of another is left that nothing takes"),
    Kind("gap", "error", "for some data no transition lets a token pass, and nothing else can happen"),
    Kind("refused", "error", "the result of an action is refused, and nothing else can happen"),
    Kind("trap", "error", "a token can come to a state that is not final and that nothing leaves"),
    Kind("stuck", "error", "a case can come to where nothing can happen, though it has not ended"),
    Kind("livelock", "error", "a case can come to where it can go round for ever, but never end"),
    Kind("endless", "error", "what happens by itself leads round in a circle, so that the case never rests"),
    Kind("dead-transition", "error", "a transition can never fire"),
    Kind("contradictory", "error", "a transition can never fire, for no data pass its rules"),
    Kind("shadowed", "error", "a transition can never fire, for another one always comes first"),
    Kind("never-ends", "error", "no case can ever end"),
    Kind("violated", "error", "a property that was asked for does not hold"),
    Kind("runs-twice", "warning", "two tokens of one case can be in a state, so that what follows happens twice"),
    Kind("never-entered", "warning", "no case ever comes to a state"),
    Kind("dead-way", "warning", "a way out of a refusal or failure can never be taken"),
    Kind("decided-by-order", "warning", "two transitions let the same data pass, so that only their order decides"),
    Kind("gap-unknown", "warning", "where a value is missing or of another kind, no transition lets the token pass"),
)
KINDS: Final[Mapping[str, Kind]] = {kind.code: kind for kind in _ALL}
"""Every kind of finding, by its code."""


@attrs.frozen
class Step:
    """One thing that happens on the way to a failure.

    Attributes:
        transition: The id of the transition.
        way: How it ends: ``fires``, ``otherwise`` (refused, and led elsewhere), ``failed`` (the action did, and led
            elsewhere) or ``refused`` (its result was, and the token stays); or ``begins``, where its action begins and
            something else happens before that ends.
        by: What makes it happen: ``itself``, ``a person``, ``signal 'x'`` or ``time``.
        data: The data that come with it, where they matter.
        states: The tokens of each state after it.
    """

    transition: str
    way: str = "fires"
    by: str = "itself"
    data: Mapping[str, Any] | None = None
    states: Mapping[str, int] = attrs.field(factory=dict)

    @property
    def name(self) -> str:
        """The name of the step in a drawn path, such as ``"approve/otherwise"``."""
        return self.transition if self.way in ("fires", "refused", "begins") else f"{self.transition}/{self.way}"

    def to_document(self) -> dict[str, Any]:
        """The step as plain JSON."""
        data = {} if self.data is None else {"data": plain(self.data)}
        return {"transition": self.transition, "way": self.way, "by": self.by, **data, "states": dict(self.states)}

    def __str__(self) -> str:
        ends = {
            "begins": " begins; still",
            "otherwise": " is refused, and leads",
            "failed": " fails, and leads",
            "refused": " is refused; still",
        }
        where = ", ".join(state if count == 1 else f"{count}×{state}" for state, count in self.states.items())
        told = f" with {plain(self.data)}" if self.data else ""
        by = "" if self.by == "itself" else f" ({self.by})"
        return f"{self.transition}{by}{told}{ends.get(self.way, '')} → {where or 'no state'}"


@attrs.frozen
class Counterexample:
    """A shortest way from the start to where something is wrong.

    Attributes:
        initial: The tokens of each state at the start.
        data: The data that the case begins with, where they matter.
        steps: What happens.
        repeats: How many of the last steps can be repeated for ever.
        confirmed: Whether it was gone through with the firing rules of the engine, and led there.
    """

    initial: Mapping[str, int]
    data: Mapping[str, Any] = attrs.field(factory=dict)
    steps: tuple[Step, ...] = ()
    repeats: int = 0
    confirmed: bool = False

    @property
    def path(self) -> tuple[str, ...]:
        """The transitions, as :meth:`Workflow.draw` takes them; those that leave the tokens where they are left out."""
        return tuple(step.name for step in self.steps if step.way not in ("refused", "begins"))

    @property
    def known(self) -> Mapping[str, Any]:
        """The data that came last; empty where none matter."""
        return next((step.data for step in reversed(self.steps) if step.data), self.data)

    @property
    def with_data(self) -> str:
        """These in words, such as ``" with {'x': 1}"``; an empty text where there are none."""
        return f" with {plain(self.known)}" if self.known else ""

    @property
    def states(self) -> Mapping[str, int]:
        """The tokens of each state at the end."""
        return self.steps[-1].states if self.steps else self.initial

    def to_document(self) -> dict[str, Any]:
        """The way as plain JSON."""
        return {
            "initial": dict(self.initial),
            "data": plain(self.data),
            "transitions": [step.name for step in self.steps],
            "steps": [step.to_document() for step in self.steps],
            "repeats": self.repeats,
            "confirmed": self.confirmed,
        }

    def __str__(self) -> str:
        begins = ", ".join(self.initial)
        lines = [f"a case begins in {begins}" + (f" with {plain(self.data)}" if self.data else "")]
        lines += [f"{number}. {step}" for number, step in enumerate(self.steps, start=1)]
        if self.repeats:
            lines.append(f"and again from step {len(self.steps) - self.repeats + 1}, for ever")
        return "\n".join(lines)


@attrs.frozen
class Mend:
    """A way to put it right.

    Attributes:
        text: What to do, in the words of a definition.
        verified: Whether it was done, and the finding was gone.
    """

    text: str
    verified: bool = False


def _kind(value: str) -> str:
    if value not in KINDS:
        raise ValueError(f"there is no finding '{value}'; {nearest(value, KINDS)}")
    return value


@attrs.frozen
class Finding:
    """Something that is wrong.

    Attributes:
        code: What kind it is; see :data:`KINDS`.
        text: It in words.
        about: The state, transition or property that it is about.
        counterexample: The shortest way to it; None where it is that something never happens.
        mend: How to put it right; None where nothing is proposed.
        certain: Whether it is proved to happen. Otherwise it may, if data that could not be found are possible.
        severity: ``error`` or ``warning``.
    """

    code: str = attrs.field(converter=_kind)
    text: str
    about: str = ""
    counterexample: Counterexample | None = None
    mend: Mend | None = None
    certain: bool = True
    severity: Severity = attrs.field()

    @severity.default
    def _severity(self) -> Severity:
        return KINDS[self.code].severity

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the other findings of one workflow."""
        return self.code, self.about

    def to_document(self) -> dict[str, Any]:
        """The finding as plain JSON."""
        example = self.counterexample
        mend = None if self.mend is None else {"text": self.mend.text, "verified": self.mend.verified}
        return {
            "code": self.code,
            "severity": self.severity,
            "certain": self.certain,
            "about": self.about,
            "text": self.text,
            "counterexample": None if example is None else example.to_document(),
            "mend": mend,
        }

    def __str__(self) -> str:
        head = f"{self.severity} [{self.code}] {'' if self.certain else 'perhaps: '}{self.text}"
        lines: Iterable[str] = [head]
        if self.counterexample is not None and (self.counterexample.steps or self.counterexample.data):
            lines = [*lines, *(f"  {line}" for line in str(self.counterexample).splitlines())]
        if self.mend is not None:
            lines = [*lines, f"  mend: {self.mend.text}{' (tried: it is gone then)' if self.mend.verified else ''}"]
        return "\n".join(lines)
