"""The agent: a model that works on a task in several steps, alone and in a workflow."""

from __future__ import annotations

import json

import pytest

from circuit_breaker import Engine, Workflow, connect, field, flow, states
from circuit_breaker.executors import AgentExecutor, AssistantExecutor, StandaloneContext
from circuit_breaker.llm.toolbox import AgentTools, CitationTool, ReportGeneratorTool, SearchTool, SummarizeTool
from circuit_breaker.llm.tools import ToolContext, tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

SUM = ModelTurn(calls=(("calculator", {"expression": "2+3"}),))


@tool
async def survey(context: ToolContext) -> str:
    """Looks around.

    Args:
        context: The call.
    """
    context.progress("looking")
    return "all is well"


def under(*turns, **settings):
    model = ScriptedProvider(*turns, name="openai")
    return AgentExecutor.under(providers=[model], **settings), model


async def test_it_works_on_a_task():
    """B8, B10: it calls tools until it has the answer, within max_iterations."""
    kind, model = under(SUM, "The summary: 5.")
    outcome = await kind(
        task="Analyze the data and create a summary report",
        tools=["calculator"],
        system_prompt="You are a data analysis agent",
        max_iterations=5,
    ).execute()

    assert ("completed", 2) == (outcome["status"], outcome["iterations"])
    assert "Analyze the data and create a summary report" == model.requests[0].messages[1].content


async def test_max_iterations_end_it():
    """B8: an agent that does not come to an end is stopped, and says so in its outcome."""
    kind, model = under(*[SUM] * 3, ModelTurn(says="So far: 5", calls=(("calculator", {"expression": "1+1"}),)), SUM)
    outcome = await kind(task="x", tools=["calculator"], max_iterations=5, budget={"repeats": 9}).execute()

    assert ("stopped", "max_iterations", "So far: 5") == (
        outcome["status"],
        outcome["finish_reason"],
        outcome["report"],
    )
    assert 5 == len(model.requests)


async def test_it_is_given_data_with_the_task():
    """B8: context is data that the agent is shown with its task."""
    kind, model = under("ready")
    await kind(task="Prepare data for human review", context={"data": {"id": 7}}).execute()

    assert json.loads(model.requests[0].messages[0].content.partition("JSON:\n")[2]) == {"data": {"id": 7}}


async def test_it_is_built_step_by_step(tmp_path):
    """B9, B15: use_model, with_system_prompt, with_tools (a list or a toolset), with_memory_size, execute."""
    kind, model = under("summarized", "again")
    agent = (
        kind.define()
        .use_model("gpt-4")
        .with_system_prompt("You are a task planning agent...")
        .with_tools(AgentTools.default_toolset())
        .with_memory_size(10)
    )
    assert "summarized" == (await agent.update_context(task="Research and summarize...").execute())["report"]

    await agent.with_tools([SearchTool(tmp_path), SummarizeTool(), CitationTool()]).with_memory_size(5).execute()
    assert ["search", "summarize", "citations"] == [offered.name for offered in model.requests[1].tools]


async def test_there_is_one_loop():
    """ZA32: an agent and an assistant that are given the same do the same, and tell the same of it."""
    kind, _ = under(SUM, "5")
    model = ScriptedProvider(SUM, "5", name="openai")
    agent = await kind(task="2+3?", tools=["calculator"]).execute()
    assistant = await AssistantExecutor.under(providers=[model])(input="2+3?", tools=["calculator"]).execute()

    assert {**assistant, "report": "5"} == agent


async def test_progress_is_told():
    """B10: the execution is told of the plan, of each call of the model and of tools, and of what these say."""
    kind, _ = under("1. Look.", ModelTurn(calls=(("survey", {}), ("nothing", {}))), "done")
    context = StandaloneContext()
    agent = kind(task="x", tools=[survey], events=True).with_plan().bind(context)
    outcome = await agent.execute()
    lines = [line.line for line in context.logs]

    assert ["Look."] == outcome["plan"]
    assert {"plan 1: Look.", "tool survey is called", "survey: looking", "tool nothing failed"} <= set(lines)
    assert [0.0, 0.1] == [report.fraction for report in context.reports if report.message == "asking gpt-4"][-2:]
    assert 1.0 == context.reports[-1].fraction
    kinds = [event["event"] for event in outcome["events"]]
    assert ["model_answered", "planned", "model_answered", "tool_ended", "tool_ended", "model_answered"] == kinds


