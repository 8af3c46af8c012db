"""Personal data stays out of what is stored and streamed, and reaches only whom it is meant for."""

from __future__ import annotations

import json
import re
from contextlib import asynccontextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.agents import AgentMemory, AgentPrompts
from circuit_breaker.agents.guardrails import PersonalData
from circuit_breaker.llm.parts import Text, Thinking
from circuit_breaker.llm.tools import Tool, tool
from circuit_breaker.storage import connect
from circuit_breaker.testing import HANG, ModelTurn, ScriptedProvider
from tests.agents.guardrails.waiting import until_asked
from tests.agents.work import agent, at_work, call, events_of

SECRETS = ("ann@example.org", "Ann Smith", "4111 1111 1111 1111", "+49 170 1234567")
SENT: list[str] = []


@tool
def send_mail(to: str, text: str) -> dict[str, str]:
    """Sends a mail."""
    SENT.append(to)
    return {"sent_to": to, "copy": "bob@example.org\nann@example.org"}


class Lookup(Tool):
    """Gives its result in pieces that cut what is personal."""

    def __init__(self) -> None:
        super().__init__("lookup", "Looks somebody up", {"who": {"type": "string"}})

    async def execute(self, who: str):
        yield f"{who}: ann@exam"
        yield "ple.org, +49 170 12"
        yield "34567."


@asynccontextmanager
async def watched(guard, *turns, tools=(send_mail,), **members):
    """An engine with an agent under one guardrail, its model, and all that was written to the storage."""
    names = tuple(one.name for one in tools)
    definition = agent(guardrails=("privacy",), tools=names, **members)
    model = ScriptedProvider(*turns)
    async with connect("memory://") as storage:
        written: list[str] = []
        append = storage.streams.append

        async def noted(stream, documents, **options):
            written.extend(repr(one) for one in [*documents, *options.get("put", ())])
            return await append(stream, documents, **options)

        storage.streams.append = noted
        async with at_work(
            definition, storage=storage, model=model, tools=list(tools), guardrails={"privacy": guard}
        ) as engine:
            yield engine, model, written


def asked(model) -> str:
    """All that a model was sent."""
    return repr([request.messages for request in model.requests])


@pytest.fixture(autouse=True)
def _no_mail():
    SENT.clear()


QUESTION = {"q": "Write to Ann Smith, ann@example.org, card 4111 1111 1111 1111, call +49 170 1234567"}


def shown(request) -> str:
    """The placeholder of the mail address in the question."""
    return re.findall(r"\[EMAIL_\w+\]", next(one.content for one in request.messages if one.role == "user"))[0]


def send(request):
    """A model that sends a mail to whoever stands in the question."""
    return call("send_mail", to=shown(request), text="hello")


async def test_nothing_personal_is_stored_streamed_or_sent_to_the_model():
    """Input, context, tool results, calls, thoughts and answers are hidden before anybody is given them."""
    parts = (Thinking(text="I know ann@example.org"), Text("Sent to ann@example.org"), Text(", Ann Smith."))
    turns = (call("send_mail", to="x", text="ann@example.org"), ModelTurn(says=parts, pieces=3))
    async with watched(PersonalData(names="Ann Smith"), *turns) as (engine, model, written):
        context = {"user_context": {"user_id": "u1", "mail": "ann@example.org"}}
        execution = await engine.run("helper", QUESTION, context=context)
        found = await engine.executions(context={"user_context.user_id": "u1"})
        events = await events_of(engine, execution.id)

    assert "Sent to [EMAIL], [NAME]." == execution.final_response
    assert "I know [EMAIL]" == "".join(one.content for one in events if getattr(one, "status", "") == "thought")
    assert "[EMAIL]" == execution.get_context_value("user_context.mail")
    assert [execution] == found
    everything = [asked(model), repr(execution), repr(events), *written]
    assert [] == [secret for secret in SECRETS for place in everything if secret in place]


async def test_tools_are_given_the_value_behind_a_placeholder():
    """Reversible: the model sees placeholders, the tool the value, and what the tool gives is hidden again."""
    guard = PersonalData(reversible=True, names="Ann Smith")
    async with watched(guard, send, lambda request: f"Done for {shown(request)}") as (engine, model, written):
        execution = await engine.run("helper", QUESTION)
        ann, bob = (guard.vault.placeholder(execution.id, "email", f"{who}@example.org") for who in ("ann", "bob"))

    assert ["ann@example.org"] == SENT
    assert {"sent_to": ann, "copy": f"{bob}\n{ann}"} == json.loads(_tool_content(model))
    assert "Done for ann@example.org" == guard.restored(execution.id, execution.final_response)
    assert [] == [secret for secret in SECRETS for place in [asked(model), *written] if secret in place]


def _tool_content(model) -> str:
    return model.requests[-1].messages[-1].tool_results[0].content


async def test_the_model_may_be_told_what_nobody_else_is():
    """Told: the model is sent the values, while storage and followers have placeholders."""
    guard = PersonalData(reversible=True, told=True)
    turns = (call("send_mail", to="ann@example.org", text="hi"), "I wrote to ann@example.org")
    async with watched(guard, *turns) as (engine, model, written):
        execution = await engine.run("helper", QUESTION)

    assert "ann@example.org" in asked(model)
    assert ["ann@example.org"] == SENT
    assert re.fullmatch(r"I wrote to \[EMAIL_\w{6}\]", execution.final_response)
    assert [] == [place for place in written if "ann@example.org" in place]


