"""What is taken up again, undone, resolved or withdrawn; and a journal that fails in the middle of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import attrs
import pytest

from circuit_breaker import Engine, SyncEngine, Workflow, connect, field, flow, states
from circuit_breaker.errors import (
    ActionError,
    ActionWithdrawn,
    CaseClosed,
    CaseNotFound,
    DataInvalid,
    NotEnabled,
    OutcomeInvalid,
    Refused,
    StorageFull,
    VersionConflict,
    WorkflowInvalid,
)
from circuit_breaker.storage.memory import MemoryJournal
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.events import ActionCompensated, ActionFailed, Event, StepFinished, TransitionFired

s, a, b, c, d, e = states("s", "a", "b", "c", "d", "e")


class FailingJournal(MemoryJournal):
    """A journal that raises instead of keeping certain events."""

    def __init__(self, error: Exception, fails: Callable[[Event], bool]) -> None:
        super().__init__()
        self.error = error
        self.fails = fails

    async def append(self, case: Any, events: Sequence[Event], *, due: datetime | None = None) -> None:
        if any(map(self.fails, events)):
            raise self.error
        await super().append(case, events, due=due)


def full(kind: type[Event]) -> FailingJournal:
    """A journal that has no room for this kind of event."""
    return FailingJournal(StorageFull("no room"), lambda event: isinstance(event, kind))


async def nothing(token: Any) -> None: ...


acting = Workflow("w", flow(a >> b).transition("go").action(nothing))


@pytest.mark.parametrize("how", ["run", "recover", "fire"])
async def test_an_error_of_the_storage_is_told_as_it_is(how: str) -> None:
    """Whatever is done when the journal fails, that error is raised itself, and the case is as the journal says."""
    async with Engine(acting, storage=full(TransitionFired)) as engine:
        case = await engine.start("w")
        calls = {"run": lambda: engine.run(case), "recover": engine.recover, "fire": lambda: engine.fire(case, "go")}
        with pytest.raises(StorageFull, match="no room"):
            await calls[how]()
        assert ("a", 2) == ((await engine.get(case)).state, (await engine.get(case)).sequence)


async def test_a_case_that_others_change_all_the_time() -> None:
    """An engine that is always too late gives up, and says so."""
    contested = FailingJournal(VersionConflict("late"), lambda event: isinstance(event, TransitionFired))
    async with Engine(Workflow("w", flow(a >> b).transition("go")), storage=contested) as engine:
        case = await engine.start("w")
        with pytest.raises(VersionConflict, match="changed by others all the time"):
            await engine.fire(case, "go")


async def test_a_clock_that_fails_ends_the_work() -> None:
    """An error of the clock reaches whoever called work()."""

    class Broken(ManualClock):
        async def sleep_until(self, moment: datetime) -> None:
            raise RuntimeError("no time")

    late = Workflow("w", flow(a >> b).transition("late").after("1h"))
    async with Engine(late, storage=connect("memory://"), clock=Broken()) as engine:
        await engine.start("w")
        with pytest.raises(RuntimeError, match="no time"):
            await engine.work()


async def test_the_history_of_an_unknown_case(open_engine: Any) -> None:
    """Asking for the history of a case that there is not is an error."""
    engine = await open_engine(acting)
    with pytest.raises(CaseNotFound, match="no case 'nope'"):
        await engine.history("nope")


def test_what_is_no_workflow_is_refused() -> None:
    """An engine takes workflows, and says so."""
    with pytest.raises(WorkflowInvalid, match="'w' is no workflow"):
        Engine("w", storage=connect("memory://"))  # type: ignore[arg-type]


async def in_doubt(folder: Path, workflow: Workflow) -> None:
    """Leaves a case behind whose actions have begun, in the journal of a process that has ended."""
    async with Engine(workflow, storage=connect(folder / "work.db")) as engine:
        case = await engine.start("w", id="case-1")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(case), 0.1)


def hanging(token: Any) -> Any:
    return asyncio.Event().wait()


async def test_an_outcome_that_the_policy_refuses(tmp_path: Path) -> None:
    """Who resolves a doubt with an outcome that the policy refuses is told so, and the token stands where it stood."""
    made = flow(a >> b).transition("pay").action(hanging, name="pay").effect("at_most_once")
    workflow = Workflow("w", made.policy(rules=field("paid") == True))  # noqa: E712
    await in_doubt(tmp_path, workflow)
    async with Engine(workflow, storage=connect(tmp_path / "work.db")) as engine:
        await engine.recover()
        with pytest.raises(Refused, match=r"data\.paid"):
            await engine.resolve("case-1", "pay", outcome={"paid": False})
        assert ("a", ()) == ((await engine.get("case-1")).state, (await engine.get("case-1")).pending)


async def test_the_doubt_that_is_meant_is_resolved(tmp_path: Path) -> None:
    """Of two actions in doubt the named one is resolved, and the other stays in doubt."""
    workflow = Workflow(
        "w",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("one").action(hanging, name="one").effect("at_most_once"),
        flow(b >> d).transition("two").action(hanging, name="two").effect("at_most_once"),
        initial="s",
    )
    await in_doubt(tmp_path, workflow)
    async with Engine(workflow, storage=connect(tmp_path / "work.db")) as engine:
        await engine.recover()
        case = await engine.resolve("case-1", "two", outcome=None)
    assert ({"a", "d"}, ["one"]) == (set(case.states), [pending.transition for pending in case.pending])


async def test_only_what_can_be_undone_is(open_engine: Any) -> None:
    """A transition without a compensation is passed over when a case is rolled back."""
    undone: list[str] = []
    workflow = Workflow(
        "w",
        flow(a >> b).transition("book").action(nothing).compensate(lambda token: undone.append("book")),
        flow(b >> c).transition("write").action(nothing),
        flow(c >> d).transition("leave").manual(),
    )
    engine = await open_engine(workflow)
    case = await engine.cancel(await engine.run(await engine.start("w")), compensate=True)
    assert (["book"], ["book"]) == (undone, [event.transition for event in case.history.by_type(ActionCompensated)])


async def test_what_was_withdrawn_is_discarded(open_engine: Any) -> None:
    """An action that will not be stopped may end its work, but begins no step, and its result is not kept."""
    begun, release, late = asyncio.Event(), asyncio.Event(), []

    async def stubborn(token: Any, context: Any) -> dict[str, Any]:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
        with pytest.raises(ActionWithdrawn):
            await context.step("late", lambda: late.append(1))
        release.set()
        return {"late": True}

    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(stubborn)))
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        firing = group.create_task(_caught(engine.fire(case, "go")))
        await begun.wait()
        await engine.cancel(case)
    now = await engine.get(case)
    assert ("withdrawn", True) == (firing.result().code, release.is_set())
    assert ("cancelled", {}, ()) == (now.status, now.data, now.history.by_type(StepFinished))
    assert [] == late


async def _caught(work: Any) -> Any:
    with pytest.raises(ActionError) as caught:
        await work
    return caught.value


@attrs.frozen
class Order:
    amount: float = 0.0


typed = Workflow("w", flow(a >> b).transition("go").manual(), data=Order)


async def test_typed_data_over_a_restart(tmp_path: Path) -> None:
    """A case that is read from the journal has the class of its data."""
    for call in ("start", "get"):
        async with Engine(typed, storage=connect(tmp_path / "work.db")) as engine:
            begun = engine.start("w", id="x", data=Order(2.0)) if call == "start" else engine.get("x")
            assert Order(2.0) == (await begun).data


async def test_data_that_does_not_fit_its_class(open_engine: Any) -> None:
    """What is given with a firing must fit the declared class; otherwise nothing happens."""
    engine = await open_engine(typed)
    case = await engine.start("w", data=Order(2.0))
    with pytest.raises(DataInvalid, match="amount"):
        await engine.fire(case, "go", data={"amount": "much"})
    assert case == await engine.get(case)


async def test_busy_cases_stay_in_memory(open_engine: Any) -> None:
    """With room for one case, twenty that are at work at the same time all end."""
    meeting = asyncio.Barrier(20)

    async def meet(token: Any) -> None:
        await meeting.wait()

    engine = await open_engine(Workflow("w", flow(a >> b).transition("meet").action(meet)), resident=1)
    cases = [await engine.start("w") for _ in range(20)]
    ended = await asyncio.wait_for(asyncio.gather(*map(engine.run, cases)), 10)
    assert {"b"} == {case.state for case in ended}


async def test_a_timeout_of_its_own_is_not_ours(open_engine: Any) -> None:
    """A TimeoutError that an action raises by itself is told as it is, not as the limit of the transition."""

    async def times_out(token: Any) -> None:
        raise TimeoutError("the server is slow")

    made = flow(a >> b).transition("go").action(times_out).timeout("1h")
    engine = await open_engine(Workflow("w", made))
    case = await engine.run(await engine.start("w"))
    assert ["the server is slow"] == [event.error["message"] for event in case.history.by_type(ActionFailed)]


async def test_a_function_without_a_signature_gets_the_token(open_engine: Any) -> None:
    """A function of C that does not tell its parameters is called with the token alone."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("go").action(str, name="str")))
    with pytest.raises(OutcomeInvalid, match=r"'str' of transition 'go' returned .*Token\("):
        await engine.fire(await engine.start("w"), "go")


