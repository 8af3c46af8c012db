"""Agents one after the other, at once, by choice, in place of each other, and as their needs say."""

from __future__ import annotations

import pytest

from circuit_breaker import Workflow, field, flow, states, template
from circuit_breaker.agents import AgentInput
from circuit_breaker.agents.bridge.composition import Part, chain, choose, fallback, graph, map_reduce, parallel
from circuit_breaker.errors import AgentInvalid, DataInvalid, WorkflowInvalid
from tests.agents.composition.crew import AGAIN, FAILS, agent, at_work, says


async def test_each_agent_of_a_chain_is_given_what_those_before_have_said():
    """R1: context is passed along a chain: the data of the case and every output so far, by the name of its part."""
    async with at_work(a="one", b="two", c="three") as (composer, crew):
        done = await composer.run(chain("a", "b", "c"), {"topic": "nets"})

    assert done.completed
    assert (done.output, done.outputs) == ("three", {"a": "one", "b": "two", "c": "three"})
    assert crew.given("c") == {"topic": "nets", "a": "one", "b": "two", "previous": "two"}


async def test_an_agent_with_inputs_finds_them_by_their_names():
    """R2: outputs are shared: an agent that declares inputs gets those, and nothing else."""
    reader = agent("b", inputs={"a": AgentInput(), "tone": AgentInput(required=False)})
    async with at_work(reader, a=says(score=3), b="two") as (composer, crew):
        await composer.run(chain("a", "b"), {"topic": "nets", "tone": "dry"})

    assert crew.given("b") == {"a": '{"score": 3}', "tone": "dry"}


async def test_a_part_is_given_what_its_input_names():
    """R1: a mapping says what an agent is given: paths, templates and plain values."""
    mapped = {"text": "results.a.output", "what": template("about {data.topic}"), "most": 3, "again": field("topic")}
    async with at_work(a="one", b="two") as (composer, crew):
        await composer.run(chain("a", Part("b", input=mapped)), {"topic": "nets"})

    assert crew.given("b") == {"text": "one", "what": "about nets", "most": 3, "again": "nets"}


@pytest.mark.parametrize(("score", "asked"), [(3, ["a", "c"]), (8, ["a", "b", "c"])])
async def test_an_earlier_result_decides_whether_a_part_is_left_out(score, asked):
    """R1: a part runs only where its rule holds on earlier results; what follows goes on from who spoke last."""
    scored = agent("a", output_schema={"type": "object", "properties": {"score": {"type": "integer"}}})
    refine = Part("b", when=field("results.a.output.score") > 5)
    async with at_work(scored, a=says(score=score), b="two", c="three") as (composer, crew):
        done = await composer.run(chain("a", refine, "c"))

    assert crew.names == asked
    assert done.output == "three"
    assert crew.given("c")["previous"] == ("two" if score > 5 else {"score": score})


async def test_agents_at_once_are_heard_together():
    """R2: parallel analysis, then synthesis: the last agent is given what each of the others has said."""
    async with at_work(a="one", b="two", c="both") as (composer, crew):
        done = await composer.run(parallel("a", "b", synthesise="c"), {"topic": "nets"})

    assert done.output == "both"
    assert crew.given("c")["previous"] == {"a": "one", "b": "two"}
    assert crew.given("b") == {"topic": "nets"}


async def test_without_a_synthesis_the_answer_is_what_each_has_said():
    """R1: independent agents run at the same time; the answer has each of theirs by its name."""
    async with at_work(a="one", b="two") as (composer, _):
        done = await composer.run(parallel("a", "b"))

    assert done.output == {"a": "one", "b": "two"}


@pytest.mark.parametrize(("data", "asked"), [({"kind": "bill"}, ["a"]), ({"kind": "praise"}, ["b"]), ({}, ["c"])])
async def test_the_first_rule_that_holds_chooses_the_agent(data, asked):
    """R1: rules choose between agents, an expression like any other rule."""
    ways = {"kind_is_bill": "a", field("kind") == "praise": "b"}
    rules = {"kind_is_bill": field("kind") == "bill"}
    async with at_work(a="one", b="two", c="three") as (composer, crew):
        done = await composer.run(choose(ways, otherwise="c", rules=rules), data)

    assert crew.names == asked
    assert done.completed


async def test_where_no_rule_holds_and_nobody_else_is_named_there_is_no_answer():
    """R1: a choice without `otherwise` ends without an answer, and asks nobody."""
    async with at_work(a="one") as (composer, crew):
        done = await composer.run(choose([(field("x") > 1, "a")]), {"x": 0})

    assert (done.completed, done.output, crew.names) == (True, None, [])


