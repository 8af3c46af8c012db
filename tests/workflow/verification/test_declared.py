"""What a class of data says and does not say: of lists, mappings, defaults, and fields that it looks at together."""

import datetime as dt
from typing import Any

import attrs
import pytest

from circuit_breaker import BaseExecutor, Workflow, field, flow, states
from circuit_breaker.workflow.merging import LAST, Collect

a, b, c, d, e, f = states("a", "b", "c", "d", "e", "f")
THERE = "the fields that rules read are there, and of the right kind"
PUT = "what Collect(...) and .deals(...) put into the data is of the declared types"


class Asking(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def made(kind: Any, default: Any) -> type:
    return attrs.make_class(
        "Made", {"c": attrs.field(default=3, type=int), "k": attrs.field(default=default, type=kind)}
    )


def choosing(rule, other=None, *, data):
    ways = [
        flow(a >> b).transition("p").guard(rule),
        *([flow(a >> c).transition("q").guard(other)] if other is not None else []),
    ]
    return Workflow("w", *ways, data=data).verify(mend=False)


@pytest.mark.parametrize(("kind", "default", "path"), [(list[int], [], "k.0"), (dict[str, int], {}, "k.word")])
def test_what_lies_in_a_list_or_a_mapping_need_not_be_there(kind, default, path):
    """Data that the class itself begins with get stuck then."""
    where = field(path)
    found = choosing(where > 1, where <= 1, data=made(kind, attrs.Factory(type(default))))
    assert ("not sound", default) == (found.verdict, found.findings[0].counterexample.data["k"])
    assert THERE in found.assumptions


def test_what_every_token_has_is_not_assumed():
    """Neither what the class declares, nor the state."""
    assert THERE not in choosing(field("c") > 1, field("c") <= 1, data=made(int, 0)).assumptions
    assert THERE in choosing(field("results.r") > 1, data=made(int, 0)).assumptions


@pytest.mark.parametrize(("kind", "default"), [(dt.datetime | None, None), (tuple[int, str], (1, "a"))])
def test_a_case_is_shown_whatever_else_a_class_has_defaults_for(kind, default):
    """A field that nobody asks about is left as it is by itself."""
    assert "not sound" == choosing(field("c") > 8, data=made(kind, default)).verdict


@attrs.frozen
class Range:
    """Two fields that have to fit each other."""

    low: int = 0
    high: int = 10

    def __attrs_post_init__(self):
        if self.low > self.high:
            raise ValueError("low > high")


@attrs.frozen
class Free:
    """The same, each for itself."""

    low: int = attrs.field(default=0, validator=[attrs.validators.ge(0), attrs.validators.le(99)])
    high: int = 10


def ranged(kind, *, high="data.high", merge=None):
    join = flow((d, e) >> f).transition("j")
    return Workflow(
        "w",
        flow(a >> (b, c)).transition("s"),
        flow(b >> d).transition("l").agent("x", output_mapping={"data.low": "low"}),
        flow(c >> e).transition("r").agent("y", output_mapping={high: "high"}),
        join if merge is None else join.merge(merge),
        data=kind,
    ).verify()


def test_a_class_may_refuse_what_the_branches_bring_together():
    """Where it looks at several fields, and several branches have changed some."""
    assert ("Range admits what the branches bring together before 'j'",) == ranged(Range).conditions
    assert "sound" == ranged(Free).verdict
    assert "sound" == ranged(Range, high="metadata.high").verdict
    assert "sound" == ranged(Range, merge=LAST).verdict


@attrs.frozen
class Listing:
    """Lists of several kinds."""

    x: int = 0
    numbers: list[int] = attrs.field(factory=list)
    anything: list[Any] = attrs.field(factory=list)


def collected(into, value, data=Listing):
    join = flow((b, c) >> d).transition("j").merge(Collect(into, value))
    return Workflow("w", flow(a >> (b, c)).transition("s"), join, **({"data": data} if data else {})).verify()


def test_what_is_collected_may_have_to_be_of_a_type():
    """That is assumed where it cannot be told."""
    assert PUT not in collected("numbers", "x").assumptions
    assert PUT not in collected("anything", "results.r").assumptions
    assert PUT in collected("numbers", "results.r").assumptions
    assert "what Collect(...) adds to is a list, or is not there yet" in collected("any", "x", data=None).assumptions
