"""The loop: model, tools, model, until there is an answer."""

from __future__ import annotations

import asyncio
import json

import attrs
import pytest

from circuit_breaker.errors import ConnectionFailed, RateLimitExceeded, RequestRefused, ResponseInvalid, StorageFull
from circuit_breaker.llm.loop import (
    AnswerDelta,
    ApprovalNeeded,
    Loop,
    LoopEnded,
    LoopLimits,
    LoopOptions,
    LoopState,
    Planned,
    RepetitionTold,
    Surroundings,
    ToolEnded,
    ToolReported,
    ToolStarted,
    answering,
    call_digest,
    calls_digest,
)
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.patience import Retries
from circuit_breaker.llm.request import ChatCompletionRequest, ResponseFormat
from circuit_breaker.llm.router import Access, LLMConfig, LLMRouter
from circuit_breaker.llm.tools import ToolContext, Toolset, tool
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider
from circuit_breaker.testing.script import HANG

SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}


@tool
def add(a: int, b: int) -> dict:
    """Adds two numbers.

    Args:
        a: One.
        b: The other.
    """
    return {"sum": a + b}


@tool
def note(text: str, context: ToolContext) -> dict:
    """Notes a text.

    Args:
        text: The text.
        context: The call.
    """
    context.state.setdefault("notes", []).append(text)
    context.progress("noting")
    return {"notes": len(context.state["notes"])}


def calls(*wanted):
    return ModelTurn(calls=tuple(wanted))


ADD = ("add", {"a": 2, "b": 3})


def request(**changes):
    return ChatCompletionRequest(model="m", messages=[user("What is 2 + 3?")], **changes)


def loop_of(*turns, tools=(add, note), options=None, asked=None, context=None):
    model = ScriptedProvider(*turns)
    return Loop(model, asked or request(), Toolset(*tools), options=options, context=context), model


async def happened(loop, *arguments, **options):
    """The events of a run, and its outcome."""
    events = []
    outcome = await loop.run(*arguments, around=Surroundings(tell=events.append), **options)
    return events, outcome


async def test_tools_are_called_until_the_model_answers():
    """B10: the results of tools go back to the model, and what it says without a call is the answer."""
    loop, model = loop_of(calls(ADD, ("note", {"text": "x"})), calls(("note", {"text": "y"})), "It is 5.")
    outcome = await loop.run()

    assert ("completed", "It is 5.", "stop") == (outcome.status, outcome.output, outcome.reason)
    assert ['{"sum": 5}', '{"notes": 1}'] == [m.tool_results[0].content for m in model.requests[1].messages[-2:]]
    assert 3 == outcome.state.iteration == len(model.requests)


async def test_a_model_that_pauses_goes_on():
    """Pains: an answer that a vendor's own tools interrupt is no end; the loop asks on, and no oftener than allowed."""
    pause = ModelTurn(says="I search.", finish_reason="paused")
    loop, model = loop_of(pause, "It is 5.")
    endless, _ = loop_of(*[pause] * 5, options=LoopOptions(limits=LoopLimits(iterations=3)))

    assert "It is 5." == (await loop.run()).output
    assert "I search." == model.requests[1].messages[-1].content
    assert ("stopped", "max_iterations") == ((found := await endless.run()).status, found.reason)


async def test_the_outcome_is_json_that_rules_can_read():
    """B11: the outcome has the answer, the calls with their results, tokens and cost as plain values."""
    loop, _ = loop_of(calls(ADD), "It is 5.")
    told = (await loop.run()).document()

    assert told == json.loads(json.dumps(told))
    assert [("add", '{"sum": 5}')] == [(call["name"], call["result"]) for call in told["tool_calls"]]
    assert told["usage"]["total_tokens"] == told["usage"]["input_tokens"] + told["usage"]["output_tokens"]
    assert (None, 2) == (told["cost"]["dollars"], told["cost"]["unpriced_calls"])


async def test_what_happens_is_told_in_order():
    """K11: calls of tools, what they say while they work, and the end are events; pieces of answers too if wanted."""
    loop, _ = loop_of(calls(("note", {"text": "x"})), "It is noted.", options=LoopOptions(streamed=True))
    events, outcome = await happened(loop)
    kinds = [type(event) for event in events]

    assert kinds.index(ToolStarted) < kinds.index(ToolReported) < kinds.index(ToolEnded) < kinds.index(AnswerDelta)
    assert outcome.output == "".join(event.text for event in events if isinstance(event, AnswerDelta))
    assert outcome == events[-1].outcome


