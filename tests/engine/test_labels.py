"""What whoever asks says of himself: short texts, judged before anything is written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Case, Engine, Workflow, flow, states
from circuit_breaker.engine.labels import LONGEST, label, role_labels
from circuit_breaker.errors import CircuitBreakerError, DataInvalid
from circuit_breaker.storage.memory import MemoryJournal
from circuit_breaker.workflow.events import Event, decode_event, encode_event
from circuit_breaker.workflow.evolution import evolve

a, b = states("a", "b")
desk = Workflow(
    "desk",
    flow(a >> a).transition("note").manual().roles("clerk"),
    flow(a >> a).transition("ring").on_signal("bell"),
    flow(a >> a).transition("work").manual().action(lambda token: {"done": True}, name="work"),
    flow(a >> b).transition("end").manual(),
)


class Reread(MemoryJournal):
    """A journal that reads everything again as it is written."""

    async def append(self, case: Case, events: Sequence[Event], *, due: datetime | None = None) -> None:
        await super().append(case, events, due=due)
        replayed: Case | None = None
        for event in self.store.cases[""][case.id].events:
            assert event == decode_event(encode_event(event))
            replayed = evolve(replayed, decode_event(encode_event(event)))
        assert replayed is not None
        assert case.marking == replayed.marking


anything: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.binary(max_size=4),
    st.text(max_size=8),
    st.just("x" * (LONGEST + 1)),
    st.just("\ud800"),
    st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)

CALLS: Sequence[Callable[[Engine, Any], Any]] = (
    lambda engine, value: engine.start("desk", by=value),
    lambda engine, value: engine.start("desk", id=value),
    lambda engine, value: engine.start("desk", data=value),
    lambda engine, value: engine.start("desk", metadata=value),
    lambda engine, value: engine.add_token("c", value),
    lambda engine, value: engine.add_token("c", by=value),
    lambda engine, value: engine.fire("c", "note", by=value),
    lambda engine, value: engine.fire("c", "note", roles=value),
    lambda engine, value: engine.fire("c", "work", data=value),
    lambda engine, value: engine.fire("c", value),
    lambda engine, value: engine.signal("c", "bell", by=value),
    lambda engine, value: engine.signal("c", "bell", data=value),
    lambda engine, value: engine.signal("c", value),
    lambda engine, value: engine.migrate("c", desk, by=value),
    lambda engine, value: engine.cancel("c", by=value),
    lambda engine, value: engine.cancel("c", reason=value),
)


@given(st.lists(st.tuples(st.sampled_from(CALLS), anything), max_size=6))
def test_what_is_acknowledged_can_be_read(asked: list[tuple[Callable[[Engine, Any], Any], Any]]) -> None:
    """Whatever is given to the engine, it is refused with an error of ours, or every event of it can be read again."""
    journal = Reread()

    async def ask() -> None:
        async with Engine(desk, storage=journal) as engine:
            await engine.start("desk", id="c")
            for call, value in asked:
                try:
                    await call(engine, value)
                except CircuitBreakerError:
                    continue

    asyncio.run(ask())
    for kept in journal.store.cases[""].values():
        assert list(kept.events) == [decode_event(encode_event(event)) for event in kept.events]


@pytest.mark.parametrize("value", [None, 5, False, ["ann"], b"ann"])
async def test_who_acts_is_a_text(open_engine: Any, value: Any) -> None:
    """What is no text is refused, with its name and value, before anything is written."""
    engine = await open_engine(desk)
    await engine.start("desk", id="c")
    calls = [
        engine.start("desk", id="d", by=value),
        engine.fire("c", "end", by=value),
        engine.signal("c", "bell", by=value),
        engine.add_token("c", by=value),
        engine.cancel("c", by=value),
        engine.migrate("c", desk, by=value),
        engine.resolve("c", "work", outcome=None, by=value),
    ]
    for call in calls:
        with pytest.raises(DataInvalid, match=r"by: .* is no text"):
            await call
    with pytest.raises(DataInvalid, match=r"reason: .* is no text"):
        await engine.cancel("c", reason=value)
    assert [("c", 1)] == [(summary.id, summary.sequence) for summary in await engine.cases()]


def test_a_label_is_short() -> None:
    """A thousand characters are the most; the error does not repeat the text."""
    assert "ü" * LONGEST == label("ü" * LONGEST, "by")
    with pytest.raises(DataInvalid, match=r"by: a text of 5,000,000 characters is too long, and 1,000 are the most"):
        label("x" * 5_000_000, "by")


def test_a_label_is_plain_text() -> None:
    """A text of another class becomes a plain one, and half a character is none."""

    class People(StrEnum):
        ANN = "ann"

    assert str is type(label(People.ANN, "by"))
    with pytest.raises(DataInvalid, match="no Unicode text"):
        label("\ud800", "by")


def test_roles_are_labels() -> None:
    """A single text is one role; what is no text, and thousands of roles, are refused."""
    assert {"clerk"} == role_labels("clerk")
    assert {"clerk", "chief"} == role_labels(name for name in ("clerk", "chief"))
    for wrong in (None, 5, ["clerk", 5], ["r" * 5000]):
        with pytest.raises(DataInvalid, match="roles: "):
            role_labels(wrong)
    with pytest.raises(DataInvalid, match="1,001 are too many"):
        role_labels(str(number) for number in range(1001))


async def test_the_name_of_a_step_and_of_a_failure_are_labels(open_engine: Any) -> None:
    """A step whose name is no text has failed, and a code that is none is written as one; the case can be read."""

    async def walk(token: Any, context: Any) -> None:
        await context.step(1, lambda: 1)

    def fail(token: Any) -> None:
        error = ValueError("no")
        error.code = 5  # type: ignore[attr-defined]
        raise error

    walking = flow(a >> b).transition("walk").manual().action(walk, name="walk")
    failing = flow(a >> b).transition("fail").manual().action(fail, name="fail")
    engine = await open_engine(Workflow("w", walking, failing), storage=Reread())
    case = await engine.start("w")
    with pytest.raises(DataInvalid, match="the name of a step: 1 is no text"):
        await engine.fire(case, "walk")
    with pytest.raises(ValueError, match="no"):
        await engine.fire(case, "fail")
