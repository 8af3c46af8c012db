"""The worker: due timers and plain firings wait for no action, and actions are begun in turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from circuit_breaker import Engine, SystemClock, Workflow, connect, flow, states
from circuit_breaker.engine.slots import Slots
from circuit_breaker.engine.worker import AT_ONCE
from circuit_breaker.errors import StorageCorrupt, StorageFull, StorageLocked
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import ActionStarted, TransitionFired

a, b, c, d, e = states("a", "b", "c", "d", "e")


class Gate:
    """An action that holds every case until it is opened, and knows which came in, and how many at once."""

    def __init__(self) -> None:
        self.entered: list[str] = []
        self.inside = 0
        self.most = 0
        self.opened = asyncio.Event()

    async def __call__(self, token: Any, context: Any) -> None:
        self.entered.append(context.case_id)
        self.inside += 1
        self.most = max(self.most, self.inside)
        try:
            await self.opened.wait()
        finally:
            self.inside -= 1


async def until(condition: Callable[[], bool]) -> None:
    """Returns when the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - it looks from outside, where no event tells
            await asyncio.sleep(0.001)


@asynccontextmanager
async def working(engine: Engine, **options: Any) -> AsyncIterator[None]:
    """A worker at work as long as the block lasts."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(engine.work(**options))
        try:
            yield
        finally:
            task.cancel()


async def begun(engine: Engine, workflow: str, count: int, prefix: str) -> list[str]:
    """The ids of so many new cases."""
    return [(await engine.start(workflow, id=f"{prefix}{number:04}")).id for number in range(count)]


def held(gate: Gate) -> Workflow:
    return Workflow("held", flow(a >> b).transition("hold").action(gate, name="hold"))


timed = Workflow("timed", flow(a >> b).transition("late").after("1h"))
plain = Workflow("plain", flow(a >> b).transition("one"), flow(b >> c).transition("two"))


async def test_a_due_timer_fires_however_many_actions_run(open_engine: Any, clock: ManualClock) -> None:
    """With more long actions than the worker carries out at once, a timer fires when it is due."""
    gate = Gate()
    engine = await open_engine(held(gate), timed)
    await begun(engine, "held", 3 * AT_ONCE, "a")
    case = await engine.start("timed", id="z")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == AT_ONCE)
        await clock.advance("1h")
        await until(lambda: engine.held(case.id).case.state == "b")
        assert AT_ONCE == gate.inside
    assert "completed" == (await engine.get(case)).status


async def test_a_due_timer_fires_by_the_clock_of_the_machine(tmp_path: Path) -> None:
    """On the real clock, too, and with the journal on disk, the timer does not wait for the actions."""
    gate = Gate()
    quick = Workflow("quick", flow(a >> b).transition("late").after(0.3))
    url = f"sqlite:///{tmp_path}/work.db"
    async with Engine(held(gate), quick, storage=connect(url)) as engine, working(engine):
        await begun(engine, "held", AT_ONCE + 10, "a")
        await until(lambda: gate.inside == AT_ONCE)
        case = await engine.start("quick", id="z")
        await until(lambda: engine.held("z").case.state == "b")
        fired = (await engine.history(case)).by_type(TransitionFired)[0]
        assert fired.at - case.started_at < timedelta(seconds=2)
        gate.opened.set()


async def test_plain_firings_do_not_wait_for_actions(open_engine: Any) -> None:
    """Cases that fire by themselves go on while all slots for actions are taken, whatever their place in the order."""
    gate = Gate()
    engine = await open_engine(held(gate), plain)
    await begun(engine, "held", 3 * AT_ONCE, "a")
    ids = await begun(engine, "plain", 5, "z")
    async with working(engine, poll=1e6):
        await until(lambda: all(engine.held(case_id).case.state == "c" for case_id in ids))
        late = await engine.start("plain", id="zz")
        await until(lambda: engine.held(late.id).case.state == "c")
        assert AT_ONCE == gate.inside


async def test_every_action_has_its_turn(open_engine: Any) -> None:
    """Of many cases that want to act, so many act at once, the first come first, and all in the end."""
    gate = Gate()
    engine = await open_engine(held(gate))
    ids = await begun(engine, "held", 3 * AT_ONCE, "a")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == AT_ONCE)
        gate.opened.set()
        await until(lambda: len(gate.entered) == len(ids) and not gate.inside)
    assert (AT_ONCE, sorted(ids)) == (gate.most, sorted(gate.entered))
    assert set(ids[:AT_ONCE]) == set(gate.entered[:AT_ONCE])


async def test_a_case_of_many_branches_leaves_room_for_others(open_engine: Any) -> None:
    """A case with more actions than there are slots does not keep a later one waiting until it has done them all."""
    gate, turn = Gate(), asyncio.Semaphore(0)

    async def step(token: Any, context: Any) -> None:
        gate.entered.append(context.case_id)
        await turn.acquire()

    wide = Workflow("wide", flow(a >> b).transition("step").action(step))
    engine = await open_engine(wide)
    await engine.start("wide", id="many")
    for _ in range(2 * AT_ONCE):
        await engine.add_token("many")
    await engine.start("wide", id="one")
    async with working(engine, poll=1e6):
        await until(lambda: len(gate.entered) == AT_ONCE)
        for _ in range(3):
            turn.release()
        await until(lambda: "one" in gate.entered)
        assert len(gate.entered) <= AT_ONCE + 3
        for _ in range(2 * AT_ONCE):
            turn.release()
        await until(lambda: 2 * AT_ONCE + 2 == len(gate.entered))


async def test_a_timer_beside_a_long_action_of_its_own_case(open_engine: Any, clock: ManualClock) -> None:
    """A timer in one branch fires on time while an action in another branch of the same case goes on."""
    gate = Gate()
    workflow = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("hold").action(gate, name="hold"),
        flow(c >> e).transition("late").after("1h"),
        initial="a",
    )
    engine = await open_engine(workflow)
    case = await engine.start("w")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == 1)
        await clock.advance("1h")
        await until(lambda: set(engine.held(case.id).case.states) == {"b", "e"})
        gate.opened.set()
        await until(lambda: engine.held(case.id).case.closed)


async def test_a_timer_of_a_case_that_somebody_else_runs(open_engine: Any, clock: ManualClock) -> None:
    """A call of run() that waits for an action fires a timer in another branch when a worker sees that it is due."""
    gate = Gate()
    workflow = Workflow(
        "w",
        flow(a >> (b, c)).transition("split"),
        flow(b >> d).transition("hold").action(gate, name="hold"),
        flow(c >> e).transition("late").after("1h"),
        initial="a",
    )
    engine = await open_engine(workflow)
    case = await engine.start("w")
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run(case))
        await until(lambda: gate.inside == 1)
        async with working(engine, poll=1e6):
            await clock.advance("1h")
            await until(lambda: set(engine.held(case.id).case.states) == {"b", "e"})
            gate.opened.set()
    assert "completed" == running.result().status


async def test_what_waits_for_a_slot_keeps_its_tokens(open_engine: Any) -> None:
    """A less urgent transition does not take the tokens of an action that only waits for its turn."""
    gate = Gate()
    first = flow(a >> b).transition("act").action(lambda token: {"acted": True}, name="act").priority(5)
    choosy = Workflow("choosy", first, flow(a >> c).transition("skip"))
    engine = await open_engine(held(gate), choosy)
    await begun(engine, "held", AT_ONCE, "a")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == AT_ONCE)
        case = await engine.start("choosy", id="z")
        await asyncio.sleep(0.02)
        assert "a" == engine.held(case.id).case.state
        gate.opened.set()
        await until(lambda: engine.held(case.id).case.closed)
    assert ("b", {"acted": True}) == ((await engine.get(case)).state, (await engine.get(case)).data)


async def test_a_case_that_is_cancelled_leaves_the_line(open_engine: Any) -> None:
    """Those behind a case that wants no slot any more get theirs."""
    gate = Gate()
    engine = await open_engine(held(gate))
    ids = await begun(engine, "held", AT_ONCE + 2, "a")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == AT_ONCE)
        await engine.cancel(ids[-2])
        gate.opened.set()
        await until(lambda: ids[-1] in gate.entered)
    assert ids[-2] not in gate.entered


async def test_interrupted_actions_wait_for_their_turn_as_well(clock: ManualClock) -> None:
    """Of more interrupted actions than there are slots, so many are taken up at once, and all in the end."""
    store, gate, again = MemoryStore(), Gate(), Gate()
    async with Engine(held(gate), storage=MemoryJournal(store), clock=clock) as engine:
        ids = await begun(engine, "held", AT_ONCE + 7, "a")
        tasks = [asyncio.wait_for(engine.run(case_id), 0.05) for case_id in ids]
        assert {TimeoutError} == set(map(type, await asyncio.gather(*tasks, return_exceptions=True)))
    async with Engine(held(again), storage=MemoryJournal(store), clock=clock) as engine, working(engine, poll=1e6):
        await until(lambda: again.inside == AT_ONCE)
        await asyncio.sleep(0.02)
        assert AT_ONCE == len(again.entered)
        again.opened.set()
        await until(lambda: len(again.entered) == len(ids) and not again.inside)
    assert (AT_ONCE, sorted(ids)) == (again.most, sorted(again.entered))


async def test_recover_does_not_wait_for_the_slowest_of_a_page(clock: ManualClock) -> None:
    """One action that takes long holds up none of the cases after it."""
    store, gate = MemoryStore(), Gate()
    workflows = (held(gate), plain)
    async with Engine(*workflows, storage=MemoryJournal(store), clock=clock) as engine:
        await begun(engine, "held", 1, "a")
        ids = await begun(engine, "plain", 3 * AT_ONCE, "z")
    async with Engine(*workflows, storage=MemoryJournal(store), clock=clock) as engine, asyncio.TaskGroup() as group:
        recovering = group.create_task(engine.recover())
        await until(lambda: all(store.cases[""][case_id].case.closed for case_id in ids))
        assert not recovering.done()
        gate.opened.set()
    assert 1 + 3 * AT_ONCE == len(recovering.result())


async def test_a_worker_without_anything_to_do_sleeps(open_engine: Any) -> None:
    """While actions run and a due timer cannot fire, the worker asks the journal for nothing again and again."""
    gate, asked = Gate(), []

    class Counting(MemoryJournal):
        async def due(self, moment: datetime, **options: Any) -> Any:
            asked.append(moment)
            return await super().due(moment, **options)

    waiting = Workflow("waiting", flow(a >> b).transition("late").after("1h").action(gate, name="late"))
    clock = ManualClock(datetime(2030, 1, 1, tzinfo=UTC))
    async with Engine(held(gate), waiting, storage=Counting(), clock=clock) as engine:
        await begun(engine, "held", AT_ONCE, "a")
        await engine.start("waiting", id="z")
        async with working(engine, poll=1e6):
            await until(lambda: gate.inside == AT_ONCE)
            await clock.advance("1h")
            await asyncio.sleep(0.05)
            before = len(asked)
            await asyncio.sleep(0.1)
            assert before == len(asked)
            gate.opened.set()
            await until(lambda: "z" in gate.entered)


async def test_cases_of_unknown_workflows_are_left_alone(clock: ManualClock) -> None:
    """A worker goes on with what it knows, and ends when only others could do the rest."""
    store = MemoryStore()
    async with Engine(plain, timed, storage=MemoryJournal(store), clock=clock) as engine:
        await engine.start("plain", id="known")
        await engine.start("timed", id="unknown")
    await clock.advance("2h")
    async with Engine(plain, storage=MemoryJournal(store), clock=clock) as engine:
        await asyncio.wait_for(engine.work(until_idle=True, poll=1e6), 5)
        assert ("completed", "waiting") == tuple([(await engine.get(x)).status for x in ("known", "unknown")])


async def test_a_case_that_fails_to_run_is_tried_at_the_next_poll(clock: ManualClock) -> None:
    """What one case raises is logged; the others go on, and it is tried again after a poll."""
    failing = [True]

    class Failing(MemoryJournal):
        async def append(self, case: Case, events: Any, *, due: Any = None) -> None:
            if failing[0] and case.id == "bad" and case.sequence > 1:
                raise OSError("not now")
            await super().append(case, events, due=due)

    async with Engine(plain, storage=Failing(), clock=clock) as engine:
        await begun(engine, "plain", 3, "a")
        await engine.start("plain", id="bad")
        async with working(engine, poll=60):
            await until(lambda: all(engine.held(f"a{number:04}").case.closed for number in range(3)))
            assert "a" == engine.held("bad").case.state
            failing[0] = False
            await clock.advance(61)
            await until(lambda: engine.held("bad").case.closed)


@pytest.mark.parametrize("count", [0, 1, 2 * AT_ONCE + 1])
async def test_work_until_idle_does_all_there_is(open_engine: Any, count: int) -> None:
    """However many cases there are, work(until_idle=True) returns when all rest."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("act").action(lambda token: {"x": 1})), plain)
    await begun(engine, "w", count, "a")
    await begun(engine, "plain", count, "b")
    await asyncio.wait_for(engine.work(until_idle=True), 30)
    assert {"completed": 2 * count} == (await engine.storage.count() or {"completed": 0})


