"""What is mapped, what is not, and what those hear who come after."""

from __future__ import annotations

import pytest

from circuit_breaker.agents import AgentInput
from circuit_breaker.agents.bridge.composition import Part, chain, map_reduce, parallel, supervisor
from tests.agents.composition.crew import FAILS, agent, at_work, boss, says

ITEMS = {"items": ["x", "y"]}


@pytest.mark.parametrize("items", ["abc", {"a": 1}, None, 3])
async def test_only_a_list_is_mapped(items):
    """R2: a text and an object have a length too, and are no list: nobody is asked."""
    async with at_work(a="one", b="all") as (composer, crew):
        done = await composer.run(map_reduce("a", "b", over="items"), {"items": items})

    assert (done.case.state, crew.names) == ("not mapped", [])


@pytest.mark.parametrize("items", [None, [1, 2, 3]])
@pytest.mark.parametrize("around", [chain, parallel, lambda *parts: chain(chain(*parts, name="inner"))])
async def test_what_is_not_mapped_fails_a_composition_around_it(around, items):
    """R2: nobody goes on as if the list had been worked on; the reason is told."""
    inner = map_reduce("a", "b", over="items", most=2, name="each")
    async with at_work(a="one", b="all", c="after") as (composer, crew):
        done = await composer.run(around(inner, "c"), {"items": items})

    assert (done.completed, "a" in crew.names) == (False, False)
    assert "'each'" in done.error["message"]
    assert "2" in done.error["message"]


def test_a_batch_in_a_composition_is_sound():
    """R1: what is not mapped has a way out also where a batch is a part."""
    assert "sound" == chain("before", map_reduce("a", "b", over="items", most=2), "c").verify().verdict


async def test_those_who_come_after_a_batch_are_given_its_outputs():
    """R2: a part behind a batch finds what the mapper said, in order, and nothing of how it is kept."""
    async with at_work(a=["one", FAILS, "three"], b="all", c="end") as (composer, crew):
        batch = map_reduce(Part("a", required=False), "b", over="items", most=3)
        after = Part("d", input={"each": "results.a.output"})
        crew.scripts["d"] = ["really"]
        await composer.agents.register((await composer.agents.definition("c")).evolve(id="d", name="d"))
        done = await composer.run(chain(batch, "c", after), {"items": ["x", "y", "z"]})

    said = crew.given("c")["a"]
    assert sorted(said) == ["one", "three"]
    assert done.outputs["a"] == said
    assert done.case.token.data["a"] == []


async def test_a_reducer_goes_on_from_the_mapper():
    """R2: the transcript says that the reducer heard the mapper, and the list is what was said before it."""
    async with at_work(a="one", b="all") as (composer, crew):
        done = await composer.run(map_reduce("a", "b", over="items"), ITEMS)
        entries = (await composer.transcript(done.case)).entries

    assert [(one.sender, one.to) for one in entries] == [(("asker",), "a"), (("asker",), "a"), (("a",), "b")]
    assert crew.given("b")["previous"] == ["one", "one"]


async def test_a_reducer_of_nothing_goes_on_from_who_spoke_before():
    """R2: where no item was worked on, nobody is heard in the place of the mapper."""
    async with at_work(z="before", a="one", b="all") as (composer, crew):
        done = await composer.run(chain("z", map_reduce("a", "b", over="items")), {"items": []})
        entries = (await composer.transcript(done.case)).entries

    assert entries[-1].sender == ("z",)
    assert (crew.given("b")["a"], crew.given("b")["previous"]) == ([], "before")
    assert done.outputs["a"] == []


async def test_a_batch_that_is_worked_on_again_begins_anew():
    """R2: a team may work on the list more than once; each time only what was said then counts."""
    order, end = says(next="each", task="do", answer=""), says(next="done", task="", answer="well")
    workers = [map_reduce("a", "b", over="items", most=2, name="each")]
    scripts = {"boss": [order, order, end], "a": ["one", "two", "three", "four"], "b": "all"}
    async with at_work(boss("each"), **scripts) as (composer, crew):
        done = await composer.run(supervisor("boss", workers), ITEMS)

    assert (sorted(crew.given("b")["a"]), sorted(crew.given("b", 1)["a"])) == (["one", "two"], ["four", "three"])
    assert done.output["answer"] == "well"


async def test_a_batch_in_a_composition_asks_no_more_of_its_agents():
    """R2: a mapper that declares its input is mapped inside of a composition as it is alone."""
    reader = agent("a", inputs={"item": AgentInput()})
    async with at_work(reader, a="one", b="all", c="end") as (composer, crew):
        done = await composer.run(chain(map_reduce("a", "b", over="items"), "c"), ITEMS)

    assert (done.completed, crew.given("a")) == (True, {"item": "x"})
