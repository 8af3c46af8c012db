"""Conversations that come back: what they must be like, and what of them is kept."""

from __future__ import annotations

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.agents import AgentDefinition, AgentMemory, AgentPrompts
from circuit_breaker.agents.conversations.exchange import restored
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.guardrails import PersonalData
from circuit_breaker.errors import AgentInvalid, DataInvalid
from circuit_breaker.llm.documents import to_document
from circuit_breaker.llm.messages import assistant, tool_result, user
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import Ledger, at_work, call, script

MAIL = "ann@example.com"
MOMENT = "2026-01-31T12:00:00+00:00"


def talker(**members) -> AgentDefinition:
    """An agent that remembers, whose prompt shows the context."""
    prompts = AgentPrompts(system="You help {custom_context}.")
    given = {"llm_provider": "scripted", "llm_config": {"model": "m"}, "prompts": prompts, "memory": AgentMemory()}
    return AgentDefinition(id="helper", **given | members)


def document() -> dict:
    """An exported conversation of two turns, one with a call of a tool."""
    entering = call("enter", text="a")
    said = [[user("hi"), assistant("ok")], [user("enter"), assistant(entering), tool_result(entering, "entered")]]
    turns = [
        {"number": number, "first": 2 * (number - 1), "agent_id": "helper", "execution_id": f"e{number}", "at": MOMENT}
        | {"messages": to_document(messages)}
        for number, messages in enumerate(said, 1)
    ]
    conversation = {"id": "a", "agent_id": "helper", "title": "hi", "agents": ["helper"], "turns": 2, "messages": 5}
    moments = {"created_at": MOMENT, "updated_at": MOMENT}
    return {"circuit_breaker": 1, "conversation": conversation | moments, "turns": turns}