def test_a_synchronous_engine_without_a_with_statement() -> None:
    """open() and close() do what the with statement does, and closing twice is no fault."""
    engine = SyncEngine(acting, storage=connect("memory://")).open()
    assert {"w"} == set(engine.engine.workflows)
    assert "b" == engine.run(engine.start("w")).state
    engine.close()
    engine.close()
    assert "circuit_breaker" not in [thread.name for thread in threading.enumerate()]


def test_a_synchronous_engine_that_was_never_opened() -> None:
    """Closing what is not open does nothing: it starts no thread, and can be opened afterwards."""
    engine, threads = SyncEngine(acting, storage=connect("memory://")), threading.active_count()
    engine.close()
    assert threads == threading.active_count()
    with engine:
        assert "b" == engine.run(engine.start("w")).state


@pytest.mark.parametrize("said", [{}, {"outcome": {}, "again": True}, {"failed": "x", "again": True}, {"failed": ""}])
async def test_what_became_of_an_action_is_said_exactly_once(said: dict[str, Any]) -> None:
    """Saying nothing, or two things at once, is refused before anything is written."""
    async with Engine(Workflow("w", flow(a >> b).transition("go").manual()), storage=connect("memory://")) as engine:
        case = await engine.start("w")
        with pytest.raises(DataInvalid, match="not said exactly once"):
            await engine.resolve(case, "go", **said)


