"""What becomes of a composition where a part fails, is left out, or is not required; and whose budget is whose."""

from __future__ import annotations

import pytest

from circuit_breaker import field
from circuit_breaker.agents import AgentInput, AgentLimits
from circuit_breaker.agents.bridge.composition import Budget, Part, chain, choose, fallback, graph, parallel
from circuit_breaker.testing import HANG, ModelTurn
from tests.agents.composition.crew import AGAIN, FAILS, agent, at_work, says

HOLDS = field("x") == 1


CHOSEN = {
    "a rule": lambda: chain(Part("a", when=HOLDS), "b"),
    "a choice": lambda: choose({HOLDS: "a"}, otherwise="b"),
    "the first of two": lambda: choose([(HOLDS, "a"), (field("x") >= 1, "b")]),
    "a choice without another": lambda: choose({HOLDS: "a"}),
    "the last way": lambda: choose([(field("x") > 1, "b")], otherwise="a"),
    "a graph": lambda: graph(Part("a", when=HOLDS), Part("b", needs="a")),
    "a choice of a composition": lambda: choose({HOLDS: chain("a", name="inner")}, otherwise="b"),
}


@pytest.mark.parametrize("shape", CHOSEN)
async def test_the_failure_of_a_part_that_was_chosen_leads_nowhere_else(shape):
    """R1: a required part that was to work, and failed, is not left out: the composition fails, and says why."""
    async with at_work(a=FAILS, b="two") as (composer, crew):
        failed = await composer.run(CHOSEN[shape](), {"x": 1})
        same = await composer.go_on(failed.case)

    assert (failed.completed, same.completed, crew.names) == (False, False, ["a"])
    assert "not to be said" in failed.error["message"]


async def test_a_part_that_was_chosen_is_tried_again():
    """R1: what was decided stays so when the part that failed is tried again."""
    async with at_work(a=[FAILS, "one"], b="two") as (composer, crew):
        failed = await composer.run(choose({HOLDS: "a"}, otherwise="b"), {"x": 1})
        done = await composer.try_again(failed.case)

    assert (done.completed, done.output, crew.names) == (True, "one", ["a", "a"])


async def test_a_part_with_a_rule_that_the_budget_refuses_is_not_left_out():
    """R1: a refused budget fails the composition also where the part might have been left out."""
    async with at_work(a="one", b="two") as (composer, _):
        done = await composer.run(chain("a", Part("b", when=HOLDS), budget=Budget(executions=1)), {"x": 1})

    assert not done.completed
    assert "used up" in done.error["message"]


async def test_a_part_with_a_rule_that_misses_its_input_is_not_left_out():
    """R1: an input that is missing fails the composition, and nobody else takes over."""
    needy = agent("a", inputs={"need": AgentInput()})
    async with at_work(needy, a="one", b="two") as (composer, crew):
        done = await composer.run(choose({HOLDS: "a"}, otherwise="b"), {"x": 1})

    assert (done.completed, crew.names) == (False, [])
    assert "input.need" in done.error["message"]


JOINED = {
    "a fallback": (lambda: Part(fallback("f", "a"), name="k"), ["a"]),
    "the last one was left out": (lambda: Part(chain("a", Part("c", when=~HOLDS)), name="k"), ["a"]),
    "the last one failed": (lambda: Part(chain("a", Part("f", required=False)), name="k"), ["a"]),
    "nobody spoke": (lambda: Part("f", required=False), []),
}


@pytest.mark.parametrize("branch", JOINED)
async def test_each_branch_is_heard_where_branches_join(branch):
    """R2: whoever spoke last in each branch is heard, whichever branch was longer."""
    make, spoke = JOINED[branch]
    other = Part(chain("x", "y"), name="j")
    async with at_work(f=FAILS, a="A", c="C", x="X", y="Y", s="S") as (composer, crew):
        done = await composer.run(parallel(make(), other, synthesise="s"), {"x": 1})
        told = await composer.transcript(done.case)
        alone = await composer.run(parallel(make(), other), {"x": 1})

    assert {*spoke, "y"} == set(told.entries[-1].sender)
    assert ({"a": "A", "y": "Y"} if spoke else "Y") == crew.given("s")["previous"] == alone.output


async def test_each_need_is_heard_in_a_graph():
    """R2: a part hears for each of its needs who spoke last on the way there."""
    parts = ["a", Part("c", when=~HOLDS, needs="a"), "x", Part("y", needs="x"), Part("s", needs=("c", "y"))]
    async with at_work(a="A", c="C", x="X", y="Y", s="S") as (composer, crew):
        await composer.run(graph(*parts), {"x": 1})

    assert crew.given("s")["previous"] == {"a": "A", "y": "Y"}


@pytest.mark.parametrize("shape", [chain, parallel])
@pytest.mark.parametrize("name", ["chain", "x", "review"])
async def test_compositions_of_one_name_beside_each_other_have_budgets_of_their_own(shape, name):
    """R1: each of two parts keeps to its own budget, whatever their compositions are called."""
    first, second = (chain(*parts, name=name, budget=Budget(executions=2)) for parts in ("ab", "cd"))
    async with at_work(a="one", b="two", c="three", d="four") as (composer, crew):
        done = await composer.run(shape(Part(first, name="x"), Part(second, name="y"), name="whole"))

    assert (done.completed, sorted(crew.names)) == (True, ["a", "b", "c", "d"])


