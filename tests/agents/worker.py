"""A program that carries out executions of an agent on a database, for the tests that kill it or have two of them.

Each call of the model and of the tool is written to a file of its own when it is made, and the next one of the agent
depends only on what was said before. The program begins the executions that are named, and goes on until all are over.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import agent, at_work, call, script

ROUNDS = 4


def noted(file: Path, line: str) -> None:
    """Writes a line to the end of a file, in one piece."""
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, f"{line}\n".encode())
    os.close(out)


def model(notes: Path):
    """A model that has the tool called with 0, 1, 2 ..., and then says that it is done."""

    def answer(request):
        said = sum(message.role == "assistant" for message in request.messages)
        noted(notes, f"{request.messages[-1 - 2 * said].content} model {said}")
        if said == ROUNDS:
            return ModelTurn(says="All rounds are done, and this is the answer to it.", between=0.0005, pieces=4)
        return call("enter", said, text=f"{request.messages[1].content}/{said}")

    return script(always=answer)


def ledger(notes: Path):
    """A tool that notes its calls."""

    @tool
    async def enter(text: str) -> str:
        """Enters a text."""
        noted(notes, f"{text.replace('/', ' tool ')}")
        await asyncio.sleep(0.001)
        return f"entered {text}"

    return enter


async def main(database: str, notes: str, keys: list[str]) -> None:
    """Carries out an execution for each key."""
    config = AgentEngineConfig(poll=0.01, cleanup_interval=0.05, execution_timeout=60)
    async with (
        connect(database) as storage,
        at_work(
            agent(tools=("enter",)),
            storage=storage,
            model=model(Path(notes)),
            tools=[ledger(Path(notes))],
            config=config,
        ) as engine,
    ):
        begun = [await engine.start("helper", {"q": key}, key=key) for key in keys]
        sys.stdout.write(f"{storage.worker}\n")
        sys.stdout.flush()
        for execution in begun:
            await engine.wait(execution.id)
    sys.stdout.write("done\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
