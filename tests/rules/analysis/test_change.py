"""The smallest change of a token that makes a rule hold."""

from __future__ import annotations

import attrs
import pytest

from circuit_breaker.rules import (
    PLACEHOLDER,
    all_of,
    cel,
    custom,
    different_values,
    field,
    json_schema,
    length,
    matches,
)
from circuit_breaker.rules.analysis import Change, Domain, Undecided, smallest_change
from tests.rules.tokens import Token

score, kind, tags = field("score"), field("kind"), field("tags")


@attrs.frozen
class Author:
    name: str = ""


@attrs.frozen
class Paper:
    author: Author = Author()
    score: int = attrs.field(default=0, validator=attrs.validators.le(10))


CHANGES = [
    (score > 8, {"score": 9}, {}),
    (score > 8, {"score": 3}, {"data.score": 9}),
    (score > 8, {}, {"data.score": 9}),
    (score <= 0.75, {"score": 0.9}, {"data.score": 0.75}),
    (score < 0.7, {"score": 1.0}, {"data.score": 0.6}),
    (score.between(3, 5), {"score": 9}, {"data.score": 5}),
    (score.missing(), {"score": 9}, {"data.score": None}),
    (kind.one_of("a", "b"), {"kind": "c"}, {"data.kind": "a"}),
    (kind.exists(), {}, {"data.kind": PLACEHOLDER}),
    (~(kind == "a"), {}, {"data.kind": PLACEHOLDER}),
    (field("urgent").is_true(), {"urgent": False}, {"data.urgent": True}),
    (kind.starts_with("a-"), {"kind": "x"}, {"data.kind": "a-x"}),
    (kind.ends_with(".md"), {"kind": "x"}, {"data.kind": "x.md"}),
    (~kind.contains("b"), {"kind": "abc"}, {"data.kind": "ac"}),
    (length("kind", maximum=2), {"kind": "abc"}, {"data.kind": "ab"}),
    (tags.contains("a"), {"tags": ["b"]}, {"data.tags": ["b", "a"]}),
    (~tags.contains("a"), {"tags": ["b", "a"]}, {"data.tags": ["b"]}),
    (length("tags", maximum=1), {"tags": ["b", "a"]}, {"data.tags": ["b"]}),
    (field("kv").contains("a"), {"kv": {"b": 1}}, {"data.kv": {"b": 1, "a": "other"}}),
    (~field("kv").contains("a"), {"kv": {"a": 1}}, {"data.kv": {}}),
    (field("author.name") == "x", {}, {"data.author.name": "x"}),
    (field("author.name") == "x", {"author": {"age": 3}}, {"data.author.name": "x"}),
    (field("author.name") == "x", {"author": "x"}, {"data.author": {"name": "x"}}),
    (cel("!has(data.author.name)"), {"author": {"name": "x", "age": 3}}, {"data.author": {"age": 3}}),
    (field("a") == field("b"), {"a": 5, "b": [1]}, {"data.b": 5}),
    (field("a") < field("b"), {"a": 5, "b": 4}, {"data.a": 3}),
    (cel("data.score > 8 || data.score < 0"), {"score": 1}, {"data.score": -1}),
    ((score > 8) & (kind == "a") | (tags == [1]), {"score": 9}, {"data.kind": "a"}),
    ((score > 8) & (kind == "a") | (tags == [1]), {}, {"data.tags": [1]}),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "data", "expected"), CHANGES, ids=str)
def test_the_fewest_paths_get_the_nearest_values(rule, data, expected):
    """The smallest change sets as few paths as possible, and each to a value near to what was there."""
    assert Change(expected) == smallest_change(rule, data)


def test_several_paths_are_changed_together():
    """Where one path is not enough the change has all that are needed, wherever they are."""
    rule = (score > 8) & (field("metadata.source") == "mail") & different_values("author", "reviewer")
    token = Token({"author": "ann", "reviewer": "ann"})

    found = smallest_change(rule, token)

    assert found.minimal
    assert {"data.score", "metadata.source"} < set(found.values)
    assert 3 == len(found.values)


def test_a_contradiction_has_no_change():
    """It is proved that no value helps, the state included, which a change of data cannot touch."""
    assert smallest_change((score > 8) & (score < 8), {"score": 1}) is None
    assert smallest_change((field("state") == "draft") & (score > 1), Token({}, state="done")) is None
    assert Change({"data.score": 2}) == smallest_change(
        (field("state") == "draft") & (score > 1), Token({}, state="draft")
    )


def test_what_may_be_set_is_respected():
    """A change stays within the domains."""
    assert Change({"data.kind": "c"}) == smallest_change(
        kind != "b", {"kind": "b"}, domains={"data.kind": Domain.among("b", "c")}
    )


def test_a_function_leaves_it_undecided():
    """What only a function knows cannot be found, and is said to be so."""
    found = smallest_change(custom(lambda token: token.data["x"] > 3), {"x": 1})

    assert Undecided("the function '<lambda>' can only be asked") == found


def test_a_change_is_called_minimal_only_where_that_is_proved():
    """A smaller change may exist where a function could pass with another value; the change says so."""
    rule = (score > 8) & (kind == "a") | json_schema({"const": "b"}, "kind")
    found = smallest_change(rule, {})

    assert {"data.score", "data.kind"} == set(found.values)
    assert not found.minimal
    assert "JSON schema" in found.reason


def test_a_text_for_a_pattern_is_found():
    """A text that fits a pattern is made from the pattern."""
    found = smallest_change(matches("kind", r"^[A-Z]{2}-\d+$"), {"kind": "x"})

    assert Change({"data.kind": "AA-0"}) == found


def test_typed_data_is_changed_by_its_class():
    """Values that the class refuses are no change, and its fields are the paths."""
    rule = (field("author.name") == "x") & (score >= 10)

    assert {"data.author.name": "x", "data.score": 10} == dict(smallest_change(rule, Token(Paper())).values)
    assert isinstance(smallest_change(score > 10, Token(Paper())), Undecided)
    assert isinstance(smallest_change(field("author.name.first") == "x", Token(Paper())), Change | Undecided)


def test_work_is_bounded():
    """A search that is too large gives up with what it has."""
    rule = all_of(*((field(f"f{i}") != field(f"f{i + 1}")) for i in range(6)))

    found = smallest_change(rule, {f"f{i}": 1 for i in range(7)}, budget=10)

    assert "more combinations" in found.reason
