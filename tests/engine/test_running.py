"""What goes on by itself: signals, timers, recovery, cancellation, compensation, and everybody who watches."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from circuit_breaker import Engine, Plugin, SyncEngine, Workflow, connect, field, flow, rule, states
from circuit_breaker.engine import Progress
from circuit_breaker.errors import (
    ActionError,
    CaseClosed,
    NotEnabled,
    StorageClosed,
    StorageError,
    VersionConflict,
    WorkflowNotFound,
)
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.events import (
    ActionCompensated,
    ActionInDoubt,
    ActionStarted,
    CaseStarted,
    Event,
    SignalReceived,
    StepFinished,
    TransitionFired,
)

a, b, c, d = states("a", "b", "c", "d")


async def test_a_signal_is_kept_until_it_is_used(open_engine: Any) -> None:
    """A signal that comes too early waits for its transition, is used up once, and gives it its data."""
    paid = Workflow(
        "paid", flow(a >> b).transition("ready").manual(), flow(b >> c).transition("pay").on_signal("payment")
    )
    engine = await open_engine(paid)
    case = await engine.signal(await engine.start("paid"), "payment", data={"amount": 5}, by="bank")
    case = await engine.run(await engine.fire(case, "ready"))
    assert ("c", {"amount": 5}, ()) == (case.state, case.data, case.signals)
    assert ["payment"] == [event.name for event in case.history.by_type(SignalReceived)]


async def test_a_transient_signal_is_lost_if_nothing_waits(open_engine: Any) -> None:
    """A transient trigger that comes too early leaves no trace; in time it fires."""
    bell = Workflow(
        "bell",
        flow(a >> b).transition("ready").manual(),
        flow(b >> c).transition("ring").on_signal("bell", transient=True),
    )
    engine = await open_engine(bell)
    case = await engine.signal(await engine.start("bell"), "bell")
    case = await engine.run(await engine.fire(case, "ready"))
    assert ("b", "waiting") == (case.state, case.status)
    assert "c" == (await engine.run(await engine.signal(case, "bell"))).state


async def test_an_unknown_signal_and_a_missing_one_are_errors(open_engine: Any) -> None:
    """A signal that nothing waits for is refused, and a transition does not fire without its own."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("pay").on_signal("payment")))
    case = await engine.start("w")
    with pytest.raises(NotEnabled, match="known: payment"):
        await engine.signal(case, "paymnet")
    with pytest.raises(NotEnabled, match="waits for the signal 'payment'"):
        await engine.fire(case, "pay")


