"""What can be wrong or odd with the rules and conditions of an activity."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Protocol

from circuit_breaker.errors import ConditionParsingError, RuleInvalid, nearest
from circuit_breaker.rules import Rule, cel

__all__ = ["Activity", "condition_of", "faults_of", "oddities_of"]


class Activity(Protocol):
    """An activity, as far as its rules are concerned; :class:`ActivityDefinition` is one."""

    @property
    def id(self) -> str:
        """Unique in its workflow."""

    @property
    def from_states(self) -> tuple[str, ...]:
        """Where it can begin."""

    @property
    def to_state(self) -> str:
        """Where it leads."""

    @property
    def conditions(self) -> tuple[str, ...]:
        """CEL texts that must all hold."""

    @property
    def rules(self) -> tuple[Rule, ...] | None:
        """Rules that must hold too."""

    @property
    def requires_all_rules(self) -> bool | None:
        """False where one of the rules is enough."""


@lru_cache(maxsize=512)
def condition_of(text: str) -> Rule:
    """The rule that a string condition says.

    Raises:
        ConditionParsingError: The text is no expression.
    """
    return cel(text)


def faults_of(activity: Activity, states: list[str], rules: Mapping[str, Rule]) -> Iterator[str]:
    """What is wrong: unknown rules, conditions that cannot be read, unknown states."""
    for rule in activity.rules or ():
        try:
            rule.resolve(rules)
        except RuleInvalid as error:
            yield str(error)
    for text in activity.conditions:
        try:
            condition_of(text)
        except ConditionParsingError as error:
            yield str(error)
    for state in (*activity.from_states, activity.to_state):
        if state not in states:
            yield f"there is no state '{state}'; {nearest(state, states)}"


def oddities_of(activity: Activity) -> Iterator[str]:
    """What looks like an oversight."""
    rules = activity.rules or ()
    if activity.requires_all_rules is not None and not rules:
        yield "says whether all rules are required, but has no rules"
    if not activity.from_states:
        yield "begins nowhere, so it is never available"
    for name in sorted({str(rule) for rule in rules if sum(rule == other for other in rules) > 1}):
        yield f"has the rule '{name}' more than once"
