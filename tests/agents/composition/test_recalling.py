"""Compositions that are gone on with by a program that does not know them, or knows them otherwise by now."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from circuit_breaker import connect, rule
from circuit_breaker.agents.bridge.composition import AgentComposer, Part, chain
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.errors import WorkflowNotFound
from circuit_breaker.testing import ScriptedProvider
from tests.agents.composition.crew import FAILS, Crew, agent


@asynccontextmanager
async def composing(file, **scripts):
    """A composer on a file, whose agents follow these scripts."""
    crew, journal = Crew(**scripts), connect(f"sqlite:///{file}")
    agents = AgentEngine(journal, providers=[ScriptedProvider(always=crew)])
    async with AgentComposer(agents, journal) as composer, agents:
        for name in scripts:
            await agents.register(agent(name))
        yield composer, crew


async def test_a_composition_is_gone_on_with_from_its_case_alone(tmp_path):
    """R1: after a restart the id of the case is enough; its composition is in the storage."""
    async with composing(tmp_path / "a.db", a="one", b=FAILS) as (composer, _):
        failed = await composer.run(chain("a", "b"), id="case")
    async with composing(tmp_path / "a.db", a="never", b="two") as (composer, crew):
        done = await composer.try_again("case")
        same = await composer.go_on("case")

    assert (False, True, "two") == (failed.completed, done.completed, done.output)
    assert (["b"], done.output) == (crew.names, same.output)


async def test_a_composition_that_was_changed_goes_on_as_it_began(tmp_path):
    """R1: what runs keeps the parts that it began with; what begins now has the new ones."""
    async with composing(tmp_path / "a.db", a="one", b=FAILS) as (composer, _):
        await composer.run(chain("a", "b"), id="case")
    async with composing(tmp_path / "a.db", a="one", b="two", c="three") as (composer, _):
        new = await composer.run(chain("a", "c"))
        old = await composer.try_again("case")
        newer = await composer.run(composer.engine.workflow("chain"))

    assert ("three", "two", "three") == (new.output, old.output, newer.output)


async def test_a_composition_with_a_function_must_be_given_again(tmp_path):
    """R1: a rule that is a function is not in the storage; the error says where the case stands."""

    @rule("is asked")
    def asked(token):
        return True

    async with composing(tmp_path / "a.db", a="one", b=FAILS) as (composer, _):
        await composer.run(chain("a", Part("b", when=asked)), id="case")
    async with composing(tmp_path / "a.db", a="one") as (composer, _):
        with pytest.raises(WorkflowNotFound, match="it stands in"):
            await composer.go_on("case")
