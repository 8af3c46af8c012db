"""What goes wrong in other systems of this kind, one test for each way in which it does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuit_breaker import Engine, Event, Workflow, connect, field, flow, rule, states
from circuit_breaker.errors import CaseClosed, CaseExists, NotEnabled, Refused, WorkflowInvalid
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.events import TransitionFired

s, a, b, c, d, e = states("s", "a", "b", "c", "d", "e")
left, right = states("left", "right")


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def told(log: list[str], name: str) -> Callable[[Any], None]:
    """An action that notes that it was called."""
    return lambda token: log.append(name)


def fired(case: Any) -> list[str]:
    """The transitions that fired, in order."""
    return [event.transition for event in case.history.by_type(TransitionFired)]


def in_memory(*workflows: Workflow, **options: Any) -> Engine:
    return Engine(*workflows, storage=connect("memory://"), **options)


# -- joins and branches ------------------------------------------------------------------------------------------------


async def test_a_join_whose_branch_was_skipped() -> None:
    """A join of which one branch was never taken is stuck and says so; it does not end as if all were well."""
    choice = Workflow(
        "choice",
        flow(s >> a).transition("take_a").guard(field("x") == 1),
        flow(s >> b).transition("take_b").guard(field("x") != 1),
        flow((a, b) >> c).transition("join"),
        flow(c >> d).transition("after"),
        initial="s",
    )
    async with in_memory(choice) as engine:
        case = await engine.run(await engine.start("choice", data={"x": 1}))
        assert ("a", "stuck") == (case.state, case.status)
        assert ("no free token in 'b'",) == engine.explain(case)["join"].missing


async def test_a_join_whose_branch_is_still_to_come() -> None:
    """A join that waits for somebody in one of its branches is waiting, not lost and not hung."""
    both = Workflow(
        "both",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("by_itself"),
        flow(b >> d).transition("by_ann").manual(),
        flow((c, d) >> e).transition("join"),
        initial="s",
    )
    async with in_memory(both) as engine:
        case = await asyncio.wait_for(engine.run(await engine.start("both")), 5)
        assert ("waiting", ("no free token in 'd'",)) == (case.status, engine.explain(case)["join"].missing)
        assert "completed" == (await engine.run(await engine.fire(case, "by_ann"))).status


async def test_branches_of_unequal_length() -> None:
    """A join of a short and a long branch, and what follows it, happen once."""
    uneven = Workflow(
        "uneven",
        flow(s >> (a, b)).transition("split"),
        flow(b >> c).transition("further"),
        flow(c >> d).transition("and_further"),
        flow((a, d) >> left).transition("join"),
        flow(left >> right).transition("after"),
        initial="s",
    )
    async with in_memory(uneven) as engine:
        case = await engine.run(await engine.start("uneven"))
    assert ["split", "further", "and_further", "join", "after"] == fired(case)
    assert ("right", "completed") == (case.state, case.status)


async def test_a_join_over_a_restart(tmp_path: Path) -> None:
    """What has come to a join is still there when the process has ended in between, once and not twice."""
    both = Workflow(
        "both",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("one").on_signal("one"),
        flow(b >> d).transition("two").on_signal("two"),
        flow((c, d) >> e).transition("join"),
        initial="s",
    )
    for call in ("start", "one", "two"):
        async with Engine(both, storage=connect(tmp_path / "work.db")) as engine:
            begun = engine.start("both", id="case-1") if call == "start" else engine.signal("case-1", call)
            case = await engine.run(await begun)
    assert ("e", "completed") == (case.state, case.status)
    assert ["split", "one", "two", "join"] == [
        event.transition for event in await journalled(tmp_path) if event.type == "TransitionFired"
    ]


async def test_a_signal_for_one_branch_leaves_the_other_alone() -> None:
    """Of two branches that wait, only the one that is meant goes on; what is done in the other is not done again."""
    log: list[str] = []
    both = Workflow(
        "both",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("one").on_signal("one").action(told(log, "one")),
        flow(b >> d).transition("two").on_signal("two").action(told(log, "two")),
        initial="s",
    )
    async with in_memory(both) as engine:
        case = await engine.run(await engine.start("both"))
        case = await engine.run(await engine.signal(case, "one"))
        assert ({"b", "c"}, ["one"], "waiting") == (set(case.states), log, case.status)
        case = await engine.run(await engine.signal(case, "two"))
    assert ({"c", "d"}, ["one", "two"], "completed") == (set(case.states), log, case.status)


async def test_a_slow_branch_holds_up_nobody() -> None:
    """A branch goes all its way while an action of another branch is still at work."""
    release, arrived = asyncio.Event(), asyncio.Event()

    async def slow(token: Any) -> None:
        await release.wait()

    async def arrive(token: Any) -> None:
        arrived.set()

    both = Workflow(
        "both",
        flow(s >> (a, b)).transition("split"),
        flow(a >> e).transition("slow").action(slow),
        flow(b >> c).transition("one"),
        flow(c >> d).transition("two").action(arrive),
        initial="s",
    )
    async with in_memory(both) as engine, asyncio.TaskGroup() as group:
        running = group.create_task(engine.run(await engine.start("both", id="case-1")))
        await asyncio.wait_for(arrived.wait(), 5)
        assert not running.done()
        release.set()
    assert {"d", "e"} == set(running.result().states)


async def test_choices_behind_choices() -> None:
    """Where both branches of a split choose, and choose again, no way is lost."""
    layered = Workflow(
        "layered",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("a_low").guard(field("x") < 5),
        flow(a >> d).transition("a_high").guard(field("x") >= 5),
        flow(b >> c).transition("b_low").guard(field("x") < 5),
        flow(b >> d).transition("b_high").guard(field("x") >= 5),
        flow(c >> left).transition("low"),
        flow(d >> right).transition("high"),
        initial="s",
    )
    async with in_memory(layered) as engine:
        case = await engine.run(await engine.start("layered", data={"x": 7}))
    assert ["right", "right"] == [token.state for token in case.tokens]


async def test_a_cycle_goes_round_as_often_as_it_should() -> None:
    """A loop is left when its guard says so, not before; a thousand rounds need no recursion."""
    loop = Workflow(
        "loop",
        flow(a >> b).transition("work").action(lambda token: {"n": token.data["n"] + 1}).guard(field("n") < 1000),
        flow(b >> a).transition("back"),
        flow(a >> c).transition("done").guard(field("n") >= 1000),
    )
    async with in_memory(loop) as engine:
        case = await engine.run(await engine.start("loop", data={"n": 0}))
    assert ("c", {"n": 1000}) == (case.state, case.data)


async def test_branches_that_disagree_name_the_key() -> None:
    """Two branches that write one key differently are told apart by key and values, not by a riddle."""
    both = Workflow(
        "both",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("one").action(lambda token: {"total": 1}),
        flow(b >> d).transition("two").action(lambda token: {"total": 2}),
        flow((c, d) >> e).transition("join").manual(),
        initial="s",
    )
    async with in_memory(both) as engine:
        case = await engine.run(await engine.start("both"))
        with pytest.raises(Refused, match=r"data\.total: 1 against 2"):
            await engine.fire(case, "join")


# -- resuming ----------------------------------------------------------------------------------------------------------


async def test_what_comes_before_a_person_is_done_once(tmp_path: Path) -> None:
    """Work before a step of a person is not repeated when the person has decided, nor after a restart."""
    log: list[str] = []
    asked = Workflow(
        "asked",
        flow(a >> b).transition("prepare").action(told(log, "prepare")),
        flow(b >> c).transition("decide").manual(),
        flow(c >> d).transition("finish").action(told(log, "finish")),
    )
    async with Engine(asked, storage=connect(tmp_path / "work.db")) as engine:
        assert "waiting" == (await engine.run(await engine.start("asked", id="case-1"))).status
    async with Engine(asked, storage=connect(tmp_path / "work.db")) as engine:
        await engine.run("case-1")
        case = await engine.run(await engine.fire("case-1", "decide", by="ann"))
    assert ("d", ["prepare", "finish"]) == (case.state, log)


@pytest.mark.crash
def test_a_kill_inside_a_branch(tmp_path: Path) -> None:
    """After ``kill -9`` in one branch the finished sibling is not run again, and the journal shows what was."""
    program = [sys.executable, str(Path(__file__).with_name("killed_branch.py")), str(tmp_path)]
    assert -9 == subprocess.run([*program, "start"], check=False, timeout=60).returncode
    subprocess.run([*program, "recover"], check=True, timeout=60)
    assert ["quick", "slow", "slow"] == sorted((tmp_path / "effects").read_text().split())
    begun = [event.transition for event in asyncio.run(journalled(tmp_path)) if event.type == "ActionStarted"]
    assert ["quick", "slow", "slow"] == sorted(begun)


async def journalled(folder: Path) -> list[Event]:
    """Every event of the case in the journal."""
    async with connect(folder / "work.db") as journal:
        return list(await journal.events("case-1"))


async def test_one_case_leaks_nothing_into_another() -> None:
    """What one case counted and kept is not there in the next."""
    counting = Workflow(
        "counting",
        flow(a >> b).transition("try").action(lambda token: {"tries": token.data.get("tries", 0) + 1}).counts("n"),
    )
    async with in_memory(counting) as engine:
        first, second = [await engine.run(await engine.start("counting")) for _ in range(2)]
    assert ({"tries": 1}, {"n": 1}) == (first.data, first.token.metadata) == (second.data, second.token.metadata)


async def test_two_that_recover_at_once_do_the_work_once(tmp_path: Path) -> None:
    """Processes that take up interrupted work at the same time do not do it twice."""
    log: list[str] = []

    async def work(token: Any) -> None:
        log.append("work")
        await asyncio.sleep(0.02)

    w = Workflow("w", flow(a >> b).transition("work").action(work))
    async with (
        Engine(w, storage=connect(tmp_path / "work.db")) as one,
        Engine(w, storage=connect(tmp_path / "work.db")) as two,
    ):
        await one.start("w", id="case-1")
        await asyncio.gather(one.recover(), two.recover())
        assert (["work"], "b") == (log, (await one.get("case-1")).state)


async def test_the_same_id_is_not_started_twice() -> None:
    """Of many that start a case under one id at the same time, one does."""
    w = Workflow("w", flow(a >> b).transition("go"))
    async with in_memory(w) as engine:
        outcomes = await asyncio.gather(*(engine.start("w", id="x") for _ in range(20)), return_exceptions=True)
        assert 19 == sum(isinstance(outcome, CaseExists) for outcome in outcomes)
        assert ["x"] == [summary.id for summary in await engine.cases()]


# -- the ends of cases -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["complete", "cancel"])
async def test_the_end_is_the_end(end: str) -> None:
    """A case that has completed or was cancelled can become nothing else, whatever comes late."""
    w = Workflow("w", flow(a >> b).transition("go").manual(), flow(a >> c).transition("pay").on_signal("paid"))
    async with in_memory(w) as engine:
        case = await engine.start("w")
        case = await (engine.fire(case, "go") if end == "complete" else engine.cancel(case))
        late = (engine.fire(case, "go"), engine.signal(case, "paid"), engine.cancel(case), engine.add_token(case))
        for call in late:
            with pytest.raises(CaseClosed, match=case.status):
                await call
        assert case == await engine.run(case)
        assert [] == await engine.recover()


async def test_a_cancelled_case_frees_everything(clock: ManualClock) -> None:
    """With a case that is cancelled its actions end, its timers are gone, and no task of it is left."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def work(token: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    w = Workflow(
        "w",
        flow(s >> (a, b)).transition("split"),
        flow(a >> c).transition("work").action(work),
        flow(b >> d).transition("late").after("1h"),
        initial="s",
    )
    async with in_memory(w, clock=clock) as engine:
        case = await engine.start("w")
        tasks = asyncio.all_tasks()
        async with asyncio.TaskGroup() as group:
            group.create_task(engine.run(case))
            await begun.wait()
            await engine.cancel(case)
        assert (True, tasks, None) == (ended.is_set(), asyncio.all_tasks(), await engine.storage.next_due())
        assert () == (await engine.get(case)).pending


