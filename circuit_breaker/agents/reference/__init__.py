"""Reference agents and their scenarios, as data: each agent is a document of this package, each scenario an input."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any, Final

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import load_agent
from circuit_breaker.data import thaw
from circuit_breaker.errors import AgentNotFound, DataInvalid, nearest

__all__ = ["reference_agent", "reference_agents", "scenario", "scenarios"]

_FOLDER: Final = resources.files(__package__)


@cache
def _agents() -> dict[str, AgentDefinition]:
    files = sorted((file for file in _FOLDER.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    found = (load_agent(file.read_text(encoding="utf-8"), name=file.name) for file in files)
    return {agent.id: agent for agent in found}


def reference_agents() -> tuple[AgentDefinition, ...]:
    """The reference agents, ordered by id, ready for :meth:`AgentEngine.register`."""
    return tuple(_agents().values())


def reference_agent(agent_id: str) -> AgentDefinition:
    """The reference agent of that id, such as ``"pattern-recognition-specialist"``.

    Raises:
        AgentNotFound: There is none.
    """
    if agent_id not in _agents():
        raise AgentNotFound(f"there is no reference agent '{agent_id:.100}'", remedy=nearest(agent_id, _agents()))
    return _agents()[agent_id]


def scenarios() -> dict[str, str]:
    """The scenarios by name, each with the id of the agent that it is for."""
    return {name: agent.id for agent in reference_agents() for name in thaw(agent.metadata["scenarios"])}


def scenario(name: str) -> dict[str, Any]:
    """What an agent is given in a scenario, such as ``"market-anomaly"``; a new value each time.

    Raises:
        DataInvalid: There is none of that name.
    """
    known = scenarios()
    if name not in known:
        raise DataInvalid(f"there is no scenario {name!r:.80}", remedy=nearest(name, known))
    document: dict[str, Any] = json.loads(_FOLDER.joinpath("scenarios", f"{name}.json").read_text(encoding="utf-8"))
    return document
