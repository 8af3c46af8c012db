"""What lies between an execution, its model and its tools, by itself."""

from __future__ import annotations

import json

import pytest

from circuit_breaker.agents.guardrails import PersonalData, Untrusted
from circuit_breaker.agents.guardrails.hiding import Hider
from circuit_breaker.agents.guardrails.privacy import Privacy, PrivateModel
from circuit_breaker.agents.guardrails.private_tools import private_tools
from circuit_breaker.agents.guardrails.untrusted import FencedModel
from circuit_breaker.errors import ProviderOverloaded
from circuit_breaker.llm import ChatCompletionRequest, assistant, system, user
from circuit_breaker.llm.parts import Image, Text, Thinking, ToolCall
from circuit_breaker.llm.stream import StreamFailed, TextDelta
from circuit_breaker.llm.tools import Tool, ToolContext, Toolset, run_tool_call, tool
from circuit_breaker.testing import ModelTurn, ScriptedProvider

MAIL = "ann@example.org"


def request(text: str = "hello") -> ChatCompletionRequest:
    return ChatCompletionRequest(model="m", messages=[user(text)])


def private(**members) -> Privacy:
    return Privacy(PersonalData(**members), "e1")


async def test_an_answer_that_comes_whole_is_hidden():
    """A model that is asked without streaming is behind the same privacy, and keeps its other abilities."""
    model = PrivateModel(ScriptedProvider(f"to {MAIL}"), private())

    assert "to [EMAIL]" == (await model.complete(request())).content
    assert "scripted" == model.name


async def test_half_of_a_value_is_not_told_when_a_stream_breaks():
    """What was held back when an answer breaks off is never given out, and what was delivered is hidden."""
    error = ProviderOverloaded("too much", provider="scripted")
    turn = ModelTurn(says=f"to {MAIL} and bob@example.org", pieces=4, breaks_after=6, error=error)
    async with PrivateModel(ScriptedProvider(turn), private()).stream(request()) as events:
        found = [event async for event in events]

    assert "to [EMAIL] and " == "".join(event.text for event in found if isinstance(event, TextDelta))
    assert isinstance(found[-1], StreamFailed)
    assert MAIL not in repr(found[-1].partial)


@pytest.mark.parametrize(("told", "signature"), [(True, "s"), (False, None)])
def test_a_thought_that_was_changed_is_not_signed_any_more(told, signature):
    """A signature stays with the very text that it is for: the same, or one that is restored before it goes back."""
    privacy = private(reversible=True, told=told)
    image = Image(url="https://example.org/a")
    thoughts = (Thinking(text=f"{MAIL}?", signature="s"), Thinking(text="hm", signature="t"))
    first, second, same = privacy.message(assistant(*thoughts, image)).parts

    assert (f"{privacy.hider.text(MAIL)}?", signature) == (first.text, first.signature)
    assert ("t", image) == (second.signature, same)


def test_neighbouring_texts_are_one():
    """What is personal and lies across two parts of a message is hidden."""
    message = private().message(assistant(Text("ann@exam"), Text("ple.org"), ToolCall(id="1", name="t"), Text("x")))

    assert [Text("[EMAIL]"), Text("x")] == [part for part in message.parts if isinstance(part, Text)]


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('{"a": "x\\nann@example.org"}', '{"a": "x\\n[EMAIL]"}'),
        ("[1,   2]", "[1,   2]"),
        ("{not json ann@example.org", "{not json [EMAIL]"),
        ("plain ann@example.org", "plain [EMAIL]"),
    ],
)
def test_json_stays_json(text, hidden):
    """A text that is JSON is hidden by its values; anything else as it stands, and what has nothing is not touched."""
    assert hidden == private().hider.json_text(text)


async def test_a_hider_without_finders_hides_nothing():
    """Where nothing is looked for, everything is given out at once."""
    stream = Hider((), lambda kind, value: kind).stream()

    assert [MAIL, ""] == [stream.push(MAIL), stream.end()]


class Chained(Tool):
    """Goes on to another tool."""

    def __init__(self) -> None:
        super().__init__("chained", "Chained", {"to": {"type": "string", "format": "email"}})

    async def execute(self, to: str, context: ToolContext):
        context.chain(next(one for one in context.available_tools if one.can_handle({"text": to})))
        return {"text": to}


class Pieces(Tool):
    """Gives pieces that are no texts."""

    def __init__(self) -> None:
        super().__init__("pieces", "Pieces")

    async def execute(self):
        yield {"mail": MAIL}
        yield f"and {MAIL}"


@tool
def fail(text: str) -> str:
    """Fails."""
    raise ValueError(f"no such person: {text}")


class Echo(Tool):
    """Gives back what it is given."""

    def __init__(self) -> None:
        super().__init__("echo", "Echo", {"text": {"type": "string", "enum": [MAIL]}})

    def can_handle(self, result) -> bool:
        return "text" in result

    async def execute(self, text: str):
        return f"echo of {text}"


async def test_tools_go_on_to_each_other_with_the_values():
    """A chain of tools works with the values; the model is given what comes of it, hidden. Errors are hidden, too."""
    privacy = private(reversible=True)
    tools = private_tools(Toolset(Chained(), Echo(), Pieces(), fail), privacy)
    placeholder = privacy.hider.text(MAIL)
    context = ToolContext(redact=privacy.hider.text)
    calls = [("chained", {"to": placeholder}), ("pieces", {}), ("fail", {"text": placeholder})]
    results = [
        await run_tool_call(ToolCall(id=name, name=name, arguments=json.dumps(given)), tools, context)
        for name, given in calls
    ]

    assert f"echo of {placeholder}" == results[0].content
    assert [{"mail": placeholder}, "and ", placeholder] == json.loads(results[1].content)
    assert f"no such person: {placeholder}" in results[2].content
    assert [MAIL] == list(tools.definitions()[1].parameters["properties"]["text"]["enum"])


async def test_marks_are_explained_where_there_is_no_system_prompt():
    """A conversation without a system prompt gets one that explains the marks; asked whole or as a stream."""
    inner = ScriptedProvider(always="ok")
    model = FencedModel(inner, Untrusted().fence("e1"))
    await model.complete(request())
    async with model.stream(ChatCompletionRequest(model="m", messages=[system("You help."), user("x")])) as events:
        assert [event async for event in events]

    assert ["system", "user"] == [message.role for message in inner.requests[0].messages]
    assert inner.requests[1].messages[0].content.startswith("You help.\n\nText between <untrusted-")
    assert "scripted" == model.name