async def test_a_timer_fires_when_it_is_due(open_engine: Any, clock: ManualClock) -> None:
    """.after(delay) fires that long after the token entered its state, and not before."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("escalate").after("2h")))
    case = await engine.run(await engine.start("w"))
    assert ("a", "waiting") == (case.state, case.status)
    with pytest.raises(NotEnabled, match="is not due before"):
        await engine.fire(case, "escalate")
    await clock.advance("2h")
    assert "b" == (await engine.run(case)).state


async def test_work_sleeps_until_timers_are_due(open_engine: Any, clock: ManualClock) -> None:
    """work() fires every due timer by itself, and returns when it is told to and nothing is left."""
    engine = await open_engine(
        Workflow("w", flow(a >> b).transition("one").after(60), flow(b >> c).transition("two").after(60))
    )
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        group.create_task(engine.work(until_idle=True, poll=1000))
        for _ in range(2):
            await asyncio.sleep(0.01)
            await clock.advance(60)
    assert "c" == (await engine.get(case)).state


async def test_a_repeating_timer_fires_again_and_again(open_engine: Any, clock: ManualClock) -> None:
    """.every(interval) fires each time that the interval has passed since the token last came back."""

    def remind(token: Any) -> dict[str, Any]:
        return {"reminders": token.data.get("reminders", 0) + 1}

    engine = await open_engine(
        Workflow(
            "w", flow(a >> a).transition("remind").every("1d").action(remind), flow(a >> b).transition("done").manual()
        )
    )
    case = await engine.start("w")
    for _ in range(3):
        await clock.advance("1d")
        case = await engine.run(case)
    assert {"reminders": 3} == case.data


async def test_a_state_records_when_it_was_entered(open_engine: Any, clock: ManualClock) -> None:
    """A state with a timestamp key writes the time of entering into the metadata; the case knows all its times."""
    draft, submitted = states("draft", "submitted")
    stamped = submitted.stamps("submitted_at").says("waiting for a reviewer")
    engine = await open_engine(Workflow("w", flow(draft >> stamped).transition("submit")))
    case = await engine.run(await engine.start("w"))
    assert clock.now().isoformat() == case.token.metadata["submitted_at"]
    assert {"draft": clock.now(), "submitted": clock.now()} == case.timestamps
    assert "waiting for a reviewer" in str(engine.explain(case))


class Interrupted(BaseException):
    """Stands for the end of the process: nothing catches it."""


def crashing(calls: list[str], *, crash: bool) -> Any:
    """An action with a step, after which it ends the process the first time."""

    async def act(token: Any, context: Any) -> dict[str, Any]:
        room = await context.step("reserve", lambda: calls.append("reserve") or "room 5")
        calls.append(context.idempotency_key)
        if crash and calls.count(context.idempotency_key) == 1:
            raise Interrupted
        return {"room": room}

    return act


async def crashed_case(workflow: Workflow, url: str) -> None:
    """Leaves a case behind whose action was interrupted, as a crash of another process would."""
    with pytest.raises(BaseException):  # noqa: B017, PT011 - whatever the end of the process leaves
        async with Engine(workflow, storage=connect(url)) as engine:
            await engine.run(await engine.start("w", id="case-1"))


async def test_an_interrupted_action_runs_again_with_the_same_key(tmp_path: Any) -> None:
    """After a crash an idempotent action runs again with its key; finished steps are not done a second time."""
    calls: list[str] = []
    workflow = Workflow("w", flow(a >> b).transition("book").action(crashing(calls, crash=True), name="book"))
    url = f"sqlite:///{tmp_path}/j.db"
    await crashed_case(workflow, url)
    async with Engine(workflow, storage=connect(url)) as engine:
        (case,) = await engine.recover()
    assert ("b", {"room": "room 5"}) == (case.state, case.data)
    assert ["reserve", "case-1:book:2", "case-1:book:2"] == calls
    assert 2 == len(case.history.by_type(ActionStarted))
    assert ["reserve"] == [event.name for event in case.history.by_type(StepFinished)]


def at_most_once(calls: list[str], **effect: Any) -> Workflow:
    action = crashing(calls, crash=True)
    return Workflow("w", flow(a >> b).transition("pay").action(action, name="pay").effect("at_most_once", **effect))


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ({"outcome": {"paid": True}}, ("b", {"paid": True}, "completed")),
        ({"failed": "it was not paid"}, ("a", {}, "failed")),
        ({"again": True}, ("b", {"room": "room 5"}, "completed")),
    ],
)
async def test_what_must_not_be_repeated_is_in_doubt(tmp_path: Any, resolution: Any, expected: Any) -> None:
    """After a crash an at_most_once action waits until somebody says what became of it; explain says so."""
    calls: list[str] = []
    url = f"sqlite:///{tmp_path}/j.db"
    await crashed_case(at_most_once(calls), url)
    async with Engine(at_most_once(calls), storage=connect(url)) as engine:
        (case,) = await engine.recover()
        assert ("in_doubt", 1) == (case.status, len(case.history.by_type(ActionInDoubt)))
        assert "is in doubt since a crash" in str(engine.explain(case))
        case = await engine.resolve(case, "pay", by="ann", **resolution)
    assert expected == (case.state, case.data, case.status)


async def test_a_rule_may_decide_about_doubt(tmp_path: Any) -> None:
    """With again_if= an interrupted at_most_once action runs again where the rule holds."""
    calls: list[str] = []
    workflow = at_most_once(calls, again_if=field("paid").missing())
    url = f"sqlite:///{tmp_path}/j.db"
    await crashed_case(workflow, url)
    async with Engine(workflow, storage=connect(url)) as engine:
        (case,) = await engine.recover()
    assert "completed" == case.status


async def test_nothing_in_doubt_cannot_be_resolved(open_engine: Any) -> None:
    """Resolving what is not in doubt is an error."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("pay").manual()))
    with pytest.raises(NotEnabled, match="no action of transition 'pay'"):
        await engine.resolve(await engine.start("w"), "pay", outcome={})


