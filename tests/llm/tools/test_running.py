"""Calls of tools carried out."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time

import attrs
import pytest

from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import (
    ChainableTool,
    Tool,
    ToolContext,
    ToolLimits,
    Toolset,
    run_tool_call,
    run_tool_calls,
    tool,
)


def call(name, call_id="1", /, **arguments):
    return ToolCall(id=call_id, name=name, arguments=json.dumps(arguments))


def told(result):
    return json.loads(result.content)


@tool
async def echo(text: str, times: int = 1):
    """Says it again.

    Args:
        text: What to say.
        times: How often.
    """
    return {"text": text * times}


@tool(fallback_response={"text": "?"})
def breaking():
    """Breaks."""
    raise RuntimeError("no entry with sk-abcdefghijklmnopqrst")


@tool
async def sleeping(seconds: float):
    """Sleeps."""
    await asyncio.sleep(seconds)
    return "awake"


async def exit_later():
    await asyncio.sleep(0)
    sys.exit(3)


TOOLS = Toolset(echo, breaking, sleeping)


async def test_a_call_gives_a_result():
    """K8: the result has the id and the name of the call, and JSON of what the tool gave."""
    result = await run_tool_call(call("echo", "c7", text="ab", times=2), TOOLS)

    assert ("c7", "echo", False) == (result.call_id, result.name, result.is_error)
    assert {"text": "abab"} == told(result)


async def test_all_faults_of_the_arguments_are_told_to_the_model():
    """Arguments that do not fit never reach the tool."""
    result = await run_tool_call(call("echo", times="two", loud=True), TOOLS)

    assert result.is_error
    assert 3 == len(told(result)["faults"])
    assert "times" in result.content


@pytest.mark.parametrize("arguments", ['{"text": "a"', "[1]", '{"text": "a"} x', '{"text": NaN}'])
async def test_arguments_that_are_no_json_object_are_told_of(arguments):
    """What cannot be read is an error for the model, which names the tool."""
    result = await run_tool_call(ToolCall(id="1", name="echo", arguments=arguments), TOOLS)

    assert result.is_error
    assert "'echo'" in told(result)["error"]


@pytest.mark.parametrize("arguments", ["", " ", "null", "{}"])
async def test_no_arguments_can_be_written_in_many_ways(arguments):
    """A model that has nothing to say may write nothing."""
    result = await run_tool_call(ToolCall(id="1", name="echo", arguments=arguments), TOOLS)

    assert ['"text" is a required property'] == told(result)["faults"]


async def test_an_unknown_tool_is_told_with_the_nearest():
    """A tool that is not there is no exception: the model can do better next time."""
    result = await run_tool_call(call("ecko"), TOOLS)

    assert "did you mean 'echo'?" in told(result)["error"]
    assert ["echo", "breaking", "sleeping"] == told(result)["available"]
    assert "there are none" in told(await run_tool_call(call("ecko"), Toolset()))["error"]


async def test_a_failure_becomes_error_and_fallback():
    """K4: the model is told what was wrong and what stands in for it; no traceback, no key."""
    result = await run_tool_call(call("breaking"), TOOLS)

    assert {
        "error": "the tool 'breaking' failed: RuntimeError: no entry with ***",
        "fallback": {"text": "?"},
    } == told(result)
    assert result.is_error


async def test_a_call_ends_after_its_time():
    """The shorter of the tool's time and the limit counts, for async tools and plain ones."""
    slow = Tool("slow", "Is slow", timeout=0.05)
    slow.execute = lambda: time.sleep(0.5)
    started = time.monotonic()
    results = await run_tool_calls(
        [call("slow"), call("sleeping", "2", seconds=9)],
        TOOLS.add_tool(slow),
        ToolContext(limits=ToolLimits(seconds=0.1)),
    )

    assert ["0.05 seconds", "0.1 seconds"] == [told(result)["error"].rpartition("than ")[2] for result in results]
    assert time.monotonic() - started < 0.4


@pytest.mark.parametrize("leave", [lambda: sys.exit(3), exit_later], ids=["plain", "async"])
async def test_a_tool_that_ends_the_program_has_failed(leave):
    """sys.exit() in a tool is a failure that the model is told, and not the end of the process that runs it."""
    result = await run_tool_call(call("leave"), Toolset(tool(name="leave", description="Leaves.")(leave)))
    assert (True, "the tool 'leave' ended the program with 3") == (result.is_error, told(result)["error"])


async def test_a_timeout_of_the_tools_own_is_a_failure():
    """A tool that raises TimeoutError itself has failed, and was not cut off."""

    @tool
    def giving_up():
        """Gives up."""
        raise TimeoutError("the other side is slow")

    result = await run_tool_call(call("giving_up"), Toolset(giving_up))
    assert "failed: TimeoutError: the other side is slow" in told(result)["error"]


