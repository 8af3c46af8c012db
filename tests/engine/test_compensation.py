"""Cancelling with compensation: nothing more begins, what runs ends or is stopped, and then it is undone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import ActionError, ActionInDoubt, ActionWithdrawn, NotEnabled
from circuit_breaker.workflow.events import ActionCompensated

s, a, b, c, d, e = states("s", "a", "b", "c", "d", "e")


class Action:
    """An action that waits until it is let go, and writes down what became of it."""

    def __init__(self, log: list[str], name: str) -> None:
        self.log = log
        self.name = name
        self.begun = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, token: Any) -> None:
        self.begun.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.log.append(f"{self.name} stopped")
            raise
        self.log.append(self.name)


def undoing(log: list[str], name: str) -> Any:
    return lambda token: log.append(f"undo {name}")


async def test_nothing_more_begins() -> None:
    """Of a chain of actions the one in progress ends and is undone, and those after it do not begin."""
    log: list[str] = []
    one, two = Action(log, "one"), Action(log, "two")
    two.go.set()
    chain = Workflow(
        "w",
        flow(a >> b).transition("one").action(one, name="one").compensate(undoing(log, "one")),
        flow(b >> c).transition("two").action(two, name="two").compensate(undoing(log, "two")),
    )
    async with Engine(chain, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        await engine.start("w", id="c")
        running = group.create_task(engine.run("c"))
        await one.begun.wait()
        cancelling = group.create_task(engine.cancel("c", compensate=True))
        await asyncio.sleep(0.01)
        one.go.set()
        case = await cancelling
        await running
    assert (["one", "undo one"], "cancelled") == (log, case.status)


async def test_what_cannot_be_undone_is_stopped() -> None:
    """An action without a compensation is stopped at once, and what was done before is undone."""
    log: list[str] = []
    slow = Action(log, "slow")
    chain = Workflow(
        "w",
        flow(a >> b).transition("book").action(lambda token: None, name="book").compensate(undoing(log, "book")),
        flow(b >> c).transition("slow").action(slow, name="slow"),
    )
    async with Engine(chain, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        await engine.start("w", id="c")
        running = group.create_task(engine.run("c"))
        await slow.begun.wait()
        case = await engine.cancel("c", compensate=True)
        await running
    assert (["slow stopped", "undo book"], "cancelled", ()) == (log, case.status, case.pending)


async def test_what_must_not_be_repeated_ends_by_itself() -> None:
    """An at_most_once action is not left in doubt: it may end."""
    log: list[str] = []
    pay = Action(log, "pay")
    chain = Workflow("w", flow(a >> b).transition("pay").manual().action(pay, name="pay").effect("at_most_once"),
                     flow(b >> c).transition("on").manual())  # fmt: skip
    async with Engine(chain, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        await engine.start("w", id="c")
        firing = group.create_task(engine.fire("c", "pay"))
        await pay.begun.wait()
        cancelling = group.create_task(engine.cancel("c", compensate=True))
        await asyncio.sleep(0.01)
        with pytest.raises(NotEnabled, match="case 'c' is being cancelled"):
            await engine.fire("c", "pay")
        pay.go.set()
        assert ("b", "cancelled") == ((await firing).state, (await cancelling).status)
    assert ["pay"] == log


async def test_who_waits_for_what_was_stopped_is_told() -> None:
    """Whoever fired the action hears that it was withdrawn."""
    slow = Action([], "slow")
    workflow = Workflow("w", flow(a >> b).transition("slow").manual().action(slow, name="slow"))
    async with Engine(workflow, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        await engine.start("w", id="c")
        firing = group.create_task(_error_of(engine.fire("c", "slow")))
        await slow.begun.wait()
        await engine.cancel("c", compensate=True)
        assert isinstance(await firing, ActionWithdrawn)


async def _error_of(work: Any) -> BaseException:
    with pytest.raises(ActionError) as caught:
        await work
    return caught.value


async def test_a_case_goes_on_when_its_compensation_failed() -> None:
    """What was stopped for it begins again when the case is run."""
    log: list[str] = []
    slow = Action(log, "slow")

    def fails(token: Any) -> None:
        raise OSError("no")

    chain = Workflow(
        "w",
        flow(a >> b).transition("book").action(lambda token: None, name="book").compensate(fails),
        flow(b >> c).transition("slow").action(slow, name="slow"),
    )
    async with Engine(chain, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        await engine.start("w", id="c")
        running = group.create_task(engine.run("c"))
        await slow.begun.wait()
        with pytest.raises(ActionError, match="undoing transition 'book' of case 'c' failed"):
            await engine.cancel("c", compensate=True)
        await running
        slow.go.set()
        assert "completed" == (await engine.run("c")).status
    assert ["slow stopped", "slow"] == log


async def test_an_action_cannot_wait_for_the_undoing_of_its_own_case() -> None:
    """It is told so, instead of waiting for itself."""
    engines: list[Engine] = []

    async def cancel(token: Any) -> None:
        await engines[0].cancel("c", compensate=True)

    workflow = Workflow("w", flow(a >> b).transition("go").manual().action(cancel, name="cancel"))
    async with Engine(workflow, storage=connect("memory://")) as engine:
        engines.append(engine)
        await engine.start("w", id="c")
        with pytest.raises(ActionError, match="cannot wait until its own case is undone"):
            await engine.fire("c", "go")


class EndOfProcess(BaseException):
    """Stands for the end of the process: nothing catches it."""


@pytest.mark.parametrize("known", [True, False])
async def test_a_doubt_is_not_dropped(tmp_path: Path, *, known: bool) -> None:
    """What nobody knows whether it was done is to be resolved first, whether the case says so already or not."""
    log: list[str] = []

    def pay(token: Any) -> None:
        raise EndOfProcess

    paying = flow(a >> b).transition("pay").action(pay, name="pay").effect("at_most_once")
    workflow = Workflow("w", paying.compensate(undoing(log, "pay")), flow(b >> c).transition("on").manual())
    with pytest.raises(EndOfProcess):
        async with Engine(workflow, storage=connect(tmp_path / "work.db")) as engine:
            await engine.run(await engine.start("w", id="c"))
    async with Engine(workflow, storage=connect(tmp_path / "work.db")) as engine:
        if known:
            assert "in_doubt" == (await engine.run("c")).status
        with pytest.raises(ActionInDoubt, match=r"'pay' of case 'c' is in doubt.*engine\.resolve"):
            await engine.cancel("c", compensate=True)
        await engine.run("c")
        await engine.resolve("c", "pay", outcome=None)
        case = await engine.cancel("c", compensate=True)
    assert (["undo pay"], 1) == (log, len(case.history.by_type(ActionCompensated)))
