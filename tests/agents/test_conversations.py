"""Conversations: what is kept, whose turn it is, and what an agent is shown of them."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.agents import AgentDefinition, AgentMemory, AgentPrompts, ConversationTurn
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.conversations.conversation import heard
from circuit_breaker.errors import (
    AgentError,
    AgentNotFound,
    ContentFiltered,
    ConversationNotFound,
    DataInvalid,
    StorageFull,
)
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.script import HANG
from tests.agents.work import Breaking, Dialogue, Ledger, at_work, call, script

NOW = datetime(2026, 1, 31, tzinfo=UTC)
QUICK = AgentEngineConfig(poll=0.01)


def talker(name: str = "helper", **members) -> AgentDefinition:
    """An agent that one talks to, and that remembers."""
    return AgentDefinition(
        id=name, llm_provider="scripted", llm_config={"model": "m"}, **{"memory": AgentMemory(), **members}
    )


def echo(request):
    """A model that says how many messages it is shown, and what was said last."""
    return f"{len(request.messages)}: {request.messages[-1].content}"


async def say(engine, conversation, text, agent="helper", **options):
    return await engine.run(agent, {"message": text}, conversation=conversation.id, **options)


def texts(messages) -> list[str]:
    return [message.content for message in messages]


# What is kept


async def test_a_conversation_is_created_and_read():
    """P7, J6: a conversation is stored, read again, and listed for its agent."""
    async with at_work(talker(), talker("other"), model=script(always=echo)) as engine:
        first = await engine.conversations.create("helper", title="Orders", metadata={"room": 3})
        await engine.conversations.create("other", id="b")

        assert first == await engine.conversations.get(first.id)
        assert ("Orders", {"room": 3}) == (first.title, first.metadata)
        assert [first] == await engine.conversations.listed(agent="helper")
        assert 2 == len(await engine.conversations.listed())


async def test_what_is_no_conversation_is_refused():
    """P7: an unknown agent, a second conversation of an id, a wrong id or context: each is one typed error."""
    async with at_work(talker(), model=script()) as engine:
        await engine.conversations.create("helper", id="a")

        for wrong, options in [
            (AgentNotFound, {"agent_id": "nobody"}),
            (AgentError, {"agent_id": "helper", "id": "a"}),
            (DataInvalid, {"agent_id": "helper", "id": "a/b"}),
            (DataInvalid, {"agent_id": "helper", "context": {"user": 1}}),
        ]:
            with pytest.raises(wrong):
                await engine.conversations.create(**options)
        for ask in (engine.conversations.get, engine.conversations.turns, engine.conversations.clear):
            with pytest.raises(ConversationNotFound):
                await ask("unknown")
        with pytest.raises(ConversationNotFound):
            await engine.start("helper", {"message": "hi"}, conversation="unknown")


async def test_an_agent_remembers_what_was_said():
    """J5, J6: each turn is shown what was said before; history gives all of it, tool calls with their results."""
    ledger = Ledger()
    model = script(call("enter", text="a"), "It is entered.", always=echo)
    async with at_work(talker(tools=("enter",)), model=model, tools=[ledger.tool]) as engine:
        conversation = await engine.conversations.create("helper")
        await say(engine, conversation, "Enter a.")
        done = await say(engine, conversation, "And now?")
        turns = await engine.conversations.turns(conversation.id)

        assert "5: And now?" == done.final_response
        assert ["user", "assistant", "tool", "assistant"] == [message.role for message in turns[0].messages]
        assert ["And now?", "5: And now?"] == texts(turns[1].messages)
        kept = await engine.conversations.get(conversation.id)
        assert ("Enter a.", 2, 6, ("helper",)) == (kept.title, kept.turns, kept.messages, kept.agents)


async def test_an_agent_without_a_memory_begins_anew():
    """J5: without a memory nothing of a conversation is shown; what was said is kept all the same."""
    async with at_work(talker(memory=None), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper")
        await say(engine, conversation, "one")

        assert "1: two" == (await say(engine, conversation, "two")).final_response
        assert 2 == len(await engine.conversations.turns(conversation.id))


async def test_a_conversation_goes_on_after_a_restart(tmp_path):
    """J6: a conversation is there when the process is another."""
    for number in (1, 3, 5):
        async with (
            connect(f"sqlite:///{tmp_path}/a.db") as storage,
            at_work(talker(), storage=storage, model=script(always=echo)) as engine,
        ):
            with suppress(AgentError):
                await engine.conversations.create("helper", id="a")
            conversation = await engine.conversations.get("a")

            assert f"{number}: hi" == (await say(engine, conversation, "hi")).final_response


async def test_turns_are_read_a_page_at_a_time():
    """P7: history is read from any number, as much of it as is wanted."""
    async with at_work(talker(), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper")
        for number in range(5):
            await say(engine, conversation, str(number))
        read = engine.conversations.turns

        assert [2, 3] == [turn.number for turn in await read(conversation.id, after=1, limit=2)]
        assert [5] == [turn.number for turn in await read(conversation.id, after=4, limit=9)]
        assert [] == await read(conversation.id, after=9)


async def test_a_conversation_is_cleared_and_deleted():
    """J6: cleared, nothing is remembered and nothing is kept of it; deleted, it is gone."""
    async with at_work(talker(), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper", id="a")
        await say(engine, conversation, "secret")
        assert "" == (await engine.conversations.clear("a")).title
        done = await say(engine, conversation, "new")
        find = engine.storage.records.find

        assert "1: new" == done.final_response
        assert ["new", "1: new"] == [
            text for turn in await engine.conversations.turns("a") for text in texts(turn.messages)
        ]
        assert 1 == len(await find("conversation_turn"))
        assert await engine.conversations.delete("a")
        assert not await engine.conversations.delete("a")
        assert [] == await find("conversation_turn")


async def test_title_and_metadata_change():
    """P7: what people call a conversation can be changed, and the rest stays."""
    async with at_work(talker(), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper")
        await say(engine, conversation, "word " * 40)

        assert 60 == len((await engine.conversations.get(conversation.id)).title)
        changed = await engine.conversations.change(conversation.id, title="Mine", metadata={"a": 1})
        assert ("Mine", {"a": 1}, 1) == (changed.title, changed.metadata, changed.turns)
        assert "Mine" == (await engine.conversations.change(conversation.id)).title


async def test_the_context_of_a_conversation_holds_for_its_executions():
    """J7: an execution that is given no context has that of its conversation, and is found by it."""
    async with at_work(
        talker(prompts=AgentPrompts(system="{custom_context|nothing}")), model=script(always=echo)
    ) as engine:
        conversation = await engine.conversations.create("helper", context={"custom_context": {"customer": "c1"}})
        done = await say(engine, conversation, "hi")

        assert [done] == await engine.executions(context={"custom_context.customer": "c1"})
        assert [done] == await engine.executions(conversation=conversation.id)


# Export and import


async def test_a_conversation_is_exported_and_comes_back():
    """J6: what is exported is JSON, and comes back elsewhere with all that was said."""
    ledger = Ledger()
    model = script(call("enter", text="a"), "Entered.", always=echo)
    async with at_work(talker(tools=("enter",)), model=model, tools=[ledger.tool]) as engine:
        conversation = await engine.conversations.create("helper", id="a")
        await say(engine, conversation, "Enter a.")
        document = json.loads(json.dumps(await engine.conversations.export("a")))
        copy = await engine.conversations.restore(document, id="b")

        assert "5: more" == (await say(engine, copy, "more")).final_response
        assert await engine.conversations.turns("a") == (await engine.conversations.turns("b"))[:1]
        with pytest.raises(AgentError, match="already"):
            await engine.conversations.restore(document)


async def test_a_conversation_is_written_for_people():
    """J6: as Markdown a conversation has who said what, and which tools were called."""
    model = script(call("enter", text="a"), "Entered.")
    async with at_work(talker(tools=("enter",)), model=model, tools=[Ledger().tool]) as engine:
        await say(engine, await engine.conversations.create("helper", id="a"), "Enter a.")
        text = await engine.conversations.as_markdown("a")

        assert text.startswith("# Enter a.\n")
        for part in (
            "**You** (",
            "**helper** (",
            '- called `enter` with `{"text": "a"}`',
            "- `enter` gave: `entered a`",
        ):
            assert part in text
        await engine.conversations.change("a", title="Mine")
        assert "Mine" == (await engine.conversations.clear("a")).title
        assert "1 turns were cleared away" in await engine.conversations.as_markdown("a")


CHANGES = {
    "no document": lambda document: 3,
    "another form": lambda document: document | {"circuit_breaker": 2},
    "no turns": lambda document: document | {"turns": None},
    "no conversation": lambda document: document | {"conversation": {"id": "a"}},
    "a wrong id": lambda document: document | {"conversation": document["conversation"] | {"id": "a/b"}},
    "a turn too few": lambda document: document | {"turns": document["turns"][1:]},
    "a turn of something else": lambda document: document | {"turns": [{"number": 1}, document["turns"][1]]},
    "a gap": lambda document: document | {"turns": [document["turns"][0], document["turns"][1] | {"first": 9}]},
    "a wrong count": lambda document: document | {"conversation": document["conversation"] | {"messages": 9}},
    "no messages": lambda document: (
        document | {"turns": [document["turns"][0] | {"messages": "hi"}, document["turns"][1]]}
    ),
    "a call without result": lambda document: _without(document, 2),
    "a result without call": lambda document: _without(document, 1),
}


def _without(document, place):
    first, second = document["turns"]
    messages = [message for at, message in enumerate(first["messages"]) if at != place]
    return document | {
        "turns": [first | {"messages": messages}, second | {"first": second["first"] - 1}],
        "conversation": document["conversation"] | {"messages": document["conversation"]["messages"] - 1},
    }


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_what_was_not_exported_so_is_refused(change):
    """J6: a document that is no conversation, or only a part of one, is refused, and nothing of it is kept."""
    model = script(call("enter", text="a"), "Entered.", always=echo)
    async with at_work(talker(tools=("enter",)), model=model, tools=[Ledger().tool]) as engine:
        conversation = await engine.conversations.create("helper", id="a")
        await say(engine, conversation, "Enter a.")
        await say(engine, conversation, "more")
        document = change(await engine.conversations.export("a"))
        await engine.conversations.delete("a")

        with pytest.raises(DataInvalid):
            await engine.conversations.restore(document)
        assert [] == await engine.conversations.listed()


# Whose turn it is


async def test_executions_in_a_conversation_are_one_after_the_other():
    """J6: a second message waits until the first one is answered, in the order in which they were said."""
    model = script(always=lambda request: ModelTurn(says=echo(request), after=0.01))
    async with at_work(talker(), model=model, config=QUICK) as engine:
        conversation = await engine.conversations.create("helper")
        begun = [await engine.start("helper", {"message": str(one)}, conversation=conversation.id) for one in range(5)]
        done = [await engine.wait(one.id) for one in begun]

        assert [f"{2 * one + 1}: {one}" for one in range(5)] == [one.final_response for one in done]


async def test_who_waits_for_his_turn_holds_no_place():
    """ZA12: executions that wait in their conversation leave the places to others."""
    model = script(HANG, always=echo)
    config = AgentEngineConfig(poll=0.01, max_concurrent_executions=2)
    async with at_work(talker(), model=model, config=config) as engine:
        conversation = await engine.conversations.create("helper")
        first = await engine.start("helper", {"message": "hang"}, conversation=conversation.id)
        later = [await engine.start("helper", {"message": "wait"}, conversation=conversation.id) for _ in range(3)]

        assert "1: alone" == (await engine.run("helper", {"message": "alone"})).final_response
        await engine.cancel(first.id)
        assert ["completed"] * 3 == [(await engine.wait(one.id)).status for one in later]


async def test_one_can_be_cancelled_while_it_waits():
    """J6: whoever waits for his turn can be cancelled, and the others go on."""
    async with at_work(talker(), model=script(HANG, always=echo), config=QUICK) as engine:
        conversation = await engine.conversations.create("helper")
        first, second, third = [
            await engine.start("helper", {"message": str(one)}, conversation=conversation.id) for one in range(3)
        ]
        await asyncio.sleep(0.02)

        assert await engine.cancel(second.id)
        assert await engine.cancel(first.id)
        assert "1: 2" == (await engine.wait(third.id)).final_response


async def test_a_conversation_in_use_is_not_cleared():
    """J6: while an execution has its turn, a conversation is neither cleared nor deleted."""
    async with at_work(talker(), model=script(HANG), config=QUICK) as engine:
        conversation = await engine.conversations.create("helper")
        begun = await engine.start("helper", {"message": "hi"}, conversation=conversation.id)
        await asyncio.sleep(0.02)
        for change in (engine.conversations.clear, engine.conversations.delete):
            with pytest.raises(AgentError, match="has its turn"):
                await change(conversation.id)
        await engine.cancel(begun.id)

        assert await engine.conversations.delete(conversation.id)


async def test_whoever_waits_for_himself_is_told():
    """J7: an execution that another one wants in the same conversation would wait for ever, and fails at once."""
    async with at_work(talker(), model=script(HANG, always=echo), config=QUICK) as engine:
        conversation = await engine.conversations.create("helper")
        parent = await engine.start("helper", {"message": "hang"}, conversation=conversation.id)
        await asyncio.sleep(0.02)
        child = await say(engine, conversation, "inner", parent=parent)
        await engine.cancel(parent.id)

        assert ("failed", "agent") == (child.status, child.error["code"])
        assert "waits for its turn" in child.error["message"]


async def test_two_processes_take_turns(tmp_path):
    """J6: the turn holds for all processes on a storage."""
    url = f"sqlite:///{tmp_path}/a.db"
    model = script(always=lambda request: ModelTurn(says=echo(request), after=0.02))
    async with (
        connect(url) as one,
        connect(url) as two,
        at_work(talker(), storage=one, model=model, config=QUICK) as first,
        at_work(storage=two, model=model, config=QUICK) as second,
    ):
        conversation = await first.conversations.create("helper")
        done = await asyncio.gather(*(say(engine, conversation, "hi") for engine in (first, second) for _ in range(3)))

        assert [f"{2 * number + 1}: hi" for number in range(6)] == sorted(
            (one.final_response for one in done), key=lambda text: int(text.partition(":")[0])
        )


# What does not come to an answer


async def test_what_failed_was_not_said():
    """J6: of an execution that failed nothing is remembered, not even what the person said."""
    model = script(ContentFiltered("no", provider="scripted"), always=echo)
    async with at_work(talker(), model=model) as engine:
        conversation = await engine.conversations.create("helper")

        assert "failed" == (await say(engine, conversation, "bad")).status
        assert [] == await engine.conversations.turns(conversation.id)
        assert "1: good" == (await say(engine, conversation, "good")).final_response


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("at", range(1, 12))
async def test_a_crash_leaves_no_half_turn(at, after, tmp_path):
    """J6: a process that ends at any write has said all of its turn or nothing, and the next one says it once."""
    url = f"sqlite:///{tmp_path}/a.db"
    ledger, dialogue = Ledger(), Dialogue(call("enter", text="a"), "Entered.")
    model, members = script(always=dialogue), {"tools": [ledger.tool], "config": QUICK}
    async with (
        connect(url) as storage,
        at_work(talker(tools=("enter",)), storage=storage, model=model, **members) as engine,
    ):
        await engine.conversations.create("helper", id="a")
    async with connect(url) as storage:
        async with at_work(storage=Breaking(storage, at, after=after), model=model, **members) as engine:
            with suppress(StorageFull):
                begun = await engine.start("helper", {"message": "Enter a."}, conversation="a", key="once")
                if (post := engine.office.roster.get(begun.id)) is not None:
                    await post.tail.over()
            turns = await engine.conversations.turns("a")
        assert [4] * len(turns) == [len(turn.messages) for turn in turns]
    async with connect(url) as storage, at_work(storage=storage, model=model, **members) as engine:
        done = await engine.wait(
            (await engine.start("helper", {"message": "Enter a."}, conversation="a", key="once")).id
        )
        turns = await engine.conversations.turns("a")

        assert ("completed", [4]) == (done.status, [len(turn.messages) for turn in turns])


# What an agent is shown


async def test_a_memory_has_its_limits():
    """J5: an agent is shown as much of the end as its memory holds; all of it stays in the history."""
    async with at_work(talker(memory=AgentMemory(messages=4)), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper")
        shown = [(await say(engine, conversation, "hi")).final_response for _ in range(4)]

        assert ["1: hi", "3: hi", "5: hi", "5: hi"] == shown
        assert 4 == len(await engine.conversations.turns(conversation.id))


async def test_a_long_conversation_is_read_from_its_end():
    """J5: what an agent is shown costs what it is shown, and not what was ever said."""
    async with at_work(talker(memory=AgentMemory(tokens=60)), model=script(always="ok")) as engine:
        conversation = await engine.conversations.create("helper")
        for _ in range(45):
            await say(engine, conversation, "word " * 5)
        read = []
        find = engine.storage.records.find

        async def counting(kind, **options):
            found = await find(kind, **options)
            read.extend(found)
            return found

        memory = engine.conversations.recollection
        engine.storage.records.find = counting
        messages = await memory.recall(talker(memory=AgentMemory(tokens=60)), await say(engine, conversation, "last"))

        assert 0 < len(messages) < 20
        assert len([record for record in read if record.kind == "conversation_turn"]) <= 40


async def test_what_falls_out_is_summarised_and_paid():
    """J5: a memory with summaries shows a summary of what it has no room for; the execution pays for it."""
    asked = []

    def answer(request):
        asked.append(request)
        return "They greeted." if "Summarise" in request.messages[0].content else "ok"

    async with at_work(talker(memory=AgentMemory(messages=4, summaries=True)), model=script(always=answer)) as engine:
        conversation = await engine.conversations.create("helper")
        done = [await say(engine, conversation, f"hello {number}") for number in range(4)]
        kept = await engine.conversations.get(conversation.id)

        assert ("They greeted.", 2) == (kept.summary, kept.summarised)
        assert "Summary of the conversation before:\nThey greeted." == asked[-1].messages[0].content
        assert 6 == len(asked[-1].messages)
        assert done[3].usage["total_tokens"] > done[2].usage["total_tokens"]
        events = await engine.events.read(done[3].id)
        assert done[3].usage == json.loads(events[-1])["usage"]


async def test_a_summary_that_cannot_be_made_stops_nobody():
    """J5: where a summary fails, the agent answers without one, and the next turn tries again."""

    def answer(request):
        if "Summarise" in request.messages[0].content and len(model.requests) < 7:
            raise ContentFiltered("no", provider="scripted")
        return "ok"

    model = script(always=answer)
    async with at_work(talker(memory=AgentMemory(messages=2, summaries=True)), model=model) as engine:
        conversation = await engine.conversations.create("helper")
        done = [await say(engine, conversation, "hi") for _ in range(5)]

        assert ["completed"] * 5 == [one.status for one in done]
        assert "ok" == (await engine.conversations.get(conversation.id)).summary


async def test_agents_share_a_conversation():
    """J7: another agent that comes in is told who said what, and is found with the conversation."""
    model = script("I am the first.", always=echo)
    async with at_work(talker(), talker("other"), model=model) as engine:
        conversation = await engine.conversations.create("helper")
        await say(engine, conversation, "Who are you?")
        await say(engine, conversation, "And you?", agent="other")

        assert ["Who are you?", "[helper said] I am the first.", "And you?"] == texts(model.requests[1].messages)
        assert [conversation.id] == [one.id for one in await engine.conversations.listed(agent="other")]
        assert ("helper", "other") == (await engine.conversations.get(conversation.id)).agents


CALLS = st.lists(st.tuples(st.booleans(), st.integers(0, 3)), min_size=1, max_size=6)


@settings(max_examples=40)
@given(CALLS, st.integers(1, 200), st.integers(1, 12))
def test_tool_calls_keep_their_results(turns, tokens, messages):
    """J5: however little an agent is shown, a call of a tool and its results are shown together, or neither."""
    shown = asyncio.run(_shown(turns, AgentMemory(tokens=tokens, messages=messages)))
    calls = [one.id for message in shown for one in message.tool_calls]
    results = [one.call_id for message in shown for one in message.tool_results]

    assert calls == results


async def _shown(turns, memory):
    async with at_work(talker(memory=memory), talker("other"), model=script(always=echo)) as engine:
        conversation = await engine.conversations.create("helper")
        recollection = engine.conversations.recollection
        execution = None
        for number, (mine, count) in enumerate(turns):
            execution = await engine.run("helper" if mine else "other", {"message": "x"}, conversation=conversation.id)
            calls = [call("enter", 10 * number + one, text="a") for one in range(count)]
            said = [user("x"), *([assistant(*calls)] if calls else []), *(tool_result(one, "ok") for one in calls)]
            put = await recollection.remember(execution, [*said, assistant("done")])
            await engine.storage.streams.append("other", [], after=0, put=put)
        return await recollection.recall(talker(memory=memory), execution)


def test_what_another_agent_did_is_not_shown_as_ones_own():
    """J7: of another agent's turn its words are shown, and not its calls of tools."""
    one = call("enter", text="a")
    messages = (user("do"), assistant("Well,", one), tool_result(one, "ok"), assistant("Done."))
    turn = ConversationTurn(number=1, first=5, agent_id="a", execution_id="e", messages=messages, at=NOW)

    assert list(enumerate(messages, 5)) == list(heard(turn, "a"))
    assert [(5, "do"), (6, "[a said] Well,"), (8, "[a said] Done.")] == [
        (place, message.content) for place, message in heard(turn, "b")
    ]