async def test_the_next_agent_takes_over_where_one_fails():
    """R1: fallback: the next agent is told what went wrong, and its answer counts."""
    async with at_work(a=FAILS, b=FAILS, c="three") as (composer, crew):
        done = await composer.run(fallback("a", "b", "c"), {"topic": "nets"})

    assert (done.completed, done.output, crew.names) == (True, "three", ["a", "b", "c"])
    assert crew.given("c")["failure"]["code"] == "content_filtered"
    assert done.error == {}


async def test_a_composition_fails_with_the_part_that_nobody_replaces():
    """R1: an error is told with the transition and the reason; what was said before it is still there."""
    async with at_work(a="one", b=FAILS) as (composer, _):
        done = await composer.run(chain("a", "b"))

    assert not done.completed
    assert done.outputs == {"a": "one"}
    assert done.output is None
    assert "not to be said" in done.error["message"]
    assert done.error["transition"].startswith("b")


async def test_what_failed_may_be_tried_again():
    """R1: after a failure the composition goes on where it was, and asks nobody twice who has answered."""
    async with at_work(a="one", b=[FAILS, "two"]) as (composer, crew):
        failed = await composer.run(chain("a", "b"))
        done = await composer.try_again(failed.case)

    assert (done.completed, done.output, crew.names) == (True, "two", ["a", "b", "b"])


async def test_a_retry_is_another_execution():
    """R1: with a retry a part is asked again, by an execution of its own."""
    async with at_work(a=[FAILS, "one"]) as (composer, _):
        done = await composer.run(chain(Part("a", retry=AGAIN)))
        entries = (await composer.transcript(done.case)).entries

    assert done.output == "one"
    assert [entry.status for entry in entries] == ["failed", "completed"]


async def test_a_composition_goes_on_without_a_part_that_is_not_required():
    """R1: the failure of a part that is not required is kept, and those who follow hear who spoke before."""
    async with at_work(a="one", b=FAILS, c="three") as (composer, crew):
        done = await composer.run(chain("a", Part("b", required=False), "c"))

    assert done.completed
    assert crew.given("c")["previous"] == "one"
    assert done.case.token.results["b"]["error"]["code"] == "content_filtered"


async def test_agents_begin_when_those_have_answered_that_they_need():
    """R2: dependencies are kept: each agent hears those that it needs, all of them."""
    parts = [Part("d", needs=("b", "c")), Part("b", needs="a"), Part("c", needs="a"), Part("a")]
    async with at_work(a="one", b="two", c="three", d="four") as (composer, crew):
        done = await composer.run(graph(*parts))

    assert (crew.names[0], crew.names[-1], done.output) == ("a", "d", "four")
    assert crew.given("d")["previous"] == {"b": "two", "c": "three"}


async def test_a_composition_is_a_part_of_another():
    """R1: compositions are nested, and hear what the outer one has said."""
    inner = parallel("b", "c", name="experts")
    async with at_work(a="one", b="two", c="three", d="four", e="never") as (composer, crew):
        done = await composer.run(chain("a", inner, fallback("d", "e")), {"topic": "nets"})

    assert done.output == "four"
    assert crew.given("b")["previous"] == "one"
    assert crew.given("d")["previous"] == {"b": "two", "c": "three"}


async def test_any_workflow_is_a_part():
    """R1: a workflow without agents may stand between them; its data goes along."""
    begin, end = states("begin", "end")
    count = Workflow("count", flow(begin >> end).transition("count").action(lambda token: {"counted": 3}, name="count"))
    async with at_work(a="one", b="two") as (composer, crew):
        done = await composer.run(chain("a", count, "b"))

    assert done.output == "two"
    assert crew.given("b") == {"counted": 3, "a": "one", "previous": "one"}


async def test_an_agent_works_on_each_item_of_a_list():
    """R2: map and reduce: the outputs come in the order of the items."""
    async with at_work(a=["one", "two", "three"], b="all") as (composer, crew):
        done = await composer.run(map_reduce("a", "b", over="items"), {"items": ["x", "y", "z"]})
        said = {crew.given("a", number)["item"]: f"{word}" for number, word in enumerate(("one", "two", "three"))}

    assert done.output == "all"
    assert crew.given("b")["a"] == [said["x"], said["y"], said["z"]]


async def test_an_empty_list_is_reduced_to_nothing_said():
    """R2: map and reduce over no items asks the reducer alone."""
    async with at_work(a="one", b="nothing") as (composer, crew):
        done = await composer.run(map_reduce("a", "b", over="items"), {"items": []})

    assert (done.output, crew.names) == ("nothing", ["b"])