async def test_a_cancelled_case_stops_its_actions(open_engine: Any) -> None:
    """Cancelling reaches the action in progress, and its result is never added."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def endless(token: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    engine = await open_engine(Workflow("w", flow(a >> b).transition("work").action(endless)))
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run(case))
        await begun.wait()
        await engine.cancel(case, by="ann")
    assert stopped.is_set()
    assert ("cancelled", ()) == (running.result().status, running.result().pending)


async def test_whoever_waits_for_a_withdrawn_action_is_told(open_engine: Any) -> None:
    """fire() whose action is withdrawn by a cancellation raises, with its own code."""
    begun = asyncio.Event()

    async def endless(token: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    engine = await open_engine(Workflow("w", flow(a >> b).transition("work").action(endless)))
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        firing = group.create_task(capture(engine.fire(case, "work")))
        await begun.wait()
        await engine.cancel(case)
    assert isinstance(firing.result(), ActionError)
    assert "withdrawn" == firing.result().code


async def capture(work: Any) -> Any:
    try:
        return await work
    except Exception as error:  # noqa: BLE001 - it is what the test looks at
        return error


async def test_a_cancelled_region_withdraws_tokens_and_their_actions(open_engine: Any) -> None:
    """.clears(state) takes the token of the other branch away and stops what is done with it."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def slow(token: Any) -> None:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async def fast(token: Any) -> None:
        await begun.wait()

    b2, c2 = states("b2", "c2")
    race = Workflow(
        "race",
        flow(a >> (b, c)).transition("split"),
        flow(b >> b2).transition("fast").action(fast),
        flow(c >> c2).transition("slow").action(slow),
        flow(b2 >> d).transition("win").clears(c, c2),
        initial="a",
    )
    engine = await open_engine(race)
    case = await engine.run(await engine.start("race"))
    assert ("d", "completed", True) == (case.state, case.status, stopped.is_set())
    assert 1 == len([event for event in case.history.by_type(TransitionFired) if event.cleared])


async def test_a_run_that_is_cancelled_is_taken_up_again(open_engine: Any) -> None:
    """Cancelling run() is like a crash for the action in progress: the next run repeats it, with the same key."""
    keys: list[str] = []

    async def slow_once(token: Any, context: Any) -> None:
        keys.append(context.idempotency_key)
        if len(keys) == 1:
            await asyncio.sleep(60)

    engine = await open_engine(Workflow("w", flow(a >> b).transition("work").action(slow_once)))
    case = await engine.start("w")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.run(case), 0.05)
    assert "b" == (await engine.run(case)).state
    assert 1 == len(set(keys))


async def test_what_was_done_is_undone_in_reverse(open_engine: Any) -> None:
    """cancel(compensate=True) calls the compensations of what fired, the last first, each with a key of its own."""
    log: list[str] = []

    def act(name: str) -> Any:
        return lambda token: log.append(name)

    def undo(token: Any, context: Any) -> None:
        log.append(f"undo {context.idempotency_key.split(':')[1]}")

    trip = Workflow(
        "trip",
        flow(a >> b).transition("hotel").action(act("hotel")).compensate(undo),
        flow(b >> c).transition("flight").action(act("flight")).compensate(undo),
        flow(c >> d).transition("leave").manual(),
    )
    engine = await open_engine(trip)
    case = await engine.run(await engine.start("trip"))
    case = await engine.cancel(case, compensate=True)
    assert ["hotel", "flight", "undo flight", "undo hotel"] == log
    assert ("cancelled", 2) == (case.status, len(case.history.by_type(ActionCompensated)))


async def test_a_case_keeps_its_version_until_it_is_migrated(open_engine: Any) -> None:
    """A running case goes on under the definition it started with; migrate moves it if the new one has its states."""
    old = Workflow("w", flow(a >> b).transition("go").manual())
    new = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on").manual())
    engine = await open_engine(old, new)
    before = await engine.start(old)
    engine_new = engine.workflow("w")
    assert (old.version, new.version) == (before.definition, engine_new.version)
    moved = await engine.migrate(before, new, by="ann")
    assert "c" == (await engine.fire(await engine.fire(moved, "go"), "on")).state


async def test_a_migration_that_would_lose_tokens_is_refused(open_engine: Any) -> None:
    """A case whose state the new version does not have stays as it is."""
    engine = await open_engine(
        Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on").manual())
    )
    case = await engine.fire(await engine.start("w"), "go")
    with pytest.raises(NotEnabled, match="no state 'b'"):
        await engine.migrate(case, Workflow("w", flow(a >> d).transition("go").manual()))
    assert case.definition == (await engine.get(case)).definition


