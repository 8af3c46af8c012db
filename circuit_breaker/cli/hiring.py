"""Hiring: the agents of cases that are machines or compositions, at work from the first one that needs them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

import attrs

from circuit_breaker.cli.definitions import Registry
from circuit_breaker.cli.doubts import strangers
from circuit_breaker.cli.staffing import is_alone
from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.agent_step import PART, TURN
from circuit_breaker.workflow.definition import Workflow

if TYPE_CHECKING:
    from circuit_breaker.agents.engine import AgentEngine
    from circuit_breaker.cli.session import Session
    from circuit_breaker.engine.engine import Engine

__all__ = ["Hiring", "machine_of", "whole"]

_WOVEN: Final = (PART, TURN)
"""The executors of the definitions that are made of agents; the journal keeps all that these need."""

_agency = deferred("circuit_breaker.cli.agency", "Agency")
_agent_engine = deferred("circuit_breaker.agents.engine", "AgentEngine")
_executors = deferred("circuit_breaker.agents.bridge.executor", "agent_executors")
_check = deferred("circuit_breaker.agents.bridge.permission", "check_workflow")
_named = deferred("circuit_breaker.agents.bridge.permission", "named_agents")


def whole(kept: bytes, version: str) -> Workflow | None:
    """The kept definition, if it says all that is needed to carry it out; agents that it is made of are kept too."""
    registry = Registry()
    try:
        workflow = registry.load(kept.decode(), name="kept")
    except CircuitBreakerError:
        return None
    known = {*_WOVEN, *registry.executors}
    return workflow if workflow.version == version and not any(strangers(workflow, known)) else None


def machine_of(workflow: Workflow) -> str:
    """The agent with whom a case of the workflow is a conversation; empty for any other workflow."""
    turns = any(executor == TURN for _, executor in strangers(workflow, ()))
    return str(workflow.metadata.get("agent", "")) if turns else ""


@attrs.define
class Hiring:
    """Has agents work for an open engine; an async context manager inside of which the engine is open.

    Attributes:
        session: What the command works with.
    """

    session: Session
    _stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)
    _agents: AgentEngine | None = attrs.field(default=None, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._agents = None
        await self._stack.aclose()

    async def objection(self, engine: Engine, workflow: Workflow, *, scripted: bool) -> tuple[str, str]:
        """Why the agents that a workflow is made of cannot work, and what to do; empty where they work from now on.

        Args:
            engine: It is open.
            workflow: Its definition comes from the journal.
            scripted: A script may answer, where nobody else does.
        """
        if not any(executor in _WOVEN for _, executor in strangers(workflow, engine.executors)):
            return "", ""
        if not scripted and is_alone(self.session.staff):
            return "nobody here answers for its agents: the environment has no key of a provider", self._way(workflow)
        try:
            await self._hire(engine, workflow)
        except CircuitBreakerError as error:
            faults = getattr(error, "faults", ())
            return faults[0].message if faults else error.message, "name the module of its agents with --import"
        return "", ""

    def _way(self, workflow: Workflow) -> str:
        if machine := machine_of(workflow):
            return f"talk to it: {self.session.onward.command('agents chat', machine, options='--conversation CASE')}"
        return "set the key of a provider, or name the module of a staff with --import"

    async def _hire(self, engine: Engine, workflow: Workflow) -> None:
        if self._agents is None:
            settings = await self._stack.enter_async_context(_agency(self.session).settings())
            self._agents = _agent_engine(engine.storage, settings=settings)
            engine.executors = _executors(self._agents, engine.executors)
            await self._stack.enter_async_context(self._agents)
        await _check(self._agents, workflow)
        for _, asked in _named(workflow):
            self._agents.check(await self._agents.definition(asked["agent"]))