def changed(place, value) -> dict:
    """The document with another value at a place; without it where the value is an ellipsis."""
    whole = copy.deepcopy(document())
    inner = whole
    for step in place[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return whole


WRONG = {
    "agent_id": [5, [], "", None, "\ud800", "x" * 1000],
    "title": [5, None, ["x"], "\ud800"],
    "summary": [5, None, {}],
    "agents": ["helper", None, [5], [[]], [""], {"a": 1}],
    "turns": [None, "2", 2.0, True, -1, 3, 200_000_000, 10**30],
    "cleared": [None, "0", 0.0, False, -1, 1, 3, 10**30],
    "messages": [None, "5", 5.0, -1, 6, 10**30],
    "summarised": [None, "x", -1, 6, 10**9, 1.0],
    "context": [{"customerId": "c"}, {"user_context": 5}, {"tenant_id": 5}, [], "x"],
    "metadata": [[], "x", 5],
    "created_at": [None, 5, "", "yesterday", "2026-01-01", "2026-01-01T00:00:00", "9" * 5000],
    "updated_at": [None, "2026-01-01T00:00:00", ...],
}
WRONG_TURN = {
    "number": [None, "1", 1.0, True, 0, 2, 10**30, ...],
    "first": [None, "0", 0.0, False, -1, 1, 10**30, ...],
    "agent_id": [None, 5, "", [], ...],
    "execution_id": [None, 5, [], ...],
    "messages": [None, "hi", [5], {}, ...],
    "at": [None, 5, "2026-01-01", ...],
}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        *((("conversation", name), value) for name, values in WRONG.items() for value in values),
        *((("turns", 0, name), value) for name, values in WRONG_TURN.items() for value in values),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_what_no_export_says_is_refused(place, value):
    """J6: a member of another type, or out of its bounds, is one error of the data that names it."""
    with pytest.raises(DataInvalid) as caught:
        restored(changed(place, value))
    assert len(str(caught.value)) < 2000


def test_all_that_is_wrong_is_named_together():
    """J6: several faults of a document are told at once, each with its place and its value."""
    wrong = changed(("conversation", "title"), 5)
    wrong["turns"][1]["at"] = "yesterday"

    with pytest.raises(DataInvalid, match=r"conversation\.title: 5 .*turns\[1\]\.at: 'yesterday'"):
        restored(wrong)


def test_what_has_more_members_comes_back():
    """J6: members that nobody knows here, such as those of a later version, are left out."""
    conversation, turns = restored(changed(("conversation", "mood"), "good"))

    assert ("hi", 2, 5, [1, 2]) == (
        conversation.title,
        conversation.turns,
        conversation.messages,
        [turn.number for turn in turns],
    )


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.sampled_from([MOMENT, "a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    ("turns",),
    ("conversation",),
    *(("conversation", name) for name in WRONG),
    *(("turns", 1, name) for name in WRONG_TURN),
    *(("turns", 1, "messages", at) for at in range(3)),
]


@settings(max_examples=200)
@given(st.sampled_from(PLACES), ODD)
def test_any_document_is_read_or_refused(place, value):
    """J6: whatever stands in the document, it is read or refused, and what is read is exported again as it is."""
    try:
        conversation, turns = restored(changed(place, value))
    except DataInvalid:
        return
    assert conversation.turns - conversation.cleared == len(turns)
    assert conversation == type(conversation).from_document(json.loads(json.dumps(conversation.to_document())))


async def test_a_restored_conversation_has_the_context_of_one_that_was_created():
    """J7: the context that comes back holds for executions, and which one it was of does not."""
    whole = changed(("conversation", "context"), {"execution_id": "e", "custom_context": {"customer": "c1"}})
    async with at_work(talker(), model=script(always="ok"), tools=[Ledger().tool]) as engine:
        kept = await engine.conversations.restore(whole)
        done = await engine.run("helper", {"message": "hi"}, conversation="a")

        assert {"custom_context": {"customer": "c1"}} == kept.context
        assert [done] == await engine.executions(context={"custom_context.customer": "c1"})


@pytest.mark.parametrize("title", [5, ["x"], "\ud800"], ids=ascii)
async def test_a_title_is_a_text(title):
    """P7: what people call a conversation is a text, when it begins and when it is changed."""
    async with at_work(talker(), model=script()) as engine:
        begun = await engine.conversations.create("helper")
        with pytest.raises(DataInvalid, match="title"):
            await engine.conversations.create("helper", title=title)
        with pytest.raises(DataInvalid, match="title"):
            await engine.conversations.change(begun.id, title=title)

        assert [begun] == await engine.conversations.listed()


# What is hidden


def guarded(**members):
    """An agent that is to know nothing personal."""
    return talker(guardrails=("privacy",), **members)


async def kept(engine, conversation_id: str) -> str:
    """All that is kept of a conversation."""
    return json.dumps(await engine.conversations.export(conversation_id))


async def test_what_is_changed_is_hidden():
    """AJ2: personal data in another title or other metadata of a conversation is not kept; ids stay."""
    async with at_work(guarded(), model=script(), guardrails={"privacy": PersonalData()}) as engine:
        begun = await engine.conversations.create("helper")
        changed = await engine.conversations.change(
            begun.id, title=f"mail {MAIL}", metadata={"mail": MAIL, "user_id": "u1"}
        )

        assert ("mail [EMAIL]", {"mail": "[EMAIL]", "user_id": "u1"}) == (changed.title, changed.metadata)
        assert MAIL not in await kept(engine, begun.id)
        assert "mail [EMAIL]" == (await engine.conversations.change(begun.id, metadata={})).title


async def test_what_is_restored_is_hidden():
    """AJ2: personal data of a conversation that comes back is neither kept nor sent to the model, calls included."""
    entering = call("enter", text="a", card=4111111111111111)
    said = [user(f"I am {MAIL}"), assistant("ok", entering), tool_result(entering, f'{{"to": "{MAIL}"}}')]
    whole = changed(("turns", 0, "messages"), to_document(said))
    whole["turns"] = whole["turns"][:1]
    whole["conversation"] |= {"title": MAIL, "summary": MAIL, "context": {"custom_context": {"m": MAIL}}}
    whole["conversation"] |= {"turns": 1, "messages": 3, "metadata": {"m": MAIL}}
    model = script(always="ok")
    async with at_work(guarded(), model=model, guardrails={"privacy": PersonalData()}) as engine:
        await engine.conversations.restore(whole, id="b")
        await engine.run("helper", {"message": "hm"}, conversation="b")
        text, [turn, _] = await kept(engine, "b"), await engine.conversations.turns("b")

    assert MAIL not in text + repr(model.requests)
    assert {"text": "a", "card": "[CREDIT_CARD]"} == json.loads(turn.messages[1].tool_calls[0].arguments)
    assert {"to": "[EMAIL]"} == json.loads(turn.messages[2].tool_results[0].content)
    assert "enter-1" == turn.messages[2].tool_results[0].call_id


async def test_what_was_hidden_before_comes_back_as_it_is():
    """J6, AJ2: a conversation from which personal data was hidden is the same where it comes back."""
    model = script(ModelTurn(calls=(("enter", {"text": MAIL}),)), always="ok")
    async with at_work(
        guarded(tools=("enter",)), model=model, tools=[Ledger().tool], guardrails={"privacy": PersonalData()}
    ) as engine:
        begun = await engine.conversations.create("helper", title=MAIL)
        await engine.run("helper", {"message": f"I am {MAIL}"}, conversation=begun.id)
        await engine.conversations.restore(await engine.conversations.export(begun.id), id="b")

        assert await engine.conversations.turns(begun.id) == await engine.conversations.turns("b")


async def test_an_agent_that_is_gone_hides_nothing():
    """J6: conversations with agents that nobody knows here are kept as they are; others' turns are hidden by theirs."""
    whole = changed(("turns", 1, "agent_id"), "other")
    for turn in whole["turns"]:
        turn["messages"][0] = to_document(user(MAIL))
    whole["conversation"] |= {"agent_id": "nobody", "title": MAIL}
    whole["turns"][0]["agent_id"] = "nobody"
    async with at_work(guarded().evolve(id="other"), model=script(), guardrails={"privacy": PersonalData()}) as engine:
        kept = await engine.conversations.restore(whole)
        first, second = await engine.conversations.turns("a")

        assert (MAIL, MAIL, "[EMAIL]") == (kept.title, first.messages[0].content, second.messages[0].content)
        assert MAIL == (await engine.conversations.change("a", title=MAIL)).title


async def test_what_cannot_be_hidden_is_not_kept():
    """AJ2: where the guardrail of its agent is not given, a conversation is neither changed nor restored."""
    async with at_work(guarded(), model=script(), guardrails={"privacy": PersonalData()}) as engine:
        begun = await engine.conversations.create("helper")
        async with AgentEngine(engine.storage) as blind:
            with pytest.raises(AgentInvalid, match="privacy"):
                await blind.conversations.change(begun.id, title=MAIL)
            with pytest.raises(AgentInvalid, match="privacy"):
                await blind.conversations.restore(document())

            assert [begun] == await blind.conversations.listed()
