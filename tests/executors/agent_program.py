"""A program that is killed: one case whose only transition is an agent, whose last tool waits for a file.

``python agent_program.py JOURNAL FOLDER``: each call of the model and of a tool adds a line to the file ``begun`` in
the folder, and the last tool waits until there is a file ``go``.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.errors import CaseExists
from circuit_breaker.executors import AgentExecutor
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import ToolContext, tool
from circuit_breaker.testing.models import ScriptedProvider

JOURNAL, FOLDER = sys.argv[1], Path(sys.argv[2])


def begun(name: str) -> None:
    with (FOLDER / "begun").open("a") as file:
        file.write(f"{name}\n")


@tool
async def work(name: str, context: ToolContext) -> dict:
    """Works.

    Args:
        name: On what.
        context: The call.
    """
    begun(f"tool {name}")
    with (FOLDER / "keys").open("a") as file:
        file.write(f"{name} {context.idempotency_key}\n")
    context.state["done"] = [*context.state.get("done", []), name]
    while name == "last" and not (FOLDER / "go").exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    return {"done": context.state["done"]}


def call(name: str) -> ToolCall:
    return ToolCall(id=name, name="work", arguments=f'{{"name": "{name}"}}')


def answer(request):
    """What the model says, by how many of its answers it is shown."""
    number = sum(message.role == "assistant" for message in request.messages)
    begun(f"model {number}")
    return [[call("first"), call("second")], call("last"), "It is done."][number]


Agent = AgentExecutor.under(providers=[ScriptedProvider(always=answer, name="openai")])
new, done = states("new", "done")
workflow = Workflow(
    "agent", flow(new >> done).transition("go").execute(Agent, task="Work", tools=[work], result="agent")
)


async def main() -> None:
    async with Engine(workflow, storage=connect(f"sqlite:///{JOURNAL}")) as engine:
        try:
            case = await engine.start("agent", id="one")
        except CaseExists:
            case = await engine.get("one")
        await engine.run(case)


asyncio.run(main())