async def test_a_budget_deep_inside_is_told_by_where_it_is():
    """R1: the name of a budget that is used up says in which part the composition is."""
    inner = chain("a", "b", budget=Budget(executions=1))
    async with at_work(a="one", b="two") as (composer, _):
        done = await composer.run(chain(Part(chain(Part(inner, name="deep")), name="part")))

    assert "'part/deep/chain'" in done.error["message"]


async def test_a_form_with_a_text_alone_is_kept_as_a_form():
    """R1: a structured answer stays one, whatever its members are called."""
    form = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
    async with at_work(agent("a", output_schema=form), a=says(text="one"), b="two") as (composer, crew):
        done = await composer.run(chain("a", Part("b", input={"it": "results.a.output.text"})))
        [first, _] = (await composer.transcript(done.case)).entries

    assert (done.outputs["a"], first.answered) == ({"text": "one"}, {"text": "one"})
    assert crew.given("b") == {"it": "one"}


async def test_a_part_that_is_not_required_is_asked_again_first():
    """R1: a retry is for a part that is not required, too: only the last failure leaves it out."""
    async with at_work(a="one", b=[FAILS, "two"], c="three") as (composer, crew):
        done = await composer.run(chain("a", Part("b", required=False, retry=AGAIN), "c"))

    assert (done.outputs["b"], crew.names) == ("two", ["a", "b", "b", "c"])


async def test_a_part_that_is_not_required_is_left_out_after_its_last_attempt():
    """R1: what a part that is not required fails with at last is kept, and the rest goes on."""
    async with at_work(a="one", b=FAILS, c="three") as (composer, crew):
        done = await composer.run(chain("a", Part("b", required=False, retry=AGAIN), "c"))

    assert (done.completed, crew.names) == (True, ["a", "b", "b", "c"])
    assert done.case.token.results["b"]["error"]["code"] == "content_filtered"


async def test_a_part_that_is_not_required_has_its_time():
    """R1: a part that is not required and takes too long is left out, and its execution has ended."""
    slow = Part("b", required=False, timeout=0.05)
    async with at_work(a="one", b=ModelTurn(says=HANG), c="three") as (composer, _):
        done = await composer.run(chain("a", slow, "c"))
        entries = (await composer.transcript(done.case)).entries

    assert (done.completed, done.outputs) == (True, {"a": "one", "c": "three"})
    assert [entry.status for entry in entries] == ["completed", "timed_out", "completed"]


async def test_a_part_that_is_not_required_may_miss_its_input():
    """R1: an agent that cannot be asked is left out where it is not required, and the reason is kept."""
    needy = agent("b", inputs={"need": AgentInput()})
    async with at_work(needy, a="one", b="two", c="three") as (composer, crew):
        done = await composer.run(chain("a", Part("b", required=False), "c"))

    kept = done.case.token.results["b"]
    assert (done.completed, crew.names, kept["status"]) == (True, ["a", "c"], "failed")
    assert (kept["error"]["code"], "input.need" in kept["error"]["message"]) == ("invalid_parameters", True)


async def test_an_attempt_more_is_within_the_budget_too():
    """R1: each attempt is an execution, of a part that is not required as well: beyond the budget none begins."""
    part = Part("b", required=False, retry={**AGAIN, "max_attempts": 5})
    async with at_work(a="one", b=FAILS, c="three") as (composer, crew):
        done = await composer.run(chain("a", part, "c", budget=Budget(executions=3)))

    assert (done.completed, crew.names) == (False, ["a", "b", "b"])
    assert "used up: 3 of 3 executions" in done.error["message"]


async def test_an_agent_does_not_get_more_time_from_its_part():
    """R1: the time of a part is within what its agent allows itself."""
    quick = agent("a", limits=AgentLimits(timeout=0.05))
    async with at_work(quick, a=ModelTurn(says=HANG), b="two") as (composer, _):
        done = await composer.run(chain(Part("a", required=False, timeout="1h"), "b"))

    assert (done.output, done.case.token.results["a"]["error"]["code"]) == ("two", "agent_timeout")


@pytest.mark.parametrize(("inner", "outer", "told"), [(1, 10, "'x'"), (10, 2, "'outer x'")])
async def test_a_composition_in_one_of_its_name_has_its_own_budget(inner, outer, told):
    """R1: a composition, the part that it is, and the one around it may all have the same name."""
    part = Part(chain("a", "b", name="x", budget=Budget(executions=inner)), name="x")
    async with at_work(a="one", b="two", c="three") as (composer, crew):
        done = await composer.run(chain(part, "c", name="x", budget=Budget(executions=outer)))

    assert (done.completed, told in done.error["message"]) == (False, True)
    assert crew.names == ["a", "b"][:inner]
