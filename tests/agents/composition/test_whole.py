"""What holds of compositions as a whole: budgets, transcripts, permission, and that each can come to its end."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker import Engine, connect
from circuit_breaker.agents.bridge import agent_executors
from circuit_breaker.agents.bridge.composition import (
    Budget,
    Part,
    chain,
    choose,
    fallback,
    graph,
    hand_off,
    map_reduce,
    parallel,
    supervisor,
)
from circuit_breaker.errors import AgentInvalid
from circuit_breaker.net.statespace import explore
from circuit_breaker.testing import HANG, ModelTurn
from circuit_breaker.workflow.documents import workflow_from_document
from tests.agents.composition.crew import AGAIN, FAILS, agent, at_work

SHAPES = {
    "chain": chain("a", Part("b", when="results.a.output.score > 3"), "c"),
    "parallel": parallel("a", "b", synthesise="c"),
    "choose": choose({"data.x > 1": "a"}, otherwise="b"),
    "fallback": fallback("a", "b", "c"),
    "graph": graph(Part("a"), Part("b", needs="a"), Part("c", needs="a"), Part("d", needs=("b", "c"))),
    "map_reduce": map_reduce("a", "b", over="items", most=3),
    "supervisor": supervisor("a", ["b", "c"], most_rounds=3),
    "hand_off": hand_off(["a", "b", "c"]),
    "nested": chain("a", parallel("b", fallback("c", "d"), name="inner"), supervisor("e", ["f"])),
}


@pytest.mark.parametrize("shape", sorted(SHAPES.keys() - {"map_reduce"}))
def test_every_composition_is_sound(shape):
    """R2: it is proved of each shape that every case can end cleanly, and that all that is written can happen."""
    assert "sound" == SHAPES[shape].verify().verdict


def test_map_and_reduce_end_with_nothing_left_over():
    """R2: wherever map and reduce stops, there is one token, in a final state; no error of it is certain."""
    workflow = SHAPES["map_reduce"]
    space = explore(workflow.net, {workflow.initial: 1})

    assert space.complete
    assert [{state: 1} for state in sorted(workflow.final)] == sorted(space.deadlocks, key=str)
    assert "not sound" != workflow.verify().verdict


@pytest.mark.parametrize("shape", SHAPES)
def test_every_composition_is_drawn_and_written(shape):
    """R1: a composition is a workflow like any other: it has a picture, and a document that gives it back."""
    workflow = SHAPES[shape]

    assert "answered" in workflow.draw()
    assert workflow.version == workflow_from_document(json.loads(json.dumps(workflow.to_document()))).version


async def test_the_transcript_tells_who_said_what_to_whom():
    """R2: an audit trail has for each execution who spoke to whom, when, what, and for how much."""
    async with at_work(a="one", b="two", c="three") as (composer, _):
        done = await composer.run(chain(parallel("a", "b", name="both"), "c"), {"topic": "nets"})
        told = await composer.transcript(done.case)
    document = told.to_document()

    assert [(entry["from"], entry["to"]) for entry in document["entries"]][-1] == (["a", "b"], "c")
    assert {tuple(entry["from"]) for entry in document["entries"][:2]} == {("asker",)}
    assert document["entries"][-1]["answered"] == "three"
    assert document["totals"]["tokens"] == told.tokens == sum(entry.tokens for entry in told.entries) > 0
    assert json.loads(json.dumps(document)) == document


async def test_the_transcript_has_what_failed():
    """R2: an execution that failed is in the audit trail, with its error."""
    async with at_work(a=FAILS, b="two") as (composer, _):
        done = await composer.run(fallback("a", "b"))
        first, second = (await composer.transcript(done.case)).entries

    assert (first.status, first.error["code"], second.status) == ("failed", "content_filtered", "completed")


@pytest.mark.parametrize(
    ("budget", "what"),
    [(Budget(executions=2), "2 of 2 executions"), (Budget(tokens=1), "of 1 tokens"), (Budget(seconds=1e-9), "seconds")],
)
async def test_beyond_its_budget_nothing_begins(budget, what):
    """R1: a budget bounds all executions of a case together; what it ends with says so."""
    async with at_work(a="one", b="two", c="three") as (composer, crew):
        done = await composer.run(chain("a", "b", "c", budget=budget))

    assert not done.completed
    assert what in done.error["message"]
    assert "c" not in crew.names


async def test_an_inner_budget_counts_the_inner_part_only():
    """R1: each composition keeps to its own budget, and to those around it."""
    async with at_work(a="one", b="two", c="three", d="four") as (composer, crew):
        inner = chain("b", "c", name="inner", budget=Budget(executions=1))
        done = await composer.run(chain("a", inner, "d", budget=Budget(executions=10)))

    assert crew.names == ["a", "b"]
    assert "'inner'" in done.error["message"]


async def test_compositions_of_the_same_name_have_budgets_of_their_own():
    """R1: a chain in a chain keeps to its own budget, also where both have the same name."""
    async with at_work(a="one", b="two", c="three") as (composer, crew):
        inner = chain("b", "c", budget=Budget(executions=1))
        done = await composer.run(chain("a", Part(inner, name="inner"), budget=Budget(executions=10)))

    assert (done.completed, crew.names) == (False, ["a", "b"])


async def test_a_fallback_does_not_help_against_an_empty_budget():
    """R1: what is beyond the budget fails for each that might take over."""
    async with at_work(a=FAILS, b="two") as (composer, crew):
        done = await composer.run(fallback("a", "b", budget=Budget(executions=1)))

    assert (done.completed, crew.names) == (False, ["a"])


def test_a_budget_is_kept_exactly_as_it_is_written():
    """R1: dollars are decimal."""
    assert Budget(dollars="0.10").to_document() == {"dollars": "0.10"}
    assert Budget.from_document({"dollars": "0.10"}).dollars == Decimal("0.10")


def test_the_faults_of_a_budget_have_its_own_names():
    """R1: what is no limit is told by the name that it was given under, all of it together."""
    with pytest.raises(AgentInvalid, match="the budget is not valid") as wrong:
        Budget(dollars="much", tokens=0, seconds=-1, executions=True)

    assert ["dollars", "tokens", "seconds", "executions"] == [fault.place for fault in wrong.value.faults]


async def test_a_part_works_for_a_workflow_only():
    """R1: the executor of a part says where it belongs."""
    async with at_work(a="one") as (composer, _):
        made = agent_executors(composer.agents)["agent-part"](name="a", agent="a", hears=[])
        with pytest.raises(Exception, match="in a transition only"):
            await made.execute()


async def test_a_composition_runs_in_an_engine_of_workflows_too():
    """R1: the composer is a thin door: the engine of workflows runs the same workflow."""
    async with at_work(a="one", b="two") as (composer, _):
        executors = agent_executors(composer.agents)
        async with Engine(chain("a", "b"), storage=connect("memory://"), executors=executors) as engine:
            case = await engine.run(await engine.start("chain"))

    assert case.token.results["b"]["output"] == "two"


@settings(max_examples=10)
@given(st.lists(st.booleans(), min_size=1, max_size=6))
async def test_a_chain_hears_who_spoke_last_whoever_is_left_out(kept):
    """R1: whichever parts are left out, the last is given what the last one has said that was not."""
    names = [f"p{number}" for number in range(len(kept))]
    parts = [Part(name, when="true" if one else "false") for name, one in zip(names, kept, strict=True)]
    async with at_work(last="end", **{name: name for name in names}) as (composer, crew):
        await composer.run(chain(*parts, "last"))
    spoke = [name for name, one in zip(names, kept, strict=True) if one]

    assert crew.names == [*spoke, "last"]
    assert crew.given("last").get("previous") == (spoke[-1] if spoke else None)


@pytest.mark.slow
async def test_nearly_all_collaborations_come_to_their_end():
    """R4: with one call of a model in ten failing, more than 95 % of collaborations are completed, by retry and by
    falling back.
    """
    failing = [FAILS if number % 10 == 3 else "said" for number in range(1000)]
    work = chain(Part("a", retry=AGAIN), parallel(Part("b", retry=AGAIN), fallback("c", "d"), name="both"))
    async with at_work(agent("a"), a=list(failing), b=list(failing), c=list(failing), d=list(failing)) as (composer, _):
        completed = [(await composer.run(work)).completed for _ in range(100)]

    assert sum(completed) / len(completed) > 0.95


async def test_what_is_not_wanted_any_more_is_cancelled():
    """R1: when a case is cancelled, so is the execution that works for it, with its call of the model."""
    async with at_work(a=ModelTurn(says=HANG)) as (composer, crew):
        case = await composer.engine.start(chain("a"))
        async with asyncio.TaskGroup() as group:
            group.create_task(composer.engine.run(case))
            while not crew.names:  # noqa: ASYNC110 - the model tells nobody that it was asked
                await asyncio.sleep(0)
            await composer.engine.cancel(case)
        [entry] = (await composer.transcript(case)).entries

    assert entry.status == "cancelled"


async def test_a_part_has_its_time():
    """R1: a part that takes too long fails, its execution is cancelled, and another takes over."""
    async with at_work(a=ModelTurn(says=HANG), b="two") as (composer, _):
        done = await composer.run(fallback(Part("a", timeout=0.05), "b"))
        first, second = (await composer.transcript(done.case.id)).entries

    assert done.output == "two"
    assert (first.status, second.status) == ("cancelled", "completed")


async def test_what_a_case_has_taken_is_told_in_dollars():
    """R2: the cost of a collaboration is the sum of its executions; a model without a price costs nothing."""
    async with at_work(a="one") as (composer, _):
        done = await composer.run(chain("a"))

        assert await composer.dollars(done.case) == Decimal(0)


async def test_a_part_waits_for_a_person_who_must_approve():
    """R1: while a call of a tool waits for its approval, so does the composition; then it goes on."""
    careful = agent("a", tools=("summarize",), approve=("summarize",))
    calls = ModelTurn(calls=(("summarize", {"text": "Nets are sound."}),))
    async with at_work(careful, a=[calls, "one"], b="two") as (composer, _):
        case = await composer.engine.start(chain("a", "b"))
        async with asyncio.TaskGroup() as group:
            group.create_task(composer.engine.run(case))
            while not (found := await composer.agents.executions()):  # noqa: ASYNC110 - nobody tells that it began
                await asyncio.sleep(0)
            waiting = await composer.agents.wait(found[0].id)
            await composer.agents.approve(waiting.id, waiting.approval["digest"], by="ann")
        done = await composer.go_on(case)

    assert (done.completed, done.outputs) == (True, {"a": "one", "b": "two"})


CAREFUL = {"tools": ("summarize",), "approve": ("summarize",)}
ASKS = ModelTurn(calls=(("summarize", {"text": "Nets are sound."}),))


async def test_what_waits_for_a_person_comes_back():
    """R1 K9: run returns with the executions that a person must decide on, and go_on with what came of it."""
    async with at_work(agent("a", **CAREFUL), a=[ASKS, "one"], b="two") as (composer, crew):
        asked = await composer.run(chain("a", "b"))
        same = await composer.go_on(asked.case)
        [waiting] = asked.waiting
        await composer.agents.approve(waiting.id, waiting.approval["digest"], by="ann")
        done = await composer.go_on(asked.case)

    assert (asked.completed, asked.output, same.waiting) == (False, None, asked.waiting)
    assert (done.waiting, done.outputs) == ((), {"a": "one", "b": "two"})
    assert crew.names == ["a", "a", "b"]


async def test_what_does_not_wait_for_the_person_is_finished_first():
    """R2 K9: of agents at once those that need no decision come to their end, and are not asked again."""
    async with at_work(agent("a", **CAREFUL), a=[ASKS, "one"], b=ModelTurn(says="two", after=0.5), c="both") as (
        composer,
        crew,
    ):
        asked = await composer.run(parallel("a", "b", synthesise="c"))
        await composer.agents.approve(asked.waiting[0].id, asked.waiting[0].approval["digest"])
        done = await composer.go_on(asked.case)

    assert ["a"] == [one.agent_id for one in asked.waiting]
    assert asked.outputs == {"b": "two"}
    assert (done.output, crew.names.count("b")) == ("both", 1)


async def test_what_is_tried_again_may_wait_for_a_person_too():
    """R1 K9: a part that failed, and asks for a decision when it is tried again, is waited for in the same way."""
    async with at_work(agent("a", **CAREFUL), a=[FAILS, ASKS, "one"]) as (composer, _):
        failed = await composer.run(chain("a"))
        asked = await composer.try_again(failed.case)
        await composer.agents.approve(asked.waiting[0].id, False)
        done = await composer.go_on(asked.case)

    assert ("a", "one") == (asked.waiting[0].agent_id, done.output)


async def test_what_fails_again_is_told_again():
    """R1: a part that fails once more, when it is tried again, is told as the first time, and not raised."""
    async with at_work(a=FAILS) as (composer, crew):
        failed = await composer.run(chain("a"))
        again = await composer.try_again(failed.case)

    assert (False, False) == (failed.completed, again.completed)
    assert again.error["transition"] == failed.error["transition"]
    assert 2 <= len(crew.asked)
