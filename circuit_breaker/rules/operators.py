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
from circuit_breaker.lazy import deferred
from circuit_breaker.rules import operands, schema
from circuit_breaker.rules.constant import kind_of, same, spelled

__all__ = ["OPERATIONS", "Answer", "Operation", "RuleOperator"]

compile_pattern = deferred("circuit_breaker.rules.expression.pattern", "compile_pattern")

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


@attrs.frozen(eq=False, repr=False)
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
    return " && ".join(f"size({path}) {operands.SIZES[name]} {size}" for name, size in constant.items())


def _cel_between(path: str, constant: Any) -> str:
    return f"{path} >= {spelled(constant[0])} && {path} <= {spelled(constant[1])}"


OPERATIONS: Final[Mapping[RuleOperator, Operation]] = {
    RuleOperator.EQUALS: _comparison("==", lambda wanted: lambda seen: same(seen, wanted), operands.any_constant),
    RuleOperator.NOT_EQUALS: _comparison(
        "!=", lambda wanted: lambda seen: not same(seen, wanted), operands.any_constant
    ),
    RuleOperator.GREATER_THAN: _comparison(">", _ordering(compare.gt), operands.orderable),
    RuleOperator.LESS_THAN: _comparison("<", _ordering(compare.lt), operands.orderable),
    RuleOperator.GREATER_THAN_OR_EQUAL: _comparison(">=", _ordering(compare.ge), operands.orderable),
    RuleOperator.LESS_THAN_OR_EQUAL: _comparison("<=", _ordering(compare.le), operands.orderable),
    RuleOperator.CONTAINS: Operation("contains {}", operands.any_constant, _containing, _cel_contains, comparing=True),
    RuleOperator.STARTS_WITH: Operation(
        "starts with {}", operands.text, _texts(str.startswith), "{0}.startsWith({1})", comparing=True
    ),
    RuleOperator.ENDS_WITH: Operation(
        "ends with {}", operands.text, _texts(str.endswith), "{0}.endsWith({1})", comparing=True
    ),
    RuleOperator.EXISTS: Operation(
        "exists",
        operands.no_constant,
        lambda _: lambda seen: seen is not None,
        "{0} != null",
        absent=False,
        wanted="a value",
    ),
    RuleOperator.MISSING: Operation(
        "is missing", operands.no_constant, lambda _: lambda seen: seen is None, "", absent=True, wanted="no value"
    ),
    RuleOperator.PRESENT: Operation(
        "is present", operands.no_constant, lambda _: _is_present, "", absent=False, wanted="a value that is not empty"
    ),
    RuleOperator.MATCHES: Operation("matches {}", operands.pattern, _matching, "{0}.matches({1})"),
    RuleOperator.ONE_OF: Operation(
        lambda constant: f"is one of {', '.join(map(spelled, constant))}", operands.values, _among, "{0} in {1}"
    ),
    RuleOperator.BETWEEN: Operation(
        lambda constant: f"is between {spelled(constant[0])} and {spelled(constant[1])}",
        operands.bounds,
        _within,
        _cel_between,
    ),
    RuleOperator.LENGTH: Operation(_size_words, operands.sizes, _sized, _cel_length),
    RuleOperator.IS: Operation(lambda constant: f"is {_article(constant)}", operands.kind, operands.KINDS.__getitem__),
    RuleOperator.JSON_SCHEMA: Operation(
        "fits the JSON schema {}", schema.checked, schema.fitting, wanted="a value that fits", explain=schema.misfit
    ),
}


def _article(kind: str) -> str:
    if kind in {"null", "text"}:
        return kind
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
