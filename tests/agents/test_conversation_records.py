"""The records of conversations: what several change at once, and what is cut off, is whole."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from circuit_breaker.agents import AgentDefinition, AgentMemory
from circuit_breaker.errors import AgentError, StorageFull, VersionConflict
from circuit_breaker.storage import connect
from tests.agents.work import Breaking, Wrapped, at_work, events_of, script, told

TALKER = AgentDefinition(id="helper", llm_provider="scripted", llm_config={"model": "m"}, memory=AgentMemory())


@pytest.fixture(params=["memory", "sqlite"])
async def storage(request, tmp_path):
    """A storage of each kind."""
    async with connect("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/a.db") as opened:
        yield opened


class Meddling(Wrapped):
    """A storage in which something happens right before what concerns a conversation is written."""

    def __init__(self, storage) -> None:
        super().__init__(storage)
        self.meddle = None
        self.times = 0

    async def append(self, stream, documents, *, after, put=()):
        if self.times and any(one.kind.startswith("conversation") for one in put):
            self.times -= 1
            await self.meddle()
        await super().append(stream, documents, after=after, put=put)


async def said(engine, *texts):
    """A conversation in which that was said."""
    conversation = await engine.conversations.create("helper")
    return [await engine.run("helper", {"message": text}, conversation=conversation.id) for text in texts][-1]


# Several at once


@pytest.mark.parametrize("times", [1, 3])
async def test_a_change_while_a_turn_ends_is_kept(storage, times):
    """P7: metadata that was changed while an answer is written stays, and so does the turn."""
    between = Meddling(storage)
    async with at_work(TALKER, storage=between, model=script(always="ok")) as engine:
        conversation = (await said(engine, "one")).conversation_id
        numbers = iter(range(times))

        async def meddle():
            await engine.conversations.change(conversation, title="Mine", metadata={"n": next(numbers)})

        between.meddle, between.times = meddle, times
        done = await engine.run("helper", {"message": "two"}, conversation=conversation)
        kept = await engine.conversations.get(conversation)

        assert ("completed", "Mine", {"n": times - 1}, 2) == (done.status, kept.title, kept.metadata, kept.turns)
        assert 1 == told(await events_of(engine, done.id)).count("ExecutionComplete")
        assert done == await engine.execution(done.id)


async def test_changes_at_once_are_all_kept(storage):
    """P7: of changes that are made at the same time none is lost."""
    async with at_work(TALKER, storage=storage, model=script()) as engine:
        conversation = (await engine.conversations.create("helper")).id
        change = engine.conversations.change
        await asyncio.gather(*(change(conversation, **one) for one in ({"title": "Mine"}, {"metadata": {"n": 1}}) * 5))
        kept = await engine.conversations.get(conversation)

        assert ("Mine", {"n": 1}) == (kept.title, kept.metadata)


async def test_a_turn_that_somebody_else_has_ended_is_not_written_twice(storage):
    """ZB1: who finds that another process went on with his execution leaves the conversation as that one left it."""
    between = Meddling(storage)
    async with at_work(TALKER, storage=between, model=script(always="ok")) as engine:
        conversation = (await said(engine, "one")).conversation_id
        begun = []

        async def meddle():
            stream = f"agent:{begun[0].id}"
            await storage.streams.append(stream, [b"{}"], after=await storage.streams.length(stream))
            await engine.conversations.change(conversation, title="Mine")

        between.meddle, between.times = meddle, 1
        begun.append(await engine.start("helper", {"message": "two"}, conversation=conversation))
        if (post := engine.office.roster.get(begun[0].id)) is not None:
            await post.tail.over()

        kept = await engine.conversations.get(conversation)
        assert ("Mine", 1) == (kept.title, kept.turns)


async def test_a_memory_that_never_agrees_ends(storage):
    """A record that is never in the version that a memory expects fails the execution's writing, and does not spin."""
    async with at_work(TALKER, storage=storage, model=script(always="ok")) as engine:
        conversation = (await said(engine, "one")).conversation_id
        remember = type(engine.conversations.recollection).remember
        asked = []

        async def stale(memory, *arguments):
            asked.append(1)
            turn, put = await remember(memory, *arguments)
            return [turn, put.__class__(put.kind, put.id, put.document, put.keys, expected=99)]

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(engine.conversations.recollection), "remember", stale)
            begun = await engine.start("helper", {"message": "two"}, conversation=conversation)
            if (post := engine.office.roster.get(begun.id)) is not None:
                await post.tail.over()

        assert 1 == (await engine.conversations.get(conversation)).turns
        assert 1 < len(asked) < 200


