"""Executions with guardrails break off at every write: they go on as if nothing had happened, and nothing leaks."""

from __future__ import annotations

import re
from contextlib import suppress

import pytest

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.guardrails import Check, Masked, PersonalData
from circuit_breaker.errors import StorageFull
from circuit_breaker.storage import connect
from circuit_breaker.testing import ModelTurn, ScriptedProvider
from tests.agents.work import Breaking, Dialogue, Ledger, agent, at_work, call, content_of, events_of, live

QUICK = AgentEngineConfig(poll=0.01)
MAIL = "ann@example.org"
ENTER = call("enter", text=f"mail to {MAIL}")
LONG = f"Write to {MAIL}, or to {MAIL} again. " * 4
GUARDS = {
    "hidden": {"g": PersonalData()},
    "placeholders": {"g": PersonalData(reversible=True)},
    "judged": {"p": PersonalData(), "g": Check(lambda data: "again" in data["output"]["text"])},
    "answered again": {"p": PersonalData(), "g": Check(lambda data: "again" in data["output"]["text"], action="retry")},
    "masked": {"p": PersonalData(), "g": lambda _: Masked({"text": "An answer that stands for another one."})},
}


def turns(mode: str):
    wrong = (ModelTurn(says="Not this one.", pieces=2),) if mode == "answered again" else ()
    return ENTER, *wrong, ModelTurn(says=LONG, pieces=3)


async def broken_off(breaking, **members) -> None:
    """An execution that breaks off at a write."""
    async with at_work(storage=breaking, config=QUICK, **members) as engine:
        with suppress(StorageFull):
            begun = await engine.start("helper", {"q": f"Ask {MAIL}"}, key="once")
            if (post := engine.office.roster.get(begun.id)) is not None:
                await post.tail.over()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("mode", GUARDS)
async def test_guardrails_hold_over_a_crash_at_every_write(mode, after):
    """Whichever write is the last of a process, the execution ends the same: what is told is the response, live equals
    replayed, no judgement is lost, and no personal data is in anything that is stored.
    """
    guards, ends = GUARDS[mode], set()
    for at in range(1, 60):
        model, ledger = ScriptedProvider(always=Dialogue(*turns(mode))), Ledger()
        given = {"model": model, "tools": [ledger.tool], "guardrails": guards}
        async with connect("memory://") as storage:
            async with at_work(agent(tools=("enter",), guardrails=tuple(guards)), storage=storage, **given):
                pass
            breaking = Breaking(storage, at, after=after)
            await broken_off(breaking, **given)
            async with at_work(storage=storage, config=QUICK, **given) as engine:
                done = await engine.run("helper", {"q": f"Ask {MAIL}"}, key="once")
                documents, events = await engine.events.read(done.id), await events_of(engine, done.id)

                assert "completed" == done.status, done.error
                assert done.final_response == events[-1].final_response == content_of(events)
                assert documents == await live(engine, done.id)
                assert MAIL not in repr(documents) + repr(done)
                assert all(MAIL not in repr(record) for record in await storage.records.find("agent_step"))
                ends.add(re.sub("_[0-9a-f]{6}", "", done.final_response))  # a mark is of the execution
        if breaking.writes < at:
            break
    else:
        raise AssertionError("it was never whole")
    assert 1 == len(ends)
