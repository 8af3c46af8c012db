"""A program that runs a chain of three agents, or goes on with it: ``python chain_program.py FOLDER``.

To ``FOLDER/notes`` it appends ``call NAME`` before a model answers and ``kept NAME`` once the answer is kept.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from circuit_breaker import connect
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge.composition import AgentComposer, chain
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import CaseNotFound
from circuit_breaker.testing import ModelTurn, ScriptedProvider


class Notes:
    """What has happened, and the storage of agents that notes it."""

    def __init__(self, folder: Path, journal: Any) -> None:
        self._path = folder / "notes"
        self._journal = journal
        self._called = ""
        self.streams = self

    def write(self, line: str) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def answer(self, request: Any) -> ModelTurn:
        self._called = str(request.messages[0].content)
        self.write(f"call {self._called}")
        return ModelTurn(says=f"{self._called} has spoken", after=0.005, between=0.001)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._journal, name)

    async def append(self, stream: str, documents: Any, *, after: int, put: Any = ()) -> Any:
        done = await self._journal.streams.append(stream, documents, after=after, put=put)
        if any(one.kind == "agent_step" and one.document["name"].endswith("model") for one in put):
            self.write(f"kept {self._called}")
        return done

    async def read(self, stream: str, *, after: int = 0, limit: int | None = None) -> Any:
        return await self._journal.streams.read(stream, after=after, limit=limit)

    async def length(self, stream: str) -> int:
        return int(await self._journal.streams.length(stream))

    async def drop(self, stream: str) -> Any:
        return await self._journal.streams.drop(stream)


async def main(folder: Path) -> None:
    journal = connect(folder / "work.db")
    notes = Notes(folder, journal)
    model = ScriptedProvider(always=notes.answer)
    agents = AgentEngine(notes, providers=[model], config=AgentEngineConfig(poll=0.01))  # type: ignore[arg-type]
    work = chain("a", "b", "c")
    async with AgentComposer(agents, journal) as composer, agents:
        for name in "abc":
            members: Any = {"llm_provider": "scripted", "llm_config": {"model": "m"}}
            await agents.register(AgentDefinition(id=name, prompts=AgentPrompts(system=name), **members))
        await composer.engine.add_workflow(work)
        try:
            done = await composer.go_on("case")
        except CaseNotFound:
            done = await composer.run(work, {"topic": "nets"}, id="case")
        told = (await composer.transcript("case")).to_document()
    outcome = json.dumps({"output": done.output, "status": done.case.status, "told": told})
    (folder / "outcome").write_text(outcome, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
