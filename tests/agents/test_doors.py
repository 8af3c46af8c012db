"""What every door of the agents can count on, whichever transport it speaks."""

from __future__ import annotations

import asyncio
import re

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.events import ContentChunk, UsageUpdate, decode
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import agent, at_work, live, script

TEXT = "Whoever listens hears the same, by whichever door. " * 8


def talking(**members):
    """A model that says the text in pieces."""
    return script(always=ModelTurn(says=TEXT, between=0.0005, pieces=6), **members)


async def test_every_way_to_listen_gives_the_same_events():
    """I7: as bytes, as values, beside other executions and afterwards, an execution is told by the same events."""
    async with at_work(agent(), model=talking()) as engine:
        one, other = [await engine.start("helper", {"q": "?"}) for _ in range(2)]

        async def values(*ids):
            async with engine.events.subscribe(*ids) as following:
                return [event async for event in following if event.execution_id == one.id]

        raw, alone, beside = await asyncio.gather(live(engine, one.id), values(one.id), values(one.id, other.id))
        kept = await engine.events.read(one.id)
    assert kept == raw
    assert [decode(document) for document in kept] == alone == beside


async def test_ids_can_stand_in_a_path():
    """I8, I9: the id of an execution needs no escapes in an address, whatever the ids that it was asked for with."""
    async with at_work(agent(), model=talking()) as engine:
        begun = [await engine.start("helper", {"q": "?"}, key=key) for key in ("", "a/b?c#d", "\u00fc \u2026")]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one.id) for one in begun)


async def test_nothing_in_the_stream_depends_on_who_listens():
    """I22: an execution is told in full, with what it takes, whether anybody has asked for a stream or not."""
    async with at_work(agent(), model=talking()) as engine:
        unheard = await engine.run("helper", {"q": "?"})
        heard = await engine.start("helper", {"q": "?"})
        kinds = [
            [type(decode(one)) for one in events]
            for events in (await engine.events.read(unheard.id), await live(engine, heard.id))
        ]
    assert set(kinds[0]) == set(kinds[1])
    assert {ContentChunk, UsageUpdate} <= set(kinds[0])


async def test_what_somebody_follows_is_chosen_by_context_kind_and_number():
    """I23: executions are chosen by agent and context, their events by kind and number; nothing else comes."""
    async with at_work(agent(), agent("other"), model=talking()) as engine:
        for name, user in (("helper", "ann"), ("helper", "bob"), ("other", "ann")):
            await engine.run(name, {"q": "?"}, context={"user_context": {"user_id": user}})
        [wanted] = await engine.executions(agent="helper", context={"user_context.user_id": "ann"})
        async with engine.events.subscribe(wanted.id, after=2) as following:
            chosen = [event async for event in following if isinstance(event, ContentChunk)]
    assert {wanted.id} == {event.execution_id for event in chosen}
    assert TEXT == "".join(event.content for event in chosen)


def test_an_operator_who_says_nothing_gets_the_usual_settings():
    """P5, I18, I19, ZA12: fifty at once, a thousand events, 30 seconds to connect, 300 to run, 60 between clean-ups."""
    usual = AgentEngineConfig()
    assert (50, 1000) == (usual.max_concurrent_executions, usual.stream_buffer_size)
    assert (30, 300, 60) == (usual.connection_timeout, usual.execution_timeout, usual.cleanup_interval)