async def test_events_can_be_read_one_by_one():
    """Whoever reads the events gets all of them, the outcome last."""
    loop, _ = loop_of(calls(ADD), "It is 5.", options=LoopOptions(streamed=True))
    async with loop.events() as events:
        seen = [event async for event in events]

    assert isinstance(seen[-1], LoopEnded)
    assert {ToolStarted, AnswerDelta} <= {type(event) for event in seen}


async def _noting(events, seen):
    async for event in events:
        seen.append(event)


async def test_a_failure_is_raised_where_the_events_are_read():
    """What the model cannot answer is an error after the events before it."""
    loop, _ = loop_of(calls(ADD), RequestRefused("no"))
    seen = []
    async with loop.events() as events:
        with pytest.raises(RequestRefused):
            await _noting(events, seen)

    assert any(isinstance(event, ToolEnded) for event in seen)


async def test_leaving_the_events_stops_the_model():
    """K11: when nobody reads the events any more, the call of the model ends and no task is left."""
    loop, model = loop_of(ModelTurn(says="word " * 100, between=0.05), options=LoopOptions(streamed=True))
    async with loop.events() as events:
        async for event in events:
            if isinstance(event, AnswerDelta):
                break

    assert 1 == model.stopped
    assert {asyncio.current_task()} == asyncio.all_tasks()


async def test_cancelling_stops_the_call():
    """A loop that is cancelled while the model answers leaves the stream at once."""
    loop, model = loop_of(ModelTurn(says="word " * 100, between=0.05), options=LoopOptions(streamed=True))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await loop.run()

    assert 1 == model.stopped


async def test_unknown_tools_and_wrong_arguments_are_told_to_the_model():
    """B10: a tool that there is not, arguments that do not fit and no JSON are results that the model can read."""
    turn = calls(("ad", {"a": 1, "b": 2}), ("add", {"a": "two", "b": 3}), ("add", '{"a": 2, "b"'))
    loop, _ = loop_of(turn, "I give up.")
    outcome = await loop.run()
    unknown, misfit, broken = (call.result for call in outcome.state.calls)

    assert [True] * 3 == [unknown.is_error, misfit.is_error, broken.is_error]
    assert "did you mean 'add'?" in unknown.content
    assert "a:" in misfit.content
    assert "no JSON" in broken.content


async def test_a_router_can_answer():
    """H6: virtual models are answered by whoever the router chooses, for the tenant of the loop."""
    asked = attrs.evolve(request(), model="cb:smart-chat")
    serving = Access(ScriptedProvider("whole", "streamed"), models=["gpt-4o"])
    async with LLMRouter(LLMConfig(providers=[serving])) as router:
        model = answering(router, tenant="t")
        whole = await Loop(model, asked).run()
        streamed = await Loop(model, asked, options=LoopOptions(streamed=True)).run()

    assert ["whole", "streamed"] == [whole.output, streamed.output]
    assert "gpt-4o" == whole.state.model
    with pytest.raises(TypeError, match="provider or a router"):
        answering(object())


# -- plans ------------------------------------------------------------------------------------------------------------


async def test_a_plan_is_made_first():
    """B10: the first call makes a plan, without tools; its steps are told, kept in the state and shown to the model."""
    loop, model = loop_of("1. Add them.\n2. Say it.", calls(ADD), "5", options=LoopOptions(plan=True))
    events, outcome = await happened(loop)

    assert () == model.requests[0].tools
    assert "add" in model.requests[0].messages[-1].content
    assert Planned(("Add them.", "Say it.")) in events
    assert ["Add them.", "Say it."] == outcome.document()["plan"]
    assert "1. Add them." in model.requests[1].messages[2].content
    assert 2 == outcome.state.iteration


# -- the form of the answer -------------------------------------------------------------------------------------------


def form():
    return request(response_format=ResponseFormat(kind="json_schema", schema=SCHEMA))


async def test_an_answer_in_a_form_is_a_value():
    """ZB11: the answer is read and checked against the schema."""
    loop, model = loop_of('```json\n{"score": 7}\n```', asked=form())

    assert {"score": 7} == (await loop.run()).parsed
    assert SCHEMA == model.requests[0].response_format.schema


async def test_an_answer_that_does_not_fit_is_mended():
    """ZB11: the model is told what is wrong and answers again; both calls are counted."""
    loop, model = loop_of('{"score": "high"}', '{"score": 7}', asked=form())
    outcome = await loop.run()

    assert {"score": 7} == outcome.parsed
    assert "score" in model.requests[1].messages[-1].content
    assert outcome.state.usage.output_tokens > 10


