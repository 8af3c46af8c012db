"""Staff: the agents of a program as one value, and what opens them on an engine of workflows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Self

import attrs

from circuit_breaker.agents.bridge.case_toolset import CaseTools
from circuit_breaker.agents.bridge.executor import agent_executors
from circuit_breaker.agents.bridge.permission import check_workflow, named_agents
from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.bridge.places import PlaceAgents
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import AgentInvalid, AgentNotFound
from circuit_breaker.executors.models.settings import ModelSettings

__all__ = ["Staff"]


def _agents(definitions: Iterable[AgentDefinition]) -> tuple[AgentDefinition, ...]:
    return tuple(definitions)


def _places(placed: Iterable[PlaceAgent]) -> tuple[PlaceAgent, ...]:
    return tuple(placed)


def _names(names: Iterable[str]) -> frozenset[str]:
    return frozenset(names)


@attrs.frozen(kw_only=True)
class Staff:
    """The agents that work for the workflows of a program.

    A module that a command line imports needs nothing but one of these, and its workflows have their agents::

        staff = Staff(agents=[reviewer], places=[classifier], settings=ModelSettings(providers=[...]))

    Attributes:
        agents: Their definitions; registered when work begins.
        places: The place agents.
        settings: Who answers, and which tools there are; None leaves that to whoever opens it.
        config: How executions are run.
        case_tools: Agents that have the transitions of the case that they work for as tools.
    """

    agents: tuple[AgentDefinition, ...] = attrs.field(default=(), converter=_agents)
    places: tuple[PlaceAgent, ...] = attrs.field(default=(), converter=_places)
    settings: ModelSettings | None = None
    config: AgentEngineConfig | None = None
    case_tools: frozenset[str] = attrs.field(default=frozenset(), converter=_names)

    @classmethod
    def together(cls, staffs: Iterable[Self]) -> Self | None:
        """All of them as one; None for none.

        Raises:
            AgentInvalid: They have different settings.
        """
        listed = list(staffs)
        if not listed:
            return None
        settings = [each.settings for each in listed if each.settings is not None]
        if any(each is not settings[0] for each in settings):
            raise AgentInvalid("there are several staffs with settings", remedy="give them to one of them only")
        agents = {each.id: each for staff in listed for each in staff.agents}
        places = {each.name: each for staff in listed for each in staff.places}
        return attrs.evolve(
            listed[0],
            agents=agents.values(),
            places=places.values(),
            settings=settings[0] if settings else None,
            case_tools=frozenset().union(*(each.case_tools for each in listed)),
        )

    def engine(self, journal: Journal) -> AgentEngine:
        """An engine of agents on that journal, which is not open yet."""
        return AgentEngine(journal, settings=self.settings, config=self.config)

    def executors(self, agents: AgentEngine, others: Mapping[Any, Any] | None = None) -> Mapping[Any, Any]:
        """The executors for the engine of workflows."""
        return agent_executors(agents, others)

    @asynccontextmanager
    async def at_work(self, engine: Engine, agents: AgentEngine) -> AsyncIterator[PlaceAgents]:
        """Registers the agents, checks what the workflows ask of them, and keeps the places.

        Raises:
            AgentInvalid: A workflow cannot use its agents so; every fault is named.
        """
        if self.case_tools:
            agents.office.tools_for.append(CaseTools(engine, agents=self.case_tools))
        async with agents:
            await self._register(agents)
            for workflow in engine.workflows.values():
                if any(named_agents(workflow)):
                    await check_workflow(agents, workflow)
            async with PlaceAgents(engine, agents, *self.places) as places:
                yield places

    async def _register(self, agents: AgentEngine) -> None:
        """Registers the agents, but for those that are the same already."""
        for definition in self.agents:
            try:
                known = (await agents.definition(definition.id)).version
            except AgentNotFound:
                known = ""
            if known != definition.version:
                await agents.register(definition)
