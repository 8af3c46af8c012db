"""The transitions of a case as tools: the net bounds what an agent can do."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import CaseTools, case_tools
from circuit_breaker.agents.bridge.case_toolset import forget_firings
from circuit_breaker.agents.keys import unkeyed
from circuit_breaker.errors import TransitionNotFound
from circuit_breaker.llm import ToolCall
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.testing import ModelTurn
from circuit_breaker.workflow.events import TransitionFired
from tests.agents.bridge.office import office

draft, approved, paid, closed = states("draft", "approved", "paid", "closed")
CLERK = "agent:clerk"


def order() -> Workflow:
    return Workflow(
        "order",
        flow(draft >> approved).transition("approve").guard(field("score") >= 8).describe("A good draft.").manual(),
        flow(approved >> paid).transition("pay out").roles("treasurer"),
        flow(paid >> closed).transition("close"),
        flow(approved >> draft).transition("send_back").manual(),
    )


async def called(tools: Any, name: str, call: str = "1", **arguments: Any) -> Any:
    """What the tool answers."""
    context = ToolContext(work="w").inside(ToolCall(id=call, name=name, arguments="{}"), name, ())
    return await tools[name].perform(arguments, context)


async def test_what_somebody_can_fire_is_a_tool():
    """Manual transitions and explain are tools; what fires by itself, or needs a role that is not held, is none."""
    async with office(order()) as at:
        case = await at.engine.start("order")
        assert ("approve", "send_back", "explain") == (await case_tools(at.engine, case)).names
        everything = await case_tools(at.engine, case, roles=["treasurer"])
        assert "pay_out" in everything.names


async def test_a_tool_says_what_it_needs():
    """The description tells the way and the rules, and the schema names the data that they look at."""
    async with office(order()) as at:
        tool = (await case_tools(at.engine, await at.engine.start("order")))["approve"]
    assert "A good draft. It leads from draft to approved. It needs: data.score >= 8." in tool.description
    assert ["score"] == list(tool.parameters["properties"])


async def test_calling_it_fires_the_transition():
    """The transition fires by the agent, with the arguments as data, and the answer says what is possible now."""
    async with office(order()) as at:
        case = await at.engine.start("order")
        answer = await called(await case_tools(at.engine, case, by=CLERK), "approve", score=9)
        [fired] = [e for e in await at.engine.history(case) if isinstance(e, TransitionFired)]
    assert {"fired": True, "state": "approved", "status": "waiting", "possible": ["send_back"]} == answer
    assert (CLERK, 9) == (fired.by, fired.data["score"])


async def test_what_cannot_fire_answers_why():
    """A transition that is not enabled, or is refused, changes nothing and tells what it would take."""
    async with office(order()) as at:
        case = await at.engine.start("order", data={"score": 3})
        tools = await case_tools(at.engine, case)
        refused, elsewhere = await called(tools, "approve"), await called(tools, "send_back", "2")
        assert "draft" == (await at.engine.get(case)).state
    assert not refused["fired"]
    assert "data.score >= 8" in refused["why"]
    assert "approved" in elsewhere["why"]


@pytest.mark.parametrize(
    ("given", "possible"),
    [
        ({}, ["send_back"]),
        ({"roles": ["treasurer"]}, ["pay_out", "send_back"]),
        ({"roles": ["treasurer"], "only": ["approve", "pay out"]}, ["pay_out"]),
    ],
)
async def test_what_is_said_to_be_possible_can_be_called(given, possible):
    """What has fired, and what has not, tells the tools that can fire now: those of its roles that it was given."""
    async with office(order()) as at:
        case = await at.engine.start("order", data={"score": 9})
        tools = await case_tools(at.engine, case, **given)
        assert possible == (await called(tools, "approve"))["possible"]
        assert possible == (await called(tools, "approve", "2"))["possible"]
        assert set(possible) <= set(tools.names)


async def test_the_same_call_fires_once():
    """A call that is made again after a crash finds that it has fired, and does not fire again."""
    async with office(order()) as at:
        case = await at.engine.start("order", data={"score": 9})
        tools = await case_tools(at.engine, case, by=CLERK)
        first = await called(tools, "approve")
        assert first == await called(await case_tools(at.engine, case, by=CLERK), "approve")
        assert 1 == len([e for e in await at.engine.history(case) if isinstance(e, TransitionFired)])


async def test_the_same_refused_call_is_judged_again():
    """Nothing came of a call that was not enabled, so that it is made again."""
    async with office(order()) as at:
        case = await at.engine.start("order", data={"score": 9})
        tools = await case_tools(at.engine, case)
        assert not (await called(tools, "send_back"))["fired"]
        await at.engine.fire(case, "approve")
        assert (await called(tools, "send_back"))["fired"]


async def test_only_some_transitions_can_be_given():
    """only= bounds it further, and a name that is none is refused."""
    async with office(order()) as at:
        case = await at.engine.start("order")
        assert ("send_back", "explain") == (await case_tools(at.engine, case, only=["send_back"])).names
        with pytest.raises(TransitionNotFound, match="did you mean 'approve'"):
            await case_tools(at.engine, case, only=["aprove"])


async def test_the_case_can_run_on():
    """With run=True what fires by itself follows at once."""
    async with office(order()) as at:
        case = await at.engine.start("order", data={"score": 9})
        tools = await case_tools(at.engine, case, roles=["treasurer"], run=True)
        await called(tools, "approve")
        assert "closed" == (await called(tools, "pay_out", "2"))["state"]


async def test_an_agent_can_ask_why_not():
    """Explain answers for the whole case or for one transition."""
    async with office(order()) as at:
        tools = await case_tools(at.engine, await at.engine.start("order", data={"score": 3}))
        assert "data.score >= 8" in (await called(tools, "explain", transition="approve"))["explanation"]
        assert "send_back" in (await called(tools, "explain"))["explanation"]
        assert ["approve", "pay out", "close", "send_back"] == (await called(tools, "explain", transition="x"))["known"]


async def test_an_agent_works_with_the_tools_of_its_case():
    """A model that calls the tool of a transition moves the case that it works for, and can do nothing else."""
    clerk = AgentDefinition(id="clerk", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Approve it."))
    calls = [ToolCall(id="1", name="approve", arguments=json.dumps({"score": 9})), "Done."]
    async with office(order(), says=calls, agents=[clerk]) as at:
        case = await at.engine.start("order")
        at.agents.give_tools(CaseTools(at.engine))
        ended = await at.agents.run("clerk", {}, context={"workflow_context": {"resource_id": case.id}})
        offered = {tool.name for tool in at.model.requests[0].tools}
        assert ("completed", "approved") == (ended.status, (await at.engine.get(case)).state)
    assert {"approve", "send_back", "explain"} == offered


async def test_the_tools_of_an_execution_are_those_of_its_case():
    """An execution for a case gets its tools, also when it is asked again; one for none, or of another agent, none."""
    clerk = AgentDefinition(id="clerk", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Work."))
    async with office(order(), always="Done.", agents=[clerk]) as at:
        case = await at.engine.start("order")
        ended = await at.agents.run("clerk", {}, context={"workflow_context": {"resource_id": case.id}})
        without = await at.agents.run("clerk", {})
        assert ("approve", "send_back", "explain") == (await CaseTools(at.engine)(clerk, ended)).names
        assert () == (await CaseTools(at.engine)(clerk, without)).names
        assert () == (await CaseTools(at.engine, agents=["other"])(clerk, ended)).names


async def test_each_transition_has_a_tool_of_its_own():
    """Names that would be the same, or that of explain, get a number, the same whichever tools are given."""
    alike = Workflow(
        "order",
        flow(draft >> approved).transition("pay out").manual(),
        flow(approved >> paid).transition("pay_out").manual(),
        flow(paid >> closed).transition("explain").manual(),
    )
    async with office(alike) as at:
        case = await at.engine.start("order")
        assert ("pay_out", "pay_out_2", "explain_2", "explain") == (await case_tools(at.engine, case)).names
        assert ("pay_out_2", "explain") == (await case_tools(at.engine, case, only=["pay_out"])).names


async def test_tools_are_for_agents_that_the_workflow_may_use():
    """W5: an agent that does not allow the workflow gets no tool of its cases, whoever asks it and how."""
    clerk = AgentDefinition(
        id="clerk", llm_config={"model": "m"}, prompts=AgentPrompts(user_template="Go on."), allowed_workflows=()
    )
    async with office(order(), agents=[clerk]) as at:
        at.agents.give_tools(CaseTools(at.engine))
        case = await at.engine.start("order")
        done = await at.agents.run("clerk", {}, context={"workflow_context": {"resource_id": case.id}})
    assert ("failed", "agent_forbidden", 0) == (done.status, done.error["code"], len(at.model.requests))


async def test_keys_of_a_case_are_not_told():
    """What a rule saw is told, but for keys, by their name or by their look; neither by explain nor by a refusal."""
    guard = field("password") == "x"
    guarded = Workflow("order", flow(draft >> approved).transition("approve").guard(guard).manual())
    async with office(guarded) as at:
        case = await at.engine.start("order", data={"password": "hunter2"})
        tools = await case_tools(at.engine, case)
        told = json.dumps([await called(tools, "explain"), await called(tools, "approve")])
    assert "hunter2" not in told
    assert "saw '***'" in told


def test_what_looks_like_a_key_is_hidden():
    """A key is hidden wherever it stands; a short text is not, or every word would be."""
    document = {"note": "sk-abcdefghijklmnopqrst", "auth": {"tokens_": "a"}, "secrets": ["first", "abc"], "n": "first"}
    assert "*** and *** and abc" == unkeyed("sk-abcdefghijklmnopqrst and first and abc", document)


def test_a_password_may_be_a_number():
    """A number under the name of a key is hidden where it stands alone; a number of tokens is told."""
    document = {"password": 4711, "secrets": {"pins": [2468]}, "used_tokens": 1024, "secret": True}

    assert "*** of 47110, *** of 1024, True" == unkeyed("4711 of 47110, 2468 of 1024, True", document)


async def fired_by(at: Any, case: Any) -> Any:
    """An execution of the clerk that has sent the case on, or back."""
    context = {"workflow_context": {"resource_id": case.id}}
    return await at.agents.run("clerk", {"q": "?"}, context=context)


def calls_and_says(*names: str) -> list[Any]:
    """Turns of a model that calls each of these in an execution of its own."""
    return [turn for name in names for turn in (ModelTurn(calls=((name, {"score": 9}),)), "Done.")]


async def test_what_was_noted_of_calls_is_removed_with_the_next_execution():
    """A case on which agents work for a year keeps the notes of the last execution only."""
    clerk = AgentDefinition(id="clerk", llm_config={"model": "m"})
    names = ("approve", "send_back", "approve")
    async with office(order(), says=calls_and_says(*names), agents=[clerk]) as at:
        at.agents.give_tools(CaseTools(at.engine))
        case, other = await at.engine.start("order"), await at.engine.start("order")
        await case_tools(at.engine, other)
        done = [await fired_by(at, case) for _ in names]
        kept = await at.engine.storage.records.find("agent-firing")

    assert ["completed"] * 3 == [one.status for one in done]
    assert [done[-1].id] == [record.document["execution"] for record in kept]


async def test_notes_of_executions_that_are_kept_elsewhere_stay():
    """Where the storage of the cases knows no executions, nothing can be said of them, and nothing is removed."""
    async with office(order()) as at:
        case = await at.engine.start("order")
        await called(await case_tools(at.engine, case), "approve", score=9)
        await forget_firings(at.engine, case.id, Named("elsewhere"))  # type: ignore[arg-type]

        assert 1 == len(await at.engine.storage.records.find("agent-firing"))


@attrs.frozen
class Named:
    """Something with an id."""

    id: str
