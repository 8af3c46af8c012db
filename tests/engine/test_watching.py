"""Whoever watches: events of tokens that enter states, as they happen, for all cases or for one."""

from __future__ import annotations

import asyncio
from typing import Any

from circuit_breaker import Plugin, Workflow, flow, states
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
