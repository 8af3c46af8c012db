"""A supervisor with workers, and agents that hand the conversation on."""

from __future__ import annotations

import pytest

from circuit_breaker.agents.bridge.composition import Part, chain, hand_off, parallel, supervisor
from circuit_breaker.errors import WorkflowInvalid
from tests.agents.composition.crew import agent, at_work, boss, hands, says


async def test_a_supervisor_names_who_works_next_until_it_is_done():
    """L8, R2: the structured answer of the boss decides; it is told who there is, and all that was said."""
    orders = [
        says(next="writer", task="write", answer=""),
        says(next="critic", task="check", answer=""),
        says(next="done", task="", answer="It is fine."),
    ]
    workers = [Part("writer", about="writes"), Part("critic", about="checks")]
    async with at_work(boss("writer", "critic"), boss=orders, writer="a text", critic="well") as (composer, crew):
        done = await composer.run(supervisor("boss", workers), {"topic": "nets"})

    assert crew.names == ["boss", "writer", "boss", "critic", "boss"]
    assert done.output["answer"] == "It is fine."
    assert crew.given("writer")["previous"]["task"] == "write"
    assert crew.given("boss")["colleagues"] == {"writer": "writes", "critic": "checks"}
    assert [said["from"] for said in crew.given("boss", 2)["conversation"]] == ["boss", "writer", "boss", "critic"]


async def test_a_supervisor_that_never_ends_is_ended():
    """R2: the rounds of a supervisor are bounded; the last word of the boss is the answer."""
    order = says(next="writer", task="again", answer="so far")
    async with at_work(boss("writer"), boss=order, writer="a text") as (composer, crew):
        done = await composer.run(supervisor("boss", ["writer"], most_rounds=2))

    assert done.completed
    assert crew.names == ["boss", "writer", "boss", "writer", "boss"]
    assert done.output["answer"] == "so far"


async def test_a_supervisor_that_names_nobody_is_asked_again():
    """R2: an answer without a known name counts as a round, and goes back to the boss."""
    async with at_work(agent("boss"), boss="hm", writer="a text") as (composer, crew):
        done = await composer.run(supervisor("boss", ["writer"], most_rounds=2))

    assert done.completed
    assert crew.names == ["boss", "boss", "boss"]


async def test_an_agent_hands_the_conversation_on():
    """J7: the conversation goes on with another agent, which is told all that was said."""
    scripts = {"desk": [hands("expert", "a hard one"), "I pass you on."], "expert": "It is sound."}
    async with at_work(**scripts) as (composer, crew):
        done = await composer.run(hand_off(["desk", Part("expert", about="knows nets")]), {"message": "Is it sound?"})

    assert done.output == "It is sound."
    assert crew.given("desk")["colleagues"] == {"expert": "knows nets"}
    [said] = crew.given("expert")["conversation"]
    assert said == {
        "from": "desk",
        "after": ["asker"],
        "said": "I pass you on.",
        "handed_to": "expert",
        "message": "a hard one",
    }
    assert done.case.token.results["desk"]["message"] == "a hard one"


async def test_an_agent_that_hands_on_to_nobody_there_is_gives_the_answer():
    """R2: only colleagues are handed on to."""
    async with at_work(desk=[hands("stranger"), "Sorry."], expert="never") as (composer, _):
        done = await composer.run(hand_off(["desk", "expert"]))

    assert done.output == "Sorry."
    assert done.case.token.results["desk"]["handed_to"] == ""


async def test_handing_on_for_ever_is_ended():
    """R2: how often a conversation is handed on is bounded."""
    scripts = {
        "one": [hands("two"), "to two", hands("two"), "to two again"],
        "two": [hands("one"), "to one", "the end"],
    }
    async with at_work(**scripts) as (composer, _):
        done = await composer.run(hand_off(["one", "two"], most_rounds=2))

    assert done.completed
    assert done.output == "to two again"


async def test_a_worker_may_be_a_composition():
    """R1: a team is nested in a team."""
    orders = [says(next="experts", task="think", answer=""), says(next="done", task="", answer="both")]
    async with at_work(boss("experts"), boss=orders, a="one", b="two") as (composer, crew):
        done = await composer.run(chain(supervisor("boss", [parallel("a", "b", name="experts")])))

    assert done.output["answer"] == "both"
    assert crew.given("a")["previous"]["task"] == "think"


WRONG = {
    "no rounds": (lambda: supervisor("a", ["b"], most_rounds=0), "supervisor.most_rounds"),
    "a workflow decides": (lambda: supervisor(chain("a", name="x"), ["b"]), "supervisor.x"),
    "a workflow hands on": (lambda: hand_off(["b", chain("a", name="x")]), "hand_off.x"),
    "a condition": (lambda: hand_off(["a", Part("b", when="true")]), "hand_off.b.when"),
    "nobody to work": (lambda: supervisor("a", []), "supervisor"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_is_wrong_with_a_team_is_told_at_once(wrong):
    """R1: a team that cannot work is refused where it is made."""
    make, place = WRONG[wrong]
    with pytest.raises(WorkflowInvalid) as caught:
        make()

    assert place in [fault.place for fault in caught.value.faults]