async def test_a_slot_whose_action_could_not_begin_is_free_again(clock: ManualClock) -> None:
    """Cases of which the beginning of the action cannot be written down take no slots from the others."""

    class Failing(MemoryJournal):
        async def append(self, case: Case, events: Any, *, due: Any = None) -> None:
            if case.id.startswith("a") and any(isinstance(event, ActionStarted) for event in events):
                raise StorageFull("no room")
            await super().append(case, events, due=due)

    gate = Gate()
    async with Engine(held(gate), storage=Failing(), clock=clock) as engine:
        await begun(engine, "held", 2 * AT_ONCE, "a")
        ids = await begun(engine, "held", AT_ONCE, "b")
        async with working(engine, poll=1e6):
            await until(lambda: gate.inside == AT_ONCE)
            gate.opened.set()
            await until(lambda: all(engine.held(case_id).case.closed for case_id in ids))


async def test_the_slot_of_one_case_goes_to_a_branch_of_another(open_engine: Any) -> None:
    """A case that acts already and waits to act in a second branch begins when an action of another case ends."""
    gate, others = Gate(), Gate()
    wide = Workflow("wide", flow(a >> b).transition("hold").action(gate, name="hold"))
    engine = await open_engine(held(others), wide)
    await engine.start("wide", id="wide")
    async with working(engine, poll=1e6):
        await until(lambda: gate.inside == 1)
        await begun(engine, "held", AT_ONCE - 1, "a")
        await until(lambda: others.inside == AT_ONCE - 1)
        await engine.add_token("wide")
        await asyncio.sleep(0.01)
        assert 1 == gate.inside
        others.opened.set()
        await until(lambda: gate.inside == 2)
        gate.opened.set()
        await until(lambda: engine.held("wide").case.closed)


