"""How deep data may be nested: one limit, judged where a value enters; what was accepted can be read everywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.data import DEEPEST, freeze
from circuit_breaker.errors import DataInvalid, OutcomeInvalid, Refused
from circuit_breaker.executors.outcome import normalised
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.snapshot import decode_case, encode_case

a, b, c = states("a", "b", "c")


def nested(levels: int, inner: Any = 1, *, array: bool = False) -> Any:
    """A value of so many levels of objects, or of arrays below the first object."""
    for level in range(levels):
        inner = [inner] if array and level < levels - 1 else {"x": inner}
    return inner


class Deep:
    """An executor whose outcome has so many levels."""

    levels = DEEPEST

    async def execute(self) -> dict[str, Any]:
        return normalised(nested(self.levels), source="Deep")


async def through_start(engine: Engine, value: Any) -> Any:
    return (await engine.start("plain", id="x", data=value)).data


async def through_metadata(engine: Engine, value: Any) -> Any:
    return (await engine.start("plain", id="x", metadata=value)).metadata


async def through_fire(engine: Engine, value: Any) -> Any:
    return (await engine.fire(await engine.start("plain", id="x"), "go", data=value)).data


async def through_signal(engine: Engine, value: Any) -> Any:
    return (await engine.signal(await engine.start("called", id="x"), "bell", data=value)).signals[0].data


async def through_token(engine: Engine, value: Any) -> Any:
    case = await engine.add_token(await engine.start("plain", id="x"), value)
    return max(case.tokens, key=lambda token: token.id).data


DOORS = [through_start, through_metadata, through_fire, through_signal, through_token]
plain = Workflow("plain", flow(a >> b).transition("go").manual())
called = Workflow("called", flow(a >> b).transition("go").manual(), flow(b >> c).transition("ring").on_signal("bell"))


@pytest.fixture(params=["memory", "sqlite"])
def place(request: Any, tmp_path: Path) -> Callable[[], str]:
    """The URL of a new journal each time."""
    numbers = iter(range(10**6))
    return lambda: "memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/{next(numbers)}.db"


async def read_back(engine: Engine, case_id: str) -> None:
    """Checks that the case is what its events and its snapshot say, in its journal as well."""
    case = await engine.get(case_id)
    assert case == decode_case(encode_case(case)) == await engine.storage.load(case_id)
    assert list(await engine.history(case)) == await engine.storage.events(case_id)


@pytest.mark.parametrize("array", [False, True])
@pytest.mark.parametrize("door", DOORS)
async def test_as_deep_as_may_be(place: Callable[[], str], door: Any, array: bool) -> None:
    """64 levels come in by every door, and out again; 65 come in by none."""
    async with Engine(plain, called, storage=connect(place())) as engine:
        assert nested(DEEPEST, array=array) == await door(engine, nested(DEEPEST, array=array))
        await read_back(engine, "x")
    async with Engine(plain, called, storage=connect(place())) as engine:
        with pytest.raises(DataInvalid, match="is nested deeper than 64"):
            await door(engine, nested(DEEPEST + 1, array=array))


def acting(way: str, levels: int) -> Workflow:
    """A workflow of which an action gives a value of so many levels, in one of the ways there are."""

    async def by_step(token: Any, context: Any) -> None:
        await context.step("deep", lambda: nested(levels))

    def by_plain_step(token: Any, context: Any) -> None:
        context.step_sync("deep", lambda: nested(levels))

    made = flow(a >> b).transition("go")
    steps = {
        "returned": made.action(lambda token: nested(levels)),
        "changed": made.action(lambda token: Change(metadata=nested(levels), results=nested(levels))),
        "first of two": made.action(lambda token: nested(levels), name="one").action(lambda token: None, name="two"),
        "step": made.action(by_step),
        "plain step": made.action(by_plain_step),
        "result": made.execute(type("Sized", (Deep,), {"levels": levels}), result="deep"),
        "result of two": made.execute(type("Sized", (Deep,), {"levels": levels}), result="deep").action(
            lambda token: None
        ),
    }
    return Workflow("w", steps[way])


WAYS = ["returned", "changed", "first of two", "step", "plain step", "result", "result of two"]


@pytest.mark.parametrize("way", WAYS)
async def test_actions_may_go_as_deep(place: Callable[[], str], way: str) -> None:
    """What an action or a step of one gives may have 64 levels, however it is given; 65 are a failure of the action."""
    async with Engine(acting(way, DEEPEST), storage=connect(place())) as engine:
        case = await engine.run(await engine.start("w", id="x"))
        assert "b" == case.state, case.history[-1]
        await read_back(engine, "x")
    async with Engine(acting(way, DEEPEST + 1), storage=connect(place())) as engine:
        case = await engine.run(await engine.start("w", id="x"))
        assert ("a", "failed") == (case.state, case.status)
        assert "is nested deeper than 64" in case.history[-1].error["message"]


async def test_a_step_as_deep_as_may_be_is_in_a_snapshot(place: Callable[[], str]) -> None:
    """A case with an action in progress, of which a step is kept that has 64 levels, can be read from a snapshot."""

    async def work(token: Any, context: Any) -> None:
        await context.step("deep", lambda: nested(DEEPEST))
        await asyncio.Event().wait()

    async with Engine(Workflow("w", flow(a >> b).transition("go").action(work)), storage=connect(place())) as engine:
        case = await engine.start("w", id="x")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(case), 0.1)
        assert nested(DEEPEST) == (await engine.get("x")).pending[0].steps["deep"]
        await read_back(engine, "x")


async def test_a_refusal_may_quote_what_is_deep(place: Callable[[], str]) -> None:
    """A verdict that shows data of 64 levels is kept, although it is deeper than they."""
    guarded = (
        flow(a >> b).transition("go").manual().policy(rules={"all": [{"any": [field("x") == 5, field("y") == 6]}]})
    )
    async with Engine(Workflow("w", guarded), storage=connect(place())) as engine:
        case = await engine.start("w", id="x", data=nested(DEEPEST))
        with pytest.raises(Refused):
            await engine.fire(case, "go")
        assert 2 == (await engine.get("x")).sequence
        await read_back(engine, "x")


async def test_depth_does_not_add_up(place: Callable[[], str]) -> None:
    """Data that an action puts into itself is judged each time; it fails at the limit and stays readable."""
    wrap = flow(a >> a).transition("wrap").manual().action(lambda token: {"x": token.data})
    async with Engine(Workflow("w", wrap, final=[]), storage=connect(place())) as engine:
        case = await engine.start("w", id="x")
        for _ in range(DEEPEST - 1):
            case = await engine.fire(case, "wrap")
        with pytest.raises(OutcomeInvalid, match="deeper than 64"):
            await engine.fire(case, "wrap")
        await read_back(engine, "x")


@attrs.frozen
class Node:
    """Typed data that may be nested, or contain itself."""

    child: Any = None


@pytest.mark.parametrize("levels", [DEEPEST + 1, 100_000])
async def test_typed_data_has_the_same_limit(levels: int) -> None:
    """Instances within instances are judged as their JSON is; the message stays short."""
    node = None
    for _ in range(levels):
        node = Node(node)
    typed = Workflow("w", flow(a >> b).transition("go").manual(), data=Node)
    async with Engine(typed, storage=connect("memory://")) as engine:
        with pytest.raises(DataInvalid, match=r"is nested (deeper than 64|too deep)") as caught:
            await engine.start("w", id="x", data=node)
        assert len(str(caught.value)) < 200
        assert [] == await engine.cases()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=json_values, levels=st.integers(0, DEEPEST + 4), door=st.sampled_from(DOORS))
async def test_whatever_is_accepted_can_be_read_back(
    place: Callable[[], str], value: Any, levels: int, door: Any
) -> None:
    """Any value, at any depth, by any door: either it is refused with nothing done, or it can be read back."""
    entering = nested(levels, value) if levels else {"value": value}
    async with Engine(plain, called, storage=connect(place())) as engine:
        try:
            assert entering == await door(engine, entering)
        except DataInvalid:
            with pytest.raises(DataInvalid):
                freeze(entering)
            return
        await read_back(engine, "x")


@given(levels=st.integers(1, DEEPEST + 4), leaf=st.sampled_from([1, 1.5, "text", None, True]))
def test_outcomes_and_data_have_one_limit(levels: int, leaf: Any) -> None:
    """An executor's outcome is judged by the same limit as data, whatever is in the middle of it."""
    value = nested(levels, leaf)
    if levels <= DEEPEST:
        assert value == freeze(value) == {k: v for k, v in normalised(value, source="x").items() if k != "status"}
    else:
        with pytest.raises(DataInvalid):
            freeze(value)
        with pytest.raises(OutcomeInvalid):
            normalised(value, source="x")
