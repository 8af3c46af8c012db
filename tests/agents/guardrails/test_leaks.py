"""Personal data reaches the storage by no side way: memories of tools, words of checks, names, ids, vendors."""

from __future__ import annotations

import attrs
import pytest
import structlog

from circuit_breaker.agents import AgentMemory
from circuit_breaker.agents.guardrails import Check, Masked, PersonalData
from circuit_breaker.agents.guardrails.privacy import Privacy
from circuit_breaker.errors import ContentFiltered
from circuit_breaker.llm import ChatCompletionRequest, assistant
from circuit_breaker.llm.parts import Text, ToolCall
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.tools import Tool, ToolContext
from circuit_breaker.testing import ScriptedProvider
from tests.agents.guardrails.test_privacy import send_mail, shown, watched
from tests.agents.work import agent, at_work, call

MAIL = "ann@example.org"


def leaks(*places) -> list[str]:
    return [place for place in places if MAIL in place]


class Remembering(Tool):
    """Remembers whom it was called with."""

    def __init__(self) -> None:
        super().__init__("remembering", "Remembers", {"who": {"type": "string"}})
        self.knew: list[object] = []

    def execute(self, who: str, context: ToolContext):
        self.knew.append(context.state.get("who"))
        context.state["who"] = [who, {who: 4111111111111111}]
        return "ok"


@pytest.mark.parametrize("reversible", [False, True])
async def test_the_memory_of_tools_is_kept_hidden(reversible):
    """J6: what a tool remembers is kept with placeholders; it is given the values again where they are known."""
    remembering, guard = Remembering(), PersonalData(reversible=reversible)
    first = call("remembering", 1, who=MAIL) if not reversible else lambda r: call("remembering", 1, who=shown(r))
    turns = (first, call("remembering", 2, who="x"), "done")
    async with watched(guard, *turns, tools=(remembering,)) as (engine, _, kept):
        await engine.run("helper", {"q": f"I am {MAIL}"})

    known = MAIL if reversible else "[EMAIL]"
    assert [None, [known, {known: "4111111111111111" if reversible else "[CREDIT_CARD]"}]] == remembering.knew
    assert [] == leaks(*kept)
    assert [] == [place for place in kept if "4111111111111111" in place]


def says(_):
    return f"{MAIL} must not be named"


def raises(_):
    raise ValueError(f"{MAIL} is not known")


def masks(_):
    return Masked({"text": f"write to {MAIL}"})


@pytest.mark.parametrize("judge", [says, raises, masks])
@pytest.mark.parametrize("action", ["fail", "retry"])
async def test_what_a_check_says_is_kept_hidden(judge, action):
    """J6: the words of a function, its error and its output reach neither the storage nor the model."""
    model, guards = ScriptedProvider(always="fine"), {"privacy": PersonalData(), "c": Check(judge, action=action)}
    async with watched(PersonalData(), tools=()) as (engine, _, kept):
        judged, storage = agent("judged", guardrails=("privacy", "c")), engine.office.storage
        async with at_work(judged, storage=storage, model=model, guardrails=guards) as other:
            execution = await other.run("judged", {"q": "?"})

    assert [] == leaks(*kept, repr(execution), repr([one.messages for one in model.requests]))
    assert kept


@pytest.mark.parametrize(
    "wrong", [ToolCall(id="1", name=MAIL), ToolCall(id=MAIL, name="send_mail", arguments='{"to": "x", "text": "y"}')]
)
async def test_names_and_ids_of_calls_are_hidden(wrong):
    """J6: a model that puts a mail address where the name or the id of a call stands does not have it stored."""
    async with watched(PersonalData(), wrong, "done", tools=(send_mail,)) as (engine, model, kept):
        execution = await engine.run("helper", {"q": "?"})
    said, given = model.requests[1].messages[-2:]

    assert "completed" == execution.status
    assert said.tool_calls[0].id == given.tool_results[0].call_id
    assert [] == leaks(*kept, repr(model.requests[1].messages))


def test_a_tool_keeps_its_name():
    """The name of a tool that there is stays, whatever it looks like."""
    privacy = Privacy(PersonalData(names=["Bob"]), "e1")
    said = assistant(ToolCall(id="1", name="bob"))
    request = ChatCompletionRequest(model="m", messages=[], tools=())
    named = attrs.evolve(request, tools=(attrs.make_class("Named", ["name"])("bob"),))
    response = ChatCompletionResponse(id="r", model="m", choices=(Choice(message=said),))

    assert ["bob", "[NAME]"] == [privacy.heard(response, one).tool_calls[0].name for one in (named, request)]


def test_what_only_a_vendor_knows_is_not_kept():
    """J6: probabilities of pieces and the like are left out; what goes back to the vendor with a message is hidden."""
    message = assistant(Text("hi", extra={"cited": MAIL}))
    message = attrs.evolve(message, extra={"annotations": [{"title": MAIL}]}, name=MAIL)
    choice = Choice(message=message, extra={"logprobs": [{"token": "ann"}, {"token": "@example.org"}]})
    response = ChatCompletionResponse(id="r", model="m", choices=(choice,), extra={"citations": [MAIL]})
    heard = Privacy(PersonalData(), "e1").heard(response, ChatCompletionRequest(model="m", messages=[]))

    assert ({}, {}) == (dict(heard.extra), dict(heard.choices[0].extra))
    assert {"annotations": [{"title": "[EMAIL]"}]} == heard.message.extra
    assert ("[EMAIL]", {"cited": "[EMAIL]"}) == (heard.message.name, heard.message.parts[0].extra)


async def test_what_others_have_said_is_hidden_for_an_agent():
    """J6: an agent that hides personal data is shown a conversation without it, whoever else has a part in it."""
    model = ScriptedProvider(f"I am {MAIL}", "ok")
    plain, guarded = (agent(name, memory=AgentMemory()) for name in ("plain", "guarded"))
    async with at_work(plain, guarded.evolve(guardrails=("personal_data",)), model=model) as engine:
        talk = await engine.conversations.create("plain")
        await engine.run("plain", {"q": f"Write to {MAIL}"}, conversation=talk.id)
        await engine.run("guarded", {"q": "And?"}, conversation=talk.id)

    assert ["You help.", "Write to [EMAIL]", "[plain said] I am [EMAIL]", "And?"] == [
        message.content for message in model.requests[1].messages
    ]


async def test_the_log_says_nothing_personal_of_a_summary_that_fails():
    """J6: the error of a model that does not summarise is logged without personal data."""

    def turn(request):
        return ContentFiltered(f"about {MAIL}") if "ummar" in repr(request.messages) else "fine " * 50

    definition = agent(memory=AgentMemory(tokens=200, messages=2, summaries=True), guardrails=("personal_data",))
    with structlog.testing.capture_logs() as logs:
        async with at_work(definition, model=ScriptedProvider(always=turn)) as engine:
            talk = await engine.conversations.create("helper")
            for _ in range(4):
                await engine.run("helper", {"q": "go"}, conversation=talk.id)

    assert "about [EMAIL]" in [one.get("error") for one in logs]


async def test_only_an_id_that_is_one_stays():
    """J6: what stands under the name of an id is kept where it is a text or a number, and hidden where it is more."""
    async with watched(PersonalData(), "ok", tools=()) as (engine, _, kept):
        context = {"custom_context": {"customer_id": {"mail": MAIL}, "order_id": 7}}
        execution = await engine.run("helper", {"q": "?"}, context=context)

    assert {"customer_id": {"mail": "[EMAIL]"}, "order_id": 7} == execution.context.custom_context
    assert [] == leaks(*kept)
