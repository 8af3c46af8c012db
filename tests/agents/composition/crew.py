"""A crew of agents whose model says for each of them what its script has."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager

from circuit_breaker.agents import AgentDefinition, AgentLimits, AgentPrompts
from circuit_breaker.agents.bridge.composition import AgentComposer, supervisor_schema
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import ContentFiltered
from circuit_breaker.storage import connect
from circuit_breaker.testing import ModelTurn, ScriptedProvider

FAILS = ContentFiltered("this is not to be said", provider="scripted")
AGAIN = {"max_attempts": 2, "backoff_seconds": 0, "retry_on": ["content_filtered"]}


class Crew:
    """A model that knows from the system prompt who is asked.

    Attributes:
        scripts: For each agent its turns; the last one is said again and again.
        asked: Who was asked, in order, and what.
    """

    def __init__(self, **scripts) -> None:
        self.scripts = {name: list(turns) if isinstance(turns, list) else [turns] for name, turns in scripts.items()}
        self.asked: list[tuple[str, str]] = []

    def __call__(self, request):
        name = str(request.messages[0].content)
        self.asked.append((name, str(request.messages[1].content)))
        turns = self.scripts[name]
        return turns.pop(0) if len(turns) > 1 else turns[0]

    @property
    def names(self) -> list[str]:
        """Who was asked, in order."""
        return [name for name, _ in self.asked]

    def given(self, name: str, time: int = 0) -> dict:
        """What the agent was given, that time."""
        return json.loads([text for one, text in self.asked if one == name][time])


def agent(name: str, **members) -> AgentDefinition:
    """An agent that is told its own name, and asked all that it is given as JSON."""
    given = {"llm_provider": "scripted", "llm_config": {"model": "m"}, "prompts": AgentPrompts(system=name)}
    return AgentDefinition(id=name, **given | members)


def says(**members) -> ModelTurn:
    """An answer in a form."""
    return ModelTurn(says=json.dumps(members))


def hands(to: str, message: str = "") -> ModelTurn:
    """The call that passes the conversation on."""
    return ModelTurn(calls=(("hand_off", {"to": to, "message": message}),))


def boss(*workers: str) -> AgentDefinition:
    """An agent that names the next worker."""
    return agent("boss", output_schema=supervisor_schema(*workers), limits=AgentLimits(repairs=0))


@asynccontextmanager
async def at_work(*definitions: AgentDefinition, **scripts):
    """A composer whose agents follow these scripts, and their model."""
    crew = Crew(**scripts)
    known = {one.id: one for one in definitions}
    async with (
        connect("memory://") as storage,
        AgentEngine(storage, providers=[ScriptedProvider(always=crew)]) as agents,
        AgentComposer(agents, connect("memory://")) as composer,
    ):
        for name in scripts:
            await agents.register(known.get(name) or agent(name))
        yield composer, crew
