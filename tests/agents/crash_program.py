"""A program that has agents work, or goes on with what it began: ``python -m tests.agents.crash_program KIND FOLDER``.

Each call of a model and of a tool is noted in ``FOLDER/notes`` when it is made. When all is done, ``FOLDER/outcome``
has what came of it, and what the records say of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from circuit_breaker import Engine, connect
from circuit_breaker.agents import AgentDefinition, AgentPrompts, AgentState, AgentTransition
from circuit_breaker.agents.bridge import StateMachineAgent, agent_executors
from circuit_breaker.agents.bridge.composition import AgentComposer, chain, parallel, supervisor, supervisor_schema
from circuit_breaker.agents.chat import ChatRequest
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import Thinking, ToolCallEvent, ToolResultEvent
from circuit_breaker.errors import CaseNotFound
from circuit_breaker.llm.tools import tool
from circuit_breaker.testing import ModelTurn, ScriptedProvider
from circuit_breaker.workflow.events import TransitionFired
from tests.agents.worker import noted

PACE = 0.02
CASE = "case"
BASE: dict[str, Any] = {"llm_provider": "scripted", "llm_config": {"model": "m"}}
WORKS = {
    "chain": lambda: chain("a", "b", "c"),
    "parallel": lambda: parallel("a", "b", synthesise="c"),
    "supervisor": lambda: supervisor("boss", ["a", "b"]),
}
MACHINE = AgentDefinition(
    id="bot",
    type="state_machine",
    tools=("enter",),
    prompts=AgentPrompts(system="bot"),
    states=(
        AgentState(name="greeting", prompt="Greet."),
        AgentState(name="careful", prompt="Ask."),
        AgentState(name="over"),
    ),
    transitions=(
        AgentTransition(source="greeting", target="careful", condition="data.message.contains('order')"),
        AgentTransition(source="careful", target="over", condition="data.message.contains('bye')"),
    ),
    **BASE,
)
SAID = ("hello", "my order", "which one", "bye")


def model(notes: Path) -> ScriptedProvider:
    """A model that calls the tool once for what it is asked, and then says that it is done."""

    def answer(request: Any) -> ModelTurn:
        name = str(request.messages[0].content).split("\n")[0]
        asked = [message for message in request.messages if message.role == "user"]
        number = sum(message.role == "assistant" for message in request.messages)
        noted(notes, f"model {name} {len(asked)} {number}")
        if request.messages[-1].role == "user":
            return ModelTurn(calls=(("enter", {"text": f"{name} {len(asked)}"}),), after=PACE)
        return ModelTurn(says=said_by(name, asked), after=PACE, between=0.001)

    return ScriptedProvider(always=answer)


def said_by(name: str, asked: list[Any]) -> str:
    """What an agent says in the end; a boss names who has not spoken yet."""
    if name != "boss":
        return f"{name} has spoken"
    spoken = str(asked[-1].content)
    following = next((one for one in "ab" if f"{one} has spoken" not in spoken), "done")
    return json.dumps({"next": following, "task": "speak", "answer": "all have spoken"})


def ledger(notes: Path) -> Any:
    """A tool that notes its calls."""

    @tool
    async def enter(text: str) -> str:
        """Enters a text."""
        noted(notes, f"tool {text}")
        await asyncio.sleep(PACE / 2)
        return f"entered {text}"

    return enter


async def composed(kind: str, agents: AgentEngine, journal: Any) -> Any:
    """What a composition comes to, begun or gone on with."""
    async with AgentComposer(agents, journal) as composer, agents:
        for name in ("a", "b", "c", "boss"):
            form = {"output_schema": supervisor_schema("a", "b")} if name == "boss" else {}
            prompts = AgentPrompts(system=name)
            await agents.register(AgentDefinition(id=name, prompts=prompts, tools=("enter",), **BASE, **form))
        work = WORKS[kind]()
        await composer.engine.add_workflow(work)
        try:
            done = await composer.go_on(CASE)
        except CaseNotFound:
            done = await composer.run(work, {"topic": "nets"}, id=CASE)
        return [done.output, await record(composer.engine, agents)]


async def talked(kind: str, agents: AgentEngine, journal: Any) -> Any:
    """What a state machine says, every message of which is said again after a crash."""
    asking = MACHINE.evolve(approve=("enter",)) if kind == "approved" else MACHINE
    async with Engine(storage=journal, executors=agent_executors(agents)) as engine, agents:
        bot = await StateMachineAgent.deploy(engine, agents, asking, conversation_id=CASE)
        answers = []
        for number, text in enumerate(SAID):
            response = await bot.chat(ChatRequest(text, key=f"message {number}"))
            if response.status == "approval_needed":
                response = await bot.approve(response, response.approval["digest"], by="ann")
            answers.append(response.message)
        return [answers, await record(engine, agents)]


async def record(engine: Engine, agents: AgentEngine) -> Any:
    """What is kept: the ways that the case took, and for each execution its calls of models and tools."""
    case = await engine.get(CASE)
    fired = [one.transition for one in await engine.storage.events(CASE) if isinstance(one, TransitionFired)]
    calls = sorted([[one.agent_id, one.status, await counted(agents, one.id)] for one in await agents.executions()])
    return {"status": case.status, "fired": sorted(fired), "calls": calls}


async def counted(agents: AgentEngine, execution: str) -> list[str]:
    """The calls of models and tools that the events of an execution tell."""
    told = []
    async with agents.events.subscribe(execution) as events:
        async for event in events:
            match event:
                case Thinking(status="calling_model"):
                    told.append(f"model {event.iteration}")
                case ToolCallEvent():
                    told.append(f"calls {event.arguments['text']}")
                case ToolResultEvent():
                    told.append(f"result {event.result}")
    return told


async def main(kind: str, folder: Path) -> None:
    """Does all of it."""
    notes, journal = folder / "notes", connect(folder / "work.db")
    config = AgentEngineConfig(poll=0.01, cleanup_interval=0.05)
    agents = AgentEngine(journal, providers=[model(notes)], tools=[ledger(notes)], config=config)
    (folder / "begun").touch()
    outcome = await (composed if kind in WORKS else talked)(kind, agents, journal)
    (folder / "outcome").write_text(json.dumps(outcome), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