async def test_mending_ends():
    """ZB11: after so many repairs the answer is an error that says what does not fit."""
    options = LoopOptions(limits=LoopLimits(repairs=1))
    loop, model = loop_of("no", "never", "{}", asked=form(), options=options)
    with pytest.raises(ResponseInvalid, match="does not fit"):
        await loop.run()

    assert 2 == len(model.requests)


# -- failures ---------------------------------------------------------------------------------------------------------

SOON = LoopOptions(retries=Retries(most=3, pause=0.0))


async def test_a_model_that_fails_is_asked_again():
    """B16, G30: what may go better is tried up to three times more, and then raised."""
    loop, model = loop_of(ConnectionFailed("down"), RateLimitExceeded("busy"), "here", options=SOON)
    assert "here" == (await loop.run()).output
    assert 3 == len(model.requests)

    loop, model = loop_of(*[ConnectionFailed("down")] * 9, options=SOON)
    with pytest.raises(ConnectionFailed):
        await loop.run()
    assert 4 == len(model.requests)


@pytest.mark.parametrize("error", [RequestRefused("no"), ConnectionFailed("down", attempt=4)])
async def test_what_cannot_go_better_is_not_tried_again(error):
    """B16: neither a refusal, nor what the provider has tried again by itself."""
    loop, model = loop_of(error, options=SOON)
    with pytest.raises(type(error)):
        await loop.run()

    assert 1 == len(model.requests)


async def test_nothing_is_asked_again_after_content():
    """A stream that breaks off after content is an error: what was delivered would be delivered twice."""
    turn = ModelTurn(says="a long answer that breaks", breaks_after=3)
    loop, model = loop_of(turn, options=attrs.evolve(SOON, streamed=True))
    with pytest.raises(ConnectionFailed):
        await loop.run()

    assert 1 == len(model.requests)


async def test_a_stream_without_an_end_is_an_error():
    """A provider that breaks the contract is told apart from one that has answered."""

    class Endless(ScriptedProvider):
        def stream(self, request):
            return _Nothing()

    class _Nothing:
        async def __aenter__(self):
            return self

        async def __aexit__(self, *_):
            return None

        def __aiter__(self):
            return self

        async def __anext__(self):
            raise StopAsyncIteration

    with pytest.raises(ResponseInvalid, match="without an end"):
        await Loop(Endless(), request(), options=LoopOptions(streamed=True)).run()


async def test_a_wrong_request_is_refused_before_anybody_is_asked():
    """Parameters out of their ranges are an error, and the model is not asked."""
    loop, model = loop_of("x", asked=request(temperature=9.0))
    with pytest.raises(RequestRefused, match="temperature"):
        await loop.run()

    assert [] == model.requests


# -- approval ---------------------------------------------------------------------------------------------------------


def guarded(*turns):
    model = ScriptedProvider(*turns)
    return Loop(model, request(), Toolset(add, note).with_approval("add")), model


async def test_a_person_approves_a_call():
    """K11: a call that needs approval ends the loop; with a yes it goes on from a document, and asks no model again."""
    loop, model = guarded(calls(ADD, ("note", {"text": "x"})), "5")
    events, outcome = await happened(loop)
    assert ("approval_needed", ["add"]) == (outcome.status, [call.name for call in outcome.approvals])
    assert any(isinstance(event, ApprovalNeeded) for event in events)
    document = json.loads(json.dumps(outcome.document()["approval"]["document"]))

    again = await loop.run(LoopState.from_document(document), decisions={call_digest(outcome.approvals[0]): True})
    assert ("completed", "5", 2) == (again.status, again.output, len(model.requests))
    assert ['{"sum": 5}', '{"notes": 1}'] == [call.result.content for call in again.state.calls]


async def test_a_person_refuses_a_call():
    """K11: after a no the model is told that the call was not approved."""
    loop, _ = guarded(calls(ADD), "Then not.")
    outcome = await loop.run((await loop.run()).state, decisions=False)

    assert outcome.state.calls[0].result.is_error
    assert "not approved" in outcome.state.calls[0].result.content


async def test_a_yes_is_for_the_calls_that_wait():
    """K11: who agrees to one call has not agreed to those that follow."""
    loop, _ = guarded(calls(ADD), calls(("add", {"a": 1, "b": 1})), "done")
    first = await loop.run()
    second = await loop.run(first.state, decisions=calls_digest(first.approvals))

    assert "approval_needed" == second.status
    assert '{"a": 1, "b": 1}' == second.approvals[0].arguments


