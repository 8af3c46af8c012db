"""Conditions that are asked for again and again, as functions that give rules.

A field is named by its path (``"title"``, ``"metadata.source"``) or given as a :class:`Field`. All but :func:`custom`
can be written to a document.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import combinations
from typing import Any, Final

from circuit_breaker.errors import RuleInvalid, nearest
from circuit_breaker.rules.combine import all_of, any_of, as_rule
from circuit_breaker.rules.field import Field, field
from circuit_breaker.rules.rule import Rule, rule

__all__ = [
    "custom",
    "depends_on",
    "different_values",
    "has_confidence",
    "has_error",
    "json_schema",
    "length",
    "matches",
    "meets_quality",
    "numericality",
    "one_of",
    "presence",
    "requires",
]

FieldLike = str | Field


def _field(what: FieldLike) -> Field:
    return what if isinstance(what, Field) else field(what)


def _every(rules: list[Rule]) -> Rule:
    return rules[0] if len(rules) == 1 else all_of(*rules)


def presence(*fields: FieldLike) -> Rule:
    """Every one of the fields is there, not null and not empty.

    Raises:
        RuleInvalid: No field is named.
    """
    if not fields:
        raise RuleInvalid("presence() names no field", remedy="name at least one, such as presence('title')")
    return _every([_field(each).present() for each in fields])


def different_values(*fields: FieldLike) -> Rule:
    """The fields are all there, and no two of them are equal.

    Raises:
        RuleInvalid: Fewer than two fields are named.
    """
    if len(fields) < 2:
        raise RuleInvalid(
            "different_values() needs two fields or more", remedy="name them, as in ('author', 'reviewer')"
        )
    return _every([one != other for one, other in combinations(map(_field, fields), 2)])


def matches(what: FieldLike, pattern: str) -> Rule:
    """The field is a text in which the pattern (RE2 syntax) is found somewhere."""
    return _field(what).matches(pattern)


def one_of(what: FieldLike, *values: Any) -> Rule:
    """The field equals one of the values, which may also be given as one list."""
    given = values[0] if len(values) == 1 and isinstance(values[0], (list, tuple, set, frozenset)) else values
    return _field(what).one_of(*given)


def length(
    what: FieldLike, *, minimum: int | None = None, maximum: int | None = None, exactly: int | None = None
) -> Rule:
    """The field is a text, list or object of such a length, in characters or items."""
    return _field(what).length(minimum=minimum, maximum=maximum, exactly=exactly)


_BOUNDS: Final[Mapping[str, Callable[[Field, Any], Any]]] = {
    "greater_than": lambda each, bound: each > bound,
    "greater_than_or_equal_to": lambda each, bound: each >= bound,
    "less_than": lambda each, bound: each < bound,
    "less_than_or_equal_to": lambda each, bound: each <= bound,
    "equal_to": lambda each, bound: each == bound,
    "other_than": lambda each, bound: each != bound,
}


def numericality(what: FieldLike, *, only_integer: bool = False, **bounds: float) -> Rule:
    """The field is a number within the bounds.

    Args:
        what: The field.
        only_integer: Whether it must be a whole number (7.0 is one).
        **bounds: ``greater_than``, ``greater_than_or_equal_to``, ``less_than``, ``less_than_or_equal_to``,
            ``equal_to``, ``other_than``.

    Raises:
        RuleInvalid: A bound has another name, or is no number.
    """
    each = _field(what)
    rules = [each.is_a("integer" if only_integer else "number")]
    for name, bound in bounds.items():
        if name not in _BOUNDS:
            raise RuleInvalid(f"numericality() knows no bound '{name}'", remedy=nearest(name, _BOUNDS))
        if isinstance(bound, bool) or not isinstance(bound, (int, float)):
            raise RuleInvalid(f"numericality() of '{each.path}': {name}={bound!r} is no number")
        rules.append(_BOUNDS[name](each, bound))
    return _every(rules)


def json_schema(schema: Mapping[str, Any], what: FieldLike = "data") -> Rule:
    """The field (the whole data if none is named) fits the JSON Schema, of draft 2020-12 unless it says another.

    The schema is compiled once. References out of it are refused, and patterns are judged in linear time.

    Raises:
        RuleInvalid: The schema is not valid.
    """
    return _field(what).fits(schema)


def depends_on(what: FieldLike, *needs: FieldLike | Rule) -> Rule:
    """Where the field is present, so are the fields that it needs; a rule among them must hold then.

    Raises:
        RuleInvalid: Nothing is needed.
    """
    if not needs:
        raise RuleInvalid("depends_on() names nothing that is needed", remedy="as in depends_on('paid_at', 'invoice')")
    rules = [as_rule(need) if isinstance(need, Rule) else _field(need).present() for need in needs]
    return any_of(~_field(what).present(), _every(rules))


def custom(predicate: Callable[[Any], Any], *, name: str = "", description: str = "") -> Rule:
    """The function of a token says so; one that raises does not pass."""
    said = {key: value for key, value in {"name": name, "description": description}.items() if value}
    return rule(predicate, **said)


def meets_quality(threshold: float) -> Rule:
    """``data.quality_score`` is at least the threshold."""
    return field("quality_score") >= threshold


def has_confidence(threshold: float) -> Rule:
    """``data.confidence_score`` is at least the threshold."""
    return field("confidence_score") >= threshold


def requires(what: FieldLike) -> Rule:
    """The field is there, not null and not empty."""
    return presence(what)


def has_error() -> Rule:
    """``data.status`` is ``"error"``."""
    return field("status") == "error"