async def test_a_cancelled_run_keeps_what_was_done() -> None:
    """Who gives up waiting loses nothing of what had been done by then."""

    async def endless(token: Any) -> None:
        await asyncio.Event().wait()

    w = Workflow(
        "w",
        flow(a >> b).transition("one").action(lambda token: {"one": 1}),
        flow(b >> c).transition("two").action(endless),
    )
    async with in_memory(w) as engine:
        case = await engine.start("w")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run(case), 0.1)
        now = await engine.get(case)
    assert ("b", {"one": 1}) == (now.state, now.data)


async def test_firings_are_atomic() -> None:
    """A hundred tasks that take the same edge move its token once; the action runs once, and nobody is left between."""
    log: list[str] = []
    w = Workflow("w", flow(a >> b).transition("go").action(told(log, "go")).manual())
    async with in_memory(w) as engine:
        case = await engine.start("w")
        outcomes = await asyncio.gather(*(engine.fire(case, "go") for _ in range(100)), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, (NotEnabled, CaseClosed))]
        assert (99, ["go"], "b") == (len(refused), log, (await engine.get(case)).state)


async def test_an_action_that_raises_leaves_the_token_where_it_was() -> None:
    """A case whose action failed is in its old state and says that it failed; it is not in none."""

    def fails(token: Any) -> None:
        raise RuntimeError("boom")

    async with in_memory(Workflow("w", flow(a >> b).transition("go").action(fails))) as engine:
        case = await engine.run(await engine.start("w"))
        assert ("a", "failed") == (case.state, case.status)
        assert "boom" in str(engine.explain(case))


