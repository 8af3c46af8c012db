"""A staff: the agents of a program, from one value."""

from __future__ import annotations

import json

import attrs
import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.errors import ActionError, AgentInvalid
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm import ToolCall
from circuit_breaker.testing import ScriptedProvider
from tests.agents.bridge.office import office, reviewer, reviewing, said
from tests.agents.bridge.test_place_agents import classifier, intake, placed, says


async def test_a_staff_is_at_work_with_its_places():
    """Agents are registered, places are kept, and transitions have their executor."""
    staff = Staff(
        agents=[classifier()],
        places=[placed(auto_transition="sort")],
        settings=ModelSettings(providers=[ScriptedProvider(says("news"))]),
    )
    journal = connect("memory://")
    agents = staff.engine(journal)
    async with (
        Engine(intake(), storage=journal, executors=staff.executors(agents)) as engine,
        staff.at_work(engine, agents) as places,
    ):
        case = await engine.start("intake", data={"content": "A text."})
        assert await places.settle()
        assert "sorted" == (await engine.get(case)).state
        assert not await places.settle()


async def test_workflows_are_checked_before_work_begins():
    """W5: a workflow that asks for what its agents cannot do is refused."""
    staff = Staff(agents=[reviewer(allowed_workflows=())])
    journal = connect("memory://")
    agents = staff.engine(journal)
    async with Engine(reviewing(), storage=journal, executors=staff.executors(agents)) as engine:
        with pytest.raises(AgentInvalid, match="may not use agent"):
            async with staff.at_work(engine, agents):
                pass


async def test_the_same_agents_are_not_registered_again(tmp_path):
    """What is the same already keeps the time when it was stored."""
    staff, url = Staff(agents=[reviewer()]), f"sqlite:///{tmp_path}/w.db"
    times = []
    for _ in range(2):
        journal = connect(url)
        agents = staff.engine(journal)
        async with Engine(reviewing(), storage=journal) as engine, staff.at_work(engine, agents):
            times.append((await agents.definition("content-reviewer")).updated_at)
    assert times[0] == times[1]


async def test_agents_of_a_staff_can_have_the_case_as_tools():
    """An agent that keeps a state moves the token itself, with the tools that the net gives it."""
    draft, approved = states("draft", "approved")
    order = Workflow("order", flow(draft >> approved).transition("approve").guard(field("score") >= 8).manual())
    clerk = AgentDefinition(id="clerk", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Decide."))
    call = ToolCall(id="1", name="approve", arguments=json.dumps({"score": 9}))
    place = placed(workflow="order", place="draft", agent="clerk", input_mapping={}, output_mapping={})
    settings = ModelSettings(providers=[ScriptedProvider(call, "It is approved.")])
    staff = Staff(agents=[clerk], places=[place], settings=settings, case_tools=["clerk"])
    journal = connect("memory://")
    agents = staff.engine(journal)
    async with Engine(order, storage=journal) as engine, staff.at_work(engine, agents) as places:
        case = await engine.start("order")
        await places.settle()
        [visit] = await places.visits.listed()
        assert ("approved", "agent:clerk") == ((await engine.get(case)).state, (await engine.history(case))[-2].by)
        assert "completed" == visit.status


async def test_a_step_works_in_a_transition_only():
    """The executor that asks agents is none to be run alone."""
    async with office(reviewing(), says=[said()]) as at:
        with pytest.raises(ActionError, match="works in a transition only"):
            await at.engine.executors["registered-agent"](agent="content-reviewer").execute()


def test_staffs_together_have_all_that_each_has():
    """W5: agents, places, settings and config of several modules, whichever of them says it; None for none."""
    settings, config = ModelSettings(providers=[ScriptedProvider()]), AgentEngineConfig(max_concurrent_executions=2)
    place = placed()
    first, second = Staff(agents=[reviewer()], settings=settings), Staff(agents=[reviewer(), classifier()])
    together = Staff.together([first, attrs.evolve(second, places=[place], config=config, case_tools=["a"])])
    assert together is not None
    assert ["content-reviewer", "content-classifier"] == [one.id for one in together.agents]
    assert (settings, config, frozenset({"a"})) == (together.settings, together.config, together.case_tools)
    assert (place,) == together.places
    assert Staff.together([]) is None


@pytest.mark.parametrize(
    ("one", "other", "match"),
    [
        ({"agents": [reviewer()]}, {"agents": [reviewer(description="Other.")]}, "agent 'content-reviewer'"),
        ({"places": [placed()]}, {"places": [placed(auto_transition="sort")]}, "place agent 'content-classifier@"),
        ({"config": AgentEngineConfig()}, {"config": AgentEngineConfig(max_concurrent_executions=2)}, "with config"),
        ({"settings": ModelSettings()}, {"settings": ModelSettings(tenant="acme")}, "with settings"),
    ],
)
def test_staffs_that_contradict_each_other_are_refused(one, other, match):
    """W5: what two modules say differently under one name is refused, and none of them wins."""
    with pytest.raises(AgentInvalid, match=match):
        Staff.together([Staff(**one), Staff(**other)])


def test_what_is_no_part_of_a_staff_is_named_with_its_place():
    """W5: everything that does not belong there is refused together when the staff is made."""
    with pytest.raises(AgentInvalid) as caught:
        Staff(agents=[reviewer(), 3], places=placed(), case_tools="clerk", settings=5, config={})  # type: ignore[arg-type]
    assert ["agents[1]", "places", "case_tools", "settings", "config"] == [fault.place for fault in caught.value.faults]
    assert "3 is no AgentDefinition" in str(caught.value)

    with pytest.raises(AgentInvalid, match=r"case_tools\[1\]: 3 is no id of an agent"):
        Staff(case_tools=["clerk", 3])  # type: ignore[list-item]