async def test_a_case_of_an_unknown_version_says_what_to_do(tmp_path: Any) -> None:
    """An engine without the definition of a case names the version and the remedy; recover leaves the case alone."""
    url = f"sqlite:///{tmp_path}/j.db"
    async with Engine(Workflow("w", flow(a >> b).transition("go")), storage=connect(url)) as engine:
        case = await engine.start("w")
    async with Engine(storage=connect(url)) as engine:
        assert [] == await engine.recover()
        with pytest.raises(WorkflowNotFound, match=case.definition):
            await engine.fire(case.id, "go")


async def test_subscribers_see_events_in_order(open_engine: Any) -> None:
    """AA2: a subscription gives every event of a case as it happens, and ends with its block."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go"), flow(b >> c).transition("on")))
    with engine.subscribe() as events:
        case = await engine.run(await engine.start("w"))
        events.close()
        seen = [event async for event in events]
    assert list(case.history) == seen


async def test_a_slow_subscriber_misses_events_but_blocks_nobody(open_engine: Any) -> None:
    """A queue that is full drops the oldest events and counts them; the case is not held up."""
    loop = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> a).transition("back").manual())
    engine = await open_engine(loop)
    case = await engine.start("w")
    with engine.subscribe(case=case, size=3) as events:
        for _ in range(5):
            await engine.fire(case, "go")
            await engine.fire(case, "back")
        events.close()
        seen = [event.sequence async for event in events]
    assert ([9, 10, 11], 7) == (seen, events.missed)


async def test_a_listener_that_raises_harms_nothing(open_engine: Any) -> None:
    """Listeners get the kinds they ask for, plain or async; one that raises is logged and called again next time."""
    seen: list[Event] = []
    calls: list[int] = []

    def raises(event: Event) -> None:
        calls.append(1)
        raise RuntimeError("boom")

    async def keeps(event: Event) -> None:
        seen.append(event)

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go"), flow(b >> c).transition("on")))
    engine.on(raises)
    engine.on(keeps, CaseStarted)
    case = await engine.run(await engine.start("w"))
    await until(lambda: len(calls) == 4)
    assert "completed" == case.status
    assert [CaseStarted] == list(map(type, seen))


async def until(holds: Any) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - a listener has no event to wait for
            await asyncio.sleep(0.005)


async def test_plugins_are_told(open_engine: Any) -> None:
    """AD1: a plugin is initialised, told of workflows and of every change of state, and may fail without harm."""
    told: list[Any] = []

    class Watcher(Plugin):
        name = "watcher"

        async def initialize(self, engine: Engine) -> None:
            told.append("ready")

        async def on_workflow_created(self, workflow: Workflow) -> None:
            told.append(workflow.name)

        async def on_resource_state_changed(self, case: Any, old_states: tuple[str, ...]) -> None:
            told.append((old_states, case.states))

    class Broken(Plugin):
        async def initialize(self, engine: Engine) -> None:
            raise RuntimeError("boom")

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go")), plugins=[Broken(), Watcher()])
    await engine.add_workflow(Workflow("v", flow(a >> b).transition("go")))
    await engine.run(await engine.start("w"))
    await until(lambda: len(told) == 5)
    assert ["ready", "w", "v", ((), ("a",)), (("a",), ("b",))] == told


async def test_a_plugin_can_come_later(open_engine: Any) -> None:
    """AD1: register_plugin on a running engine tells it of the workflows that are there."""
    told: list[str] = []

    class Late(Plugin):
        async def on_workflow_created(self, workflow: Workflow) -> None:
            told.append(workflow.name)

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go")))
    await engine.register_plugin(Late())
    assert ["w"] == told


async def test_progress_reaches_subscribers_only(open_engine: Any) -> None:
    """Progress and log lines of an action are told, but are no events of the case."""

    def work(token: Any, context: Any) -> None:
        context.progress(0.5, "half way")
        context.log("a line")

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(work)))
    with engine.subscribe(types=(Progress,)) as progress:
        case = await engine.run(await engine.start("w"))
        progress.close()
        seen = [(p.fraction, p.message) async for p in progress]
    assert [(0.5, "half way"), (None, "a line")] == seen
    assert 4 == case.sequence


async def test_several_steps_are_remembered_one_by_one(open_engine: Any) -> None:
    """Of an action with several steps a retry repeats only the one that failed."""
    calls: list[str] = []

    def first(token: Any) -> dict[str, int]:
        calls.append("first")
        return {"n": 1}

    def second(token: Any) -> dict[str, int]:
        calls.append("second")
        if len(calls) < 3:
            raise OSError("again")
        return {"m": token.data["n"] + 1}

    made = flow(a >> b).transition("go").action(first).action(second).retry(max_attempts=2, backoff_seconds=0)
    engine = await open_engine(Workflow("w", made))
    case = await engine.run(await engine.start("w"))
    assert ({"n": 1, "m": 2}, ["first", "second", "second"]) == (case.data, calls)


async def test_a_plain_function_may_record_steps_too(open_engine: Any) -> None:
    """step_sync is the step of a function that runs in a thread; the loop stays free meanwhile."""
    threads: list[str] = []

    def work(token: Any, context: Any) -> dict[str, Any]:
        threads.append(threading.current_thread().name)
        return {"x": context.step_sync("one", lambda: 7)}

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(work)))
    assert {"x": 7} == (await engine.run(await engine.start("w"))).data
    assert [threading.main_thread().name] != threads


async def test_two_engines_on_one_journal(tmp_path: Any) -> None:
    """Of two processes that fire the same edge one wins and the other is told; each sees what the other did."""
    url = f"sqlite:///{tmp_path}/j.db"
    w = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on").manual())
    async with Engine(w, storage=connect(url)) as one, Engine(w, storage=connect(url)) as two:
        case = await one.start("w")
        await two.get(case)
        await one.fire(case, "go")
        with pytest.raises(NotEnabled):
            await two.fire(case, "go")
        assert "c" == (await two.fire(case, "on")).state
        assert "c" == (await one.get(case)).state
        with pytest.raises(VersionConflict):
            await one.fire(case, "on", expect=1)


async def test_an_action_of_another_live_process_is_left_alone(tmp_path: Any) -> None:
    """While the process that began an action lives, nobody else takes it up."""
    begun, release = asyncio.Event(), asyncio.Event()
    calls: list[int] = []

    async def act(token: Any) -> None:
        calls.append(1)
        begun.set()
        await release.wait()

    url = f"sqlite:///{tmp_path}/j.db"
    w = Workflow("w", flow(a >> b).transition("go").action(act, name="act"))
    async with Engine(w, storage=connect(url)) as one, Engine(w, storage=connect(url)) as two:
        case = await one.start("w")
        async with asyncio.TaskGroup() as group:
            first = group.create_task(one.run(case))
            await begun.wait()
            seen = await two.run(case.id)
            release.set()
    assert ("running", "b", [1]) == (seen.status, first.result().state, calls)


async def test_many_cases_do_not_fill_the_memory(open_engine: Any) -> None:
    """At most `resident` cases at rest stay in memory; all of them are found again."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").manual()), resident=10)
    ids = [(await engine.start("w")).id for _ in range(50)]
    assert len(engine._cases.residents) <= 10
    assert {"b"} == {(await engine.fire(case_id, "go")).state for case_id in ids}


