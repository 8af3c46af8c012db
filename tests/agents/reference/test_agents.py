"""The reference agents are as the documents describe them."""

from __future__ import annotations

import pytest

from circuit_breaker.agents.documents import dump_agent, load_agent
from circuit_breaker.agents.reference import reference_agent, reference_agents, scenario, scenarios
from circuit_breaker.errors import AgentNotFound, DataInvalid
from circuit_breaker.llm import SearchTool
from circuit_breaker.llm.router.virtual import BUILT_IN
from circuit_breaker.testing import ScriptedProvider
from tests.agents.work import at_work


def told(agent_id: str) -> str:
    """The system prompt of an agent, on one line."""
    return " ".join(reference_agent(agent_id).prompts.system.text.split())


SPECIALISTS = {
    "mathematical-reasoning-specialist": (
        (0.3, "cb:reasoning"), (), ("mathematical_proofs", "abstract_algebra", "logical_reasoning"),
        ("mathematics", "reasoning"),
    ),
    "real-estate-investment-analyzer": (
        (0.4, "cb:analysis"), ("mortgage_calculator", "roi_calculator"),
        ("financial_analysis", "market_research", "risk_assessment"), ("real_estate", "investment"),
    ),
    "pattern-recognition-specialist": (
        (0.5, "cb:smart-chat"), ("statistical_analyzer",),
        ("pattern_recognition", "statistical_analysis", "anomaly_detection"), ("data_science", "analytics"),
    ),
    "strategic-decision-advisor": (
        (0.6, "cb:smart-chat"), (), ("strategic_planning", "decision_analysis", "risk_management"),
        ("strategy", "consulting"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("agent_id", "wanted"), SPECIALISTS.items(), ids=SPECIALISTS)
def test_a_specialist_is_as_it_is_described(agent_id, wanted):
    """AF1, AF3, AF5, AF7, H6, K7, M7: temperature, class of model, tools, capabilities and tags of each specialist."""
    agent = reference_agent(agent_id)

    assert wanted == ((agent.llm_config["temperature"], agent.model), agent.tools, agent.capabilities, agent.tags)
    assert agent.model in BUILT_IN
    assert agent.name.lower().replace(" ", "-") == agent_id


STEPS = {
    "mathematical-reasoning-specialist": """abstract algebra|1. Break down|2. Identify relevant theorems
        |3. Provide a detailed proof|4. Verify your answer|any assumptions|5. Suggest alternative approaches""",
    "real-estate-investment-analyzer": """mortgage calculations|tax implications|1. Evaluate the financial feasibility
        |2. Calculate key metrics (ROI, cap rate, cash flow, etc.)|3. Assess risks|4. Consider financing
        |5. Provide a clear recommendation|6. Suggest alternative strategies""",
    "pattern-recognition-specialist": """outliers|1. Systematically examine|2. Identify statistical relationships
        |3. Highlight anomalies|4. Provide confidence levels|5. Suggest actionable insights
        |6. Explain your reasoning and methodology""",
    "strategic-decision-advisor": """game theory|1. Clarify the decision context
        |2. Identify all stakeholders and constraints|3. Generate and evaluate alternative options
        |4. Analyze potential outcomes and their probabilities|5. Recommend the optimal strategy
        |6. Suggest implementation steps and contingency plans""",
    "content-reviewer": """content review specialist|factual accuracy|formatting and style consistency
        |compliance issues|improvement suggestions|1. Overall assessment (APPROVE/NEEDS_REVISION/REJECT)
        |2. Specific issues|3. Recommended actions|4. Confidence score (1-10)""",
}


@pytest.mark.parametrize(("agent_id", "steps"), STEPS.items(), ids=STEPS)
def test_a_prompt_asks_for_every_step(agent_id, steps):
    """AF1, AF3, AF5, AF7, M5: the prompts ask for all steps of the work, in order."""
    places = [told(agent_id).find(step.strip()) for step in steps.split("|")]

    assert -1 not in places
    assert sorted(places) == places


def test_the_reviewer_is_as_it_is_described():
    """M3, M4, M5, N6: the template of the reviewer has all variables; its answer has what a workflow maps."""
    agent = reference_agent("content-reviewer")
    schema = agent.output_schema["properties"]

    wanted = {"document_type", "input_data", "current_place", "priority", "token_id", "token_metadata"}
    assert wanted == set(agent.prompts.user_template.variables)
    assert {"document_content", "document_type", "priority"} == set(agent.inputs)
    assert ["APPROVE", "NEEDS_REVISION", "REJECT"] == list(schema["assessment"]["enum"])
    assert (1, 10) == (schema["confidence_score"]["minimum"], schema["confidence_score"]["maximum"])


def test_the_classifier_is_as_it_is_described():
    """O5: parameters, inputs and outputs of the classifier."""
    agent = reference_agent("content-classifier")

    parameters = {
        "temperature": 0.1, "max_tokens": 200, "top_p": 0.9, "frequency_penalty": 0.0, "presence_penalty": 0.0,
        "stop": ["CLASSIFICATION COMPLETE"],
    }  # fmt: skip
    assert parameters == agent.parameters
    assert {"content", "content_type"} == set(agent.inputs)
    assert {"category", "confidence_score"} == set(agent.output_schema["required"])


def test_the_talkers_remember():
    """L9: the bot names its provider, its workflow and its memory; the support agent is its smaller sister."""
    bot, support = reference_agent("customer-service-bot"), reference_agent("support-agent")

    assert ("Customer Service Bot", "openai-gpt4") == (bot.name, bot.llm_provider)
    assert ("customer-support-workflow",) == bot.workflow_integrations
    assert None not in (bot.memory, support.memory)
    assert "You are a helpful customer support agent" == support.prompts.system.text


def test_the_workers_on_texts_are_as_they_are_described():
    """B14, B15: models, parameters, tools and memory of the document assistant and the research agent."""
    assistant, research = reference_agent("document-analysis-assistant"), reference_agent("research-agent")

    assert ("qwen2.5-coder", {"temperature": 0.7, "top_p": 0.9, "top_k": 40}) == (assistant.model, assistant.parameters)
    assert ("content_analysis", "sentiment_analysis", "improvement") == assistant.tools
    assert ("gpt-4", 5) == (research.model, research.memory.messages)
    assert ("search", "summarize", "citations") == research.tools


async def test_an_engine_takes_all_of_them(tmp_path):
    """AF10: every reference agent is registered with its tools, guardrails and provider, and reads back from YAML."""
    provider = ScriptedProvider(name="openai-gpt4")
    async with at_work(*reference_agents(), model=provider, tools=[SearchTool(tmp_path)]) as engine:
        names = [agent.id for agent in await engine.definitions()]

    assert sorted(names) == names == [agent.id for agent in reference_agents()]
    assert 10 == len(names)
    assert list(reference_agents()) == [load_agent(dump_agent(agent)) for agent in reference_agents()]


def test_what_is_not_there_is_refused():
    """An unknown agent or scenario is an error that names the nearest; a scenario is a new value each time."""
    with pytest.raises(AgentNotFound, match="content-reviewer"):
        reference_agent("content-reviewr")
    with pytest.raises(DataInvalid, match="market-anomaly"):
        scenario("market-anomly")

    scenario("market-anomaly").clear()
    assert scenario("market-anomaly")
    assert set(scenarios().values()) == {agent.id for agent in reference_agents()}
