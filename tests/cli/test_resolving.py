"""Several actions in doubt of one transition: which is meant is said by its key or its token."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker import Engine, connect
from circuit_breaker.cli.definitions import Registry, find_workflow

DOUBTFUL = """
import asyncio
from circuit_breaker import Workflow, flow, states

here, there = states("here", "there")


async def pay(token):
    await asyncio.Event().wait()


w = Workflow("w", flow(here >> there).transition("pay").action(pay).effect("at_most_once"))
"""


async def leave_two_in_doubt() -> list[tuple[str, str]]:
    """The key and the token of each of two actions in doubt of the case ``d``."""
    workflow = find_workflow("doubtful.py:w", Registry())
    async with Engine(workflow, storage=connect("sqlite:///circuit_breaker.db")) as engine:
        await engine.start("w", id="d")
        await engine.add_token("d")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(engine.run("d"), 0.1)
    async with Engine(workflow, storage=connect("sqlite:///circuit_breaker.db")) as engine:
        (case,) = await engine.recover()
        return [(pending.key, pending.consumed[0][0]) for pending in case.pending]


def test_the_action_in_doubt_that_is_meant(cb, here):
    """``resolve`` names the candidates where there are several, and takes --key or --token."""
    (here / "doubtful.py").write_text(DOUBTFUL)
    (first, _), (second, token) = asyncio.run(leave_two_in_doubt())
    command = ("resolve", "d", "pay", "--outcome", "{}", "-w", "doubtful.py:w")

    ambiguous = cb(*command, code=1)
    assert first in ambiguous.err
    assert second in ambiguous.err
    assert "--key KEY or --token ID" in ambiguous.err.replace("\n", " ")
    assert ["here", "there"] == cb(*command, "--token", token, "--json", code=1).document["states"]
    assert ["there"] == cb(*command, "--key", first, "--json").document["states"]
