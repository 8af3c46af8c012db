"""Steps of an action: each has a name of its own, and what cannot be written down is no fault of the action."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pytest

from circuit_breaker import Case, Engine, Workflow, connect, flow, states
from circuit_breaker.errors import ParameterInvalid, StorageError, StorageFull, VersionConflict
from circuit_breaker.storage.memory import MemoryJournal
from circuit_breaker.workflow.events import Event, StepFinished

a, b, c = states("a", "b", "c")


def acting(action: Any) -> Any:
    return flow(a >> b).transition("go").action(action, name="act")


async def one_after_another(token: Any, context: Any) -> dict[str, Any]:
    return {"out": [await context.step("page", lambda number=number: number) for number in range(3)]}


async def at_once(token: Any, context: Any) -> dict[str, Any]:
    async def page(number: int) -> int:
        await asyncio.sleep(0)
        return number

    return {"out": await asyncio.gather(*(context.step("page", lambda n=n: page(n)) for n in range(3)))}


def in_a_thread(token: Any, context: Any) -> dict[str, Any]:
    return {"out": [context.step_sync("page", lambda number=number: number) for number in range(3)]}


@pytest.mark.parametrize("action", [one_after_another, at_once, in_a_thread])
async def test_two_steps_of_one_name_are_refused(open_engine: Any, action: Any) -> None:
    """The second does not get the outcome of the first, but an error that names it and says what to do."""
    engine = await open_engine(Workflow("w", acting(action).retry(max_attempts=3, backoff_seconds=0.01)))
    case = await engine.start("w")
    with pytest.raises(ParameterInvalid, match=r"'go' has a second step 'page'.*f\"page-\{number\}\""):
        await engine.fire(case, "go")
    assert len((await engine.history(case)).by_type(StepFinished)) <= 1


async def test_a_step_that_failed_may_be_called_again(open_engine: Any) -> None:
    """An action may try a step several times by itself; what succeeded is remembered in the next attempt."""
    tries: list[str] = []

    def reads() -> int:
        tries.append("read")
        if len(tries) < 3:
            raise OSError("not yet")
        return 7

    async def patient(token: Any, context: Any) -> dict[str, Any]:
        for _ in range(2):
            try:
                return {"read": await context.step("read", reads)}
            except OSError:
                continue
        raise OSError("given up")

    engine = await open_engine(Workflow("w", acting(patient).retry(max_attempts=3, backoff_seconds=0.01)))
    assert {"read": 7} == (await engine.run(await engine.start("w"))).data
    assert 3 == len(tries)


async def test_a_step_is_remembered_in_the_next_attempt(open_engine: Any) -> None:
    """The same step of another attempt is no second one."""
    calls: list[int] = []

    async def fragile(token: Any, context: Any) -> dict[str, Any]:
        got = await context.step("one", lambda: calls.append(1) or "one")
        if context.attempt == 1:
            raise OSError("no")
        return {"got": got}

    engine = await open_engine(Workflow("w", acting(fragile).retry(max_attempts=2, backoff_seconds=0.01)))
    case = await engine.run(await engine.start("w"))
    assert ({"got": "one"}, [1]) == (case.data, calls)


async def test_a_storage_error_of_the_action_is_its_own(open_engine: Any) -> None:
    """An action that meets one in another journal is tried again and led on like any other that fails."""
    other = await open_engine(Workflow("o", flow(a >> b).transition("t").manual()))
    await other.start("o", id="o")
    calls: list[int] = []

    async def elsewhere(token: Any) -> None:
        calls.append(1)
        await other.fire("o", "t", expect=99)

    led = acting(elsewhere).retry(max_attempts=2, backoff_seconds=0.01).on_failure(c)
    engine = await open_engine(Workflow("w", led))
    case = await engine.run(await engine.start("w"))
    assert ("c", 2, VersionConflict.code) == (case.state, len(calls), case.token.metadata["failure"]["code"])


class Broken(MemoryJournal):
    """A journal that has no room for steps, or cannot be read, as long as that is said."""

    full = unreadable = False

    async def append(self, case: Case, events: Sequence[Event], *, due: datetime | None = None) -> None:
        if self.full and isinstance(events[0], StepFinished):
            raise StorageFull("no room")
        await super().append(case, events, due=due)

    async def sequence(self, case_id: str) -> int:
        if self.unreadable:
            raise StorageError("cannot be read")
        return await super().sequence(case_id)


@pytest.mark.parametrize("fault", ["full", "unreadable"])
async def test_what_could_not_be_written_is_no_failure_of_the_action(fault: str) -> None:
    """An error of our own journal goes to whoever runs the case, and the action is taken up again later."""
    journal = Broken()

    async def walk(token: Any, context: Any) -> dict[str, Any]:
        return {"room": await context.step("book", lambda: 5)}

    led = acting(walk).retry(max_attempts=2, backoff_seconds=0.01).on_failure(c)
    async with Engine(Workflow("w", led), storage=journal) as engine:
        case = await engine.start("w")
        setattr(journal, fault, True)
        with pytest.raises(StorageError):
            await engine.run(case)
        setattr(journal, fault, False)
        assert ("b", {"room": 5}) == ((now := await engine.run(case)).state, now.data)


async def test_an_engine_says_what_is_no_journal() -> None:
    """An address in its place is refused with what to write; it is not shown, for it may hold a password."""
    for wrong in ("sqlite:///work.db?key=hush", None, []):
        with pytest.raises(StorageError, match=r"is no journal \(give storage=connect\(url\)") as caught:
            Engine(storage=wrong)  # type: ignore[arg-type]
        assert "hush" not in str(caught.value)
    async with Engine(storage=connect("memory://")):
        pass


async def test_explain_wants_a_case(open_engine: Any) -> None:
    """It reads nothing, so an id is refused with what to do."""
    engine = await open_engine(Workflow("w", flow(a >> b).transition("t")))
    with pytest.raises(Exception, match=r"explain: 'k' is no case that was read \(give it await engine\.get\(id\)\)"):
        engine.explain("k")
