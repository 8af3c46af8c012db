"""Executions that another process has begun, with what may not be there where somebody goes on with them."""

from __future__ import annotations

import asyncio
import shlex
import sys

import pytest

from circuit_breaker import connect
from circuit_breaker.agents import AgentDefinition, AgentEngine, AgentPrompts
from circuit_breaker.llm import ToolCall
from circuit_breaker.testing import ScriptedProvider

SHOP = """
from circuit_breaker.agents import AgentDefinition, AgentPrompts
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.llm import ToolCall, tool
from circuit_breaker.testing import ScriptedProvider


@tool
def stock(article: str) -> int:
    "How many there are."
    return 3


def answer(request):
    asked = not request.messages[-1].tool_results
    return ToolCall(id="1", name="stock", arguments='{"article": "a"}') if asked else "Three."


clerk = AgentDefinition(
    id="clerk",
    llm_config={"model": "m"},
    prompts=AgentPrompts(user_template="How many?"),
    tools=("stock",),
    approve=("stock",),
)
staff = Staff(agents=[clerk], settings=ModelSettings(providers=[ScriptedProvider(always=answer)], tools=[stock]))
"""


@pytest.fixture
def shop(here, monkeypatch):
    """The name of a module whose agent waits for a yes."""
    monkeypatch.delitem(sys.modules, "shop", raising=False)
    (here / "shop.py").write_text(SHOP)
    return "shop.py"


def status(cb) -> str:
    """How the only execution stands."""
    [execution] = cb("agents", "executions", "--json").records
    return execution["status"]


def test_what_is_recommended_names_the_module(cb, shop):
    """K9: the command that says yes has all that it needs, and can be typed as it is printed."""
    said = cb("agents", "run", "clerk", "--import", shop, "--no-wait").err
    [line] = [line for line in said.splitlines() if "agents approve" in line]
    words = shlex.split(line)[1:]
    assert ["--import", shop] == words[-2:]
    assert "Three." in cb(*words, "--yes").out


def test_without_its_tools_an_execution_stays_as_it_is(cb, shop):
    """P14: where a tool of the agent is not there, that is told, and what another process has begun is not lost."""
    cb("agents", "run", "clerk", "--import", shop, "--no-wait")
    [execution] = cb("agents", "executions", "--json").records
    assert "there is no tool 'stock'" in cb("agents", "approve", execution["execution"], "--yes", code=3).err
    assert "pending" == status(cb)


async def begun(journal: str) -> str:
    """The id of an execution that a model has begun, and that waits for a yes."""
    asker = AgentDefinition(
        id="asker", prompts=AgentPrompts(user_template="?"), tools=("calculator",), approve=("calculator",)
    )
    model = ScriptedProvider(ToolCall(id="1", name="calculator", arguments='{"expression": "1"}'), name="vendor")
    async with connect(journal) as storage, AgentEngine(storage, providers=[model]) as agents:
        await agents.register(asker)
        return (await agents.run("asker", overrides={"llm_provider": "vendor", "model": "m"})).id


@pytest.mark.parametrize("words", [("approve", "--yes"), ("resume",)])
def test_no_script_goes_on_in_the_place_of_a_model(cb, here, monkeypatch, words):
    """ZB10: without the key of where it was begun, an execution is left alone; no script says the rest of it."""
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "OPENAI_BASE_URL", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    execution = asyncio.run(begun(f"sqlite:///{here}/circuit_breaker.db"))
    first, *others = words
    said = cb("agents", first, execution, *others, code=1).err
    assert "the environment has no key" in said
    assert "set OPENAI_API_KEY" in said
    assert "pending" == status(cb)
