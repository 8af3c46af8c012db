"""What can stand at a path."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import attrs
import pytest

from circuit_breaker.errors import RuleInvalid
from circuit_breaker.rules import MISSING, field
from circuit_breaker.rules.analysis import Domain, compete, domains_of


class Kind(Enum):
    BOOK = "book"
    RECORD = "record"


class Strange(Enum):
    DAY = date(2026, 1, 1)


@attrs.frozen
class Author:
    name: str
    kin: Author | None = None


@attrs.frozen
class Paper:
    score: int
    share: float
    done: bool
    kind: Kind
    level: Literal[1, 2] | None
    noted: Annotated[str, "short"] | None
    tags: list[str]
    extra: dict[str, Any]
    author: Author
    editor: Author | None
    price: Decimal
    odd: Strange
    any: Any


def test_a_class_gives_the_domains_of_its_fields():
    """Declared types become what can stand at the paths."""
    found = domains_of(Paper)

    assert Domain.of("integer") == found["data.score"]
    assert Domain.of("number") == found["data.share"]
    assert Domain.of("boolean") == found["data.done"]
    assert Domain.among("book", "record") == found["data.kind"]
    assert Domain(frozenset({"null"}), (1, 2)) == found["data.level"]
    assert Domain.of("text", "null") == found["data.noted"]
    assert Domain.of("list") == found["data.tags"]
    assert Domain.of("object") == found["data.extra"] == found["data.author"]


def test_fields_of_an_optional_object_may_be_missing():
    """A path below what may be None may lead nowhere; one below an object that is there may not."""
    found = domains_of(Paper)

    assert Domain.of("text") == found["data.author.name"]
    assert Domain.of("text", "missing") == found["data.editor.name"]
    assert Domain.of("object", "null", "missing") == found["data.editor.kin"]
    assert "data.author.kin.name" not in found
    assert found["data.editor.name"].held
    assert not found["data.author.name"].held


@pytest.mark.parametrize("name", ["price", "odd", "any"])
def test_what_is_not_known_may_be_anything_that_is_there(name):
    """A type of which the JSON is not known says only that there is a value."""
    domain = domains_of(Paper)[f"data.{name}"]

    assert domain.admits("x")
    assert domain.admits(None)
    assert not domain.admits(MISSING)


def test_a_domain_admits_its_kinds_and_values():
    """Whole numbers are told from others, and single values from their kind."""
    assert Domain.of("integer").admits(1)
    assert not Domain.of("integer").admits(1.0)
    assert not Domain.of("number").admits(True)
    assert Domain.among("a", missing=True).admits(MISSING)
    assert not Domain.among("a").admits("b")
    assert Domain.of("text") == (Domain.of("text", "number") | Domain.of("integer")).without("number")


def test_a_kind_that_does_not_exist_is_refused():
    """A misspelt kind is named with the nearest."""
    with pytest.raises(RuleInvalid, match="nmber"):
        Domain.of("nmber")


def test_guards_over_an_enumeration_are_complete_for_its_members():
    """Every member of an enumeration has a guard, so that nothing is left."""
    kind = field("kind")
    found = compete({"a": kind == "book", "b": kind == "record"}, domains=domains_of(Paper))

    assert found.complete