async def test_hanging_functions_do_not_stop_others() -> None:
    """Plain functions that hang hold up neither other actions nor the end of the engine."""
    hang = threading.Event()
    stuck = Workflow("stuck", flow(a >> b).transition("go").action(lambda token: hang.wait(20)).timeout(0.05))
    quick = Workflow("quick", flow(a >> b).transition("go").action(lambda token: {"x": 1}))
    async with Engine(stuck, quick, storage=connect("memory://")) as engine:
        cases = [await engine.start("stuck") for _ in range(20)]
        async with asyncio.TaskGroup() as group, asyncio.timeout(10):
            for case in cases:
                group.create_task(engine.run(case))
            done = group.create_task(engine.run(await engine.start("quick")))
        assert "completed" == done.result().status
    hang.set()


async def test_a_case_is_not_migrated_to_another_workflow_or_amid_an_action() -> None:
    """Only another version of its own workflow will do."""
    w = Workflow("w", flow(a >> b).transition("go").manual())
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.start("w")
        with pytest.raises(NotEnabled, match="cannot become one of 'v'"):
            await engine.migrate(case, Workflow("v", flow(a >> b).transition("go").manual()))


async def test_a_compensation_that_fails_says_which(tmp_path: Any) -> None:
    """The transition is named, and cancelling again goes on with it."""
    tries: list[int] = []

    def undo(token: Any) -> None:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("not now")

    made = flow(a >> b).transition("book").action(lambda token: None).compensate(undo)
    async with Engine(
        Workflow("w", made, flow(b >> c).transition("on").manual()), storage=connect("memory://")
    ) as engine:
        case = await engine.run(await engine.start("w"))
        with pytest.raises(ActionError, match="undoing transition 'book'"):
            await engine.cancel(case, compensate=True)
        assert "cancelled" == (await engine.cancel(case, compensate=True)).status


async def test_the_second_signal_may_be_the_one_that_fits() -> None:
    """A signal that a guard refuses does not hold up the next; each is used up by what it led to."""
    w = Workflow("w", flow(a >> b).transition("pay").guard(field("amount") >= 10).on_signal("paid"))
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.start("w")
        await engine.signal(case, "paid", data={"amount": 5})
        await engine.signal(case, "paid", data={"amount": 20})
        case = await engine.run(case)
    assert ("b", {"amount": 20}, [5]) == (case.state, case.data, [signal.data["amount"] for signal in case.signals])


async def test_a_signal_is_kept_when_the_action_it_began_fails() -> None:
    """A failed action uses up nothing: fired again, it gets the same signal."""
    fails = [True]

    def book(token: Any) -> dict[str, Any]:
        if fails.pop() if fails else False:
            raise OSError("not now")
        return {"booked": token.data["amount"]}

    w = Workflow("w", flow(a >> b).transition("pay").action(book).on_signal("paid"))
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.signal(await engine.start("w"), "paid", data={"amount": 5}))
        assert 1 == len(case.signals)
        assert {"amount": 5, "booked": 5} == (await engine.fire(case, "pay")).data


async def test_a_loop_that_never_rests_lets_others_have_their_turn() -> None:
    """An endless automatic loop can be cancelled, and does not block the event loop."""
    w = Workflow("w", flow(a >> b).transition("go"), flow(b >> a).transition("back"), final=[])
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.start("w")
        async with asyncio.TaskGroup() as group, asyncio.timeout(5):
            running = group.create_task(engine.run(case))
            await asyncio.sleep(0.02)
            await engine.cancel(case)
        assert "cancelled" == running.result().status


