"""The synchronous face of the engine: opened once, closed from wherever, clear to those who are waiting."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from circuit_breaker import Engine, SyncEngine, Workflow, connect, flow, states
from circuit_breaker.engine.sync import _Calls
from circuit_breaker.errors import ActionError, CaseNotFound, DataInvalid, StorageClosed, StorageError
from circuit_breaker.workflow.events import TransitionFired

a, b = states("a", "b")


def held(begun: threading.Event) -> Workflow:
    """A workflow whose action begins, and never ends by itself."""

    async def hold(token: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    return Workflow("held", flow(a >> b).transition("hold").action(hold, name="hold"))


async def test_closing_ends_the_calls_of_other_threads(tmp_path: Path) -> None:
    """Who waits in another thread is told that the engine was closed; what was written down stays."""
    begun = threading.Event()
    url = f"sqlite:///{tmp_path}/work.db"
    engine = SyncEngine(held(begun), storage=connect(url)).open()
    case = engine.start("held", id="x")
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(engine.run, case)
        assert begun.wait(10)
        engine.close()
        with pytest.raises(StorageClosed, match="was closed before this call had ended") as caught:
            call.result(10)
    assert "run() takes up what was interrupted" in caught.value.remedy
    async with connect(url) as journal:
        assert ("running", 1) == ((await journal.load("x")).status, len((await journal.load("x")).pending))


def test_closing_from_several_threads() -> None:
    """Whoever closes waits until it is closed; one is enough."""
    engine = SyncEngine(held(threading.Event()), storage=connect("memory://")).open()
    with ThreadPoolExecutor(4) as pool:
        for closing in [pool.submit(engine.close) for _ in range(8)]:
            assert closing.result(10) is None
    with pytest.raises(StorageClosed, match="is not open"):
        engine.cases()


def test_many_threads_while_it_is_closed() -> None:
    """Every call either gives its result or says that the engine is closed; none hangs, and none is forgotten."""
    engine = SyncEngine(Workflow("w", flow(a >> b).transition("go").manual()), storage=connect("memory://")).open()
    ended: list[str] = []

    def start_many() -> None:
        try:
            while True:
                engine.start("w")
        except StorageClosed as error:
            ended.append(error.code)

    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(start_many) for _ in range(8)]
        engine.close()
        for call in calls:
            call.result(10)
    assert ["storage_closed"] * 8 == ended


def test_an_engine_is_opened_once() -> None:
    """Opening what is open is an error that leaves it as it is; opened again after closing it works."""
    engine = SyncEngine(Workflow("w", flow(a >> b).transition("go")), storage=connect("memory://"))
    with engine:
        with pytest.raises(StorageError, match="open already"):
            engine.open()
        assert "b" == engine.run(engine.start("w", id="one")).state
    with engine:
        assert "b" == engine.run(engine.start("w", id="two")).state


def test_what_fails_on_opening_is_told(tmp_path: Path) -> None:
    """An engine whose journal cannot be opened raises that error, and closing it is no fault."""
    file = tmp_path / "text.db"
    file.write_text("This is no database, and long enough to see that. " * 50)
    engine = SyncEngine(storage=connect(file))
    with pytest.raises(StorageError, match=r"text\.db"):
        engine.open()
    engine.close()


def test_a_call_that_would_wait_for_itself() -> None:
    """An async action that calls the synchronous engine would hang for ever; it is told instead."""
    engines: list[SyncEngine] = []

    async def call(token: Any) -> None:
        engines[0].cases()

    with SyncEngine(Workflow("w", flow(a >> b).transition("go").action(call)), storage=connect("memory://")) as engine:
        engines.append(engine)
        with pytest.raises(ActionError, match="would wait for itself"):
            engine.fire(engine.start("w"), "go")


def test_a_plain_action_may_call_it() -> None:
    """A plain action runs in a thread of its own, and may start other cases with the same engine."""
    engines: list[SyncEngine] = []
    other = Workflow("other", flow(a >> b).transition("go"))
    calling = flow(a >> b).transition("go").action(lambda token: {"child": engines[0].start("other").id}, name="call")
    with SyncEngine(Workflow("w", calling), other, storage=connect("memory://")) as engine:
        engines.append(engine)
        case = engine.run(engine.start("w"))
        assert "other" == engine.get(case.data["child"]).workflow


def test_an_error_of_a_call_is_its_own() -> None:
    """What a call raises reaches its caller as it is, a timeout of an action as well."""

    async def times_out(token: Any) -> None:
        raise TimeoutError("the server is slow")

    made = Workflow("w", flow(a >> b).transition("go").action(times_out))
    with SyncEngine(made, storage=connect("memory://")) as engine, pytest.raises(TimeoutError, match="server is slow"):
        engine.fire(engine.start("w"), "go")


def test_closing_from_a_listener() -> None:
    """A listener that runs on the engine's own thread may close it; it does not wait for itself."""
    engine = SyncEngine(Workflow("w", flow(a >> b).transition("go")), storage=connect("memory://")).open()
    closed = threading.Event()

    async def close(event: Any) -> None:
        engine.close()
        closed.set()

    engine._wait(_listening(engine, close))
    engine.start("w")
    assert closed.wait(10)
    engine.close()
    with pytest.raises(StorageClosed):
        engine.start("w")