async def test_a_long_life_keeps_only_the_end_of_its_history(open_engine: Any) -> None:
    """Of a long history the end is in memory, asking for the rest says where it is, and the journal has it all."""
    loop = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> a).transition("back").manual())
    engine = await open_engine(loop)
    case = await engine.start("w")
    for _ in range(200):
        await engine.fire(case, "go")
        case = await engine.fire(case, "back")
    now = await engine.get(case)
    assert now.history.held < 300
    with pytest.raises(LookupError, match=r"engine.history"):
        list(now.history)
    assert 401 == len(list(await engine.history(case)))


def test_plain_scripts_need_no_await(tmp_path: Any) -> None:
    """The synchronous face has the same methods, and lives on a thread of its own."""
    w = Workflow("w", flow(a >> b).transition("go").action(lambda token: {"x": 1}))
    with SyncEngine(w, storage=connect(f"sqlite:///{tmp_path}/j.db")) as engine:
        case = engine.run(engine.start("w"))
        assert ("b", {"x": 1}) == (case.state, case.data)
        assert "completed" == engine.explain(case).status
        assert [case.id] == [summary.id for summary in engine.cases()]
    with pytest.raises(StorageClosed):
        engine.start("w")


def test_a_synchronous_engine_that_cannot_open_says_why(tmp_path: Any) -> None:
    """What goes wrong on opening is raised by the with statement."""
    with pytest.raises(StorageError), SyncEngine(storage=connect(f"sqlite:///{tmp_path}/no/such/folder/j.db")):
        pass


async def test_an_engine_that_is_not_open_says_so() -> None:
    """Using an engine outside of its block is an error with a remedy."""
    engine = Engine(Workflow("w", flow(a >> b).transition("go")), storage=connect("memory://"))
    with pytest.raises(StorageClosed, match="async with"):
        await engine.start("w")