async def test_a_locked_journal_is_asked_again(clock: ManualClock) -> None:
    """While another process keeps the journal locked the worker waits for its poll, and goes on then."""
    locked = [True]

    class Locked(MemoryJournal):
        async def due(self, moment: datetime, **options: Any) -> Any:
            if locked[0]:
                raise StorageLocked("somebody else writes")
            return await super().due(moment, **options)

    async with Engine(plain, storage=Locked(), clock=clock) as engine:
        case = await engine.start("plain")
        async with working(engine, poll=60):
            await asyncio.sleep(0.02)
            assert "a" == engine.held(case.id).case.state
            locked[0] = False
            await clock.advance(61)
            await until(lambda: engine.held(case.id).case.closed)


class EndOfProcess(BaseException):
    """Stands for the end of the process: nothing catches it."""


async def test_the_end_of_the_process_is_no_fault_of_one_case(clock: ManualClock) -> None:
    """What is no mere error of a case ends recover() at once."""
    store = MemoryStore()

    async def end(token: Any) -> None:
        raise EndOfProcess

    workflow = Workflow("w", flow(a >> b).transition("go").action(end))
    async with Engine(workflow, storage=MemoryJournal(store), clock=clock) as engine:
        await begun(engine, "w", 3, "a")
        with pytest.raises(EndOfProcess):
            await engine.recover()


