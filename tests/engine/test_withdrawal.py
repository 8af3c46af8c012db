"""Actions that are not to go on: another process cancelled their case, or withdrew their tokens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import ActionWithdrawn, StorageError
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.workflow.events import StepFinished

a, b, c, d, e = states("a", "b", "c", "d", "e")


class Walk:
    """An action of five steps; before each it waits to be let on, and it knows which it did."""

    def __init__(self) -> None:
        self.done: list[int] = []
        self.ended: BaseException | None = None
        self.steps = asyncio.Semaphore(0)
        self.arrived = asyncio.Event()

    async def __call__(self, token: Any, context: Any) -> None:
        try:
            for number in range(5):
                self.arrived.set()
                await self.steps.acquire()
                self.arrived.clear()
                await context.step(str(number), lambda number=number: self.done.append(number))
        except BaseException as error:
            self.ended = error
            raise

    async def on(self) -> None:
        """Lets it take a step."""
        await self.arrived.wait()
        self.steps.release()
        await asyncio.sleep(0.02)


def two(*workflows: Workflow) -> tuple[Engine, Engine]:
    """Two engines, as two processes would have them."""
    store = MemoryStore()
    first, second = (Engine(*workflows, storage=MemoryJournal(store)) for _ in range(2))
    return first, second


async def test_an_action_whose_case_was_cancelled_elsewhere_begins_no_step() -> None:
    """The next step raises ActionWithdrawn instead of being done, and whoever fired the action is told."""
    walk = Walk()
    here, there = two(Workflow("w", flow(a >> b).transition("walk").manual().action(walk, name="walk")))
    async with here, there, asyncio.TaskGroup() as group:
        await here.start("w", id="c")
        firing = group.create_task(_caught(here.fire("c", "walk")))
        await walk.on()
        await there.cancel("c")
        await walk.on()
        told = await firing
    assert ([0], ActionWithdrawn, ActionWithdrawn) == (walk.done, type(walk.ended), type(told))
    assert "withdrawn" == told.code


async def _caught(work: Any) -> Any:
    with pytest.raises(ActionWithdrawn) as caught:
        await work
    return caught.value


async def test_an_action_whose_tokens_were_cleared_elsewhere_begins_no_step() -> None:
    """What another process cleared away is withdrawn in the same way, and the run goes on without it."""
    walk = Walk()
    here, there = two(
        Workflow(
            "w",
            flow(a >> (b, c)).transition("split"),
            flow(b >> d).transition("walk").action(walk, name="walk"),
            flow(c >> e).transition("stop").manual().clears(b),
        )
    )
    async with here, there, asyncio.TaskGroup() as group:
        await here.start("w", id="c")
        running = group.create_task(here.run("c"))
        await walk.on()
        await there.fire("c", "stop")
        await walk.on()
        assert "completed" == (await running).status
    assert [0] == walk.done


async def test_a_step_of_a_thread_is_withdrawn_too() -> None:
    """A plain function is told by the same error in its thread."""
    here, there = two()
    done: list[int] = []
    loop = asyncio.get_running_loop()

    def work(token: Any, context: Any) -> None:
        context.step_sync("one", lambda: done.append(1))
        asyncio.run_coroutine_threadsafe(there.cancel("c"), loop).result(5)
        context.step_sync("two", lambda: done.append(2))

    workflow = Workflow("w", flow(a >> b).transition("work").manual().action(work, name="work"))
    async with here, there:
        await here.add_workflow(workflow)
        await there.add_workflow(workflow)
        await here.start("w", id="c")
        with pytest.raises(ActionWithdrawn):
            await here.fire("c", "work")
    assert [1] == done


async def test_no_further_attempt_is_made_of_what_was_withdrawn() -> None:
    """A case that is cancelled while an attempt is waited for has no further attempt, whatever the policy says."""
    attempts: list[int] = []

    def fail(token: Any) -> None:
        attempts.append(1)
        raise OSError("no")

    failing = flow(a >> b).transition("try").manual().action(fail, name="try")
    here, there = two(
        Workflow("w", failing.retry(max_attempts=9, backoff_seconds=0.05, retry_on=("OSError", "withdrawn")))
    )
    async with here, there, asyncio.TaskGroup() as group:
        await here.start("w", id="c")
        firing = group.create_task(_caught(here.fire("c", "try")))
        async with asyncio.timeout(5):
            while (await there.get("c")).sequence < 3:  # noqa: ASYNC110 - the end of an attempt is only in the journal
                await asyncio.sleep(0.001)
        await there.cancel("c")
        await firing
    assert [1] == attempts


async def test_a_worker_stops_what_was_cancelled_elsewhere(tmp_path: Any) -> None:
    """At its next poll a worker stops an action whose case another process has cancelled, steps or not."""
    begun, stopped = asyncio.Event(), asyncio.Event()

    async def hang(token: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    workflow = Workflow("w", flow(a >> b).transition("hang").action(hang, name="hang"))
    url = f"sqlite:///{tmp_path}/work.db"
    async with Engine(workflow, storage=connect(url)) as here, Engine(workflow, storage=connect(url)) as there:
        await here.start("w", id="c")
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            working = group.create_task(here.work(poll=0.05))
            await begun.wait()
            await there.cancel("c")
            await stopped.wait()
            assert not working.done()
            working.cancel()
        assert "cancelled" == (await here.get("c")).status


async def test_a_compensation_has_steps_that_are_not_kept() -> None:
    """A compensation may have steps and tell how far it is; it is called anew if it fails, so nothing is kept."""
    undone: list[int] = []

    async def undo(token: Any, context: Any) -> None:
        await context.step("one", lambda: undone.append(1))
        context.progress(0.5)

    booked = flow(a >> b).transition("book").action(lambda token: None, name="book").compensate(undo)
    here, _ = two(Workflow("w", booked, flow(b >> c).transition("on").manual()))
    async with here:
        case = await here.run(await here.start("w", id="c"))
        case = await here.cancel(case, compensate=True)
        history = await here.history(case)
    assert ([1], "cancelled", ()) == (undone, case.status, history.by_type(StepFinished))


async def test_a_worker_that_cannot_read_a_case_goes_on() -> None:
    """While a case cannot be read its actions go on, and when it can they are stopped if need be."""
    begun, stopped, broken = asyncio.Event(), asyncio.Event(), [False]

    class Broken(MemoryJournal):
        async def sequence(self, case_id: str) -> int:
            if broken[0]:
                broken[0] = False
                raise StorageError("cannot be read")
            return await super().sequence(case_id)

    async def hang(token: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    workflow, store = Workflow("w", flow(a >> b).transition("hang").action(hang, name="hang")), MemoryStore()
    here, there = Engine(workflow, storage=Broken(store)), Engine(workflow, storage=MemoryJournal(store))
    async with here, there, asyncio.timeout(10), asyncio.TaskGroup() as group:
        await here.start("w", id="c")
        working = group.create_task(here.work(poll=0.02))
        await begun.wait()
        broken[0] = True
        await there.cancel("c")
        await stopped.wait()
        working.cancel()
    assert not broken[0]
