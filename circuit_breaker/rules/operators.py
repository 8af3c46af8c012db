"""What a field condition can ask of a value: the operators, each with its check, its answer and its words.

An answer is True, False, or None where the value cannot be compared at all. JSON's kinds hold: a boolean is no
number, only numbers order with numbers and text with text.
"""

from __future__ import annotations

import enum
import operator as compare
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.errors import RuleInvalid, nearest
from circuit_breaker.rules import schema
from circuit_breaker.rules.constant import frozen, kind_of, same, spelled
from circuit_breaker.rules.expression.pattern import compile_pattern

__all__ = ["OPERATIONS", "Answer", "Operation", "RuleOperator"]

Answer = Callable[[Any], bool | None]
"""Judges the value that was seen: True, False, or None where it is not comparable."""


class RuleOperator(enum.StrEnum):
    """How a field is compared; the value is what stands in documents."""

    EQUALS = "=="
    NOT_EQUALS = "!="
    GREATER_THAN = ">"
    LESS_THAN = "<"
    GREATER_THAN_OR_EQUAL = ">="
    LESS_THAN_OR_EQUAL = "<="
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    EXISTS = "exists"
    MISSING = "missing"
    PRESENT = "present"
    MATCHES = "matches"
    ONE_OF = "one_of"
    BETWEEN = "between"
    LENGTH = "length"
    IS = "is"
    JSON_SCHEMA = "json_schema"

    @classmethod
    def of(cls, text: Any) -> RuleOperator:
        """The operator of that text; ``startsWith`` and ``endsWith`` are read as well.

        Raises:
            RuleInvalid: There is none.
        """
        known = {member.value: member for member in cls} | {"startsWith": cls.STARTS_WITH, "endsWith": cls.ENDS_WITH}
        if not isinstance(text, str) or text not in known:
            raise RuleInvalid(f"there is no operator {text!r}", remedy=nearest(str(text), known))
        return known[text]


def _any_constant(value: Any, where: str) -> Any:
    return frozen(value, where=where)


def _no_constant(value: Any, where: str) -> Any:
    if value is not None:
        raise RuleInvalid(f"{where} takes no value, got {value!r}")


def _orderable(value: Any, where: str) -> Any:
    if kind_of(value) not in {"number", "text"}:
        raise RuleInvalid(f"{where}: {value!r} has no order", remedy="order against a number or a text")
    return frozen(value, where=where)


def _text(value: Any, where: str) -> Any:
    if not isinstance(value, str):
        raise RuleInvalid(f"{where}: {value!r} is no text")
    return value


def _pattern(value: Any, where: str) -> Any:
    compile_pattern(_text(value, where))
    return value


def _list(value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)) or not value:
        raise RuleInvalid(f"{where}: {value!r} is no list of values", remedy="name at least one value")
    return frozen(value, where=where)


def _bounds(value: Any, where: str) -> Any:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise RuleInvalid(f"{where}: {value!r} is no pair of bounds", remedy="give the lowest and the highest value")
    low, high = (_orderable(bound, where) for bound in value)
    if kind_of(low) != kind_of(high) or low > high:
        raise RuleInvalid(f"{where}: nothing is between {low!r} and {high!r}", remedy="give the lower bound first")
    return (low, high)


_SIZES: Final = {"minimum": ">=", "maximum": "<=", "exactly": "=="}


def _sizes(value: Any, where: str) -> Any:
    if not isinstance(value, Mapping) or not value or not value.keys() <= _SIZES.keys():
        raise RuleInvalid(f"{where}: {value!r} says no length", remedy="give minimum, maximum or exactly")
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in value.values()):
        raise RuleInvalid(f"{where}: a length is a whole number from 0, got {dict(value)!r}")
    if value.get("minimum", 0) > value.get("maximum", value.get("minimum", 0)):
        raise RuleInvalid(f"{where}: the minimum {value['minimum']} is above the maximum {value['maximum']}")
    return frozen({name: value[name] for name in _SIZES if name in value}, where=where)