async def _listening(engine: SyncEngine, listener: Any) -> None:
    engine.engine.on(listener)


async def test_a_call_that_comes_too_late_is_told() -> None:
    """Between the moment at which a loop ends and the moment at which others know, a call is refused, not forgotten."""

    async def calls_of_a_loop_that_ends() -> Any:
        async with _Calls() as calls:
            calls.close()
            await calls.closing.wait()
        return calls

    ended = await asyncio.to_thread(asyncio.run, calls_of_a_loop_that_ends())
    ended.close()
    with pytest.raises(StorageClosed, match="was closed before this call had ended"):
        ended.begin(asyncio.sleep(0)).result(1)


async def test_a_call_that_arrives_while_it_closes_is_told() -> None:
    """A call that reaches the loop after closing has begun is not carried out."""
    async with _Calls() as calls:
        calls.closing.set()
        answer = calls.begin(asyncio.sleep(0))
        await asyncio.sleep(0)
    assert isinstance(answer.exception(1), StorageClosed)


door = Workflow("door", flow(a >> b).transition("go"))


def test_a_script_is_told_what_happens() -> None:
    """subscribe() gives an iterator that waits for the next event, of the classes that were asked for."""
    with SyncEngine(door, storage=connect("memory://")) as engine, engine.subscribe(types=(TransitionFired,)) as events:
        case = engine.run(engine.start("door"))
        first = next(iter(events))
        assert ("go", case.id, 0) == (first.transition, first.case, events.missed)


def test_the_events_of_a_script_end_with_the_engine() -> None:
    """Whoever waits for the next event when the engine is closed goes on; so does whoever leaves the block later."""
    engine = SyncEngine(door, storage=connect("memory://")).open()
    with ThreadPoolExecutor(1) as pool, engine.subscribe() as events:
        heard = pool.submit(list, events)
        engine.run(engine.start("door"))
        engine.close()
        kinds = [event.type for event in heard.result(10)]
    assert ["CaseStarted", "TransitionFired", "CaseCompleted"][: len(kinds)] == kinds


def test_a_listener_of_a_script() -> None:
    """on() calls a plain function in a thread, and refuses at once what is no class of events."""
    told: list[str] = []
    heard = threading.Event()

    def listen(event: Any) -> None:
        told.append(f"{event.type} {threading.current_thread() is threading.main_thread()}")
        heard.set()

    with SyncEngine(door, storage=connect("memory://")) as engine:
        assert 0 == engine.on(listen, TransitionFired).missed
        with pytest.raises(DataInvalid, match="is no class of events"):
            engine.on(listen, "TransitionFired")
        engine.run(engine.start("door"))
        assert heard.wait(10)
    assert ["TransitionFired False"] == told


def test_a_script_knows_its_workflows_and_explains_by_id() -> None:
    """What the engine tells without waiting is there as well, and explain() reads the case of an id."""
    with SyncEngine(door, storage=connect("memory://")) as engine:
        case = engine.start("door", id="one")
        assert ({"door": door}, door, door) == (engine.workflows, engine.workflow("door"), engine.workflow(case))
        assert str(engine.explain(case)) == str(engine.explain("one"))
        with pytest.raises(CaseNotFound):
            engine.explain("two")


def test_a_script_winds_down() -> None:
    """work() in another thread returns when wind_down() was called, from a thread or from a listener on the loop."""
    with SyncEngine(door, storage=connect("memory://")) as engine, ThreadPoolExecutor(1) as pool:

        async def listen(event: Any) -> None:
            engine.wind_down()

        working = pool.submit(engine.work)
        engine.on(listen)
        engine.start("door")
        assert None is working.result(10)
        engine.wind_down()


def test_everything_that_an_engine_can_do_a_script_can() -> None:
    """Every public method is there, but for the bus, which belongs to the loop."""
    shared = {"bus", "decide", "resident", "versions"}
    missing = {name for name in vars(Engine) if not name.startswith("_") and not hasattr(SyncEngine, name)}
    assert missing <= shared
