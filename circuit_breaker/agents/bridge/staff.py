"""Staff: the agents of a program as one value, and what opens them on an engine of workflows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Self, TypeVar

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
from circuit_breaker.errors import AgentInvalid, Fault
from circuit_breaker.executors.models.settings import ModelSettings

__all__ = ["Staff"]

_Value = TypeVar("_Value")

_MEMBERS: Final[Mapping[str, tuple[type, str]]] = {
    "agents": (AgentDefinition, "AgentDefinition"),
    "places": (PlaceAgent, "PlaceAgent"),
    "case_tools": (str, "id of an agent"),
}
_PARTS: Final[Mapping[str, type]] = {"settings": ModelSettings, "config": AgentEngineConfig}


def _listed(values: Any) -> Any:
    """The values as a tuple; what is no list of them stays as it is, to be refused."""
    return tuple(values) if isinstance(values, Iterable) and not isinstance(values, str | Mapping) else values


def _names(values: Any) -> Any:
    listed = _listed(values)
    return frozenset(listed) if isinstance(listed, tuple) and all(isinstance(name, str) for name in listed) else listed


def _only(what: str, said: Iterable[_Value | None]) -> _Value | None:
    """What is said where anybody says it.

    Raises:
        AgentInvalid: Two say it differently.
    """
    values = [value for value in said if value is not None]
    if any(value != values[0] for value in values):
        raise AgentInvalid(f"there are several staffs with {what}", remedy="give them to one of them only")
    return values[0] if values else None


def _given(place: PlaceAgent) -> tuple[Any, ...]:
    """What a place agent was made of; what it makes of that has fields, which cannot be compared."""
    return tuple(getattr(place, member.name) for member in attrs.fields(PlaceAgent) if member.init)


def _each_once(what: str, said: Iterable[tuple[str, Any, _Value]]) -> tuple[_Value, ...]:
    """The values, each name once; with each comes its name, and what tells it from another of that name.

    Raises:
        AgentInvalid: Two of one name differ.
    """
    found: dict[str, tuple[Any, _Value]] = {}
    for name, content, value in said:
        if found.setdefault(name, (content, value))[0] != content:
            raise AgentInvalid(f"several staffs have {what} '{name}', and not the same", remedy="rename one of them")
    return tuple(value for _, value in found.values())


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

    Raises:
        AgentInvalid: Something of it is not what belongs there; every fault is named.
    """

    agents: tuple[AgentDefinition, ...] = attrs.field(default=(), converter=_listed)
    places: tuple[PlaceAgent, ...] = attrs.field(default=(), converter=_listed)
    settings: ModelSettings | None = None
    config: AgentEngineConfig | None = None
    case_tools: frozenset[str] = attrs.field(default=frozenset(), converter=_names)

    def __attrs_post_init__(self) -> None:
        if faults := [*self._strangers(), *self._misfits()]:
            raise AgentInvalid("the staff is not valid", faults=faults)

    def _strangers(self) -> Iterator[Fault]:
        for place, (kind, what) in _MEMBERS.items():
            values = getattr(self, place)
            if not isinstance(values, tuple | frozenset):
                yield Fault(place, f"{values!r:.60} is no list", f"write {place}=[...]")
                continue
            strange = ((at, value) for at, value in enumerate(values) if not isinstance(value, kind))
            yield from (Fault(f"{place}[{at}]", f"{value!r:.60} is no {what}") for at, value in strange)

    def _misfits(self) -> Iterator[Fault]:
        for place, kind in _PARTS.items():
            value = getattr(self, place)
            if value is not None and not isinstance(value, kind):
                yield Fault(place, f"{value!r:.60} is no {kind.__name__}", f"give {kind.__name__}(...)")

    @classmethod
    def together(cls, staffs: Iterable[Self]) -> Self | None:
        """All of them as one; None for none.

        Raises:
            AgentInvalid: They say different things: of settings, config, or what has one id or name.
        """
        listed = list(staffs)
        if not listed:
            return None
        return attrs.evolve(
            listed[0],
            agents=_each_once("agent", ((one.id, one.version, one) for staff in listed for one in staff.agents)),
            places=_each_once(
                "place agent", ((one.name, _given(one), one) for staff in listed for one in staff.places)
            ),
            settings=_only("settings", (each.settings for each in listed)),
            config=_only("config", (each.config for each in listed)),
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
            agents.give_tools(CaseTools(engine, agents=self.case_tools))
        async with agents:
            for definition in self.agents:
                await agents.ensure(definition)
            for workflow in engine.workflows.values():
                if any(named_agents(workflow)):
                    await check_workflow(agents, workflow)
            async with PlaceAgents(engine, agents, *self.places) as places:
                yield places
