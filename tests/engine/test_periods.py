"""What fires again and again goes on when it failed once; what waits for a moment is tried once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.testing import ManualClock
from circuit_breaker.workflow.events import ActionFailed, TransitionRefused

a, b, c = states("a", "b", "c")


def failing(calls: list[int], *, until: int) -> Any:
    """An action that fails until it was called so often."""

    def act(token: Any) -> dict[str, Any]:
        calls.append(1)
        if len(calls) < until:
            raise OSError("the server is away")
        return {"at": len(calls)}

    return act


async def test_a_periodic_action_that_failed_is_tried_at_the_next_period(open_engine: Any, clock: ManualClock) -> None:
    """Once in each period, not more; the case waits meanwhile, and goes on when it succeeds."""
    calls: list[int] = []
    ping = flow(a >> a).transition("ping").every("1h").action(failing(calls, until=3), name="ping")
    engine = await open_engine(Workflow("w", ping))
    case = await engine.run(await engine.start("w"))
    counts = []
    for _ in range(4):
        await clock.advance("30m")
        case = await engine.run(await engine.run(case))
        counts.append((len(calls), case.status))
        await clock.advance("30m")
        case = await engine.run(await engine.run(case))
    assert [(0, "waiting"), (1, "waiting"), (2, "waiting"), (3, "waiting")] == counts
    assert (4, {"at": 4}, 2) == (len(calls), case.data, len(case.history.by_type(ActionFailed)))


async def test_a_refused_period_is_tried_again(open_engine: Any, clock: ManualClock) -> None:
    """A result that the policy refuses is asked for again at the next period."""
    calls: list[int] = []

    def look(token: Any) -> dict[str, Any]:
        calls.append(1)
        return {"found": len(calls)}

    looking = flow(a >> b).transition("look").every("1h").policy(rules=field("found") >= 2).action(look, name="look")
    engine = await open_engine(Workflow("w", looking))
    case = await engine.start("w")
    for _ in range(2):
        await clock.advance("1h")
        case = await engine.run(case)
    assert ("b", 2, 1) == (case.state, len(calls), len(case.history.by_type(TransitionRefused)))


async def test_a_failed_timer_is_not_tried_again(open_engine: Any, clock: ManualClock) -> None:
    """.after() is one moment: when its action failed, somebody has to see to it."""
    calls: list[int] = []
    late = flow(a >> b).transition("late").after("1h").action(failing(calls, until=9), name="late")
    engine = await open_engine(Workflow("w", late))
    case = await engine.start("w")
    for _ in range(3):
        await clock.advance("1h")
        case = await engine.run(case)
    assert ("failed", 1) == (case.status, len(calls))


async def test_the_next_period_survives_a_restart(tmp_path: Path) -> None:
    """The moment of the failure is kept, and the journal knows when the next period ends."""
    calls: list[int] = []
    clock = ManualClock()
    ping = flow(a >> a).transition("ping").every("1h").action(failing(calls, until=9), name="ping")
    for _ in range(3):
        async with Engine(Workflow("w", ping), storage=connect(tmp_path / "work.db"), clock=clock) as engine:
            if not await engine.cases():
                await engine.start("w", id="c")
            await clock.advance("1h")
            await engine.run(await engine.run("c"))
            assert clock.now() + timedelta(hours=1) == await engine.storage.next_due()
            assert "it is due at" in str(engine.explain(await engine.get("c")))
    assert 3 == len(calls)
