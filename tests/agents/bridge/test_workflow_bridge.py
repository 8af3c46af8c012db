"""The bridge: cases as contexts, answers as changes, and agents that work on cases when they are asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuit_breaker import Workflow, flow
from circuit_breaker.agents.bridge import Staff, WorkflowAgentBridge, check_workflow
from circuit_breaker.errors import AgentError, AgentForbidden, AgentInvalid, TokenNotFound, VersionConflict
from circuit_breaker.executors import ModelSettings
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.events import TokenChanged, TransitionFired
from tests.agents.bridge.office import (
    INPUTS,
    OUTPUTS,
    SCHEMA,
    Office,
    done,
    office,
    reviewed,
    reviewer,
    reviewing,
    said,
    submitted,
)
from tests.house import FLOORS, ROOT, floor_of, read


def by_hand() -> Workflow:
    return Workflow(
        "w",
        flow(submitted >> reviewed).transition("good").manual(),
        flow(submitted >> done).transition("bad").manual(),
    )


def bridge(at: Office) -> WorkflowAgentBridge:
    return WorkflowAgentBridge(at.engine, at.agents, tenant="acme")


async def test_a_case_is_a_context():
    """Q1 Q2: tenant, resource, state and metadata, and the person out of the metadata of the resource."""
    async with office(by_hand()) as at:
        case = await at.case(user_id="ann", session_id="s1")
        context = bridge(at).resource_to_context(case, transition="good", custom={"why": "test"})
    place = context.workflow_context
    assert ("acme", case.id, "submitted", "w", "good") == (
        context.tenant_id, place["resource_id"], place["state_id"], place["workflow_id"], place["transition_id"]
    )  # fmt: skip
    assert {"type": "blog", "user_id": "ann", "session_id": "s1"} == place["metadata"]
    assert ({"user_id": "ann", "session_id": "s1"}, {"why": "test"}) == (context.user_context, context.custom_context)


async def test_an_agent_works_on_a_case_and_moves_it():
    """Q1: the outputs are written and the transition that the result chooses fires."""
    async with office(by_hand(), says=[said()]) as at:
        work = await bridge(at).execute_workflow_agent(
            await at.case(),
            "content-reviewer",
            input_mapping=INPUTS,
            output_mapping=OUTPUTS,
            transition=lambda execution: execution.output["assessment"],
        )
    assert ("reviewed", 0.9) == (work.case.state, work.case.data["review_score"])
    assert "completed" == work.execution.status


async def test_the_same_key_is_the_same_work():
    """What is asked again under the same key is neither asked of a model nor written again."""
    async with office(by_hand(), says=[said()]) as at:
        case = await at.case()
        asked = {"input_mapping": INPUTS, "output_mapping": OUTPUTS, "key": "k"}
        first = await bridge(at).execute_workflow_agent(case, "content-reviewer", **asked)
        again = await bridge(at).execute_workflow_agent(case, "content-reviewer", **asked)
        changes = [event for event in await at.engine.history(case) if isinstance(event, TokenChanged)]
    assert (first.execution.id, 1) == (again.execution.id, len(changes))


async def test_an_answer_is_a_change_of_the_case():
    """Q1: context_to_resource maps the answer to data and metadata of the token that the context names."""
    async with office(by_hand(), says=[said()]) as at:
        case = await at.case()
        work = await bridge(at).execute_workflow_agent(
            case, "content-reviewer", input_mapping=INPUTS, output_mapping={}
        )
        change = bridge(at).context_to_resource(work.execution, work.case, {"data.score": "confidence_score"})
        assert Change(data={"score": 0.9}) == change
        with pytest.raises(TokenNotFound):
            bridge(at).context_to_resource(work.execution, work.case, token="t9")  # noqa: S106


async def test_failures_and_prohibitions_change_nothing():
    """Q1 W5: an execution that fails, or is not allowed, leaves the case as it was."""
    async with office(by_hand(), says=["no JSON"] * 9) as at:
        case = await at.case()
        with pytest.raises(AgentError, match="content-reviewer' failed"):
            await bridge(at).execute_workflow_agent(case, "content-reviewer", input_mapping=INPUTS)
        await at.agents.register(reviewer(allowed_workflows=()))
        with pytest.raises(AgentForbidden):
            await bridge(at).execute_workflow_agent(case, "content-reviewer", input_mapping=INPUTS)
        assert case == await at.engine.get(case)


async def test_a_workflow_is_checked_before_it_is_used():
    """W5: unknown agents, inputs and outputs, and forbidden agents, are refused together at deployment."""
    unknown = flow(submitted >> done).transition("other").agent("nobody")
    ill = flow(submitted >> reviewed).transition("review")
    ill = ill.agent("content-reviewer", input_mapping={"text": "content"}, output_mapping={"data.x": "asessment"})
    async with office(by_hand(), agents=[reviewer(allowed_workflows=("other",))]) as at:
        with pytest.raises(AgentInvalid) as caught:
            await check_workflow(at.agents, Workflow("w", ill, unknown))
        await check_workflow(at.agents, Workflow("other", reviewing().flows[0]))
    told = str(caught.value)
    for part in ("may not use", "no input 'text'", "needs the input 'document_content'", "'assessment'", "'nobody'"):
        assert part in told


async def test_any_output_is_possible_where_no_schema_says_otherwise():
    """Only what a closed schema rules out is refused beforehand."""
    open_ended = reviewer(output_schema={**SCHEMA, "additionalProperties": True})
    free = reviewing(output_mapping={"data.x": "anything"})
    async with office(free, agents=[open_ended]) as at:
        await check_workflow(at.agents, free)
        await at.agents.register(reviewer(output_schema=None))
        with pytest.raises(AgentInvalid, match="gives no 'anything'"):
            await check_workflow(at.agents, free)


def test_several_staffs_are_one():
    """Staffs of several modules come together; only one of them can say who answers."""
    settings = ModelSettings()
    one, two = Staff(agents=[reviewer()], settings=settings), Staff(agents=[reviewer(id="second")])
    together = Staff.together([one, two])
    assert together is not None
    assert ["content-reviewer", "second"] == [each.id for each in together.agents]
    assert Staff.together([]) is None
    assert settings is together.settings
    with pytest.raises(AgentInvalid, match="several staffs with settings"):
        Staff.together([one, Staff(settings=ModelSettings(tenant="other"))])


async def test_workflows_without_agents_work_as_before():
    """Q4: a workflow that asks no agent needs none of this, and runs the same beside those that do."""
    plain = Workflow("plain", flow(submitted >> reviewed).transition("go").action(lambda token: {"x": 1}, name="go"))
    async with office(plain, reviewing(), says=[said()]) as at:
        case = await at.engine.run(await at.engine.start("plain"))
        assert ("reviewed", {"x": 1}) == (case.state, case.data)


def test_neither_side_knows_the_other():
    """Q3 O8: the engine of workflows and the definitions know no agent, agents no state; only the bridge knows both."""
    house = read(Path(__file__).parents[3] / ROOT)
    known = {
        floor: {floor_of(i.target) for m in house.values() if m.floor == floor for i in m.imports} for floor in FLOORS
    }
    assert "agents" not in known["engine"] | known["workflow"] | known["executors"]
    both = {
        m.name for m in house.values() if m.floor == "agents" for i in m.imports if floor_of(i.target) == "workflow"
    }
    assert both
    assert all(name.startswith("circuit_breaker.agents.bridge.") for name in both)


async def test_the_same_key_moves_the_case_once():
    """Q1: asked again under the same key, the transition does not fire a second time, where it could."""
    loop = Workflow("w", flow(submitted >> submitted).transition("again").manual())
    asked = {"input_mapping": INPUTS, "output_mapping": OUTPUTS, "transition": "again", "key": "k"}
    async with office(loop, says=[said()]) as at:
        case = await at.case()
        for _ in range(2):
            await bridge(at).execute_workflow_agent(case, "content-reviewer", **asked)
        fired = [event for event in await at.engine.history(case) if isinstance(event, TransitionFired)]
    assert 1 == len(fired)


async def test_an_older_answer_is_not_written_to_a_token_that_was_changed():
    """Q1: an answer that a crash kept from being written is refused when the token is another by now."""
    async with office(by_hand(), says=[said()]) as at:
        case = await at.case()
        around = bridge(at).resource_to_context(case)
        inputs = {"document_content": "A text.", "document_type": "blog"}
        await at.agents.run("content-reviewer", inputs, context=around, key=f"bridge:{case.id}:k.1")
        changed = await at.engine.change_token(case, case.token.id, Change(data={"content": "Another."}), by="ann")
        with pytest.raises(VersionConflict):
            await bridge(at).execute_workflow_agent(
                case, "content-reviewer", input_mapping=INPUTS, output_mapping=OUTPUTS, key="k"
            )
        assert changed == await at.engine.get(case)


def test_places_and_their_conditions_belong_to_the_bridge():
    """ZA30 ZA31: what carries agents out knows neither places nor rules about tokens; both are of the bridge."""
    house = read(Path(__file__).parents[3] / ROOT)
    own = [m for m in house.values() if m.floor == "agents" and ".bridge" not in m.name]
    targets = {i.target for m in own for i in m.imports}
    assert own
    assert not any(target.startswith("circuit_breaker.agents.bridge") for target in targets)
    engine = {i.target for m in own if m.name.endswith((".engine", ".running", ".office")) for i in m.imports}
    assert not any(target.startswith("circuit_breaker.rules") for target in engine)