@given(
    most=st.integers(1, 4),
    asked=st.lists(st.tuples(st.sampled_from("take give leave".split()), st.integers(0, 5)), max_size=60),
)
def test_slots_are_given_in_the_order_of_asking(most: int, asked: list[tuple[str, int]]) -> None:
    """There are never more slots than there are, and whoever has waited longest gets the next one."""
    slots, line, taken = Slots(most, freed=lambda: None), [], 0
    for what, number in asked:
        name = f"case {number}"
        if what == "take":
            line += [] if name in line else [name]
            expected = name in line[: most - taken]
            assert expected == slots.take(name)
            taken += expected
            line = [other for other in line if not (expected and other == name)]
        elif what == "leave":
            slots.leave(name)
            line = [other for other in line if other != name]
        elif taken:
            slots.give_back()
            taken -= 1
        assert (line[: most - taken], taken <= most) == (slots.first(), True)
        assert (name in line) == (name in slots)


class Shifted:
    """The clock of the machine, which somebody sets."""

    def __init__(self) -> None:
        self.off = timedelta(0)
        self._machine = SystemClock()

    def now(self) -> datetime:
        return self._machine.now() + self.off

    async def sleep_until(self, moment: datetime) -> None:
        await self._machine.sleep_until(moment - self.off)


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_is_set_does_not_stop_the_worker(hours: int) -> None:
    """Set back or ahead while the worker rests, it still asks for work of others, and fires the timers of that time."""
    store, shifted = MemoryStore(), Shifted()
    quick = Workflow("quick", flow(a >> b).transition("late").after(0.05))
    engines = [Engine(plain, quick, storage=MemoryJournal(store), clock=shifted) for _ in range(2)]
    async with engines[0] as here, engines[1] as there, working(here, poll=0.05):
        await asyncio.sleep(0.02)
        shifted.off = timedelta(hours=hours)
        await there.start("plain", id="p")
        await there.start("quick", id="q")
        await until(lambda: all(kept.case.closed for kept in store.cases[""].values()))