def _of_kind(kind: str) -> Answer:
    return lambda seen: kind_of(seen) == kind


_IS: Final[dict[str, Answer]] = {
    **{kind: _of_kind(kind) for kind in ("number", "text", "boolean", "list", "object")},
    "null": lambda seen: seen is None,
    "integer": lambda seen: kind_of(seen) == "number" and float(seen).is_integer(),
}


def _kind(value: Any, where: str) -> Any:
    if not isinstance(value, str) or value not in _IS:
        raise RuleInvalid(f"{where}: there is no kind {value!r}", remedy=nearest(str(value), _IS))
    return value


def _ordering(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Answer]:
    def bind(wanted: Any) -> Answer:
        kind = kind_of(wanted)
        if kind not in {"number", "text"}:
            return lambda _: None
        return lambda seen: holds(seen, wanted) if kind_of(seen) == kind else None

    return bind


def _texts(holds: Callable[[str, str], bool]) -> Callable[[Any], Answer]:
    def bind(wanted: Any) -> Answer:
        return lambda seen: holds(seen, wanted) if isinstance(seen, str) and isinstance(wanted, str) else None

    return bind


def _containing(wanted: Any) -> Answer:
    def answer(seen: Any) -> bool | None:
        kind = kind_of(seen)
        if kind == "list":
            return any(same(item, wanted) for item in seen)
        return wanted in seen if kind in {"text", "object"} and isinstance(wanted, str) else None

    return answer


def _matching(wanted: Any) -> Answer:
    pattern = compile_pattern(wanted)
    return lambda seen: pattern.search(seen) if isinstance(seen, str) else None


def _among(wanted: Any) -> Answer:
    return lambda seen: any(same(seen, value) for value in wanted)


def _within(wanted: Any) -> Answer:
    low, high = wanted
    kind = kind_of(low)
    return lambda seen: low <= seen <= high if kind_of(seen) == kind else None


def _sized(wanted: Any) -> Answer:
    exactly = wanted.get("exactly")
    low, high = wanted.get("minimum", 0), wanted.get("maximum", float("inf"))

    def answer(seen: Any) -> bool | None:
        if kind_of(seen) not in {"text", "list", "object"}:
            return None
        return low <= len(seen) <= high and exactly in {None, len(seen)}

    return answer


def _is_present(seen: Any) -> bool:
    return seen is not None and (kind_of(seen) not in {"text", "list", "object"} or len(seen) > 0)


def _size_words(wanted: Any) -> str:
    words = {"minimum": "at least", "maximum": "at most", "exactly": "exactly"}
    return "has a length of " + " and ".join(f"{words[name]} {size}" for name, size in wanted.items())


@attrs.frozen
class Operation:
    """All that is known of one operator.

    Attributes:
        phrase: Its words after the path, ``"{}"`` standing for the constant; or a function of the constant.
        check: Gives the constant to keep, or raises RuleInvalid; called with the constant and where it stands.
        bind: Gives the answer for a constant.
        expression: The CEL text for the path ``{0}`` and the constant ``{1}``; or a function of both. Empty where CEL
            has none.
        absent: The answer where the value is missing, or None where that is not known.
        wanted: What would have passed, where the phrase does not say it well.
        comparing: Whether another field can stand in place of the constant.
        explain: Says why a value failed, where that needs words of its own.
    """

    phrase: str | Callable[[Any], str]
    check: Callable[[Any, str], Any]
    bind: Callable[[Any], Answer]
    expression: str | Callable[[str, Any], str] = ""
    absent: bool | None = None
    wanted: str = ""
    comparing: bool = False
    explain: Callable[[Any, Any], str] | None = None

    def words(self, constant: Any) -> str:
        """The operator and its constant in words, such as ``'>= 8'``."""
        return self.phrase.format(spelled(constant)) if isinstance(self.phrase, str) else self.phrase(constant)

    def cel(self, path: str, constant: Any) -> str:
        """The condition as CEL text, or an empty text where CEL cannot say it."""
        if isinstance(self.expression, str):
            return self.expression.format(path, spelled(constant, most=1_000_000))
        return self.expression(path, constant)

    def against(self, path: str, other: str) -> str:
        """The comparison of two paths as CEL text, or an empty text where CEL cannot say it."""
        return self.expression.format(path, other) if isinstance(self.expression, str) else ""


