"""Which of several actions in doubt is meant, and which workers have stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import DataInvalid, NotEnabled
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore

a, b = states("a", "b")


def hanging(token: Any) -> Any:
    return asyncio.Event().wait()


workflow = Workflow("w", flow(a >> b).transition("pay").action(hanging, name="pay").effect("at_most_once"))


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine with a case of two tokens, of both of which the payment is in doubt."""
    url = f"sqlite:///{tmp_path}/work.db"
    async with Engine(workflow, storage=connect(url)) as first:
        await first.start("w", id="x", data={"n": 1})
        await first.add_token("x", {"n": 2})
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first.run("x"), 0.1)
    async with Engine(workflow, storage=connect(url)) as second:
        await second.recover()
        yield second


def doubts(case: Any) -> list[str]:
    return [pending.consumed[0][0] for pending in case.pending if pending.doubt]


async def test_a_doubt_that_is_not_said_exactly_is_refused(engine: Engine) -> None:
    """Where two actions of one transition are in doubt, naming the transition is not enough; both are told."""
    case = await engine.get("x")
    with pytest.raises(DataInvalid, match="2 actions of transition 'pay' of case 'x' are in doubt") as caught:
        await engine.resolve("x", "pay", outcome=None)
    assert all(pending.key in str(caught.value) for pending in case.pending)
    assert all(f"'{token}' in 'a'" in str(caught.value) for token in doubts(case))
    assert "say which by key=... or token=..." == caught.value.remedy
    assert case == await engine.get("x")


@pytest.mark.parametrize("how", ["key", "token"])
async def test_the_doubt_that_is_said_is_resolved(engine: Engine, how: str) -> None:
    """The key of the action, or a token that it took, says which is meant; the other stays in doubt."""
    first, second = (await engine.get("x")).pending
    meant = {"key": second.key} if how == "key" else {"token": second.consumed[0][0]}
    case = await engine.resolve("x", "pay", outcome={"paid": True}, **meant)
    assert ([first.consumed[0][0]], {"a", "b"}) == (doubts(case), set(case.states))
    assert {"n": 2, "paid": True} == case.find(second.consumed[0][0]).data
    case = await engine.resolve("x", "pay", failed="no money")
    assert [] == doubts(case)


@pytest.mark.parametrize("said", [{"key": "other"}, {"token": "x.9"}, {"key": "k", "token": "t"}])
async def test_a_doubt_that_there_is_not(engine: Engine, said: dict[str, str]) -> None:
    """A key or a token that no action in doubt has is told, with those that are in doubt."""
    with pytest.raises(NotEnabled, match=f"'{'|'.join(said.values())}'.*in doubt: 'pay' with the key 'x:pay:"):
        await engine.resolve("x", "pay", again=True, **said)


async def test_the_doubt_that_is_said_is_done_again(engine: Engine) -> None:
    """again=True repeats the one action that is meant, with its key."""
    first, second = (await engine.get("x")).pending
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(engine.resolve("x", "pay", again=True, token=first.consumed[0][0]), 0.1)
    now = {pending.key: pending.doubt for pending in (await engine.get("x")).pending}
    assert {first.key: False, second.key: True} == now


async def test_a_worker_that_has_stopped_is_told() -> None:
    """Of a case whose action was interrupted it is known which worker has stopped, and explain() says so."""
    store = MemoryStore()
    repeated = Workflow("w", flow(a >> b).transition("pay").action(hanging, name="pay"))
    async with Engine(repeated, storage=MemoryJournal(store)) as first:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(first.run(await first.start("w", id="x")), 0.1)
        worker = first.storage.worker
        assert frozenset() == await first.stopped(await first.get("x"))
    async with Engine(repeated, storage=MemoryJournal(store)) as second:
        case = await second.get("x")
        assert {worker} == await second.stopped(case)
        explanation = second.explain(case, stopped=await second.stopped(case))
    assert ("pay",) == explanation.interrupted
    assert "its worker has stopped" in str(explanation)