async def test_a_tool_in_pieces_gives_nothing_away_at_a_border():
    """Pieces of a result that cut a mail address are put together before they are told."""
    async with watched(PersonalData(), call("lookup", who="x"), "ok", tools=(Lookup(),)) as (engine, model, _):
        execution = await engine.run("helper", QUESTION)
        events = await events_of(engine, execution.id)

    partial = "".join(event.result["message"] for event in events if getattr(event, "partial", False))
    assert "x: [EMAIL], [PHONE]." == partial == _tool_content(model)


class Strict(Tool):
    """Takes only what looks like a mail address."""

    def __init__(self) -> None:
        super().__init__("strict", "Strict", {"to": {"type": "string", "pattern": "^[^@]+@[^@]+$"}})

    async def execute(self, to: str):
        SENT.append(to)
        return "gone"


async def test_the_value_must_fit_the_schema_not_the_placeholder():
    """A schema of a tool judges the value behind the placeholder; a value that does not fit is told to the model."""
    guard = PersonalData(reversible=True)
    turns = (lambda request: call("strict", 1, to=shown(request)), call("strict", 2, to="nobody"), "ok")
    async with watched(guard, *turns, tools=(Strict(),)) as (engine, model, _):
        await engine.run("helper", QUESTION)

    assert ["ann@example.org"] == SENT
    assert "pattern" in str(model.requests[0].tools[0].parameters)
    assert "strict' failed" in _tool_content(model)


async def test_what_only_a_dead_process_knew_stays_hidden():
    """After a crash nobody knows the value behind a placeholder: the tool is given that, and no other value."""
    definition = agent(guardrails=("privacy",), tools=("send_mail",))
    async with connect("memory://") as storage:
        first = {"privacy": PersonalData(reversible=True)}
        model = ScriptedProvider(HANG)
        async with at_work(definition, storage=storage, model=model, tools=[send_mail], guardrails=first) as engine:
            begun = await engine.start("helper", QUESTION)
            await until_asked(engine, begun.id)
        then = {"privacy": PersonalData(reversible=True)}
        model = ScriptedProvider(send, "ok")
        async with at_work(storage=storage, model=model, tools=[send_mail], guardrails=then) as engine:
            execution = await engine.wait(begun.id)

    assert "completed" == execution.status
    assert re.fullmatch(r"\[EMAIL_\w{6}\]", SENT[0])
    assert SENT[0] in execution.input["q"]


async def test_an_error_is_hidden_too():
    """What an error says is stored and told without personal data."""
    async with watched(PersonalData(), RuntimeError("no account for ann@example.org")) as (engine, _, written):
        execution = await engine.run("helper", QUESTION)

    assert "no account for [EMAIL]" in execution.error["message"]
    assert [] == [place for place in written if "ann@example.org" in place]


@settings(max_examples=25)
@given(st.integers(1, 7), st.integers(0, 40))
async def test_a_stream_of_an_answer_adds_up_to_it(pieces, cut):
    """However an answer is cut, the pieces that are told are together the response, and none has a secret."""
    text = ("x" * cut) + " ann@example.org and DE89 3704 0044 0532 0130 00 or 10.0.0.1"
    async with watched(PersonalData(), ModelTurn(says=text, pieces=pieces)) as (engine, _, _w):
        execution = await engine.run("helper", {"q": "x"})
        events = await events_of(engine, execution.id)

    told = "".join(event.content for event in events if type(event).__name__ == "ContentChunk")
    assert ("x" * cut) + " [EMAIL] and [IBAN] or [IP]" == told == execution.final_response


async def test_structured_answers_are_hidden_by_value():
    """The parsed output and the response stay JSON, without what is personal."""
    schema = {"type": "object", "properties": {"mail": {"type": "string"}}, "required": ["mail"]}
    prompts = AgentPrompts(user_template="{q}")
    async with watched(PersonalData(), '{"mail": "\\u0061nn@example.org"}', output_schema=schema, prompts=prompts) as (
        engine,
        _,
        _w,
    ):
        execution = await engine.run("helper", {"q": "x"})

    assert {"mail": "[EMAIL]"} == execution.output == json.loads(execution.final_response)


async def test_a_conversation_has_the_same_placeholders_all_along():
    """J6: what was hidden in one execution of a conversation is restored for the tools of the next; nothing personal is
    in the conversation.
    """
    guard = PersonalData(reversible=True)
    members = {"memory": AgentMemory(), "prompts": AgentPrompts(system="You help."), "inputs": ()}
    async with watched(guard, "Hello!", send, "Sent.", **members) as (engine, model, written):
        talk = await engine.conversations.create("helper", context={"user_context": {"mail": "ann@example.org"}})
        first = await engine.run("helper", {"message": "I am ann@example.org"}, conversation=talk.id)
        second = await engine.run("helper", {"message": "Write to me."}, conversation=talk.id)
        kept = repr(await engine.conversations.get(talk.id))

    assert ["completed", "completed"] == [first.status, second.status]
    assert ["ann@example.org"] == SENT
    assert [] == [place for place in [asked(model), kept, *written] if "ann@example.org" in place]
