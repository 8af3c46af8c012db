"""What is collected and dealt into declared data is of the declared types."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, flow, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.fitting import fits, validated_together
from circuit_breaker.workflow.merging import Collect
from circuit_breaker.workflow.patterns import Batch

a, b, c, d, w, z = states("a", "b", "c", "d", "w", "z")


@attrs.frozen
class Order:
    """Declared data."""

    x: int = 0
    texts: list[str] = attrs.field(factory=list)
    numbers: list[int] = attrs.field(factory=list)
    maybe: list[int | None] = attrs.field(factory=list)
    anything: Any = None
    item: int = 0


def joined(merge: Collect) -> Workflow:
    return Workflow(
        "w", flow(a >> (b, c)).transition("s"), flow((b, c) >> d).transition("j").merge(merge), data=Order
    )  # fmt: skip


@pytest.mark.parametrize(
    ("into", "said"),
    [
        ("texts", "puts int into 'data.texts', where str is declared"),
        ("item", "collects into 'data.item', which is no list"),
        ("none", "puts something into 'none', but Order has no field 'none'"),
    ],
)
def test_what_cannot_be_collected_is_refused(into: str, said: str) -> None:
    """A list of another type, what is no list, and a field that there is not."""
    with pytest.raises(WorkflowInvalid) as caught:
        joined(Collect(into, "x"))
    assert said in str(caught.value)


def test_what_cannot_be_dealt_is_refused() -> None:
    """Items of a list of another type than that of the field."""
    batch = Batch(w, w, into=d, most=3, value="data.item")
    with pytest.raises(WorkflowInvalid, match=r"puts str into 'data\.item', where int is declared"):
        Workflow("w", *batch.for_each(a, "data.texts", otherwise=z), *batch.gathered(), data=Order)


@pytest.mark.parametrize(
    ("into", "value", "certain"),
    [
        ("numbers", "x", True),
        ("anything", "x", True),
        ("numbers", "results.r", False),
        ("numbers", "anything", False),
        ("numbers", "maybe.0", False),
        ("maybe", "maybe.0", True),
        ("maybe", "x", True),
    ],
)
def test_whether_it_fits_may_be_certain(into: str, value: str, *, certain: bool) -> None:
    """Where both types are known, and the one is among the others."""
    joined(Collect(into, value))
    assert certain == fits(Order, Collect(into, value), None)


def test_nothing_is_collected_into_what_is_none() -> None:
    """A key that holds None is as good as one that is not there."""
    token = type("Token", (), {"data": {"x": 1, "all": None}, "metadata": {}, "results": {}, "state": "a"})()
    assert {"x": 1, "all": [1]} == Collect("all", "x")([token, token])


def test_a_class_validates_fields_together_where_it_has_code_of_its_own() -> None:
    """Validators of attrs look at one field; functions may look at others."""

    @attrs.frozen
    class Each:
        x: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(9)])

    @attrs.frozen
    class Both:
        x: int = 0
        y: int = attrs.field(default=0, validator=lambda order, _, value: order.x <= value)

    assert [False, False, True] == [validated_together(each) for each in (None, Each, Both)]
