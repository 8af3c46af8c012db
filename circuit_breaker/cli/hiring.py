"""Hiring: the agents of cases that are machines or compositions, at work from the first one that needs them."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

import attrs

from circuit_breaker.cli.definitions import Registry
from circuit_breaker.cli.doubts import strangers
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output, gist
from circuit_breaker.cli.staffing import is_alone
from circuit_breaker.errors import AgentError, CircuitBreakerError, StorageError
from circuit_breaker.lazy import deferred
from circuit_breaker.workflow.agent_step import PART, TURN
from circuit_breaker.workflow.definition import Workflow

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.staff import Staff
    from circuit_breaker.agents.engine import AgentEngine
    from circuit_breaker.engine.engine import Engine

__all__ = ["Hiring", "machine_of", "whole"]

_WOVEN: Final = (PART, TURN)
"""The executors of the definitions that are made of agents; the journal keeps all that these need."""

_answering = deferred("circuit_breaker.cli.answering", "Answering")
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
        output: Where the command writes.
        onward: What was named, as it was typed.
        staff: The agents of the modules that were named, or None.
    """

    output: Output
    onward: Onward
    staff: Staff | None = None
    _stack: AsyncExitStack = attrs.field(factory=AsyncExitStack, init=False)
    _agents: AgentEngine | None = attrs.field(default=None, init=False)
    _working: set[str] = attrs.field(factory=set, init=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._agents = None
        self._working.clear()
        await self._stack.aclose()

    async def hire(self, engine: Engine, workflow: Workflow, *, scripted: bool) -> None:
        """Nothing, once the agents that a workflow is made of are at work, if it is made of any.

        Args:
            engine: It is open.
            workflow: Its definition comes from the journal.
            scripted: A script may answer, where nobody else does.

        Raises:
            AgentError: They cannot work here; the remedy says what to do.
            StorageError: The journal cannot be read or written.
        """
        others = () if self._agents is not None else engine.executors  # which have those of the agents from then on
        if workflow.version in self._working or not any(one in _WOVEN for _, one in strangers(workflow, others)):
            return
        if not scripted and is_alone(self.staff):
            alone = "nobody here answers for its agents: the environment has no key of a provider"
            raise AgentError(alone, remedy=self._way(workflow))
        try:
            await self._employ(engine, workflow)
        except StorageError:
            raise
        except CircuitBreakerError as error:
            raise AgentError(gist(error), remedy="name the module of its agents with --import") from error
        self._working.add(workflow.version)

    def _way(self, workflow: Workflow) -> str:
        if machine := machine_of(workflow):
            return f"talk to it: {self.onward.command('agents chat', machine, options='--conversation CASE')}"
        return "set the key of a provider, or name the module of a staff with --import"

    async def _employ(self, engine: Engine, workflow: Workflow) -> None:
        agents = self._agents or await self._opened(engine)
        await _check(agents, workflow)
        for _, asked in _named(workflow):
            agents.check(await agents.definition(asked["agent"]))

    async def _opened(self, engine: Engine) -> AgentEngine:
        """The agents, open; the engine has their executors from then on."""
        async with AsyncExitStack() as opening:
            answering = _answering(self.output, self.onward, self.staff)
            settings = await opening.enter_async_context(answering.settings())
            agents: AgentEngine = _agent_engine(engine.storage, settings=settings)
            executors = _executors(agents, engine.executors)
            await opening.enter_async_context(agents)
            self._stack = opening.pop_all()
        self._agents, engine.executors = agents, executors
        return agents
