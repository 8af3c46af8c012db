"""The command line: cases of state machines and of compositions, of which the journal keeps all but who answers."""

from __future__ import annotations

import asyncio
import sys

import pytest

from circuit_breaker import connect
from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge.composition import AgentComposer, chain
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.testing import ScriptedProvider
from tests.cli.test_agent_talk import desk, state
from tests.cli.test_agents import no_keys

__all__ = ["desk", "no_keys"]

CREW = """
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm import tool
from circuit_breaker.testing import ScriptedProvider


@tool
def stock(article: str) -> int:
    "How many there are."
    return 3


staff = Staff(settings=ModelSettings(providers=[ScriptedProvider(always="Done.")]))
"""
TOOLS = CREW[: CREW.index("staff =")]


@pytest.fixture
def crew(here, monkeypatch):
    """A module that says who answers."""
    monkeypatch.delitem(sys.modules, "crew", raising=False)
    (here / "crew.py").write_text(CREW)
    return "crew.py"


def composed(case: str) -> None:
    """Begins a composition, and leaves it where it begins."""

    async def begin() -> None:
        journal = connect("sqlite:///circuit_breaker.db")
        agents = AgentEngine(journal, providers=[ScriptedProvider()])
        async with AgentComposer(agents, journal) as composer, agents:
            await agents.register(AgentDefinition(id="writer", llm_config={"model": "m"}))
            await composer.engine.start(chain("writer", name="writing"), data={"message": "Write."}, id=case)

    asyncio.run(begin())


def test_a_machine_hears_signals_and_is_ended(cb, desk):
    """L3: a conversation with a machine is a case like any other: `explain`, `signal` and `fire` know it."""
    cb("agents", "chat", "desk", "hello", "-c", "a")
    explained = cb("explain", "a").out
    told = cb("signal", "a", "message", "--data", '{"message": "6 times 7"}')

    assert "it waits for the signal 'message'" in explained
    assert "You said: 6 times 7" in told.out
    assert "a script answers" in told.err
    assert "circuit-breaker fire a end\n" in told.out
    assert "completed in conversation ended" in cb("fire", "a", "end").out


def test_what_is_recommended_for_a_machine_works(cb, desk):
    """L3: a turn that waits for a person is gone on with by talking, which is what `show` and `explain` say."""
    cb("agents", "chat", "desk", "6 * 7", "-c", "a", stdin="")
    onward = "circuit-breaker agents chat desk --conversation a"
    left = cb("work", "--until-idle").err
    [waits] = cb("agents", "executions", "--status", "pending", "--json").records

    assert onward in cb("show", "a").out
    assert onward in cb("explain", "a").out
    assert "nobody here answers for its agents" in left
    assert "circuit-breaker agents chat desk --conversation CASE" in left
    cb("agents", "approve", waits["execution"], "--yes")
    cb(*onward.split()[1:], stdin="hello\n")
    assert "helping" == state(cb, "a")


def test_a_staff_works_for_machines_and_compositions(cb, desk, crew):
    """L3 R1: `work` takes up what it finds in the journal, where a module says who answers."""
    (desk / "plain.yaml").write_text("id: bot\ntype: state_machine\nstates: [{name: one, prompt: Say.}]\n")
    cb("agents", "chat", "plain.yaml", "hello", "-c", "a", "--import", crew)
    cb("signal", "a", "message", "--no-run", "--data", '{"message": "more"}', "--import", crew)
    composed("c")
    cb("work", "--until-idle", "--import", crew)

    assert "Done." == cb("show", "a", "--json").document["tokens"][0]["data"]["answer"]
    assert "completed" == cb("show", "c", "--json").document["status"]


def test_a_composition_without_anybody_to_answer_is_left_alone(cb, here):
    """R1: where there is no key and no staff, `work` says what it takes, and the case waits."""
    composed("c")
    assert "set the key of a provider, or name the module of a staff with --import" in cb("work", "--until-idle").err
    assert "running" == cb("show", "c", "--json").document["status"]


def test_a_machine_whose_tools_are_elsewhere_says_so(cb, desk):
    """L3: where a tool of its agents is not known, nothing is done, and the module can be named."""
    (desk / "tools.py").write_text(TOOLS)
    (desk / "stock.yaml").write_text(
        "id: stocker\ntype: state_machine\ntools: [stock]\nstates: [{name: one, prompt: Say.}]\n"
    )
    cb("agents", "chat", "stock.yaml", "hello", "-c", "a", "--import", "tools.py")
    refused = cb("fire", "a", "end", code=4).err

    assert "cannot be carried out" in refused
    assert "'stock'" in refused
    assert "--import" in refused
    assert "conversation ended" in cb("fire", "a", "end", "--import", "tools.py").out


def test_what_has_a_key_is_worked_for_at_once(cb, desk, monkeypatch):
    """L3 R1: where somebody answers, `work` needs no module for machines, of several versions as well."""
    cb("agents", "chat", "desk", "hello", "-c", "a")
    (desk / "desk.yaml").write_text((desk / "desk.yaml").read_text().replace("Greet.", "Say hello."))
    cb("agents", "chat", "desk.yaml", "hello", "-c", "b")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")

    assert "" == cb("work", "--until-idle").err


def test_a_composition_with_an_agent_that_is_gone_says_so(cb, here, monkeypatch):
    """R1: an agent that was removed is named, and the case is left alone."""
    composed("c")
    cb("agents", "remove", "writer")
    monkeypatch.setenv("OLLAMA_BASE_URL", "http://127.0.0.1:9")
    assert "cannot be carried out: there is no agent 'writer'" in cb("work", "--until-idle").err