async def test_a_running_case_keeps_its_definition(tmp_path: Path) -> None:
    """A case goes on as it began when the program was changed, and is not replayed against the new one."""
    old = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("on"))
    new = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> d).transition("on"))
    async with Engine(old, storage=connect(tmp_path / "work.db")) as engine:
        await engine.start("w", id="old")
    async with Engine(old, new, storage=connect(tmp_path / "work.db")) as engine:
        await engine.start("w", id="new")
        ends = [(await engine.run(await engine.fire(ident, "go"))).state for ident in ("old", "new")]
    assert ["c", "d"] == ends


# -- size and time -----------------------------------------------------------------------------------------------------


async def test_the_journal_grows_with_the_change(tmp_path: Path) -> None:
    """Twice as many steps that each add 1 KB take about twice the room, and not four times."""
    sizes = []
    for steps in (200, 400):
        file = tmp_path / f"{steps}.db"
        loop = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> a).transition("back").manual())
        async with Engine(loop, storage=connect(f"sqlite:///{file}?synchronous=normal")) as engine:
            case = await engine.start("w")
            for number in range(steps):
                case = await engine.fire(case, ("go", "back")[number % 2], data={f"key{number}": "x" * 1024})
        sizes.append(file.stat().st_size)
    assert sizes[1] < 3 * sizes[0]
    assert sizes[1] < 400 * 1024 * 4


