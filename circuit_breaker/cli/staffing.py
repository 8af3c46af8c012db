"""Staffing: the agents that the modules of a command have, at work for as long as its engine is open."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Journal
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.agent_step import ASKING
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.steps import Execution

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.places import PlaceAgents
    from circuit_breaker.agents.bridge.staff import Staff

__all__ = ["Opening", "asks_agents", "is_alone", "staff_of", "staffed"]

_HOME = "circuit_breaker.agents.bridge.staff"
_staff = deferred(_HOME, "Staff")
_settings = deferred("circuit_breaker.executors.models.settings", "ModelSettings")
_router_of = deferred("circuit_breaker.cli.providers", "router_of")
_is_anybody_there = deferred("circuit_breaker.cli.providers", "is_anybody_there")

Opening = Callable[[Mapping[Any, Any]], AbstractAsyncContextManager[Engine]]
"""Opens the engine of workflows with these executors."""


def staff_of(modules: Iterable[ModuleType]) -> Staff | None:
    """The public staff of these modules as one, or None.

    Raises:
        AgentInvalid: There are several with different settings.
    """
    home = sys.modules.get(_HOME)  # where nobody has imported it, nobody has made one
    if home is None:
        return None
    public = (value for module in modules for name, value in vars(module).items() if not name.startswith("_"))
    found: Staff | None = home.Staff.together(value for value in public if isinstance(value, home.Staff))
    return found


def asks_agents(workflows: Iterable[Workflow]) -> bool:
    """Whether a transition of these workflows asks an agent."""
    steps = (step for workflow in workflows for flow in workflow.flows for step in flow.steps)
    return any(isinstance(step, Execution) and step.executor in ASKING for step in steps)


def is_alone(staff: Staff | None) -> bool:
    """Whether nobody has said who answers: neither a module nor the environment."""
    return (staff is None or staff.settings is None) and not _is_anybody_there()


@asynccontextmanager
async def staffed(
    staff: Staff | None, journal: Journal, executors: Mapping[Any, Any], opening: Opening
) -> AsyncIterator[tuple[Engine, PlaceAgents]]:
    """An open engine with its agents at work. Where nobody says who answers, the models of the environment do.

    Raises:
        AgentInvalid: A workflow cannot use its agents so.
    """
    async with AsyncExitStack() as stack:
        if staff is None or staff.settings is None:
            router = await stack.enter_async_context(_router_of())
            staff = attrs.evolve(staff or _staff(), settings=_settings(router=router))
        agents = staff.engine(journal)
        engine = await stack.enter_async_context(opening(staff.executors(agents, executors)))
        yield engine, await stack.enter_async_context(staff.at_work(engine, agents))