# -- what is kept -----------------------------------------------------------------------------------------------------


class Kept:
    """Keeps what is finished, as a journal does: as JSON."""

    def __init__(self):
        self.done = {}

    async def __call__(self, name, call):
        if name not in self.done:
            self.done[name] = json.dumps(await call())
        return json.loads(self.done[name])


async def test_nothing_finished_is_done_again():
    """B10: a loop that is begun again repeats no finished call, and what tools remember is there again."""
    kept = Kept()
    turns = [calls(("note", {"text": "x"})), calls(("note", {"text": "y"}))]
    broken, _ = loop_of(*turns, ConnectionFailed("down"))
    with pytest.raises(ConnectionFailed):
        await broken.run(around=Surroundings(keep=kept))
    assert ["1/model", "1/tool/0/note", "2/model", "2/tool/0/note"] == list(kept.done)

    events = []
    loop, model = loop_of(calls(("note", {"text": "z"})), "done")
    outcome = await loop.run(around=Surroundings(keep=kept, tell=events.append))
    assert 2 == len(model.requests)
    assert ['{"notes": 1}', '{"notes": 2}', '{"notes": 3}'] == [call.result.content for call in outcome.state.calls]
    assert [True, True, False] == [event.kept for event in events if isinstance(event, ToolEnded)]


async def test_whoever_keeps_results_may_fail():
    """A storage that fails ends the loop with its own error, and the other calls with it."""

    async def keep(name, call):
        if name.startswith("1/tool"):
            raise StorageFull("the disk is full")
        return await call()

    loop, _ = loop_of(calls(ADD, ADD), "never")
    with pytest.raises(StorageFull):
        await loop.run(around=Surroundings(keep=keep))


async def test_tools_of_one_answer_run_side_by_side():
    """K11: calls that stand in one answer run at the same time; results keep the order of the calls."""
    met = asyncio.Barrier(2)

    @tool
    async def meet(name: str) -> str:
        """Meets the other.

        Args:
            name: Who.
        """
        await met.wait()
        return name

    loop, _ = loop_of(calls(("meet", {"name": "a"}), ("meet", {"name": "b"})), "met", tools=[meet])
    async with asyncio.timeout(5):
        outcome = await loop.run()

    assert ["a", "b"] == [call.result.content for call in outcome.state.calls]


async def test_tools_are_there_for_their_roles_only():
    """K11: a tool for another role is not offered to the model, and not run."""
    toolset = Toolset(add).restricted({"add": "clerk"})
    model = ScriptedProvider(calls(ADD), "no")
    outcome = await Loop(model, request(), toolset, context=ToolContext(roles=["guest"])).run()

    assert () == model.requests[0].tools
    assert "no tool 'add'" in outcome.state.calls[0].result.content


async def test_a_memory_that_is_no_json_is_not_kept():
    """What tools remember is kept as far as it is JSON."""

    @tool
    def remember(context: ToolContext) -> str:
        """Remembers two things."""
        context.state.update(plain=1, strange=object())
        return "done"

    loop, _ = loop_of(calls(("remember", {})), "done", tools=[remember])

    assert {"plain": 1} == (await loop.run()).state.memory


async def test_a_hanging_model_ends_with_its_time():
    """The limit of time ends a call in progress."""
    loop, _ = loop_of(HANG, options=LoopOptions(limits=LoopLimits(seconds=0.05)))
    outcome = await loop.run()

    assert ("stopped", "time") == (outcome.status, outcome.reason)
    assert outcome.state.seconds >= 0.05


async def test_a_model_that_repeats_itself_is_told_once():
    """B10: the same call with the same result is told to the model, and then ends the loop."""
    loop, model = loop_of(*[calls(ADD)] * 4, "never", options=LoopOptions(limits=LoopLimits(repeats=2)))
    events, outcome = await happened(loop)

    assert ("stopped", "repeated_calls", 4) == (outcome.status, outcome.reason, len(model.requests))
    assert 1 == sum(isinstance(event, RepetitionTold) for event in events)
    assert () == outcome.state.pending
    assert "called 2 times" in outcome.state.calls[-1].result.content


async def test_a_model_that_is_told_can_go_on():
    """B10: after it was told, the model may do something else."""
    loop, _ = loop_of(*[calls(ADD)] * 3, "It is 5.", options=LoopOptions(limits=LoopLimits(repeats=2)))

    assert "It is 5." == (await loop.run()).output
