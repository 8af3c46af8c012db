"""Following executions: live, late, twice, from any number, several at once, and from another process."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.events import ErrorEvent, ExecutionComplete, ExecutionStart, decode
from circuit_breaker.errors import AgentError, AgentExecutionNotFound, DataInvalid
from circuit_breaker.llm.tools import tool
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import Ledger, Wrapped, agent, at_work, call, content_of, events_of, live, script

QUICK = AgentEngineConfig(poll=0.005)
TEXT = "All the events are kept, and whoever asks for them gets the same. " * 5
SLOW = ModelTurn(says=TEXT, between=0.0005, pieces=4)


async def test_live_and_late_are_the_same_bytes(tmp_path):
    """ZA2, ZB9: who listens from the beginning and who comes afterwards gets the same bytes, on disk as well."""
    ledger = Ledger()
    async with (
        connect(tmp_path / "a.db") as storage,
        at_work(
            agent(tools=("enter",)), storage=storage, model=script(call("enter", text="a"), SLOW), tools=[ledger.tool]
        ) as engine,
    ):
        begun = await engine.start("helper", {"q": "?"})
        heard = await asyncio.gather(*(live(engine, begun.id) for _ in range(3)))

        kept = await engine.events.read(begun.id)
        assert [kept] * 3 == heard
        assert kept == await live(engine, begun.id)
        assert TEXT == content_of(map(decode, kept))
    async with connect(tmp_path / "a.db") as storage, at_work(storage=storage, model=script()) as engine:
        assert kept == await engine.events.read(begun.id)


async def test_the_names_and_keys_of_events_are_fixed():
    """ZA2, ZA3: one union, one set of wire names in snake_case, and each event has its id, number, time and type."""
    ledger = Ledger()
    model = script(call("enter", text="a"), "Done.")
    async with at_work(agent(tools=("enter",)), model=model, tools=[ledger.tool]) as engine:
        done = await engine.run("helper", {"q": "?"})
        documents = [json.loads(document) for document in await engine.events.read(done.id)]

    kinds = "execution_start thinking usage_update tool_call tool_result thinking content_chunk usage_update"
    assert [*kinds.split(), "execution_complete"] == [document["type"] for document in documents]
    assert list(range(1, 10)) == [document["sequence"] for document in documents]
    assert {done.id} == {document["execution_id"] for document in documents}
    assert all(document["timestamp"].endswith("Z") for document in documents)
    assert "Done." == documents[6]["content"] == documents[8]["final_response"]


@pytest.mark.parametrize("buffer", [1, 3, 1000])
async def test_a_follower_may_begin_at_any_number(buffer):
    """I5, I18: from any number on a follower gets the rest without a gap, however few events are kept in memory."""
    config = AgentEngineConfig(stream_buffer_size=buffer)
    async with at_work(agent(), model=script(SLOW), config=config) as engine:
        begun = await engine.start("helper", {"q": "?"})
        kept = await live(engine, begun.id)
        for after in range(0, len(kept), 7):
            assert kept[after:] == await live(engine, begun.id, after)
        assert [] == await live(engine, begun.id, len(kept))
        assert kept[2:4] == await engine.events.read(begun.id, after=2, limit=2)


async def test_a_number_in_the_future_is_refused():
    """Nobody can ask for what has not happened yet, or for an execution that there is not."""
    async with at_work(agent(), model=script("Yes.")) as engine:
        done = await engine.run("helper", {"q": "?"})
        for wrong in (done.events + 1, -1, True, "1"):
            with pytest.raises(DataInvalid, match=f"has {done.events} events"):
                await live(engine, done.id, wrong)
        with pytest.raises(AgentExecutionNotFound):
            await live(engine, "nothing")
        with pytest.raises(DataInvalid, match="no execution is named"):
            async with engine.events.subscribe():
                pass


async def test_a_slow_and_a_vanished_follower_cost_nobody_anything():
    """I15: the work and other followers do not wait for one who is slow or gone, and who is slow loses nothing."""
    config = AgentEngineConfig(stream_buffer_size=2)
    async with at_work(agent(), model=script(SLOW), config=config) as engine:
        begun = await engine.start("helper", {"q": "?"})
        async with engine.events.subscribe_raw(begun.id) as slow, engine.events.subscribe(begun.id) as gone:
            first = await anext(slow)
            await anext(gone)
            done = await engine.wait(begun.id)
            rest = [document async for document in slow]
        assert [first, *rest] == await engine.events.read(begun.id)
        assert "completed" == done.status


async def test_several_executions_on_one_subscription():
    """I17, I12: the events of several executions come on one subscription, each in order, until the last is over."""
    async with at_work(agent(), model=script(always=SLOW)) as engine:
        begun = [await engine.start("helper", {"q": "?"}) for _ in range(3)]
        ids = [one.id for one in begun]
        got = {one: [] for one in ids}
        async with engine.events.subscribe(*ids, after={ids[0]: 1}) as following:
            async for event in following:
                got[event.execution_id].append(event)
        for number, one in enumerate(ids):
            assert got[one] == (await events_of(engine, one))[number == 0 :]


async def test_what_another_process_writes_is_followed(tmp_path):
    """A follower in one process gets the events of an execution that another one carries out."""
    async with (
        connect(tmp_path / "a.db") as here,
        connect(tmp_path / "a.db") as there,
        at_work(agent(), storage=there, model=script(SLOW)) as working,
        at_work(storage=here, model=script(), config=QUICK) as watching,
    ):
        begun = await working.start("helper", {"q": "?"})
        assert await live(watching, begun.id) == await working.events.read(begun.id)
        assert "completed" == (await watching.wait(begun.id)).status


async def test_a_tool_streams_its_result():
    """I21, I14: a tool that gives its result in pieces is heard as it speaks, and the whole comes at the end."""

    @tool
    async def count() -> str:
        """Counts."""
        for number in ("one ", "two ", "three"):
            yield number

    async with at_work(agent(tools=("count",)), model=script(call("count"), "Counted."), tools=[count]) as engine:
        done = await engine.run("helper", {"q": "?"})
        events = await events_of(engine, done.id)

    results = [event for event in events if type(event).__name__ == "ToolResultEvent"]
    assert ["one ", "two ", "three"] == [event.result["message"] for event in results if event.partial]
    assert "one two three" == results[-1].result
    assert [0.0, 10.0] == [event.progress for event in events if getattr(event, "progress", None) is not None]


@settings(max_examples=30)
@given(st.text(min_size=1, max_size=300), st.integers(1, 50), st.integers(1, 40))
def test_content_comes_whole_however_it_is_cut(text, pieces, most):
    """I13: long pieces of content are split and short ones put together, and nothing is lost or changed."""

    async def work() -> None:
        config = AgentEngineConfig(chunk_size=most)
        async with at_work(agent(), model=script(ModelTurn(says=text, pieces=pieces)), config=config) as engine:
            done = await engine.run("helper", {"q": "?"})
            events = await events_of(engine, done.id)
            assert text == content_of(events) == done.final_response
            assert all(len(event.content) <= most for event in events if type(event).__name__ == "ContentChunk")

    asyncio.run(work())


async def test_pieces_are_put_together_while_a_write_takes_long():
    """I15: when the storage is slow, pieces that wait are written as one, so that the stream keeps up."""
    async with (
        connect("memory://") as storage,
        at_work(agent(), storage=Slow(storage), model=script(ModelTurn(says=TEXT, pieces=1))) as engine,
    ):
        done = await engine.run("helper", {"q": "?"})
        events = await events_of(engine, done.id)
        assert sum(type(one).__name__ == "ContentChunk" for one in events) < 10
        assert TEXT == content_of(events)


async def test_thoughts_are_told_and_do_not_count_as_content():
    """What a model thinks is told as thinking; only what it says is content."""
    async with at_work(agent(), model=script(ModelTurn(says="Yes.", thinks="Is it so? It is so."))) as engine:
        done = await engine.run("helper", {"q": "?"})
        events = await events_of(engine, done.id)
    thoughts = [event.content for event in events if getattr(event, "status", "") == "thought"]
    assert ("Is it so? It is so.", "Yes.") == ("".join(thoughts), content_of(events))


async def test_followers_leave_nothing_behind():
    """I19: when executions are over, nothing of them is left in memory."""
    async with at_work(agent(), model=script(always="Yes.")) as engine:
        for _ in range(20):
            begun = await engine.start("helper", {"q": "?"})
            await live(engine, begun.id)
            await engine.wait(begun.id)
        assert [] == list(engine.office.roster)
        assert 0 == engine.office.waiting


class Slow(Wrapped):
    """A storage that takes its time to write."""

    async def append(self, *which, **what):
        await asyncio.sleep(0.02)
        await super().append(*which, **what)


async def test_a_follower_waits_no_longer_than_the_operator_says():
    """P5: a storage or a judge that does not answer keeps a follower waiting 30 seconds, or as long as is said."""

    async def allowed(by, deed, execution):
        await asyncio.sleep(60)

    assert 30.0 == AgentEngineConfig().connection_timeout
    config = AgentEngineConfig(connection_timeout=0.02)
    async with at_work(agent(), model=script("Yes."), allowed=allowed, config=config) as engine:
        begun = await engine.start("helper", {"q": "?"})
        with pytest.raises(AgentError, match=r"in 0\.02 seconds"):
            await live(engine, begun.id)


async def test_an_error_of_a_follower_is_raised_as_it_is():
    """What goes wrong while several executions are followed is no group of errors."""
    async with at_work(agent(), model=script(always=ModelTurn(says="Slow.", between=0.01))) as engine:
        ids = [(await engine.start("helper", {"q": "?"})).id for _ in range(2)]
        with pytest.raises(ZeroDivisionError):
            await _stumbled(engine, ids)


async def _stumbled(engine, ids) -> None:
    async with engine.events.subscribe(*ids) as following:
        async for event in following:
            _ = 1 // (event.sequence - 1)


async def test_an_execution_that_is_removed_while_it_is_followed(tmp_path):
    """Who follows several executions of which one disappears is told so, and does not wait for ever."""
    async with (
        connect(tmp_path / "a.db") as here,
        connect(tmp_path / "a.db") as there,
        at_work(agent(), storage=there, model=script(always=HANG)) as working,
        at_work(storage=here, model=script(), config=QUICK) as watching,
        watching.events.subscribe(*[(await working.start("helper", {"q": "?"})).id for _ in range(2)]) as following,
    ):
        first = await anext(following)
        await here.records.delete("agent_execution", first.execution_id)
        with pytest.raises(AgentExecutionNotFound):
            [event async for event in following]


async def test_half_a_character_is_no_reason_to_lose_an_answer():
    """A model that cuts a character in two is heard, and what cannot be written becomes a question mark."""
    async with at_work(agent(), model=script("Half a \ud83d fox.")) as engine:
        done = await engine.run("helper", {"q": "?"})
        assert ("completed", "Half a ? fox.") == (done.status, done.final_response)
        assert "Half a ? fox." == content_of(await events_of(engine, done.id))


def test_what_is_no_event_is_refused():
    """Only what was written as an event is read as one."""
    for wrong in (b"{}", b"[]", b'{"type": "other"}', b"\xff", b'{"type": "content_chunk", "sequence": "one"}'):
        with pytest.raises(DataInvalid, match="no event"):
            decode(wrong)


async def test_a_follower_reads_values_and_stops_at_the_end():
    """I11: a follower gets each event as a value of its kind, and its loop ends after the last, whichever that is."""
    async with at_work(agent(), model=script("Yes.", TimeoutError("gone"))) as engine:
        for last in (ExecutionComplete, ErrorEvent):
            begun = await engine.start("helper", {"q": "?"})
            async with engine.events.subscribe(begun.id) as events:
                told = [event async for event in events]
            assert [ExecutionStart, last] == [type(told[0]), type(told[-1])]


async def test_the_same_names_are_used_for_every_end():
    """I3, I4: of the lists of names one is used: content_chunk and not chunk, execution_complete, error."""
    async with at_work(agent(), model=script("Yes.", TimeoutError("gone"))) as engine:
        good, bad = [await engine.run("helper", {"q": "?"}) for _ in range(2)]
        names = [[json.loads(one)["type"] for one in await engine.events.read(done.id)] for done in (good, bad)]
    assert ("execution_start", "execution_complete") == (names[0][0], names[0][-1])
    assert "content_chunk" in names[0]
    assert ("execution_start", "error") == (names[1][0], names[1][-1])
