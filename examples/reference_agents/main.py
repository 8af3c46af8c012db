"""The reference agents at work, each on its scenario, with what must come out checked.

It runs offline: the models follow scripts, while the tools are real. With ``OPENAI_API_KEY``, ``ANTHROPIC_API_KEY`` or
``OLLAMA_BASE_URL`` in the environment real models answer instead, and what does not come out is told, and no failure.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import analysts
import attrs
import desk
from models import SCRIPTED, Script, answering, real

from circuit_breaker import connect
from circuit_breaker.agents import AgentExecution
from circuit_breaker.agents.chat import Agent, ChatRequest
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import ToolResultEvent, decode
from circuit_breaker.agents.reference import reference_agent, scenario, scenarios
from circuit_breaker.llm import SearchTool


@attrs.frozen
class Done:
    """An execution that is over, and what its tools gave, in order."""

    execution: AgentExecution
    results: list[dict[str, Any]]

    @property
    def said(self) -> str:
        return self.execution.final_response

    @property
    def output(self) -> Any:
        return self.execution.output


async def played(name: str, script: Script, given: dict[str, Any], context: dict[str, Any]) -> Done:
    """A scenario, played by the agent that it is for."""
    agent = reference_agent(scenarios()[name])
    with tempfile.TemporaryDirectory() as folder:
        for title, text in desk.TEXTS.items():
            (Path(folder) / title).write_text(text)
        async with (
            answering(script) as who,
            connect("memory://") as storage,
            AgentEngine(storage, tools=[SearchTool(folder)], **who) as agents,
        ):
            await agents.register(agent)
            if agent.memory is not None and "message" in given:
                execution = await talked(agents, agent.id, [given["message"], "It is order 17."], context)
            else:
                execution = await agents.run(agent.id, given)
            events = [decode(document) for document in await agents.events.read(execution.id)]
    results = [
        json.loads(one.result)
        for one in events
        if isinstance(one, ToolResultEvent) and not (one.partial or one.is_error)
    ]
    return Done(execution, results)


async def talked(agents: AgentEngine, agent_id: str, messages: list[str], context: dict[str, Any]) -> AgentExecution:
    """The execution of the last of several messages of a conversation."""
    agent = Agent(agents, agent_id)
    for message in messages:
        begun = await agent.begin(ChatRequest(message, context))
        execution = await agents.wait(begun.id)
        print(f"> {message}", *([execution.final_response] if message != messages[-1] else []), sep="\n")
    return execution


# What must come out, by scenario: a sentence, and whether it is so


def payment(principal: float, rate: float, years: int) -> float:
    """The monthly payment of a loan, by the formula of annuities."""
    monthly, times = rate / 1200, 12 * years
    return round(principal * monthly / (1 - (1 + monthly) ** -times), 2)


def of_austin_home(done: Done) -> Iterator[tuple[str, bool]]:
    loan, roi = done.results[0], done.results[1]
    house, years = scenario("austin-home"), range(1, analysts.YEARS + 1)
    worth = 450_000 * 1.045**analysts.YEARS - loan["schedule"][analysts.YEARS - 1]["balance"]
    flows = sum(analysts.yearly_income(house, year) - 12 * loan["monthly_payment"] for year in years)
    yield "the payment is that of the formula", loan["monthly_payment"] == payment(360_000, 7.2, 30) == 2443.64
    yield "the profit is what the figures give", abs(roi["profit"] - (worth + flows - 90_000)) < 1
    yield "the advice names the payment", "2,443.64" in done.said


def of_market_anomaly(done: Done) -> Iterator[tuple[str, bool]]:
    dates = scenario("market-anomaly")["dataset"]["dates"]
    both = set.intersection(*({one["index"] for one in found["outliers"]} for found in done.results[:2]))
    yield "the statistics find 17 January 2024 in both rows", [dates[at] for at in both] == ["2024-01-17"]
    yield "volume and price are correlated", done.results[0]["correlation"] > 0.9
    yield "the agent names the day", "2024-01-17" in done.said


def of_soundness(done: Done) -> Iterator[tuple[str, bool]]:
    yield "the text was found", done.results[0]["results"][0]["document"] == "nets.md"
    yield "the answer has a source", "1998" in done.said


EXPECTED: dict[str, Callable[[Done], Iterator[tuple[str, bool]]]] = {
    "group-identity": lambda done: iter([("the proof ends with e = e'", "e = e * e' = e'" in done.said)]),
    "austin-home": of_austin_home,
    "market-anomaly": of_market_anomaly,
    "strategic-pivot": lambda done: iter([("what lasts is recommended", "Recommendation: Pivot to cons" in done.said)]),
    "trading-decision": lambda done: iter([("the position is within its limit", "$25,000" in done.said)]),
    "document-review": lambda done: iter([("the gaps are found", done.output["assessment"] == "NEEDS_REVISION")]),
    "content-classification": lambda done: iter([("it is an invoice", done.output["category"] == "invoice")]),
    "customer-order": lambda done: iter(
        [("the agent knows who asks, and for what", "cust_123: order 17" in done.said)]
    ),
    "order-trouble": lambda done: iter([("the agent knows the order", "order 17" in done.said)]),
    "document-analysis": lambda done: iter([("three tools were used", len(done.results) == 3)]),
    "soundness": of_soundness,
}
CONTEXT = {"customer-order": {"customerId": "cust_123"}}


def script_of(name: str) -> Script:
    """What the model says in a scenario."""
    function = {"order-trouble": "customer_order"}.get(name, name.replace("-", "_"))
    return getattr(analysts, function, None) or getattr(desk, function)


def judged(name: str, done: Done) -> Iterator[tuple[str, bool]]:
    """What must come out of a scenario, and whether it is so; a real model may also use no tools, or not answer."""
    try:
        yield from EXPECTED[name](done)
    except (LookupError, TypeError):
        yield "tools and answers are as the scenario needs them", False


async def shown(name: str, given: dict[str, Any]) -> Done:
    """A scenario, played and printed.

    Raises:
        SystemExit: Something that must come out of the script did not.
    """
    print(f"\n== {reference_agent(scenarios()[name]).title}: {name}")
    done = await played(name, script_of(name), given, CONTEXT.get(name, {}))
    print(done.said or f"{done.execution.status}: {done.execution.error['message']}")
    for what, is_so in judged(name, done):
        print(f"  {'yes' if is_so else 'NO'}: {what}")
        if not is_so and not real():
            raise SystemExit(f"{name}: it must be that {what}")
    return done


async def main() -> None:
    found = ""
    print(f"models: {', '.join(access.name for access in real()) or f'scripted ({SCRIPTED})'}")
    for name in EXPECTED:
        given = scenario(name)
        if name == "trading-decision":  # what one agent has found is what the other works with
            given["inputs"]["pattern_analysis"] = found
        done = await shown(name, given)
        if name == "market-anomaly":
            found = done.said


if __name__ == "__main__":
    asyncio.run(main())
