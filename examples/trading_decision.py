"""Two agents that work together: one finds what is odd in market data, the other decides what to do about it.

The first has a tool for statistics. What it found goes to the second, which recommends a trade within given limits.
These are not left to the model: a rule of the workflow judges the recommendation, gives it back once with the reason,
and ends without a trade if they are not kept then. It runs offline on a scripted model; with OPENAI_API_KEY in the
environment it asks gpt-4o instead.
"""

from __future__ import annotations

import asyncio
import json
import os
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from circuit_breaker import Rule, Workflow, any_of, cel, connect, field, states
from circuit_breaker.agents import AgentDefinition, AgentInput, AgentPrompts
from circuit_breaker.agents.bridge.composition import AgentComposer, Budget, Composed, Part, Transcript, chain
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.llm import ChatCompletionRequest, ModelProfile, OpenAIProvider, Price, Provider
from circuit_breaker.testing import ModelTurn, ScriptedProvider
from circuit_breaker.workflow.patterns import branch, sub_workflow

VOLUMES = [
    *(1_200_000, 1_150_000, 1_300_000, 1_250_000, 1_180_000, 1_220_000, 1_170_000, 1_210_000, 1_190_000, 1_240_000),
    *(1_160_000, 1_280_000, 3_200_000, 1_190_000, 1_220_000, 1_205_000, 1_185_000, 1_230_000, 1_175_000, 1_195_000),
    1_215_000,
]
MOVES = [
    *(
        2.1,
        -1.3,
        1.8,
        -0.5,
        0.8,
        -2.1,
        1.2,
        -0.7,
        1.5,
        -1.8,
        0.9,
        -0.3,
        15.2,
        -2.1,
        1.1,
        -0.8,
        1.4,
        -1.2,
        0.6,
        -0.9,
        1.3,
    )
]
DAYS = [date(2024, 1, 1) + timedelta(days=number) for number in range(29)]
DATES = [day.isoformat() for day in DAYS if day.weekday() < 5]

CHALLENGE = {
    "challenge": "Multi-Agent Problem Solving",
    "context": "Based on the market anomaly detected, make a strategic trading decision",
    "dataset": {"daily_trading_volumes": VOLUMES, "price_movements": MOVES, "dates": DATES},
    "decision_framework": "Risk-adjusted momentum trading strategy",
    "constraints": {"max_position_size": 100_000, "risk_tolerance": "moderate", "time_horizon": "1-3 months"},
    "request": "Synthesize the pattern analysis and provide actionable trading recommendations",
}

MODEL: dict[str, Any] = {"llm_provider": "openai", "llm_config": {"model": "gpt-4o"}}
PRICED = ModelProfile(price=Price(input=Decimal("2.50"), output=Decimal(10)))
ANALYST = AgentDefinition(
    id="pattern-recognition",
    description="Finds patterns and anomalies in data",
    inputs={"dataset": AgentInput(description="Volumes, price movements and dates")},
    prompts=AgentPrompts(
        system="You find patterns in data. Let the tool do the statistics; say which day is odd, and how sure you are.",
        user_template="{dataset}",
    ),
    tools=("statistical_analyzer",),
    **MODEL,
)
ADVICE = {
    "type": "object",
    "properties": {
        "action": {"type": "string", "enum": ["buy", "sell", "hold"]},
        "position_size": {"type": "number"},
        "risk": {"type": "string", "enum": ["low", "moderate", "high"]},
        "months": {"type": "integer"},
        "reason": {"type": "string"},
    },
    "required": ["action", "position_size", "risk", "months", "reason"],
    "additionalProperties": False,
}
ADVISOR = AgentDefinition(
    id="strategic-advisor",
    description="Recommends what to do, within given limits",
    inputs=("challenge", "context", "inputs", "request"),
    prompts=AgentPrompts(
        system="You advise on decisions under risk. Keep to the constraints that you are given.",
        user_template="{challenge}\n{context}\n\n{inputs}\n\n{request}",
    ),
    output_schema=ADVICE,
    **MODEL,
)


def given(**more: Any) -> dict[str, Any]:
    """What the advisor is given: what the analysis found, the framework, the constraints, and more."""
    inputs = {
        "pattern_analysis": field("results.analysis.output"),
        "decision_framework": field("decision_framework"),
        "constraints": field("constraints"),
    }
    return {"challenge": field("challenge"), "context": field("context"), "request": field("request")} | {
        "inputs": inputs | more
    }


def kept_by(part: str) -> Rule:
    """The rule that the advice of a part keeps to the constraints."""
    advice = f"results.{part}.output"
    return cel(
        f"{advice}.position_size <= data.constraints.max_position_size"
        f" && {advice}.risk in ['low', data.constraints.risk_tolerance]"
        f" && {advice}.months >= 1 && {advice}.months <= 3"
    )


collaboration = chain(
    Part(ANALYST, name="analysis"),
    Part(ADVISOR, name="decision", input=given()),
    Part(
        ADVISOR,
        name="revision",
        when=~kept_by("decision"),
        input=given(refused=field("results.decision.output"), why="It does not keep to the constraints."),
    ),
    name="collaboration",
    budget=Budget(dollars="1.00", seconds=300),
)

asked, advised, recommended, declined = states("asked", "advised", "recommended", "declined")
trading = Workflow(
    "trading",
    *sub_workflow(collaboration, prefix="advice", source=asked, into=advised),
    *branch(advised, (any_of(kept_by("decision"), kept_by("revision")), recommended), otherwise=declined),
    metadata=collaboration.metadata,
)


def provider(*sizes: float) -> Provider:
    """OpenAI where the environment has a key, and otherwise a script that recommends positions of these sizes."""
    if key := os.environ.get("OPENAI_API_KEY"):
        return OpenAIProvider(api_key=key)
    columns = {"values": VOLUMES, "against": MOVES}
    turns = (ModelTurn(calls=(("statistical_analyzer", columns),)), found, *map(advice, sizes))
    return ScriptedProvider(*turns, name="openai", profile=PRICED)  # a budget of dollars needs a price


def found(request: ChatCompletionRequest) -> str:
    """What the analyst says of what the tool has found."""
    statistics = json.loads(request.messages[-1].tool_results[0].content)
    usual = statistics["summary"]["median"]
    odd = max(statistics["outliers"], key=lambda one: abs(one["value"] - usual))
    return (
        f"The volume of {DATES[odd['index']]} is {odd['value'] / usual:.1f} times the usual one; volume and price go "
        f"together with {statistics['correlation']:.2f}."
    )


def advice(size: float) -> ModelTurn:
    """A recommendation of that size."""
    said = {"action": "buy", "position_size": size, "risk": "moderate", "months": 2, "reason": "Momentum on volume."}
    return ModelTurn(says=json.dumps(said))


async def decided(*sizes: float) -> tuple[Composed, Transcript]:
    """What the two came to, and who said what to whom."""
    storage = connect("memory://")
    agents = AgentEngine(storage, providers=[provider(*sizes)])
    async with AgentComposer(agents, storage) as composer, agents:
        for definition in (ANALYST, ADVISOR):
            await agents.register(definition)
        done = await composer.run(trading, CHALLENGE)
        return done, await composer.transcript(done.case)


async def main() -> None:
    done, transcript = await decided(150_000, 80_000)
    for entry in transcript.entries:
        print(f"{' and '.join(entry.sender)} -> {entry.to}: {entry.answered}")
    print(f"{done.case.state}: {done.output}, for {transcript.tokens} tokens")


if __name__ == "__main__":
    asyncio.run(main())