async def test_of_two_that_restore_an_id_one_is_told(tmp_path):
    """J6: two processes that restore conversations under one id: one is kept whole, and the other is an error."""
    url = f"sqlite:///{tmp_path}/a.db"
    async with (
        connect(url) as one,
        connect(url) as two,
        at_work(TALKER, storage=one, model=script(always="ok")) as first,
        at_work(storage=two) as second,
    ):
        short = await first.conversations.export((await said(first, "one")).conversation_id)
        long = await first.conversations.export((await said(first, "one", "two")).conversation_id)
        for number in range(5):
            outcomes = await asyncio.gather(
                first.conversations.restore(short, id=f"c{number}"),
                second.conversations.restore(long, id=f"c{number}"),
                return_exceptions=True,
            )
            [kept] = [one for one in outcomes if not isinstance(one, AgentError)]

            assert kept == await first.conversations.get(f"c{number}")
            assert kept.turns == len(await one.records.find("conversation_turn", keys={"conversation": kept.id}))


@pytest.mark.parametrize("what", ["clear", "delete"])
async def test_what_changed_meanwhile_is_not_removed(storage, what):
    """J6: a conversation that somebody has changed while it is cleared or deleted stays, with all that was said."""
    between = Meddling(storage)
    async with at_work(TALKER, storage=between, model=script(always="ok")) as engine:
        conversation = (await said(engine, "one")).conversation_id

        async def meddle():
            await engine.conversations.change(conversation, title="Mine")

        between.meddle, between.times = meddle, 1
        with pytest.raises(VersionConflict):
            await getattr(engine.conversations, what)(conversation)

        assert "Mine" == (await engine.conversations.get(conversation)).title
        assert 1 == len(await engine.conversations.turns(conversation))


# What is cut off


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("what", ["clear", "delete"])
async def test_a_removal_that_is_cut_off_leaves_nothing_behind(storage, what, after):
    """J6: cleared or deleted by a process that is killed, a conversation and its turns are there, or all are gone."""
    async with at_work(TALKER, storage=storage, model=script(always="ok")) as engine:
        conversation = (await said(engine, "my secret", "more")).conversation_id
    async with at_work(storage=Breaking(storage, 1, after=after)) as engine:
        with suppress(StorageFull):
            await getattr(engine.conversations, what)(conversation)
    async with at_work(storage=storage) as engine:
        turns = len(await storage.records.find("conversation_turn"))
        listed = await engine.conversations.listed()
        assert (0 if after else 2) == turns
        assert (what == "clear" or not after) == bool(listed)

        if listed:
            await getattr(engine.conversations, what)(conversation)
        assert [] == await storage.records.find("conversation_turn")


@pytest.mark.parametrize("what", ["clear", "delete"])
async def test_turns_that_were_left_behind_are_removed(storage, what):
    """J6: turns of a conversation that was cleared or deleted only by half are removed when it is done again."""
    async with at_work(TALKER, storage=storage, model=script(always="ok")) as engine:
        conversation = (await said(engine, "my secret")).conversation_id
        record = await storage.records.get("conversation", conversation)
        if what == "clear":
            cleared = {**record.document, "cleared": 1}
            await storage.records.put("conversation", conversation, cleared, keys=record.keys)
        else:
            await storage.records.delete("conversation", conversation)
        await getattr(engine.conversations, what)(conversation)

        assert [] == await storage.records.find("conversation_turn")
