"""Typed data: which fields it may have, where paths into it may lead, and that JSON gives back what it was given."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Workflow, cel, field, flow, states, template
from circuit_breaker.errors import DataInvalid, WorkflowInvalid
from circuit_breaker.wire import structure, unstructure
from tests.workflow.running import START, begin, fire

a, b, c = states("a", "b", "c")
go = flow(a >> b).transition("go").manual()


class Status(Enum):
    OPEN = "open"
    PAID = "paid"


class Level(IntEnum):
    LOW = 1
    HIGH = 2


class Extra(TypedDict):
    note: str


Sku = NewType("Sku", str)


@attrs.frozen
class Address:
    street: str = ""
    code: int = 0


@attrs.frozen
class Box:
    width: float


@attrs.frozen
class Line:
    sku: Sku = Sku("")
    price: float = 0.0


@attrs.frozen
class Order:
    """One field of every kind that a token can carry."""

    title: str = ""
    address: Address = Address()
    billing: Address | None = None
    due: date = date(2030, 1, 1)
    made: datetime = datetime(2030, 1, 1, tzinfo=UTC)
    at: time = time(12)
    wait: timedelta = timedelta(0)
    cost: Decimal = Decimal(0)
    status: Status = Status.OPEN
    level: Level = Level.LOW
    tags: frozenset[str] = frozenset()
    lines: list[Line] = attrs.field(factory=list)
    pair: tuple[int, Line] = (0, Line())
    many: Sequence[int] = ()
    by_name: dict[str, Line] = attrs.field(factory=dict)
    facts: Mapping[str, Any] = attrs.field(factory=dict)
    plain: dict = attrs.field(factory=dict)  # type: ignore[type-arg]  # a dict of anything
    rest: list = attrs.field(factory=list)  # type: ignore[type-arg]  # a list of anything
    number: int | float | str | None = None
    what: Address | Box = Address()
    extra: Extra = attrs.field(factory=lambda: Extra(note=""))
    pick: Literal["x", "y", 1] = "x"
    share: Annotated[float, "from 0 to 1"] = 0.0
    anything: Any = None
    nothing: None = None
    parent: Order | None = None


@dataclasses.dataclass
class Plain:
    x: int = 0


@attrs.frozen
class Inner:
    size: complex = 1j


@attrs.frozen
class Wrong:
    """Fields that JSON does not give back."""

    id: UUID | None = None
    raw: bytes = b""
    keys: dict[int, str] = attrs.field(factory=dict)
    plain: Plain | None = None
    either: str | date = ""
    twins: Line | Address = Line()
    inner: list[Inner] = attrs.field(factory=list)
    odd: Literal[b"x"] = b"x"
    again: Wrong | None = None


T = TypeVar("T")


@attrs.frozen
class Crate(Generic[T]):
    content: T


@attrs.frozen
class Unknown:
    x: Nowhere = 0  # type: ignore[name-defined]  # noqa: F821 - that is the fault


def faults(flow: Any = go, **options: Any) -> list[str]:
    with pytest.raises(WorkflowInvalid, match=r"has [0-9]+ fault") as caught:
        Workflow("w", flow, **options)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("titel", "Order has no field 'titel' (did you mean 'title'?)"),
        ("address.strret", "'data.address.strret', but Address has no field 'strret' (did you mean 'street'?)"),
        ("billing.cod", "Address has no field 'cod' (did you mean 'code'?)"),
        ("parent.parent.titel", "did you mean 'title'"),
        ("lines.0.prize", "Line has no field 'prize' (did you mean 'price'?)"),
        ("lines.price", "data.lines is a list, which has no field 'price' (name an item by its number: data.lines.0"),
        ("pair.1.prize", "did you mean 'price'"),
        ("pair.0.price", "data.pair.0 is of type int"),
        ("by_name.x.prize", "did you mean 'price'"),
        ("due.year", "data.due is of type date, which has no field 'year' (end the path at 'data.due')"),
        ("status.value", "data.status is of type Status"),
        ("number.x", "data.number is of type int | float | str"),
        ("what.heigth", "Address | Box has no field 'heigth'"),
        ("nothing.x", "data.nothing is of type always None"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_a_fault(path: str, said: str) -> None:
    """D19: a field that does not exist is told at definition, however deep, with the nearest right name."""
    assert [said] == [said if said in fault else fault for fault in faults(go.guard(field(path) == 1), data=Order)]


@pytest.mark.parametrize(
    "path",
    [
        "address.street", "billing.code", "parent.parent.title", "lines.0.price", "pair.1.price", "many.3", "rest.0.x",
        "by_name.any.price", "facts.x.y.z", "plain.x.y", "what.width", "what.street", "extra.note", "anything.at.all",
        "pick", "tags.0", "share", "state", "metadata.x.y", "results.x.y",
    ],
)  # fmt: skip
def test_a_path_that_may_lead_somewhere_is_right(path: str) -> None:
    """Where the class leaves open what is there, any path is right."""
    assert Workflow("w", go.guard(field(path).exists()), data=Order).schema is Order


@attrs.frozen
class Stock:
    lines: Annotated[list[Line], "by shelf"] = attrs.field(factory=list)
    sizes: dict[str, Literal["s", "m"]] = attrs.field(factory=dict)


def test_what_a_type_is_said_to_mean_changes_nothing() -> None:
    """Annotations beside a type are looked through, at any depth."""
    assert Workflow("w", go.guard(field("lines.0.price") > 1), data=Stock).schema is Stock


def test_a_field_without_a_type_may_hold_anything() -> None:
    """Where a class declares no types, only the names of its fields are known."""
    loose = attrs.make_class("Loose", ["x"], frozen=True)
    assert Workflow("w", go.guard(field("x.y.z").exists()), data=loose).schema is loose
    assert "did you mean 'x'" not in faults(go.guard(field("yy").exists()), data=loose)[0]


def test_paths_are_followed_wherever_they_stand() -> None:
    """D19: expressions, templates and nested parameters are looked at as well."""
    wrong = go.guard(cel("data.address.strret == 'x' && data.lines.all(line, line.price > 1.0)")).execute(
        "X", deep={"list": [field("titel"), template("{address.cod}")]}
    )
    assert ["'data.address.cod'", "'data.address.strret'", "'data.titel'"] == [
        fault.partition("speaks of ")[2].partition(",")[0] for fault in faults(wrong, data=Order)
    ]


def test_every_field_that_json_does_not_give_back_is_a_fault() -> None:
    """Each is named with its type and what to do instead, all of them at once, once each."""
    assert [
        "Wrong.id: is of type UUID, which is no JSON (keep it as text)",
        "Wrong.raw: is of type bytes, which is no JSON (keep it as text, such as base64, or outside of the token)",
        "Wrong.keys: has keys of type int (JSON has text keys only: declare dict[str, ...])",
        "Wrong.plain: is of type Plain, which is no JSON (decorate the class with @attrs.frozen)",
        "Wrong.either: is a str | date, which JSON does not tell apart (declare one of them, or Any)",
        "Wrong.twins: is a Line | Address, which JSON does not tell apart (declare one of them, or Any)",
        "Wrong.inner[].size: is of type complex, which is no JSON (declare a field for each part)",
    ] == faults(data=Wrong)[:7]
    assert "Wrong.odd: is of type typing.Literal[b'x'], which is no JSON" in faults(data=Wrong)[7]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (Order(), "data: is an instance of Order (give the class itself: data=Order)"),
        ({"x": 1}, "data: is a value of type dict, and no class"),
        (Plain, "data=Plain: is no attrs class (decorate it with @attrs.frozen)"),
        (Crate, "class Crate: cannot be read back from JSON: Missing type for generic argument T"),
        (Unknown, "class Unknown: has an annotation that cannot be read: name 'Nowhere' is not defined"),
    ],
)
def test_what_is_no_class_of_data_is_the_only_fault(data: Any, said: str) -> None:
    """Where the class itself is wrong, nothing that follows from it is told."""
    (fault,) = faults(go.guard(field("nothing") == 1), data=data)
    assert said in fault


TEXTS = st.text(max_size=5)
LINES = st.builds(Line, sku=TEXTS.map(Sku), price=st.floats(allow_nan=False, allow_infinity=False))
ADDRESSES = st.builds(Address, street=TEXTS, code=st.integers(-9, 9))
ORDERS = st.builds(
    Order,
    title=TEXTS,
    address=ADDRESSES,
    billing=st.none() | ADDRESSES,
    due=st.dates(),
    made=st.datetimes(timezones=st.just(UTC)),
    at=st.times(),
    wait=st.timedeltas(min_value=timedelta(-9999), max_value=timedelta(9999)),
    cost=st.decimals(allow_nan=False),
    status=st.sampled_from(Status),
    level=st.sampled_from(Level),
    tags=st.frozensets(TEXTS),
    lines=st.lists(LINES, max_size=2),
    pair=st.tuples(st.integers(), LINES),
    by_name=st.dictionaries(TEXTS, LINES, max_size=2),
    number=st.none() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    what=ADDRESSES | st.builds(Box, st.floats(allow_nan=False)),
)


@given(ORDERS)
def test_typed_data_comes_back_from_json_as_it_was(order: Order) -> None:
    """D19, E2: whatever a field holds, JSON gives it back, with its type."""
    text = json.dumps(unstructure(order))
    again = structure(json.loads(text), Order)
    assert order == again
    assert text == json.dumps(unstructure(again))
    assert type(order.number) is type(again.number)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("due", "tomorrow", "'tomorrow' is no date"),
        ("due", 5, "5 is no date"),
        ("cost", "dear", "'dear' is no Decimal"),
        ("cost", 1.5, "1.5 is no Decimal"),
        ("wait", True, "True is no timedelta"),
        ("status", "lost", "'lost' is no Status"),
        ("level", True, "True is no Level"),
        ("level", 3, "3 is no Level"),
    ],
)
def test_a_value_of_the_wrong_form_is_refused(name: str, value: Any, said: str) -> None:
    """What stands for a date or a member in JSON must be one; the message names value and field."""
    with pytest.raises(DataInvalid, match=f"{said} @ data.{name}"):
        structure({name: value}, Order)


def test_an_unknown_field_of_nested_data_is_named_with_the_nearest() -> None:
    """A misspelt field of the data that a case starts with is not dropped in silence, however deep it is."""
    with pytest.raises(DataInvalid, match=r"strret\) @ data\.address \(did you mean 'street'"):
        Workflow("w", go, data=Order).start("c", at=START, data={"address": {"strret": "Main"}})


@pytest.mark.parametrize(
    "rule",
    [
        field("status") == "open",
        field("status").one_of("open", "paid"),
        field("level") >= 1,
        field("due") < "2030-06-01",
        field("due") < field("made"),
        field("wait") <= 60,
        field("tags").contains("new"),
        field("address.street") == "Main",
        field("cost").present(),
        cel("data.status == 'open' && data.due < '2031' && 'new' in data.tags && data['level'] == 1"),
        cel("data.lines[0].price > 1.0"),
    ],
    ids=str,
)
def test_rules_see_the_json_of_typed_data(rule: Any) -> None:
    """D19: what rules judge is what the journal keeps, so that enumerations and dates can be compared."""
    workflow = Workflow("w", go.guard(rule), data=Order)
    order = Order(tags=frozenset({"new"}), address=Address("Main"), lines=[Line(price=2.0)])
    case = workflow.start("c", at=START, data=order)
    assert "b" == workflow.fire(case, "go", at=START).state


def test_templates_write_the_json_of_typed_data() -> None:
    """D19: an enumeration is written as its value, a date as in the journal."""
    workflow = Workflow("w", go, data=Order)
    token = begin(workflow, status="paid").token
    assert '2030-01-01 paid {"street": "", "code": 0}' == template("{due} {status} {address}").render(token)


def test_typed_data_keeps_its_type_through_a_firing() -> None:
    """D19, E2: the token of a case has an instance with nested instances; a nested field is replaced as a whole."""
    workflow = Workflow("w", go, data=Order)
    case = fire(workflow, begin(workflow, title="x"), "go", address={"street": "Main"}, due="2031-02-03")
    assert Order("x", Address("Main"), due=date(2031, 2, 3)) == case.data
