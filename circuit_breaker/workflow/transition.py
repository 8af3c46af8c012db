"""Transition: one checked, compiled edge of a workflow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from circuit_breaker.net.structure import NetTransition
from circuit_breaker.rules import Field, Rule, all_of
from circuit_breaker.workflow.dealing import Deal
from circuit_breaker.workflow.flow import Call, Effect, Step
from circuit_breaker.workflow.timing import After, Automatic, Every, Manual, OnSignal, RetryPolicy, Trigger

__all__ = ["Transition"]


@attrs.frozen(eq=False)
class Transition:
    """How tokens get elsewhere.

    Attributes:
        id: Unique in the workflow: the name, and the sources too where one name has several.
        name: What it is fired by.
        index: Its place in the order of definition.
        net: Its arcs.
        stamps: For each state entered that records the time, the metadata key.
        counts: Metadata keys to which a firing adds one.
        restarts: Metadata keys that a firing sets to 0.
        guard: Judged before; while it is false, the transition is not possible.
        validations: Judged before the action.
        rules: Judged after the action, on its result.
        otherwise: The state that a refused policy leads to.
        on_failure: The state that an exhausted action leads to.
        gate: The rules that are judged before anything is done, as one; None where there are none.
        admits: The test of the gate.
        target: The only state it leads to, where firing does nothing but move one token there.
        signal: The name of the signal it waits for, or an empty text.
        delay: Seconds after entering its state at which it fires, or None where it does not wait for a time.
        easy: The state it takes its only token from, where nothing but its gate can hold it up.
        claims: How many tokens it brings into states into which it may go only while others are not there: these are
            as good as there while its action is in progress.
    """

    id: str
    name: str
    index: int
    net: NetTransition
    trigger: Trigger
    stamps: Mapping[str, str] = attrs.field(factory=dict)
    counts: tuple[str, ...] = ()
    restarts: tuple[str, ...] = ()
    guard: Rule | None = None
    validations: Rule | None = None
    rules: Rule | None = None
    steps: tuple[Step, ...] = ()
    timeout: float | None = None
    retry: RetryPolicy | None = None
    priority: int = 0
    otherwise: str | None = None
    on_failure: str | None = None
    compensate: Call | None = None
    effect: Effect = "idempotent"
    again_if: Rule | None = None
    roles: tuple[str, ...] = ()
    description: str = ""
    merge: Callable[..., Any] | None = None
    correlate: Field | None = None
    deal: Deal | None = None
    together: bool = False
    metadata: Mapping[str, Any] = attrs.field(factory=dict)
    gate: Rule | None = attrs.field(init=False)
    admits: Callable[[Any], bool] | None = attrs.field(init=False)
    target: str | None = attrs.field(init=False)
    signal: str = attrs.field(init=False)
    delay: float | None = attrs.field(init=False)
    easy: str | None = attrs.field(init=False)
    claims: Mapping[str, int] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        judged = (self.guard, self.validations, None if self.steps else self.rules)
        before = [rule for rule in judged if rule is not None]
        gate = None if not before else before[0] if len(before) == 1 else all_of(*before)
        object.__setattr__(self, "gate", gate)
        object.__setattr__(self, "admits", None if gate is None else gate.test)
        gives = self.net.gives
        writes = self.stamps or self.counts or self.restarts or self.deal
        simple = len(gives) == 1 and gives[0].weight == 1 and not (self.net.resets or writes or self.merge)
        object.__setattr__(self, "target", gives[0].place if simple else None)
        object.__setattr__(self, "signal", self.trigger.name if isinstance(self.trigger, OnSignal) else "")
        object.__setattr__(self, "delay", self._delay())
        bound = self.roles or self.signal or self.delay is not None
        object.__setattr__(self, "easy", None if bound else self.net.plain)
        barred = {arc.place for arc in self.net.inhibitors}
        object.__setattr__(self, "claims", {arc.place: arc.weight for arc in gives if arc.place in barred})

    @property
    def automatic(self) -> bool:
        """Whether it fires by itself as soon as it is enabled."""
        return isinstance(self.trigger, Automatic)

    @property
    def waits(self) -> bool:
        """Whether it waits for somebody, a signal or a time."""
        return isinstance(self.trigger, (Manual, OnSignal, After, Every))

    def _delay(self) -> float | None:
        if isinstance(self.trigger, After):
            return self.trigger.delay
        return self.trigger.interval if isinstance(self.trigger, Every) else None

    @property
    def sources(self) -> tuple[str, ...]:
        """The states that it takes tokens from."""
        return tuple(arc.place for arc in self.net.takes)

    @property
    def targets(self) -> tuple[str, ...]:
        """The states that it can lead to, also by a refusal or a failure."""
        others = (state for state in (self.otherwise, self.on_failure) if state is not None)
        return (*(arc.place for arc in self.net.gives), *others)

    @property
    def alone(self) -> bool:
        """Whether it takes one token only."""
        takes = self.net.takes
        return len(takes) == 1 and takes[0].weight == 1

    @property
    def order(self) -> tuple[int, int]:
        """What it is sorted by among those that could fire: the least comes first."""
        return -self.priority, self.index
