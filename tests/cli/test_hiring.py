"""Agents that a command has work for a case whose definition is in the journal."""

from __future__ import annotations

import pytest

from circuit_breaker import Engine, connect
from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge.composition import chain
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.cli.hiring import Hiring
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.output import Output
from circuit_breaker.engine.ports import SystemClock
from circuit_breaker.errors import AgentError, StorageLocked
from circuit_breaker.workflow.agent_step import PART
from tests.cli.test_agents import no_keys

__all__ = ["no_keys"]

WRITER = AgentDefinition(id="writer", llm_config={"model": "m"})
WRITING = chain("writer", name="writing")


def hiring() -> Hiring:
    """Nobody is named; a script answers."""
    return Hiring(Output(json=True), Onward("memory://"))


class Stuck:
    """A journal whose records cannot be found once."""

    def __init__(self, journal) -> None:
        self._journal, self.failures = journal, 1

    def __getattr__(self, name):
        return getattr(self._journal, name)

    async def __aenter__(self):
        await self._journal.__aenter__()
        return self

    async def __aexit__(self, *exc):
        await self._journal.__aexit__(*exc)

    @property
    def records(self):
        return _Records(self)


class _Records:
    def __init__(self, stuck) -> None:
        self._stuck = stuck

    def __getattr__(self, name):
        return getattr(self._stuck._journal.records, name)

    async def find(self, *given, **options):
        if self._stuck.failures:
            self._stuck.failures -= 1
            raise StorageLocked("somebody else writes")
        return await self._stuck._journal.records.find(*given, **options)


async def test_agents_that_could_not_begin_are_not_counted_as_at_work(no_keys):
    """R1: where the storage fails while they begin, that is the error; the next time they are at work indeed."""
    async with Engine(storage=Stuck(connect("memory://"))) as engine, hiring() as agents:
        await AgentStore(engine.storage).put(WRITER, SystemClock().now())
        with pytest.raises(StorageLocked):
            await agents.hire(engine, WRITING, scripted=True)
        assert PART not in engine.executors
        await agents.hire(engine, WRITING, scripted=True)
        assert PART in engine.executors


async def test_who_cannot_work_for_a_case_is_named(no_keys):
    """R1: an agent that is not there is an error, and so is that nobody answers where no script may."""
    async with Engine(storage=connect("memory://")) as engine, hiring() as agents:
        for _ in range(2):
            with pytest.raises(AgentError, match=r"there is no agent 'writer' \(name the module of its agents"):
                await agents.hire(engine, WRITING, scripted=True)
    async with Engine(storage=connect("memory://")) as engine, hiring() as agents:
        with pytest.raises(AgentError, match="nobody here answers"):
            await agents.hire(engine, WRITING, scripted=False)