@pytest.mark.parametrize("data", [{}, {"items": "none"}, {"items": [1, 2, 3]}])
async def test_what_is_no_list_of_that_length_is_not_mapped(data):
    """R2: without a list, or with more items than there may be, nobody is asked, and the case says so."""
    async with at_work(a="one", b="all") as (composer, crew):
        done = await composer.run(map_reduce("a", "b", over="items", most=2), data)

    assert (done.case.state, done.output, crew.names) == ("not mapped", None, [])


async def test_a_failed_item_is_left_out_where_it_is_not_required():
    """R2: map and reduce goes on without items that failed, where the mapper is not required."""
    async with at_work(a=["one", FAILS, "three"], b="all") as (composer, crew):
        mapper = Part("a", required=False)
        done = await composer.run(map_reduce(mapper, "b", over="items"), {"items": ["x", "y", "z"]})

    assert done.completed
    assert sorted(crew.given("b")["a"]) == ["one", "three"]


async def test_agents_that_are_not_there_are_told_before_anything_begins():
    """R1: every agent that is missing or not allowed is named, and nobody is asked."""
    closed = agent("b", allowed_workflows=("other",))
    async with at_work(closed, a="one", b="two") as (composer, crew):
        with pytest.raises(AgentInvalid) as caught:
            await composer.run(chain("a", "b", "nobody"))

    assert crew.names == []
    assert ["transition 'b'", "transition 'nobody'"] == [fault.place for fault in caught.value.faults]


WRONG = {
    "the same part twice": (lambda: chain("a", "a"), "chain.a"),
    "the same part inside": (lambda: chain("a", parallel("a", "b")), "chain.a"),
    "nothing": (chain, "chain"),
    "one alone": (lambda: parallel("a"), "parallel"),
    "a bad name": (lambda: chain(Part("a", name="1st")), "chain.1st"),
    "a name of ours": (lambda: chain("previous"), "chain.previous"),
    "a fallback that may be left out": (lambda: fallback("a", Part("b", required=False)), "fallback.b"),
    "two rules": (lambda: choose({"true": Part("a", when="false")}), "choose.a.when"),
    "a part that is needed and not there": (lambda: graph(Part("a", needs="b")), "graph.a.needs"),
    "a ring": (lambda: graph(Part("a", needs="b"), Part("b", needs="a")), "graph"),
    "an optional workflow": (lambda: chain(Part(chain("a"), name="x", required=False)), "chain.x.required"),
    "a workflow with an input": (lambda: chain(Part(chain("a"), name="x", input={})), "chain.x.input"),
    "a mapped workflow": (lambda: map_reduce(chain("a", name="x"), "b", over="items"), "map_reduce.x"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_a_composition_is_told_at_once(wrong):
    """R1: a composition that cannot be is refused where it is made, with the place and a remedy."""
    make, place = WRONG[wrong]
    with pytest.raises(WorkflowInvalid) as caught:
        make()

    assert place in [fault.place for fault in caught.value.faults]
    assert all(fault.remedy for fault in caught.value.faults)


def test_no_part_is_a_number():
    """R1: what is no part is refused."""
    with pytest.raises(WorkflowInvalid, match="no part of a composition"):
        chain(3)


def test_a_failure_of_branches_at_once_leads_nowhere():
    """R1: a composition with several tokens cannot be replaced as a whole, and says what to do."""
    with pytest.raises(WorkflowInvalid, match="branches that run at once"):
        fallback(parallel("a", "b"), "c")


@pytest.mark.parametrize("most", [1, 2, 3, 12])
def test_a_batch_of_any_bound_is_proved_to_end(most):
    """R1: how many items there may be changes how often something happens, and not what can: the proof is the same."""
    work = map_reduce(Part("reader", required=False), "writer", over="items", most=most)

    assert ("sound", []) == (work.verify().verdict, [one.kind for one in work.verify().findings])


def test_a_batch_without_a_bound_is_not_decided():
    """R1: where a list may have any length nothing bounds the tokens; the proof says so, and which pile up."""
    found = map_reduce("reader", "writer", over="items", most=None).verify(limit=2000, mend=False)

    assert "not decided" == found.verdict
    assert "reader/waiting" in str(found)


def test_an_input_that_is_no_mapping_is_refused():
    """A path alone does not say under which name the agent finds it."""
    with pytest.raises(DataInvalid, match="is no mapping"):
        Part("a", input="data.q")
