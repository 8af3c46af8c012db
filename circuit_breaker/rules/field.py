"""Field: names a value on the token. Compared, it is a rule; given as a parameter, it is a reference."""

from __future__ import annotations

from typing import Any, NoReturn

import attrs

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules.leaves import FieldCondition
from circuit_breaker.rules.operators import RuleOperator
from circuit_breaker.rules.path import Path, Read
from circuit_breaker.rules.rule import Rule

__all__ = ["Field", "field"]


def _path(text: Any) -> str:
    if isinstance(text, Field):
        raise RuleInvalid(f"{text!r} is a field already", remedy="give its path as text")
    return Path.parse(text).text


@attrs.frozen(eq=False, repr=False)
class Field:
    """A field of the token; under ``data``, unless its path begins with another namespace or is ``state``.

    Comparisons follow JSON: a boolean is no number, 1 equals 1.0, only numbers order with numbers and text with text. A
    missing value passes no comparison; neither does the negation of one.

    Attributes:
        path: The dotted path with its namespace, such as ``"data.score"``.
        read: Gives the value on a token, or :data:`MISSING`.
    """

    path: str = attrs.field(converter=_path)
    read: Read = attrs.field(
        init=False, default=attrs.Factory(lambda self: Path.parse(self.path).reader(), takes_self=True)
    )

    @property
    def paths(self) -> frozenset[str]:
        """The path, as a set."""
        return frozenset({self.path})

    def _is(self, operator: RuleOperator, value: Any = None) -> Rule:
        if isinstance(value, Field):
            return Rule(FieldCondition(self.path, operator, other=value.path))
        return Rule(FieldCondition(self.path, operator, value))

    def __eq__(self, other: object) -> Rule:  # type: ignore[override]  # a comparison is a rule
        return self._is(RuleOperator.EQUALS, other)

    def __ne__(self, other: object) -> Rule:  # type: ignore[override]
        return self._is(RuleOperator.NOT_EQUALS, other)

    def __lt__(self, other: Any) -> Rule:
        return self._is(RuleOperator.LESS_THAN, other)

    def __le__(self, other: Any) -> Rule:
        return self._is(RuleOperator.LESS_THAN_OR_EQUAL, other)

    def __gt__(self, other: Any) -> Rule:
        return self._is(RuleOperator.GREATER_THAN, other)

    def __ge__(self, other: Any) -> Rule:
        return self._is(RuleOperator.GREATER_THAN_OR_EQUAL, other)

    def exists(self) -> Rule:
        """It is there and not null."""
        return self._is(RuleOperator.EXISTS)

    def missing(self) -> Rule:
        """It is not there, or null."""
        return self._is(RuleOperator.MISSING)

    def present(self) -> Rule:
        """It is there, not null, and no empty text, list or object."""
        return self._is(RuleOperator.PRESENT)

    def contains(self, value: Any) -> Rule:
        """It is a text with that text in it, a list with that item, or an object with that key."""
        return self._is(RuleOperator.CONTAINS, value)

    def starts_with(self, text: str | Field) -> Rule:
        """It is a text that begins so."""
        return self._is(RuleOperator.STARTS_WITH, text)

    def ends_with(self, text: str | Field) -> Rule:
        """It is a text that ends so."""
        return self._is(RuleOperator.ENDS_WITH, text)

    def matches(self, pattern: str) -> Rule:
        """It is a text in which the pattern (RE2 syntax, judged in linear time) is found somewhere."""
        return self._is(RuleOperator.MATCHES, pattern)

    def is_true(self) -> Rule:
        """It is ``true``: the same as ``== True``, which linters dislike."""
        return self._is(RuleOperator.EQUALS, True)

    def is_false(self) -> Rule:
        """It is ``false``; a missing value is not."""
        return self._is(RuleOperator.EQUALS, False)

    def one_of(self, *values: Any) -> Rule:
        """It equals one of the values."""
        return self._is(RuleOperator.ONE_OF, values)

    def between(self, low: Any, high: Any) -> Rule:
        """It is from ``low`` to ``high``, both included."""
        return self._is(RuleOperator.BETWEEN, (low, high))

    def length(self, *, minimum: int | None = None, maximum: int | None = None, exactly: int | None = None) -> Rule:
        """It is a text, list or object of such a length, in characters or items."""
        sizes = {"minimum": minimum, "maximum": maximum, "exactly": exactly}
        return self._is(RuleOperator.LENGTH, {name: size for name, size in sizes.items() if size is not None})

    def is_a(self, kind: str) -> Rule:
        """It is a ``number``, ``integer``, ``text``, ``boolean``, ``list``, ``object`` or ``null``."""
        return self._is(RuleOperator.IS, kind)

    def fits(self, schema: Any) -> Rule:
        """It fits the JSON Schema (a dict; references out of the schema are refused)."""
        return self._is(RuleOperator.JSON_SCHEMA, schema)

    def __hash__(self) -> int:
        return hash(self.path)

    def __bool__(self) -> NoReturn:
        raise TypeError(f"{self!r} is neither true nor false without a token; write .exists(), or compare it")

    def __repr__(self) -> str:
        return f"field({self.path!r})"


def field(path: str) -> Field:
    """The field at the dotted path, such as ``"score"``, ``"metadata.source"`` or ``"items.0.id"``.

    Raises:
        RuleInvalid: The text is no path.
    """
    return Field(path)
