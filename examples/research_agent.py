"""An agent that researches a question in a folder of texts, and a person who approves its report.

The agent plans, searches, summarises and cites. Each call of the model and of a tool is kept by the workflow: if the
process is killed, it goes on where it was. It runs offline on a scripted model; with OPENAI_API_KEY in the environment
it asks gpt-4 instead.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from circuit_breaker import Case, Engine, Workflow, connect, field, flow, states
from circuit_breaker.executors import AgentExecutor
from circuit_breaker.llm import CitationTool, OpenAIProvider, Provider, SearchTool, SummarizeTool
from circuit_breaker.testing import ModelTurn, ScriptedProvider

TEXTS = {
    "nets.md": "Petri nets describe concurrent systems. A workflow net is sound if every case can end properly. "
    "Soundness was defined by van der Aalst (1998). It can be decided before anything runs.",
    "engines.md": "Durable engines write a journal. After a crash they read it, and repeat nothing that has finished.",
}
REPORT = (
    "Soundness means that every case can end properly; it can be decided before anything runs (van der Aalst, 1998)."
)


def provider() -> Provider:
    """OpenAI where the environment has a key, and otherwise a script."""
    if key := os.environ.get("OPENAI_API_KEY"):
        return OpenAIProvider(api_key=key)
    return ScriptedProvider(
        "1. Search for soundness.\n2. Summarise what is found, and look for its source.\n3. Write the report.",
        ModelTurn(calls=(("search", {"query": "soundness of workflow nets"}),)),
        ModelTurn(calls=(("summarize", {"text": TEXTS["nets.md"]}), ("citations", {"text": TEXTS["nets.md"]}))),
        REPORT,
        name="openai",
    )


asked, researched, published, rejected = states("asked", "researched", "published", "rejected")


def research(folder: Path) -> Workflow:
    """A question becomes a report, which a person publishes or rejects."""
    agent = {
        "model": "gpt-4",
        "system_prompt": "You are a research agent. Use the tools, and say where you found what you say.",
        "tools": [SearchTool(folder), SummarizeTool(), CitationTool()],
        "memory_size": 5,
        "max_iterations": 5,
        "plan": True,
        "budget": {"tokens": 20_000, "seconds": 120},
    }
    executor = AgentExecutor.under(providers=[provider()])
    found = (field("results.research.status") == "completed") & field("results.research.report").exists()
    return Workflow(
        "research",
        flow(asked >> researched)
        .transition("research")
        .policy(rules=found)
        .execute(executor, task=field("question"), result="research", **agent),
        flow(researched >> published)
        .transition("publish")
        .action(lambda token: {"report": token.results["research"]["report"]})
        .manual(),
        flow(researched >> rejected).transition("reject").manual(),
    )


async def researched_case(question: str) -> Case:
    """The case of a question, published by Ann."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for title, text in TEXTS.items():
            (folder / title).write_text(text)
        async with Engine(research(folder), storage=connect("memory://")) as engine:
            case = await engine.run(await engine.start("research", data={"question": question}))
            return await engine.fire(case, "publish", by="ann")


async def main() -> None:
    case = await researched_case("When is a workflow sound?")
    found = case.token.results["research"]
    for number, step in enumerate(found["plan"], 1):
        print(f"{number}. {step}")
    print("tools:", ", ".join(call["name"] for call in found["tool_calls"]))
    print(f"{case.state}: {case.token.data['report']}")


if __name__ == "__main__":
    asyncio.run(main())
