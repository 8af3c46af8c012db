"""Expressions that mean harm: work, memory and nesting are bounded, and the answer is then no."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from circuit_breaker.errors import EvaluationFailed
from circuit_breaker.rules.expression import compile_expression
from circuit_breaker.rules.expression.budget import Budget, Exhausted


@attrs.frozen
class Token:
    data: Any
    metadata: Any = attrs.field(factory=dict)
    results: Any = attrs.field(factory=dict)
    state: str = "draft"


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


HEAVY = Token(
    {
        "list": list(range(300)),
        "big": list(range(60_000)),
        "map": {str(number): number for number in range(60_000)},
        "text": "a" * 600_000,
        "deep": nested(500),
    }
)


@pytest.mark.parametrize(
    "text",
    [
        "data.list.all(a, data.list.all(b, data.list.all(c, a + b + c >= 0)))",
        "data.list.map(a, data.list.map(b, [0, 0, 0, 0]))",
        "data.list.map(a, data.list.map(b, {'x': 0}))",
        "['abcdefgh']" + ".map(x, x + x + x + x)" * 9 + ".all(x, x.size() > 1)",
        "[[1, 2, 3, 4]]" + ".map(x, x + x + x + x)" * 8 + ".all(x, size(x) > 1)",
        "data.list.all(x, data.big == data.big)",
        "data.list.all(x, data.map == data.map)",
        "data.list.all(x, -1 in data.big || true)",
        "data.list.all(x, data.text == data.text)",
        "data.list.all(x, data.text.contains('b') || true)",
        "data.list.all(x, data.text.matches('a+b') || true)",
        "data.list.all(x, data.list.all(y, 'a'.matches('a' + 'b') || true))",
        "data.list.all(x, " + " && ".join(["x >= 0"] * 380) + ")",
    ],
)
def test_work_without_bound_ends_with_no(text: str):
    """An evaluation takes a bounded number of steps; nothing absorbs it, and verdict and test agree."""
    expression = compile_expression(f"{text} || true" if ".map(a" not in text else f"size({text}) > 0 || true")
    assert not expression.test(HEAVY)
    assert "too long" in expression.judge(HEAVY).reason or "10,000 steps" in expression.judge(HEAVY).reason


@pytest.mark.parametrize("text", ["data.text + data.text == ''", "data.big + data.big == []"])
def test_what_an_expression_builds_is_limited_in_size(text: str):
    """A text or list beyond the limit is an error, not memory."""
    assert "is too long: the limit is" in compile_expression(text).judge(HEAVY).reason


def test_values_nested_too_deep_are_not_compared():
    """Comparing is bounded by depth, so hostile data cannot exhaust the stack."""
    with pytest.raises(EvaluationFailed, match="nested deeper than 64"):
        compile_expression("data.deep == data.deep").evaluate(HEAVY)


def test_a_budget_is_spent_to_the_last_step():
    """As many steps as there are can be taken, and not one more."""
    budget = Budget(2)
    budget.spend(2)
    with pytest.raises(Exhausted, match="more than 2 steps"):
        budget.spend(1)


def test_an_evaluation_begins_with_a_full_budget():
    """One evaluation leaves nothing to the next one."""
    expression = compile_expression("data.list.all(x, data.list.exists(y, y == x || y >= 20))")
    assert [expression.test(HEAVY)] * 3 == [expression.test(HEAVY) for _ in range(3)]
    assert expression.test(HEAVY)