async def test_repetition_and_approval_are_told():
    """B10: that the model repeats itself, and that a person must decide, are events as well."""
    kind, _ = under(*[SUM] * 3, ModelTurn(calls=(("survey", {}),)))
    agent = kind(task="x", tools=["calculator", survey], approve=["survey"], events=True)
    outcome = await agent.execute()

    assert ["repetition_told", "model_answered", "approval_needed"] == [one["event"] for one in outcome["events"]][-3:]
    assert "survey" == outcome["approval"]["calls"][0]["name"]


@pytest.mark.parametrize(("enabled", "shown"), [(True, ["One?", "a", "Two?"]), (False, ["Two?"])])
async def test_an_agent_remembers_or_does_not(enabled, shown):
    """J5: enable_memory says whether an agent is shown, and keeps, what was said in its executions before."""
    kind, model = under("a", "b")
    agent = kind.define().enable_memory(enabled)
    for task in ("One?", "Two?"):
        await agent.update_context(task=task).execute()

    assert shown == [message.content for message in model.requests[1].messages]
    assert (4 if enabled else 0) == len(agent.memory.history)


# -- in a workflow ----------------------------------------------------------------------------------------------------

analyzed, asked, reviewed, done, dropped = states("analyzed", "asked", "reviewed", "done", "dropped")


async def test_its_report_is_read_into_the_data_of_a_token():
    """B11: the outcome has a report, which a rule can judge and a later action read."""
    kind, _ = under("# Ready for review")
    workflow = Workflow(
        "review",
        flow(analyzed >> reviewed)
        .transition("request_review")
        .policy(rules=(field("results.review.status") == "completed") & field("results.review.report").exists())
        .execute(kind, task="Prepare", tools=[ReportGeneratorTool()], context=field("parts"), result="review"),
        flow(reviewed >> done)
        .transition("keep")
        .action(lambda token: {"review_package": token.results["review"]["report"]}),
    )
    async with Engine(workflow, storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("review", data={"parts": {"a": 1}}))

    assert ("done", "# Ready for review") == (case.state, case.token.data["review_package"])


def approving(kind):
    given = {"task": "Add", "tools": ["calculator"], "approve": ["calculator"], "result": "agent"}
    decided = {"resume": field("results.agent.approval.document"), "approvals": field("approved")}
    waits = field("results.agent.status") == "approval_needed"
    return Workflow(
        "approving",
        flow(analyzed >> asked).transition("work").execute(kind, **given),
        flow(asked >> reviewed).transition("decide").guard(waits).manual(),
        flow(asked >> done).transition("finish").guard(field("results.agent.status") == "completed"),
        flow(reviewed >> asked).transition("go_on").execute(kind, **given, **decided),
    )


@pytest.mark.parametrize(("approved", "is_error"), [(True, False), (False, True)])
async def test_a_person_approves_a_tool_through_the_workflow(approved, is_error):
    """K11: the case waits at a manual transition, and the agent goes on with what was decided there."""
    kind, model = under(SUM, "It is done.")
    async with Engine(approving(kind), storage=connect("memory://")) as engine:
        case = await engine.run(await engine.start("approving", data={}))
        assert ("asked", "waiting") == (case.state, case.status)
        said = case.token.results["agent"]["approval"]["digest"] if approved else False
        case = await engine.run(await engine.fire(case, "decide", by="ann", data={"approved": said}))

    agent = case.token.results["agent"]
    assert ("done", "It is done.", 2) == (case.state, agent["report"], len(model.requests))
    assert is_error is agent["tool_calls"][0]["is_error"]
