"""Whoever watches: events of tokens that enter states, as they happen, for all cases or for one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from circuit_breaker import Engine, Plugin, Workflow, connect, flow, states
from circuit_breaker.engine import watching
from circuit_breaker.errors import DataInvalid
from circuit_breaker.workflow.events import CaseStarted, TokenAdded, TransitionFired

a, b, c = states("a", "b", "c")
line = Workflow("line", flow(a >> b).transition("go"), flow(b >> c).transition("on").manual())


async def test_entering_a_state_is_an_event(open_engine: Any) -> None:
    """E10: however a token comes into a state, subscribers are told of it, with the states it is in by then."""
    engine = await open_engine(line)
    with engine.subscribe(types=(CaseStarted, TokenAdded, TransitionFired)) as placed:
        case = await engine.run(await engine.start("line"))
        await engine.add_token(case, {"second": True}, state="b")
        told = [await placed.take() for _ in range(3)]
    assert [(CaseStarted, ("a",)), (TransitionFired, ("b",)), (TokenAdded, ("b",))] == [
        (type(notice.event), notice.case.states) for notice in told
    ]


async def test_who_comes_late_finds_what_is_there(open_engine: Any) -> None:
    """E10: tokens that are in a state already are found by asking for the cases in it."""
    engine = await open_engine(line)
    case = await engine.run(await engine.start("line"))
    await engine.run(await engine.fire(await engine.start("line", state="b"), "on"))
    assert [case.id] == [found.id for found in await engine.cases(state="b")]


async def test_one_case_is_watched_while_it_runs(open_engine: Any) -> None:
    """E11: a subscriber of one case gets each of its events as it happens, and none of another case."""
    release = asyncio.Event()

    async def work(token: Any) -> None:
        await release.wait()

    engine = await open_engine(Workflow("w", flow(a >> b).transition("work").action(work)))
    case, other = await engine.start("w"), await engine.start("w")
    async with asyncio.TaskGroup() as group:
        with engine.subscribe(case=case) as events:
            for each in (other, case):
                group.create_task(engine.run(each))
            assert "ActionStarted" == (await events.take()).event.type
            release.set()
            later = [(await events.take()).event for _ in range(2)]
    assert [("TransitionFired", case.id), ("CaseCompleted", case.id)] == [(event.type, event.case) for event in later]


async def test_a_subscription_ends_with_its_engine(open_engine: Any) -> None:
    """E11: who waits for events when the engine closes is let go."""
    engine = await open_engine(line)
    async with asyncio.TaskGroup() as group:
        with engine.subscribe() as events:
            waiting = group.create_task(events.take())
            await asyncio.sleep(0)
            engine.bus.close()
            assert None is await waiting


async def test_a_listener_that_cancels_itself_is_told_again(open_engine: Any) -> None:
    """A plugin in which something was cancelled hears of the next event all the same."""
    told: list[tuple[str, ...]] = []

    class Fragile(Plugin):
        async def on_resource_state_changed(self, case: Any, old_states: tuple[str, ...]) -> None:
            told.append(case.states)
            raise asyncio.CancelledError

    engine = await open_engine(line, plugins=[Fragile()])
    await engine.run(await engine.start("line"))
    async with asyncio.timeout(5):
        while len(told) < 2:  # noqa: ASYNC110 - a plugin has no event to wait for
            await asyncio.sleep(0.001)
    assert [("a",), ("b",)] == told


@pytest.mark.parametrize("wrong", ["TransitionFired", str, None, 5])
async def test_who_asks_for_what_is_no_event_is_told_at_once(open_engine: Any, wrong: Any) -> None:
    """The call says what is wrong; no case is harmed by it later."""
    engine = await open_engine(line)
    for call in (
        lambda: engine.on(print, wrong),
        lambda: engine.subscribe(types=[wrong]),
        lambda: engine.bus.subscribe(types=(wrong,)),
    ):
        with pytest.raises(DataInvalid, match=r"types: .* is no class of events .*circuit_breaker\.workflow\.events"):
            call()
    assert "b" == (await engine.run(await engine.start("line"))).state


async def test_a_listener_is_a_function_and_a_queue_has_a_size(open_engine: Any) -> None:
    """The class of an event in place of the function, and a size of nothing, are refused."""
    engine = await open_engine(line)
    with pytest.raises(DataInvalid, match="'TransitionFired' cannot be called"):
        engine.on("TransitionFired")
    for size in (0, -1, "x", True):
        with pytest.raises(DataInvalid, match="is no number of events"):
            engine.subscribe(size=size)


async def test_types_may_be_a_list_or_one_class(open_engine: Any) -> None:
    """However the classes are given, only their events are told."""
    engine = await open_engine(line)
    with engine.subscribe(types=[TransitionFired]) as several, engine.subscribe(types=TransitionFired) as one:
        await engine.run(await engine.start("line"))
        assert ["TransitionFired"] * 2 == [(await each.take()).event.type for each in (several, one)]
    assert (0, 0) == (several.waiting, one.waiting)


async def test_a_slow_listener_is_told_of_once(open_engine: Any) -> None:
    """The first event that a listener loses is logged with its name; all are counted."""
    gate = asyncio.Event()

    async def slow(event: Any) -> None:
        await gate.wait()

    engine = await open_engine(line)
    heard = engine.on(slow, size=2)
    with capture_logs() as logs:
        for _ in range(5):
            await engine.run(await engine.start("line"))
    gate.set()
    assert [("listener slow", 2)] == [(entry["subscriber"], entry["size"]) for entry in logs]
    assert heard.missed > 5


async def test_who_only_wants_the_newest_is_not_too_slow(open_engine: Any) -> None:
    """A queue of one keeps the newest event, and nothing is logged of the others."""
    engine = await open_engine(line)
    with capture_logs() as logs, engine.subscribe(size=1) as newest:
        await engine.run(await engine.start("line"))
        assert "TransitionFired" == (await newest.take()).event.type
    assert ([], 1) == (logs, newest.missed)


async def test_a_listener_that_hears_not_all_before_the_end_is_told_of(monkeypatch: Any) -> None:
    """When the engine closes and a listener does not come to an end, the log says how many events it did not hear."""
    monkeypatch.setattr(watching, "PATIENCE", 0.01)

    async def hangs(event: Any) -> None:
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with Engine(line, storage=connect("memory://")) as engine:
            engine.on(hangs)
            await engine.run(await engine.start("line"))
            await asyncio.sleep(0)
    assert [("listener hangs", 1)] == [(entry["listener"], entry["events"]) for entry in logs]


async def test_a_listener_may_be_let_go(open_engine: Any) -> None:
    """What on() gives ends the listening when it is closed."""
    told: list[str] = []

    async def listen(event: Any) -> None:
        told.append(event.type)

    engine = await open_engine(line)
    subscription = engine.on(listen)
    await engine.start("line")
    async with asyncio.timeout(5):
        while not told:  # noqa: ASYNC110 - a listener has no event to wait for
            await asyncio.sleep(0.001)
    subscription.close()
    await engine.start("line")
    await asyncio.sleep(0.01)
    assert ["CaseStarted"] == told