def test_a_synchronous_engine_survives_an_action_that_exits() -> None:
    """sys.exit() in an action is a failure of the action, not the end of the engine."""

    def leave(token: Any) -> None:
        raise SystemExit(3)

    w = Workflow("w", flow(a >> b).transition("go").action(leave))
    with SyncEngine(w, storage=connect("memory://")) as engine:
        assert "failed" == engine.run(engine.start("w")).status


async def test_a_failed_signal_is_not_tried_again_but_the_next_is() -> None:
    """An action that a signal began and that failed is not repeated with that signal; another signal is another try."""
    calls: list[int] = []

    def pay(token: Any) -> None:
        calls.append(token.data["n"])
        raise OSError("refused")

    w = Workflow("w", flow(a >> b).transition("pay").action(pay).effect("at_most_once").on_signal("paid"))
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.start("w")
        async with asyncio.timeout(5):
            for n in (1, 2):
                case = await engine.run(await engine.signal(case, "paid", data={"n": n}))
    assert [1, 2] == calls


async def test_an_unrelated_signal_does_not_repeat_what_failed() -> None:
    """A signal for one branch leaves a failed payment in another alone."""
    calls: list[int] = []

    def pay(token: Any) -> None:
        calls.append(1)
        raise OSError("refused")

    w = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("pay").action(pay).effect("at_most_once"),
        flow(c >> c).transition("note").on_signal("note"),
        initial="a",
    )
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))
        for _ in range(3):
            case = await engine.run(await engine.signal(case, "note"))
    assert [1] == calls


async def test_a_loop_that_clears_its_branches_grows_no_chain(tmp_path: Path) -> None:
    """Splits of which nothing is left are forgotten, and a case of many splits can be written and read."""
    w = Workflow(
        "w",
        flow(a >> (b, c)).transition("split").manual(),
        flow(b >> a).transition("back").manual().clears(c),
        flow(a >> d).transition("end").manual(),
        initial="a",
    )
    url = f"sqlite:///{tmp_path}/j.db"
    async with Engine(w, storage=connect(url)) as engine:
        case = await engine.start("w")
        for _ in range(120):
            await engine.fire(case, "split")
            case = await engine.fire(case, "back")
        assert case.token.fork is None
        await engine.fire(case, "split")
    async with Engine(w, storage=connect(url)) as engine:
        assert {"b", "c"} == set((await engine.get(case.id)).states)


async def test_an_action_cannot_wait_for_its_own_case() -> None:
    """Running its own case from an action would never end; it is an error that says so."""
    engines: list[Engine] = []

    async def wait(token: Any, context: Any) -> None:
        await engines[0].run(context.case_id)

    async with Engine(
        Workflow("w", flow(a >> b).transition("go").action(wait)), storage=connect("memory://")
    ) as engine:
        engines.append(engine)
        async with asyncio.timeout(5):
            case = await engine.run(await engine.start("w"))
    assert ("failed", "deadlock") == (case.status, case.history.by_type(ActionFailed)[0].error["code"])


async def test_tokens_without_the_key_are_not_joined() -> None:
    """Two tokens that both lack the field that joins them do not belong together."""
    match = flow((a, b) >> c).transition("match").correlate(field("order"))
    async with Engine(
        Workflow("w", match, flow(a >> b).transition("x").manual()), storage=connect("memory://")
    ) as engine:
        case = await engine.run(await engine.add_token(await engine.start("w"), state="b"))
    assert {"a", "b"} == set(case.states)


async def test_a_case_whose_only_timer_may_not_fire_is_stuck() -> None:
    """Waiting means that something can still happen."""
    late = flow(a >> b).transition("late").after("1h").guard(field("x").exists())
    async with Engine(Workflow("w", late), storage=connect("memory://")) as engine:
        assert "stuck" == (await engine.start("w")).status
        assert "waiting" == (await engine.start("w", data={"x": 1})).status


async def test_each_compensation_sees_what_its_own_action_did_and_is_called_once() -> None:
    """Two that cancel at once undo everything once, with the token as each firing had left it."""
    seen: list[Any] = []

    async def undo(token: Any) -> None:
        seen.append(dict(token.data))
        await asyncio.sleep(0.01)

    w = Workflow(
        "w",
        flow(a >> b).transition("book").action(lambda token: {"room": 5}).compensate(undo),
        flow(b >> c).transition("pay").action(lambda token: {"paid": True}).compensate(undo),
        flow(c >> d).transition("on").manual(),
    )
    async with Engine(w, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))
        both = (engine.cancel(case, compensate=True) for _ in range(2))
        outcomes = await asyncio.gather(*both, return_exceptions=True)
    assert [{"room": 5, "paid": True}, {"room": 5}] == seen
    assert 1 == sum(isinstance(outcome, CaseClosed) for outcome in outcomes)