async def test_a_rest_is_never_longer_than_a_poll() -> None:
    """Whatever a clock says about how long to sleep, the worker looks again."""
    store = MemoryStore()

    class Asleep(SystemClock):
        async def sleep_until(self, moment: datetime) -> None:
            await asyncio.Event().wait()

    engines = [Engine(plain, storage=MemoryJournal(store), clock=Asleep()) for _ in range(2)]
    async with engines[0] as here, engines[1] as there, working(here, poll=0.05):
        await asyncio.sleep(0.02)
        await there.start("plain", id="p")
        await until(lambda: store.cases[""]["p"].case.closed)


async def test_overdue_cases_of_others_cost_nothing(clock: ManualClock) -> None:
    """Timers and cases of workflows that the engine does not know are not read, however many there are."""
    reading = Reading()
    strange = Workflow("strange", flow(a >> b).transition("late").after("1m"))
    async with Engine(timed, strange, plain, storage=reading, clock=clock) as engine:
        await begun(engine, "strange", 3 * AT_ONCE, "s")
        await begun(engine, "plain", 3 * AT_ONCE, "p")
        await engine.start("timed", id="t")
    async with Engine(timed, storage=reading, clock=clock) as engine:
        await clock.advance("59m")
        async with working(engine, poll=1e6):
            await asyncio.sleep(0.05)
            await clock.advance("1m")
            await until(lambda: reading.store.cases[""]["t"].case.closed)
        assert [] == await engine.recover()
    assert ["t"] == reading.loaded


class Reading(MemoryJournal):
    """A journal that knows which cases were read."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    async def load(self, case_id: str) -> Case | None:
        self.loaded.append(case_id)
        return await super().load(case_id)


async def test_a_case_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """recover() passes over it, and says so in the log; everything else is taken up."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with Engine(plain, storage=connect(url)) as engine:
        await engine.start("plain", id="good")
        spoiled = plain.start("bad", at=datetime(2030, 1, 1, tzinfo=UTC), by=5)  # type: ignore[arg-type]
        await engine.storage.append(spoiled, spoiled.history[0:])
        with capture_logs() as logs:
            assert ["good"] == [case.id for case in await engine.recover()]
        with pytest.raises(StorageCorrupt):
            await engine.get("bad")
    assert [("bad", "case cannot be read")] == [(entry["case"], entry["event"]) for entry in logs]