async def test_a_large_document_is_kept(tmp_path: Path) -> None:
    """A text of several megabytes goes through a case and comes back whole."""
    text = "lorem ipsum " * 400_000
    w = Workflow("w", flow(a >> b).transition("go").action(lambda token: {"length": len(token.data["text"])}))
    async with Engine(w, storage=connect(tmp_path / "work.db")) as engine:
        await engine.run(await engine.start("w", id="x", data={"text": text}))
    async with Engine(w, storage=connect(tmp_path / "work.db")) as engine:
        assert {"text": text, "length": len(text)} == (await engine.get("x")).data


async def test_several_programs_on_one_file_are_not_locked_out(tmp_path: Path) -> None:
    """Many cases in several engines on one SQLite file all complete; no one is told that the database is locked."""
    w = Workflow("w", flow(a >> b).transition("go"), flow(b >> c).transition("on"))

    async def program(name: str) -> list[str]:
        async with Engine(w, storage=connect(tmp_path / "work.db")) as engine:
            cases = [await engine.start("w", id=f"{name}-{number}") for number in range(10)]
            return [(await engine.run(case)).status for case in cases]

    assert [["completed"] * 10] * 4 == await asyncio.gather(*map(program, "pqrs"))


def test_import_is_light() -> None:
    """Importing what a workflow needs loads no driver, server, provider or pictures."""
    code = "import sys; from circuit_breaker import Workflow, states, flow, rule, field; print(*sorted(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)
    heavy = {"aiohttp", "sqlite3", "docker", "pydantic", "rich", "click", "yaml", "cattrs", "asyncpg", "nats", "redis"}
    assert set() == heavy & set(shown.stdout.split())


