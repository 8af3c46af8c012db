"""Choices of several ways, and the joins that wait for those that were chosen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.errors import NotEnabled, WorkflowInvalid
from circuit_breaker.workflow import choosing, dump_workflow, firing, load_workflow, standing
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.explain import explain
from circuit_breaker.workflow.patterns import acyclic_merge, merge, multi_choice, or_merge, sub_workflow
from tests.workflow.running import START, begin, fire, names, rest

a, b, c, d, e, f, g, h = states("a", "b", "c", "d", "e", "f", "g", "h")
WORK = tuple(flow(one >> other).transition(f"do-{one}").manual() for one, other in ((b, f), (c, g), (d, h)))
WAYS = tuple((field(state.name) == True, state) for state in (b, c, d))  # noqa: E712


def merging(kind: str) -> Workflow:
    counted = e if kind == "acyclic" else None
    joins = acyclic_merge(f, g, h, into=e) if kind == "acyclic" else or_merge(f, g, h, into=e)
    return Workflow(kind, *multi_choice(a, *WAYS, counted_for=counted), *WORK, *joins)


@pytest.mark.parametrize("kind", ["acyclic", "general"])
@given(chosen=st.sets(st.sampled_from("bcd"), min_size=1), order=st.permutations("bcd"))
def test_the_branches_that_were_chosen_are_joined_once(kind: str, chosen: set[str], order: list[str]) -> None:
    """Whatever is chosen and in whatever order it ends, it goes on once, after the last, with the data of all."""
    workflow = merging(kind)
    case = begin(workflow, **dict.fromkeys(chosen, True))
    assert sorted(chosen) == sorted(state for state in case.states if len(state) == 1)
    for number, name in enumerate((name for name in order if name in chosen), start=1):
        assert "e" not in case.states
        case = fire(workflow, case, f"do-{name}", **{f"{name}_done": number})
    assert ("e", "completed") == (case.state, case.status)
    assert {f"{name}_done" for name in chosen} <= case.data.keys()


def test_where_no_rule_holds_the_other_way_is_taken() -> None:
    """A choice of several ways may have one for the case that it chooses none; without it the case waits."""
    assert "h" == begin(Workflow("w", *multi_choice(a, *WAYS, otherwise=h))).state
    assert "stuck" == begin(Workflow("w", *multi_choice(a, *WAYS))).status


@pytest.mark.parametrize("ways", [WAYS[:1], (WAYS[0], WAYS[0])])
def test_a_choice_of_several_ways_needs_several(ways: Any) -> None:
    """One way, or two to one state, are refused."""
    with pytest.raises(WorkflowInvalid, match="two ways or more"):
        multi_choice(a, *ways)


@pytest.mark.parametrize("ends", [(b,), (b, b), ()])
def test_an_or_merge_needs_several_branches(ends: Any) -> None:
    """One branch, or one that is named twice, is refused."""
    with pytest.raises(WorkflowInvalid, match="two branches or more"):
        or_merge(*ends, into=e)


def looping() -> Workflow:
    """A branch that may come back to where it began, beside another one."""
    return Workflow(
        "looping",
        flow(a >> (b, c)).transition("split"),
        *WORK[:2],
        flow(g >> c).transition("again").guard(field("more") == "yes"),
        *or_merge(f, h, into=e),
        flow(g >> h).transition("leave").guard(field("more") == "no"),
    )


def test_an_or_merge_waits_for_a_branch_that_is_in_a_loop() -> None:
    """As long as a loop may still lead to it, the join waits; it goes on when the loop is left."""
    workflow = looping()
    case = fire(workflow, begin(workflow), "do-b")
    for _ in range(3):
        case = fire(workflow, case, "do-c", more="yes")
        assert "f" in case.states
    case = fire(workflow, case, "do-c", more="no")
    assert ("e", 1) == (case.state, sum(name.startswith("e-joins") for name in names(case)))


def test_an_or_merge_goes_on_when_nothing_else_can_come() -> None:
    """Where the other branch was withdrawn, its end is not waited for."""
    withdraws = flow(d >> h).transition("withdraw").clears(c).manual()
    split = flow(a >> (b, c, d)).transition("split")
    workflow = Workflow("w", split, *WORK[:2], withdraws, *or_merge(f, g, into=e))
    case = fire(workflow, begin(workflow), "do-b")
    assert {"f", "c", "d"} == set(case.states)
    assert {"e", "h"} == set(fire(workflow, case, "withdraw").states)


def test_an_or_merge_waits_for_an_action_that_could_not_begin_any_more() -> None:
    """What an action in progress read is taken; it still brings its token, so the join waits for it, and fires once."""
    work = flow(b >> f).transition("work").action(lambda token: {}).reads(c)
    taken = flow(c >> g).transition("take").manual()
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), work, taken, *or_merge(f, g, into=e))
    case = workflow.start("c", at=START)
    for name in ("split", "work"):
        choice = next(choosing.choices(workflow, case, workflow.by_id[name]))
        begun = name == "work"
        event = firing.begin(case, choice, at=START, worker="w") if begun else firing.fired(case, choice, at=START)
        case = standing.apply(workflow, case, event)
    case = fire(workflow, case, "take")
    assert "b + g" == case.state
    ended, _ = firing.finish(workflow, case, case.pending[0], at=START, change=Change())
    case = rest(workflow, standing.apply(workflow, case, ended))
    assert ("completed", "e") == (case.status, case.state)


def test_or_merges_in_a_vicious_circle_go_on() -> None:
    """Two joins that each wait for what only the other one would pass on do not wait for ever."""
    workflow = Workflow(
        "circle",
        flow(a >> (b, c)).transition("split"),
        *or_merge(b, d, into=e),
        *or_merge(c, f, into=g),
        flow(e >> (f, h)).transition("e-on").guard(field("e") == 1),
        flow(g >> (d, h)).transition("g-on").guard(field("g") == 1),
        flow(e >> h).transition("e-ends").priority(-1),
        flow(g >> h).transition("g-ends").priority(-1),
    )
    case = begin(workflow)
    assert ("completed", ["h", "h"]) == (case.status, [token.state for token in case.tokens])


@given(count=st.integers(6, 12), ended=st.data())
def test_an_or_merge_may_have_many_branches(count: int, ended: st.DataObject) -> None:
    """More branches than one transition has ways for are joined in steps, with the same meaning."""
    ends = states(*(f"end{number}" for number in range(count)), "x", "start", "over")
    *ends, x, start, over = ends
    chosen = ended.draw(st.lists(st.sampled_from(ends), min_size=1, max_size=count - 1, unique=True))
    split = flow(start >> (*chosen, x)).transition("split")
    rest = [flow(x >> end).transition(f"x-to-{end}").manual() for end in ends]
    workflow = Workflow("wide", split, *rest, *or_merge(*ends, into=over), initial="start")
    case = begin(workflow)
    assert over.name not in case.states
    late = next(end for end in ends if end not in chosen)
    assert ("over", 1) == ((case := fire(workflow, case, f"x-to-{late}")).state, len(case.tokens))


def test_an_or_merge_merges_as_it_is_told() -> None:
    """Branches that change the same key are merged by the function that is given."""
    joins = or_merge(f, g, into=e, merge=lambda tokens: {"n": sum(token.data["n"] for token in tokens)})
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *WORK[:2], *joins)
    case = fire(workflow, fire(workflow, begin(workflow), "do-b", n=1), "do-c", n=2)
    assert {"n": 3} == case.data


def test_who_waits_for_what_is_still_to_come_is_told_so() -> None:
    """An explanation names the state that a join still waits for, and so does the error of who fires it."""
    (joins,) = or_merge(f, g, into=e)
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *WORK[:2], joins.manual())
    case = fire(workflow, begin(workflow), "do-b")
    assert ("a token could still come to 'g'",) == explain(workflow, case)["e-joins[f]"].missing
    with pytest.raises(NotEnabled, match="a token could still come to 'g'"):
        fire(workflow, case, "e-joins")
    case = fire(workflow, case, "do-c")
    assert ("there is a token in 'g', which must be empty",) == explain(workflow, case)["e-joins[f]"].missing


def test_an_or_merge_inside_of_a_part_is_written_and_read() -> None:
    """The join keeps its meaning in a workflow that is a part of another, and in YAML."""
    inner = Workflow("inner", flow(a >> (b, c)).transition("split"), *WORK[:2], *or_merge(f, g, into=e))
    start, over = states("start", "over")
    workflow = Workflow("outer", *sub_workflow(inner, prefix="part", source=start, into=over), initial="start")
    read = load_workflow(dump_workflow(workflow))
    case = fire(read, begin(read), "part/do-c")
    assert {"part/b", "part/g"} == set(case.states)
    assert "over" == fire(read, case, "part/do-b").state


async def test_an_action_in_progress_is_still_to_come() -> None:
    """While the action of another branch runs, its token is on its way, and the join waits for it."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(token: Any) -> dict[str, Any]:
        begun.set()
        await go_on.wait()
        return {"slow": True}

    acting = flow(c >> g).transition("act").action(slow)
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), flow(b >> f).transition("go"), acting,
                        *or_merge(f, g, into=e))  # fmt: skip
    async with Engine(workflow, storage=connect("memory://")) as engine, asyncio.TaskGroup() as group:
        case = await engine.start("w")
        run = group.create_task(engine.run(case))
        await begun.wait()
        assert {"f", "c"} == set((await engine.get(case)).states)
        go_on.set()
        assert ("e", {"slow": True}) == ((await run).state, (await engine.get(case)).data)


def test_a_merge_passes_on_whatever_comes() -> None:
    """A merge waits for nothing: what follows it is done once for each branch."""
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), *merge(b, c, into=d), WORK[2])
    case = fire(workflow, begin(workflow), "do-d")
    assert {"d", "h"} == set(case.states)
    assert "completed" == fire(workflow, case, "do-d").status


def test_a_choice_that_falls_back_on_one_of_its_ways_is_joined() -> None:
    """Where no rule holds and it leads into one of the ways, that way is counted as if it had been chosen."""
    flows = multi_choice(a, *WAYS, otherwise=b, counted_for=e)
    workflow = Workflow("w", *flows, *WORK, *acyclic_merge(f, g, h, into=e))
    case = fire(workflow, begin(workflow), "do-b")
    assert ("e", "completed") == (case.state, case.status)
