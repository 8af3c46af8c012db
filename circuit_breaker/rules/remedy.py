"""The smallest change of data that would make a rule hold: found on the tree, proved by judging the changed token."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import attrs

from circuit_breaker.data import freeze
from circuit_breaker.errors import DataInvalid
from circuit_breaker.rules import analysis
from circuit_breaker.rules.analysis import PLACEHOLDER, Domain, smallest_change
from circuit_breaker.rules.condition import Condition
from circuit_breaker.rules.constant import kind_of, plain
from circuit_breaker.rules.fewest import least
from circuit_breaker.rules.leaves import FieldCondition
from circuit_breaker.rules.operators import RuleOperator
from circuit_breaker.rules.path import Path
from circuit_breaker.rules.tree import AllOf, AnyOf, Not
from circuit_breaker.rules.verdict import MISSING

if TYPE_CHECKING:
    from circuit_breaker.rules.rule import Rule

__all__ = ["PLACEHOLDER", "Change", "Smallest", "remedies", "smallest"]

Change = dict[str, Any]
"""New values by dotted path, such as ``{"data.score": 8}``."""

_ANY: Final = (PLACEHOLDER, "~", 0)
MOST: Final = 16
_TRIES: Final = 256
_EXACT: Final = 2**52
BUDGET: Final = 3_000
"""Values that are tried for one rule: some milliseconds of work, for somebody waits for the answer."""

_OPPOSITES: Final = {
    RuleOperator.EQUALS: RuleOperator.NOT_EQUALS,
    RuleOperator.NOT_EQUALS: RuleOperator.EQUALS,
    RuleOperator.GREATER_THAN: RuleOperator.LESS_THAN_OR_EQUAL,
    RuleOperator.LESS_THAN: RuleOperator.GREATER_THAN_OR_EQUAL,
    RuleOperator.GREATER_THAN_OR_EQUAL: RuleOperator.LESS_THAN,
    RuleOperator.LESS_THAN_OR_EQUAL: RuleOperator.GREATER_THAN,
    RuleOperator.EXISTS: RuleOperator.MISSING,
    RuleOperator.PRESENT: RuleOperator.MISSING,
    RuleOperator.MISSING: RuleOperator.EXISTS,
}


def remedies(tree: Condition, token: Any) -> tuple[Change, ...]:
    """The changes that would make the condition hold for the token, those of the fewest fields first; at most 16."""
    if tree.holds(token):
        return ()
    kept: list[Change] = []
    for change in itertools.islice(_changes(tree, token, wanted=True), _TRIES):
        if change not in kept and _proved(tree, token, change):
            kept.append(change)
    return tuple(sorted(kept, key=len)[:MOST])


@attrs.frozen
class Smallest:
    """The changes of the fewest fields that make a rule hold.

    Attributes:
        changes: Each makes it hold; the nearest values come first. Empty where none is known.
        minimal: Whether it is proved that no fewer fields would do; without a change, that none does.
        reason: Why that is not proved, in words.
    """

    changes: tuple[Change, ...] = ()
    minimal: bool = True
    reason: str = ""


def smallest(rule: Rule, token: Any, *, domains: Mapping[str, Domain] | None = None) -> Smallest:
    """The changes of the fewest fields that would make the rule hold for the token.

    Args:
        rule: The rule, with its names looked up.
        token: What it is judged on now.
        domains: What may be set at paths, by path.
    """
    tries = tuple(filter(_fits, remedies(rule.tree, token)))
    near = tuple(change for change in tries if len(change) == len(tries[0]))
    if near and not domains and len(near[0]) <= least(rule.tree, token):
        return Smallest(near)
    found = smallest_change(rule, token, domains=domains, budget=BUDGET)
    if found is None:
        return Smallest()
    if isinstance(found, analysis.Undecided):
        return Smallest(near, False, found.reason)
    values = dict(found.values)
    others = (change for change in near if len(change) == len(values) and change != values)
    return Smallest((values, *others), found.minimal, found.reason)


def _fits(change: Change) -> bool:
    """Whether a token of a case can hold the values."""
    try:
        freeze(change)
    except DataInvalid:
        return False
    return True


@attrs.frozen
class _Changed:
    """A token as it would be."""

    id: Any
    state: Any
    data: Any
    metadata: Any
    results: Any

    @classmethod
    def of(cls, token: Any, change: Change) -> _Changed:
        """The token with the change made.

        Raises:
            LookupError: A path leads through something that has no such place.
        """
        parts = {name: getattr(token, name) for name in ("data", "metadata", "results")}
        for text, value in change.items():
            path = Path.parse(text)
            parts[path.namespace] = path.changed(parts[path.namespace], value)
        return cls(token.id, token.state, **parts)


def _proved(tree: Condition, token: Any, change: Change) -> bool:
    """Whether the change makes the condition hold, whatever stands where any value is said to do."""
    if PLACEHOLDER not in change.values():
        return _does(tree, token, change)
    named = ({path: stands if value == PLACEHOLDER else value for path, value in change.items()} for stands in _ANY)
    return all(_does(tree, token, each) for each in named)


def _does(tree: Condition, token: Any, change: Change) -> bool:
    try:
        return tree.holds(_Changed.of(token, change))
    except (LookupError, TypeError, ValueError):  # the class of typed data refuses the value
        return False


def _changes(tree: Condition, token: Any, *, wanted: bool) -> Iterator[Change]:
    """Changes worth trying, so that the condition holds (or fails, where that is wanted)."""
    if (tree.holds if wanted else tree.fails)(token):
        yield {}
    elif isinstance(tree, Not):
        yield from _changes(tree.rule.tree, token, wanted=not wanted)
    elif isinstance(tree, (AllOf, AnyOf)):
        options = [list(itertools.islice(_changes(rule.tree, token, wanted=wanted), _TRIES)) for rule in tree.rules]
        if isinstance(tree, AllOf) is wanted:
            yield from _merged(options)
        else:
            yield from itertools.chain.from_iterable(options)
    elif isinstance(tree, FieldCondition) and not tree.path.startswith("state"):
        operator = tree.operator if wanted else _OPPOSITES.get(tree.operator)
        if operator is not None:
            yield from ({tree.path: plain(value)} for value in _values(tree, operator, token))


def _merged(options: list[list[Change]]) -> Iterator[Change]:
    for choice in itertools.product(*options):
        merged: Change = {}
        for change in choice:
            for path, value in change.items():
                if merged.get(path, PLACEHOLDER) == PLACEHOLDER:
                    merged[path] = value
        yield merged


def _values(condition: FieldCondition, operator: RuleOperator, token: Any) -> Iterator[Any]:
    """Values for the field, the smallest step first."""
    seen = Path.parse(condition.path).reader()(token)
    wanted = Path.parse(condition.other).reader()(token) if condition.other else condition.value
    if wanted is MISSING:
        return
    if operator in {RuleOperator.EQUALS, RuleOperator.GREATER_THAN_OR_EQUAL, RuleOperator.LESS_THAN_OR_EQUAL}:
        yield wanted
    elif operator in {RuleOperator.EXISTS, RuleOperator.PRESENT}:
        yield PLACEHOLDER
    elif operator is RuleOperator.MISSING:
        yield None
    elif operator in {RuleOperator.GREATER_THAN, RuleOperator.LESS_THAN}:
        yield from _beyond(wanted, 1 if operator is RuleOperator.GREATER_THAN else -1)
    elif operator is RuleOperator.NOT_EQUALS:
        yield from _other_than(wanted)
    elif operator is RuleOperator.ONE_OF or operator is RuleOperator.BETWEEN:
        yield from sorted(wanted, key=lambda value: _distance(value, seen))
    else:
        yield from _lengthened(operator, seen, wanted)


def _beyond(wanted: Any, direction: int) -> Iterator[Any]:
    """Values just beyond: one unit of the last digit written, and the very next number."""
    if kind_of(wanted) == "text":
        yield f"{wanted}a" if direction > 0 else wanted[:-1]
    elif isinstance(wanted, int):
        yield wanted + direction
        if abs(wanted) < _EXACT:
            yield wanted + direction / 2
    elif kind_of(wanted) == "number":
        unit = Decimal(1).scaleb(int(Decimal(repr(wanted)).as_tuple().exponent))
        further = float(Decimal(repr(wanted)) + direction * unit)
        next_to = math.nextafter(wanted, math.copysign(math.inf, direction))
        yield from filter(math.isfinite, (further, next_to))


def _other_than(wanted: Any) -> Iterator[Any]:
    if isinstance(wanted, bool):
        yield not wanted
    elif kind_of(wanted) == "number":
        yield from _beyond(wanted, 1)
    else:
        yield PLACEHOLDER


def _distance(value: Any, seen: Any) -> float:
    if not kind_of(value) == kind_of(seen) == "number":
        return 0.0
    try:
        return float(abs(value - seen))
    except OverflowError:  # a whole number beyond every float
        return math.inf


def _lengthened(operator: RuleOperator, seen: Any, wanted: Any) -> Iterator[Any]:
    """What was seen with the wanted text or item added."""
    if operator is RuleOperator.CONTAINS and isinstance(seen, (list, tuple)):
        yield [*seen, wanted]
    if not isinstance(wanted, str) or isinstance(seen, (list, tuple, Mapping)):
        return
    text = seen if isinstance(seen, str) else ""
    if operator is RuleOperator.STARTS_WITH:
        yield wanted + text
    elif operator in {RuleOperator.CONTAINS, RuleOperator.ENDS_WITH}:
        yield text + wanted