async def test_a_week_passes_in_no_time(clock: ManualClock) -> None:
    """Timers are tested by moving a clock: seven reminders, one a day, the same in every run."""
    w = Workflow(
        "w",
        flow(a >> a).transition("remind").every("1d").counts("reminders"),
        flow(a >> b).transition("done").manual(),
    )
    async with in_memory(w, clock=clock) as engine:
        case = await engine.start("w")
        for _ in range(7):
            await clock.advance("1d")
            case = await engine.run(case)
    assert 7 == case.token.metadata["reminders"]
    assert 7 == (case.updated_at - case.started_at).days


async def test_a_timeout_reaches_a_plain_function() -> None:
    """A function that blocks holds up nobody: its time ends, and the case goes on without it."""
    release = threading.Event()
    w = Workflow(
        "w",
        flow(a >> b).transition("block").action(lambda token: release.wait(30)).timeout("20ms").on_failure(c),
        flow(c >> d).transition("go_on"),
    )
    async with in_memory(w) as engine:
        case = await engine.run(await engine.start("w"))
        release.set()
    assert "d" == case.state


# -- what people see ---------------------------------------------------------------------------------------------------


def test_what_can_never_be_reached_is_refused() -> None:
    """A cycle that nothing leads to is refused when it is defined, each of its states by name."""
    with pytest.raises(WorkflowInvalid, match=r"(?s)state 'b': cannot be reached.*state 'c': cannot be reached"):
        Workflow(
            "w", flow(a >> d).transition("go"), flow(b >> c).transition("there"), flow(c >> b).transition("and_back")
        )


@rule("there is time")
def there_is_time(token: Any) -> bool:
    return False


async def test_a_guard_that_says_no_is_named() -> None:
    """A refusal tells the condition with what was seen and wanted, in words and as a document."""
    w = Workflow("w", flow(a >> b).transition("go").guard((field("amount") > 100) & there_is_time).manual())
    async with in_memory(w) as engine:
        case = await engine.start("w", data={"amount": 7})
        with pytest.raises(Refused, match=r"(?s)amount.*7.*there is time") as caught:
            await engine.fire(case, "go")
        leaf = next(leaf for leaf in caught.value.verdict.leaves() if leaf.path)
        assert ("data.amount", 7, "> 100") == (leaf.path, leaf.seen, leaf.wanted)
        document = engine.explain(case)["go"].to_document()
        assert [False, False] == [part["passed"] for part in document["verdict"]["children"]]
