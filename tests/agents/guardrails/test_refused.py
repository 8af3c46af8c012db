"""What was refused of an agent does not stay in its conversation."""

from __future__ import annotations

import json

import pytest

from circuit_breaker.agents import AgentMemory
from circuit_breaker.agents.guardrails import Check
from circuit_breaker.llm.tools import tool
from circuit_breaker.testing import ModelTurn, ScriptedProvider
from tests.agents.work import agent, at_work, call

SCHEMA = {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}
NO_SECRETS = "!data.output.text.contains('SECRET')"
OTHER = agent("other", memory=AgentMemory())


@tool
def look(text: str) -> str:
    """Looks."""
    return "found"


async def kept(*turns, action="retry", decided=False, **members):
    """What is kept of a conversation with an agent that must not say SECRET, and what the next agent is shown."""
    definition = agent(memory=AgentMemory(), guardrails=("calm",), tools=("look",), **members)
    model = ScriptedProvider(*turns, "seen")
    guards = {"calm": Check(NO_SECRETS, action=action, message="no secrets")}
    async with at_work(definition, OTHER, model=model, guardrails=guards, tools=[look]) as engine:
        talk = await engine.conversations.create("helper")
        await engine.run("helper", {"q": "before"}, conversation=talk.id)
        execution = await engine.run("helper", {"q": "What is it?"}, conversation=talk.id)
        if decided:
            await engine.approve(execution.id, execution.approval["digest"], by="ann")
            execution = await engine.wait(execution.id)
        (_, turn) = await engine.conversations.turns(talk.id)
        exported = json.dumps(await engine.conversations.export(talk.id))
        readable = await engine.conversations.as_markdown(talk.id)
        await engine.run("other", {"q": "What was said?"}, conversation=talk.id)
    shown = repr(model.requests[-1].messages)
    assert "completed" == execution.status, execution.error
    return [message.role for message in turn.messages], f"{exported}{readable}{shown}", model


LOOK = call("look", text="x")


@pytest.mark.parametrize(
    ("turns", "members", "roles"),
    [
        (("The SECRET is 42", "fine"), {}, ["user", "assistant"]),
        (("The SECRET", "a SECRET", "fine"), {}, ["user", "assistant"]),
        (("The SECRET", LOOK, "fine"), {}, ["user", "assistant", "tool", "assistant"]),
        (("The SECRET", LOOK, "SECRET", "fine"), {}, ["user", "assistant", "tool", "assistant"]),
        (('{"text": "SECRET"}', "no JSON", '{"text": "fine"}'), {"output_schema": SCHEMA}, ["user", "assistant"]),
    ],
)
async def test_a_refused_answer_is_forgotten(turns, members, roles):
    """Neither the refused answer nor the request to answer again is in the conversation, an export or a prompt."""
    first = '{"text": "ok"}' if members else "ok"
    found, everything, _ = await kept(first, *turns, **members)

    assert roles == found
    assert "SECRET" not in everything
    assert "cannot be given out" not in everything
    assert "What is it?" in everything


async def test_a_refused_answer_is_forgotten_after_a_person_has_decided():
    """What was refused before a person had to approve a call is not in the conversation either."""
    turns = ("ok", "The SECRET is 42", LOOK, "fine")
    roles, everything, _ = await kept(*turns, decided=True, approve=("look",))

    assert ["user", "assistant", "tool", "assistant"] == roles
    assert "SECRET" not in everything


@pytest.mark.parametrize("action", ["fail", "mask", "retry"])
async def test_what_is_said_beside_a_call_is_not_kept(action):
    """Text beside a call of a tool, which nobody judges, is shown to the model in the same execution alone."""
    turns = ("ok", ModelTurn(says="The SECRET is 42", calls=(("look", {"text": "x"}),)), "fine")
    roles, everything, model = await kept(*turns, action=action)

    assert ["user", "assistant", "tool", "assistant"] == roles
    assert "SECRET" not in everything
    assert "SECRET" in repr(model.requests[2].messages)