async def test_tokens_of_one_case_can_be_correlated(open_engine: Any) -> None:
    """.correlate(field) joins only tokens that agree on it, whatever came first."""
    w = Workflow(
        "w", flow((a, b) >> c).transition("match").correlate(field("order")), flow(a >> b).transition("x").manual()
    )
    engine = await open_engine(w)
    case = await engine.start("w", data={"order": 1})
    await engine.add_token(case, {"order": 2}, state="b")
    case = await engine.run(case)
    assert {"a", "b"} == set(case.states)
    case = await engine.run(await engine.add_token(case, {"order": 1}, state="b"))
    assert {"b": 2, "c": 1} == {token.state: token.data["order"] for token in case.tokens}


@rule("never")
def never(token: Any) -> bool:
    raise ValueError("cannot say")


async def test_a_rule_that_raises_says_no(open_engine: Any) -> None:
    """Fail closed: a rule that raises is a refusal with the error as its reason."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").guard(never).manual()))
    case = await engine.start("w")
    assert "cannot say" in str(engine.explain(case))
    assert not engine.explain(case)["go"].enabled


async def test_a_listener_that_hangs_does_not_keep_the_engine_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Closing waits a while for listeners to hear the rest, and then stops them."""
    monkeypatch.setattr("circuit_breaker.engine.watching.PATIENCE", 0.05)
    stopped = asyncio.Event()

    async def hangs(event: Event) -> None:
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    async with Engine(Workflow("w", flow(a >> b).transition("go")), storage=connect("memory://")) as engine:
        engine.on(hangs)
        await engine.run(await engine.start("w"))
    assert stopped.is_set()


async def test_doubt_in_one_branch_does_not_hold_up_another(tmp_path: Any) -> None:
    """A case with an action in doubt goes on elsewhere, and is taken up by whoever recovers."""
    calls: list[str] = []
    workflow = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("pay").action(crashing(calls, crash=True), name="pay").effect("at_most_once"),
        flow(c >> d).transition("go").on_signal("go"),
        initial="a",
    )
    url = f"sqlite:///{tmp_path}/j.db"
    await crashed_case(workflow, url)
    async with Engine(workflow, storage=connect(url)) as engine:
        await engine.recover()
        case = await engine.signal("case-1", "go")
        assert "running" == case.status
        (case,) = await engine.recover()
    assert ("in_doubt", {"b", "d"}) == (case.status, set(case.states))


async def test_a_closed_case_is_not_compensated(open_engine: Any) -> None:
    """cancel(compensate=True) on a case that has ended undoes nothing."""
    undone: list[int] = []
    made = flow(a >> b).transition("go").action(lambda token: None).compensate(lambda token: undone.append(1))
    engine = await open_engine(Workflow("w", made))
    case = await engine.run(await engine.start("w"))
    with pytest.raises(CaseClosed):
        await engine.cancel(case, compensate=True)
    assert [] == undone


async def test_what_another_process_did_is_noticed(tmp_path: Any) -> None:
    """An engine that holds an older copy of a case looks again before it says no, or that nothing is to do."""
    url = f"sqlite:///{tmp_path}/j.db"
    w = Workflow(
        "w",
        flow(a >> b).transition("go").manual(),
        flow(b >> c).transition("on").manual(),
        flow(c >> d).transition("by_itself"),
    )
    async with Engine(w, storage=connect(url)) as one, Engine(w, storage=connect(url)) as two:
        case = await one.start("w")
        await two.get(case)
        await one.fire(case, "go")
        await two.fire(case, "on")
        assert "d" == (await one.run(case)).state
        assert "d" == (await two.run(case)).state


async def test_the_reason_of_a_refused_result_is_the_one_that_is_kept(open_engine: Any) -> None:
    """The journal and explain() name the condition that the result did not meet."""
    made = (
        flow(a >> b)
        .transition("rate")
        .policy(validations=field("title").exists(), rules=field("score") >= 8)
        .action(lambda token: {"score": 5})
    )
    engine = await open_engine(Workflow("w", made))
    case = await engine.run(await engine.start("w", data={"title": "x"}))
    (refused,) = case.history.by_type("TransitionRefused")
    assert ("data.score >= 8", 5) == (refused.verdict["text"], refused.verdict["seen"])
    assert "data.score >= 8" in str(engine.explain(case))