async def test_results_stand_in_the_order_of_the_calls():
    """Calls run at the same time, and their results keep the order."""
    started = time.monotonic()
    results = await run_tool_calls(
        [call("sleeping", "a", seconds=0.1), call("sleeping", "b", seconds=0.05), call("echo", "c", text="x")], TOOLS
    )

    assert ["a", "b", "c"] == [result.call_id for result in results]
    assert time.monotonic() - started < 0.15


async def test_only_so_many_calls_run_at_once():
    """Parallel calls are bounded."""
    running = most = 0

    @tool
    async def counting():
        """Counts."""
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    calls = [call("counting", str(at)) for at in range(9)]
    await run_tool_calls(calls, Toolset(counting), ToolContext(limits=ToolLimits(at_once=3)))
    assert (0, 3) == (running, most)


async def test_cancelling_the_caller_cancels_every_call():
    """Nothing goes on when whoever wanted it is gone."""
    stopped = []

    @tool
    async def waiting(name: str):
        """Waits."""
        try:
            await asyncio.sleep(60)
        finally:
            stopped.append(name)

    calls = [call("waiting", name, name=name) for name in "ab"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await run_tool_calls(calls, Toolset(waiting))
    assert ["a", "b"] == sorted(stopped)


async def test_a_tool_that_cancels_itself_has_failed():
    """A cancellation that nobody asked for is a result, and does not end the execution."""

    @tool
    async def confused():
        """Is confused."""
        raise asyncio.CancelledError

    assert "was cancelled" in told(await run_tool_call(call("confused"), Toolset(confused)))["error"]


async def test_a_plain_tool_does_not_hold_up_the_loop():
    """A tool that is not async works in a thread."""

    @tool
    def where():
        """Says where."""
        return {"main": threading.current_thread() is threading.main_thread()}

    assert {"main": False} == told(await run_tool_call(call("where"), Toolset(where)))


async def test_the_state_lasts_for_an_execution():
    """K11: calls of one execution share a state, and each knows which call it is."""

    @tool
    def noting(context: ToolContext):
        """Notes."""
        context.state.setdefault("calls", []).append((context.tool, context.call_id))

    context = ToolContext()
    for call_id in ("1", "2"):
        await run_tool_call(call("n_noting", call_id), Toolset(noting).prefixed("n_"), context)
    assert [("n_noting", "1"), ("n_noting", "2")] == context.state["calls"]
    assert "" == context.call_id


async def test_progress_is_told_while_the_tool_works():
    """K11: a tool says how far it is, and what it has found so far."""
    seen = []

    class Counter(Tool):
        async def execute(self, context):
            context.progress("half", 0.5)
            return "done"

    await run_tool_call(call("count", "c1"), Toolset(Counter("count", "Counts")), ToolContext(report=seen.append))
    assert [("count", "c1", "half", 0.5)] == [attrs.astuple(each) for each in seen]


async def test_a_result_may_come_in_pieces():
    """K11: each piece of a streamed result is told when it comes; together they are the result."""

    @tool
    async def telling(count: int, text: bool = True):
        """Tells."""
        for number in range(count):
            yield f"{number} " if text else {"number": number}

    seen = []
    context = ToolContext(report=lambda progress: seen.append(progress.message))
    whole = await run_tool_call(call("telling", count=3), Toolset(telling), context)
    listed = await run_tool_call(call("telling", count=2, text=False), Toolset(telling))

    assert ("0 1 2 ", ["0 ", "1 ", "2 "]) == (whole.content, seen)
    assert [{"number": 0}, {"number": 1}] == told(listed)


def test_limits_are_positive():
    """A limit that would stop everything is refused."""
    for name in ("seconds", "output", "at_once", "chained"):
        with pytest.raises(ValueError, match=name):
            ToolLimits(**{name: 0})


async def test_a_call_that_needs_approval_waits_for_a_person():
    """K10: without an approval the call is refused; nobody asked is nobody approved."""
    asked = []

    async def approve(wanted):
        asked.append(wanted.id)
        return wanted.id == "yes"

    tools = Toolset(echo).with_approval("echo")
    for call_id, approving, failed in (("yes", approve, False), ("no", approve, True), ("yes", None, True)):
        result = await run_tool_call(call("echo", call_id, text="a"), tools, ToolContext(approve=approving))
        assert failed == result.is_error
    assert ["yes", "no"] == asked
    assert "approval of a person" in result.content


async def test_a_tool_for_other_roles_is_not_there():
    """K10: whoever may not have it called learns nothing of it."""
    tools = Toolset(echo, breaking).restricted({"echo": "admin"})

    assert "there is no tool 'echo'" in told(await run_tool_call(call("echo", text="a"), tools))["error"]
    assert not (await run_tool_call(call("echo", text="a"), tools, ToolContext(roles={"admin"}))).is_error


@attrs.frozen
class Point:
    x: int


@pytest.mark.parametrize(
    ("given", "content"),
    [("text", "text"), (None, "null"), ([1, 2], "[1, 2]"), (Point(3), '{"x": 3}'), ({"a": {2, 1}}, '{"a": [1, 2]}')],
)
async def test_results_are_told_as_text_or_json(given, content):
    """A text stays as it is, values become JSON."""

    @tool
    def giving():
        """Gives."""
        return given

    assert content == (await run_tool_call(call("giving"), Toolset(giving))).content


@pytest.mark.parametrize("given", [object(), float("nan"), {"a": b"x"}])
async def test_a_result_that_is_no_json_is_a_failure(given):
    """The model never sees the form of an object in memory."""

    @tool
    def giving():
        """Gives."""
        return given

    assert (await run_tool_call(call("giving"), Toolset(giving))).is_error


async def test_a_result_that_is_too_long_is_cut():
    """A tool cannot fill the whole context, and the model is told what is missing."""
    limits = ToolLimits(output=10)
    result = await run_tool_call(call("echo", text="a", times=99), TOOLS, ToolContext(limits=limits))

    assert result.content.startswith('{"text": "\n… (cut: 10 of ')


async def test_secrets_are_taken_out_of_results():
    """What the operator calls a secret reaches no model, in results and in errors."""
    context = ToolContext(redact=lambda text: text.replace("hush", "***"))

    assert "hush" not in (await run_tool_call(call("echo", text="hush"), TOOLS, context)).content
    assert "hush" not in (await run_tool_call(call("hush"), TOOLS, context)).content


class Split(ChainableTool):
    def __init__(self, **options):
        super().__init__("split", "Splits", {"text": "string"}, {"words": "array"}, **options)

    def execute(self, input, context):  # noqa: A002
        result = {"words": input["text"].split()}
        following = next((other for other in context.available_tools if other.can_handle(result)), None)
        if following:
            context.chain(following)
        return result


class Count(ChainableTool):
    def __init__(self, given="count"):
        super().__init__("count", "Counts", {"words": "array"}, {"count": "integer"})
        self.given = given

    def execute(self, input, context):  # noqa: A002
        return {self.given: len(input["words"])}


async def test_a_tool_goes_on_to_another():
    """K2: a tool finds the next among the available ones; what that gives is the result."""
    assert {"count": 3} == told(await run_tool_call(call("split", text="a b c"), Toolset(Split(), Count())))
    assert {"words": ["a"]} == told(await run_tool_call(call("split", text="a"), Toolset(Split())))


async def test_what_a_chainable_tool_gives_must_be_as_it_says():
    """A result that does not fit the output schema is a failure."""
    result = await run_tool_call(call("split", text="a"), Toolset(Split(), Count("number")))

    assert "gave a result that is not as it says" in told(result)["error"]


@pytest.mark.parametrize(
    ("tools", "reason"),
    [
        (Toolset(Split(), Count()).with_approval("count"), "needs the approval"),
        (Toolset(Split(), Count()).filter(lambda offer: True), None),
    ],
)
async def test_a_chain_leads_nowhere_that_a_call_may_not(tools, reason):
    """A tool that a person must approve is not reached by way of another."""
    result = await run_tool_call(call("split", text="a"), tools)

    assert (reason is None) == (not result.is_error)
    assert reason is None or reason in result.content


@pytest.mark.parametrize(
    ("given", "reason"),
    [("no mapping", "is no mapping"), ({"text": 5}, "are wrong")],
)
async def test_a_chain_needs_a_result_that_fits(given, reason):
    """The next tool gets what its schema allows."""

    class Leading(Tool):
        def execute(self, context):
            context.chain(echo)
            return given

    result = await run_tool_call(call("leading"), Toolset(Leading("leading", "Leads"), echo))
    assert reason in told(result)["error"]


async def test_a_chain_is_bounded_and_stays_inside():
    """Tools that go on to themselves for ever are stopped, and only available ones are gone on to."""

    class Endless(ChainableTool):
        def execute(self, input, context):  # noqa: A002
            context.chain(self)
            return {}

    class Foreign(Tool):
        def execute(self, context):
            context.chain(echo)
            return {}

    tools = Toolset(Endless("endless", "Never ends"), Foreign("foreign", "Goes abroad"))
    assert "went on to more than 8 tools" in told(await run_tool_call(call("endless"), tools))["error"]
    assert "is not available" in told(await run_tool_call(call("foreign"), tools))["error"]


async def test_several_failures_at_once_are_told():
    """A tool that runs tasks of its own may fail with a group of errors."""

    @tool
    async def grouped():
        """Fails."""
        raise ExceptionGroup("both", [ValueError("one"), KeyError("two")])

    result = told(await run_tool_call(call("grouped"), Toolset(grouped)))
    assert "ValueError: one; KeyError: 'two'" in result["error"]
