"""Patterns about the rest of the case, and parts that call themselves."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.workflow import dump_workflow, firing, load_workflow, standing
from circuit_breaker.workflow.explain import explain
from circuit_breaker.workflow.patterns import (
    cancel_activity,
    critical_section,
    explicit_termination,
    interleaved,
    recursion,
)
from tests.workflow.running import START, begin, fire, names, rest

a, b, c, d, e, f, g, h = states("a", "b", "c", "d", "e", "f", "g", "h")
TASKS = {"b": (b, f), "c": (c, g), "d": (d, h)}
WORK = tuple(flow(one >> other).transition(name).manual() for name, (one, other) in TASKS.items())


@given(order=st.permutations("bcd"))
def test_interleaved_tasks_are_done_one_at_a_time_in_any_order(order: list[str]) -> None:
    """Each task is done once, never beside another, and finds what the one before it has written."""
    workflow = Workflow("w", *interleaved(a, *TASKS.values(), into=e, manual=True), *WORK, initial="a")
    case = begin(workflow)
    for number, name in enumerate(order):
        assert 0 == sum(len(case.marking.at(task)) for task in "bcdfgh")
        case = fire(workflow, case, f"{name}-is-next")
        assert number == (case.marking.at(name)[0].data.get("number", 0))
        case = fire(workflow, case, name, number=number + 1)
    assert ("e", {"number": 3}, "completed") == (case.state, case.data, case.status)


def test_interleaved_tasks_keep_their_order() -> None:
    """A task that has to come after another one does not begin before that was done."""
    flows = interleaved(a, *TASKS.values(), into=e, order=[(d, b), (d, c), (c, b)])
    workflow = Workflow("w", *flows, *automatic(), initial="a")
    assert ["d", "c", "b"] == [name for name in names(begin(workflow)) if name in "bcd"]


def automatic() -> list[Any]:
    return [flow(one >> other).transition(name) for name, (one, other) in TASKS.items()]


async def test_a_cancelled_activity_is_stopped_in_the_middle_of_its_action() -> None:
    """Whoever withdraws a task stops its action, and the case goes on elsewhere."""
    begun = asyncio.Event()

    async def slow(token: Any) -> None:
        begun.set()
        await asyncio.sleep(60)

    flows = cancel_activity(a, (b, f), into=e, cancelled=h, name="stop")
    workflow = Workflow("w", *flows, flow(b >> f).transition("act").action(slow), initial="a")
    async with Engine(workflow, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        case = await engine.start("w")
        group.create_task(engine.run(case))
        await begun.wait()
        case = await engine.fire(case, "stop", by="ann")
    assert ("h", "completed") == (case.state, case.status)


def test_an_activity_that_has_ended_cannot_be_cancelled() -> None:
    """When the task is done, the case goes on as usual."""
    flows = cancel_activity(a, (b, f), into=e, cancelled=h, name="stop", signal=True)
    workflow = Workflow("w", *flows, WORK[0], initial="a")
    case = fire(workflow, begin(workflow), "b", x=1)
    assert ("e", {"x": 1}, "completed") == (case.state, case.data, case.status)


def test_an_explicit_end_withdraws_everything_else() -> None:
    """The first token in the end is the only one that is left."""
    flows = explicit_termination((flow(a >> (b, c)).transition("split"), *WORK[:2]), f)
    workflow = Workflow("w", *flows, initial="a")
    case = fire(workflow, begin(workflow), "b")
    assert ("f", "completed") == (case.state, case.status)
    assert {"b", "g"} == set(fire(workflow, begin(workflow), "c").states)


def calling(*, twice: bool = False) -> Workflow:
    """A part that may call itself once, or twice at the same time, before it ends."""
    start, part, deeper, other, back, back_too, end, done = states(
        "start", "part", "deeper", "other", "back", "back_too", "end", "done"
    )
    calls = [flow(part >> deeper).transition("call").manual(), *recursion(deeper, part, end, into=back)]
    returns = flow(back >> end).transition("return")
    if twice:
        calls[0] = flow(part >> (deeper, other)).transition("call").manual()
        calls += recursion(other, part, end, into=back_too)
        returns = flow((back, back_too) >> end).transition("return").together()
    ends = flow(part >> end).transition("end").manual()
    return Workflow("calling", *recursion(start, part, end, into=done), *calls, returns, ends, initial="start")


@given(depth=st.integers(0, 8))
def test_each_call_goes_on_where_it_was_made(depth: int) -> None:
    """However deep a part calls itself, as many calls return, the innermost first."""
    workflow = calling()
    case = begin(workflow)
    for number in range(depth):
        case = fire(workflow, case, "call", **{f"level{number}": True})
    case = fire(workflow, case, "end", bottom=True)
    assert ("done", "completed", depth) == (case.state, case.status, names(case).count("deeper-returns"))
    assert {*(f"level{number}" for number in range(depth)), "bottom"} == case.data.keys()


@given(choices=st.lists(st.booleans(), max_size=6))
def test_calls_at_the_same_time_are_not_mixed_up(choices: list[bool]) -> None:
    """A part may call itself in two branches at once: each return finds its own call, and both are waited for."""
    workflow = calling(twice=True)
    case = begin(workflow)
    for call in choices:
        if case.marking.at("part"):
            case = fire(workflow, case, "call" if call else "end")
    while case.marking.at("part"):
        case = fire(workflow, case, "end")
    counts = {name: names(case).count(name) for name in ("call", "return", "deeper-returns", "other-returns")}
    assert ("done", "completed", 1) == (case.state, case.status, len(set(counts.values())))


def test_recursion_is_written_and_read() -> None:
    """A part that calls itself is the same after YAML, and works there."""
    workflow = load_workflow(dump_workflow(calling()))
    assert calling().version == workflow.version
    case = fire(workflow, fire(workflow, begin(workflow), "call"), "end")
    assert "done" == rest(workflow, case).state


def fails(token: Any) -> None:
    raise ValueError("no")


@pytest.mark.parametrize(
    "out", [flow(b >> d).policy(rules=field("ok") == 1).otherwise(e), flow(b >> d).on_failure(e).action(fails)]
)
async def test_a_refusal_or_failure_that_leads_to_the_end_ends_everything(out: Any) -> None:
    """What comes to the end by ``.otherwise`` or ``.on_failure`` withdraws every other token too."""
    flows = (
        flow(a >> (b, c)).transition("split"),
        out.transition("try").manual(),
        flow(c >> d).transition("other").manual(),
    )
    workflow = Workflow("w", *explicit_termination(flows, e), initial="a")
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))
        case = await engine.run(await engine.fire(case, "try"))
    assert ("e", "completed") == (case.state, case.status)


async def test_actions_that_lead_into_a_critical_section_do_not_overlap() -> None:
    """Also with an action on the way into it, a section is entered by one branch at a time."""
    inside: list[str] = []

    async def enter(token: Any) -> None:
        inside.append(token.state)
        await asyncio.sleep(0.01)
        assert 1 == len(inside)

    leave = [
        flow(one >> other).transition(f"leave-{one}").action(lambda _: inside.clear())
        for one, other in ((d, f), (e, g))
    ]
    enters = [each.action(enter) for each in critical_section((b, d), (c, e))]
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *enters, *leave, initial="a")
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("w"))
    assert ("f + g", "completed") == (case.state, case.status)


async def test_explain_names_the_action_that_has_claimed_a_section() -> None:
    """What waits for a section that an action is about to enter is told so, and that the action has to end."""
    flows = [each.manual() for each in critical_section((b, d), (c, e))]
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), flows[0].action(fails), flows[1], initial="a")
    case = begin(workflow)
    choice, _ = firing.select(workflow, case, "b-enters", at=START)
    case = standing.apply(workflow, case, firing.begin(case, choice, at=START, worker="here"))
    told = explain(workflow, case)["c-enters"]
    assert not told.enabled
    assert "the action of 'b-enters' is in progress, and brings a token where none may be" in told.missing
    assert ["action"] == [need.kind for need in told.suggestion.needs]
    assert told.suggestion.certain
