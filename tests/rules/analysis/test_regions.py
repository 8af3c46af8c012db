"""Whatever a value is, one that stands for it is compared in the same way."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.rules import field
from circuit_breaker.rules.analysis import collections, numbers, texts
from circuit_breaker.rules.analysis.atoms import Hints
from circuit_breaker.rules.analysis.ternary import (
    FALSE,
    TRUE,
    UNKNOWN,
    Choice,
    Every,
    Formula,
    Leaf,
    Opposite,
    Some,
)
from tests.rules.tokens import Token

figures = st.one_of(
    st.integers(-5, 5),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.5, -0.5, 1.5, 2.0**53, 2.0**63, 5e-324, 1.7976931348623157e308]),
)
words = st.text(alphabet="ab\0\U0010ffff", max_size=3)


def order(value: Any, constants: list[Any]) -> list[tuple[bool, bool]]:
    return [(value < constant, value == constant) for constant in constants]


@given(figures, st.lists(figures, max_size=4))
def test_every_number_has_one_that_stands_for_it(value, constants):
    """A number is compared with the constants, and is whole or not, as some representative is."""
    expected = (order(value, constants), isinstance(value, int) or value.is_integer())

    stand = numbers.representatives(constants)
    assert expected in [(order(each, constants), isinstance(each, int) or each.is_integer()) for each in stand]


ENDS = [0, 1.5, 1.0000000000000002, 2**52 - 1, 2.0**52, 2**53 + 1, 10**16, -(10**16), 10**17, 2**63 - 1, 5e-324]
NEAR = [
    *range(-3, 4),
    -0.5,
    0.25,
    0.5,
    0.75,
    1.25,
    1.75,
    2.5,
    2**51 + 0.5,
    10**16 + 1,
    10**17 + 1,
    2e17,
    -1e300,
    1e-300,
]


@given(st.lists(st.sampled_from(NEAR), min_size=3, max_size=3), st.lists(st.sampled_from(ENDS), min_size=1, max_size=3))
def test_every_three_numbers_have_three_that_stand_for_them(values, constants):
    """In the same order among each other and to the constants, and each a whole number or a double as they are."""

    def said(three):
        sorts = [(isinstance(each, int), float(each).is_integer()) for each in three]
        return [order(each, [*constants, *three]) for each in three], sorts

    expected, stand = (
        said(values),
        list(dict.fromkeys((type(n), n) for n in numbers.representatives(constants, copies=3))),
    )
    alike = [
        [n for kind, n in stand if order(n, constants) == order(v, constants) and kind is type(v)
         and float(n).is_integer() == float(v).is_integer()]
        for v in values
    ]  # fmt: skip
    assert any(said(three) == expected for three in product(*alike))


@given(st.lists(figures, max_size=4))
def test_made_up_numbers_can_be_data(constants):
    """Representatives are finite, and whole ones have 64 bits."""
    for each in numbers.representatives(constants, copies=3):
        assert isinstance(each, float) or -(2**63) <= each < 2**63


@given(words, st.lists(words, max_size=3), st.lists(words, max_size=2), st.lists(st.integers(0, 4), max_size=2))
def test_every_text_has_one_that_stands_for_it(value, constants, prefixes, lengths):
    """A text is ordered, begins and is as long, compared with constants, as some representative is."""
    hints = Hints(constants=tuple(constants), prefixes=tuple(prefixes), lengths=tuple(lengths))

    def said(text: str) -> Any:
        return order(text, constants), [*map(text.startswith, prefixes)], order(len(text), lengths)

    assert said(value) in [said(each) for each, *_ in texts.representatives(hints)]


@given(st.lists(st.sampled_from(["a", "b", 1, None]), max_size=3), st.lists(st.integers(0, 3), max_size=2))
def test_every_list_has_one_that_stands_for_it(value, lengths):
    """A list has the length, the items and the equality in question that some representative has."""
    constants, items = [["a"], ["b", "a"], []], ["a", "b"]
    hints = Hints(constants=tuple(constants), lengths=tuple(lengths), items=tuple(items))

    def said(found: list[Any]) -> Any:
        return [item in found for item in items], order(len(found), lengths), [found == each for each in constants]

    assert said(value) in [said(each) for each in collections.lists(hints)]


def test_objects_are_told_apart_by_keys_and_length():
    """There is an object of every choice of keys, and as many as are needed of each."""
    hints = Hints(lengths=(2,), items=("a", "b"), constants=({"a": 1},))
    found = list(collections.objects(hints, copies=2))

    assert {"a": 1} in found
    assert all(any({"a", "b"} & set(each) == set(chosen) for each in found) for chosen in ("", "a", "b", "ab"))
    assert {0, 1, 2, 3} == {len(each) for each in found}


def test_texts_for_patterns_are_found_by_them():
    """Pieces and patterns have texts in which they are found, together and apart."""
    hints = Hints(pieces=("ab", "cd"), patterns=(r"^\d+[^a](x|y)?$",))
    found = list(texts.likely(hints, ["z"]))

    for rule in (field("t").contains("ab") & field("t").ends_with("cd"), field("t").matches(hints.patterns[0])):
        assert any(rule(Token({"t": each})) for each in found)


ONES = (TRUE, FALSE, UNKNOWN)
A, B, C = Leaf(0), Leaf(1), Leaf(2)


@pytest.mark.parametrize("formula", [Every((A, B)), Some((A, Opposite(B))), Choice(A, B, C), Every((Some((A, B)), C))])
def test_what_is_possible_covers_every_answer(formula: Formula):
    """Of conditions that are known in part a formula leaves open every answer that it can still give."""
    for masks in product(range(1, 8), repeat=3):
        exact = 0
        for chosen in product(*([one for one in ONES if one & mask] for mask in masks)):
            exact |= formula.possible(chosen)
        assert exact == formula.possible(masks)


def test_a_choice_whose_condition_is_not_known_is_not_known():
    """As in CEL: both branches may agree, and still there is no answer."""
    assert UNKNOWN == Choice(A, B, B).possible([UNKNOWN, TRUE])