def _comparison(symbol: str, bind: Callable[[Any], Answer], check: Callable[[Any, str], Any]) -> Operation:
    return Operation(f"{symbol} {{}}", check, bind, f"{{0}} {symbol} {{1}}", comparing=True)


def _cel_contains(path: str, constant: Any) -> str:
    return f"{path}.contains({spelled(constant)})" if isinstance(constant, str) else f"{spelled(constant)} in {path}"


def _cel_length(path: str, constant: Any) -> str:
    return " && ".join(f"size({path}) {_SIZES[name]} {size}" for name, size in constant.items())


def _cel_between(path: str, constant: Any) -> str:
    return f"{path} >= {spelled(constant[0])} && {path} <= {spelled(constant[1])}"


OPERATIONS: Final[Mapping[RuleOperator, Operation]] = {
    RuleOperator.EQUALS: _comparison("==", lambda wanted: lambda seen: same(seen, wanted), _any_constant),
    RuleOperator.NOT_EQUALS: _comparison("!=", lambda wanted: lambda seen: not same(seen, wanted), _any_constant),
    RuleOperator.GREATER_THAN: _comparison(">", _ordering(compare.gt), _orderable),
    RuleOperator.LESS_THAN: _comparison("<", _ordering(compare.lt), _orderable),
    RuleOperator.GREATER_THAN_OR_EQUAL: _comparison(">=", _ordering(compare.ge), _orderable),
    RuleOperator.LESS_THAN_OR_EQUAL: _comparison("<=", _ordering(compare.le), _orderable),
    RuleOperator.CONTAINS: Operation("contains {}", _any_constant, _containing, _cel_contains, comparing=True),
    RuleOperator.STARTS_WITH: Operation(
        "starts with {}", _text, _texts(str.startswith), "{0}.startsWith({1})", comparing=True
    ),
    RuleOperator.ENDS_WITH: Operation("ends with {}", _text, _texts(str.endswith), "{0}.endsWith({1})", comparing=True),
    RuleOperator.EXISTS: Operation(
        "exists", _no_constant, lambda _: lambda seen: seen is not None, "{0} != null", absent=False, wanted="a value"
    ),
    RuleOperator.MISSING: Operation(
        "is missing", _no_constant, lambda _: lambda seen: seen is None, "", absent=True, wanted="no value"
    ),
    RuleOperator.PRESENT: Operation(
        "is present", _no_constant, lambda _: _is_present, "", absent=False, wanted="a value that is not empty"
    ),
    RuleOperator.MATCHES: Operation("matches {}", _pattern, _matching, "{0}.matches({1})"),
    RuleOperator.ONE_OF: Operation(
        lambda constant: f"is one of {', '.join(map(spelled, constant))}", _list, _among, "{0} in {1}"
    ),
    RuleOperator.BETWEEN: Operation(
        lambda constant: f"is between {spelled(constant[0])} and {spelled(constant[1])}", _bounds, _within, _cel_between
    ),
    RuleOperator.LENGTH: Operation(_size_words, _sizes, _sized, _cel_length),
    RuleOperator.IS: Operation(lambda constant: f"is {_article(constant)}", _kind, _IS.__getitem__),
    RuleOperator.JSON_SCHEMA: Operation(
        "fits the JSON schema {}", schema.checked, schema.fitting, wanted="a value that fits", explain=schema.misfit
    ),
}


def _article(kind: str) -> str:
    if kind in {"null", "text"}:
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
