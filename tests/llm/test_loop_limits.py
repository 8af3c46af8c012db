"""The loop: its limits, and the pure parts of it."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import BudgetExceeded, DataInvalid, DefinitionError
from circuit_breaker.llm.loop import CallRecord, Loop, LoopLimits, LoopOptions, LoopState
from circuit_breaker.llm.loop.plan import plan_wanted, steps_of
from circuit_breaker.llm.loop.repetition import judged, signature
from circuit_breaker.llm.messages import assistant, user
from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.profile import ModelProfile, Price
from circuit_breaker.llm.request import ChatCompletionRequest, ToolDefinition
from circuit_breaker.llm.response import ChatCompletionResponse, Choice
from circuit_breaker.llm.tools import Toolset, tool
from circuit_breaker.llm.usage import Cost, Usage
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

NUMBERS = iter(range(1_000_000))


@tool
def count() -> int:
    """Counts on."""
    return next(NUMBERS)


def answer(dollars=None, tokens=50, text="", finish="tool_calls"):
    """A response of so many dollars and tokens, which calls the tool unless it says something."""
    message = assistant(text) if text else assistant(ToolCall(id=f"c{next(NUMBERS)}", name="count"))
    return ChatCompletionResponse(
        id="r",
        model="m",
        choices=(Choice(message=message, finish_reason="stop" if text else finish),),
        usage=Usage(input_tokens=tokens - 10, output_tokens=10),
        cost=Cost(Decimal(dollars)) if dollars is not None else Cost(),
    )


def model_of(*turns, priced=True):
    price = Price(input=Decimal(1), output=Decimal(2)) if priced else None
    return ScriptedProvider(*turns, profile=attrs.evolve(ModelProfile(), price=price))


def loop_of(model, **limits):
    options = LoopOptions(limits=LoopLimits(**limits))
    return Loop(model, ChatCompletionRequest(model="m", messages=[user("go")]), Toolset(count), options=options)


async def test_iterations_end_it():
    """B8: after max_iterations calls of the model the loop stops, with what was found so far."""
    model = model_of(*[answer()] * 9)
    outcome = await loop_of(model, iterations=5).run()

    assert ("stopped", "max_iterations", 5) == (outcome.status, outcome.reason, len(model.requests))
    assert 5 == len(outcome.state.calls)


async def test_tokens_end_it():
    """When the tokens are used up no call follows; before that, an answer may be no longer than what is left."""
    model = model_of(*[answer(tokens=50)] * 9)
    outcome = await loop_of(model, tokens=120).run()

    assert "max_tokens" == outcome.reason
    assert [120, 70, 20] == [request.max_tokens for request in model.requests]
    assert 150 == outcome.state.usage.total_tokens


async def test_dollars_end_it():
    """Dollars are added up exactly, and when they are spent no call follows."""
    outcome = await loop_of(model_of(*[answer("0.1")] * 9), dollars="0.3").run()

    assert ("max_dollars", Decimal("0.3")) == (outcome.reason, outcome.state.dollars)
    assert ("0.3", 0.3) == (outcome.document()["cost"]["exact"], outcome.document()["cost"]["dollars"])


async def test_unpriced_models_are_refused_under_a_limit_of_dollars():
    """A model whose price nobody knows is not asked; where one turns up on the way, no call follows."""
    with pytest.raises(BudgetExceeded, match="nobody knows"):
        await loop_of(model_of("x", priced=False), dollars=1).run()

    assert "unpriced" == (await loop_of(model_of(*[answer()] * 9), dollars=1).run()).reason
    allowed = loop_of(model_of(*[answer()] * 2, answer(text="done"), priced=False), dollars=1, unpriced=True)
    assert "completed" == (await allowed.run()).status


async def test_a_condition_ends_it():
    """A stop condition is asked after each round of tools."""
    options = LoopOptions(stop_when=[lambda state: len(state.calls) == 2])
    request = ChatCompletionRequest(model="m", messages=[user("go")])
    outcome = await Loop(model_of(*[answer()] * 9), request, Toolset(count), options=options).run()

    assert ("stopped", "stop_condition", 2) == (outcome.status, outcome.reason, len(outcome.state.calls))


async def test_usage_is_counted_once():
    """The tokens of the outcome are those of its calls, and a call that is kept counts once."""
    outcome = await loop_of(model_of(answer(tokens=50), answer(tokens=70, text="done"))).run()

    assert 120 == outcome.state.usage.total_tokens


def test_wrong_limits_are_told_together():
    """Every limit that is none is named."""
    with pytest.raises(DefinitionError) as caught:
        LoopLimits(iterations=0, tokens=True, dollars="a", seconds=float("nan"), repeats=0, repairs=-1)

    assert ["iterations", "tokens", "dollars", "seconds", "repeats", "repairs"] == [
        fault.place for fault in caught.value.faults
    ]


# -- pure parts -------------------------------------------------------------------------------------------------------


def record(content, told=False, arguments="{}"):
    call = ToolCall(id="c", name="count", arguments=arguments)
    return CallRecord(iteration=1, call=call, result=ToolResult(call_id="c", content=content), told=told)


CALL = ToolCall(id="x", name="count")


@given(st.lists(st.sampled_from("ab"), max_size=8), st.integers(1, 4))
def test_only_the_same_result_again_and_again_is_a_repetition(contents, repeats):
    """A call is made unless the last results of the same call were all alike, as many as are allowed."""
    last = contents[-repeats:]
    alike = len(last) == repeats and len(set(last)) == 1

    assert ("told" if alike else "made") == judged([record(content) for content in contents], CALL, repeats)


def test_who_was_told_and_does_it_again_is_stopped():
    """The call after the model was told ends it; the same arguments written otherwise are the same."""
    spaced = ToolCall(id="x", name="count", arguments='{"b": 1,   "a": 2}')
    written = record("a", told=True, arguments='{"a":2,"b":1}')

    assert "stopped" == judged([written], spaced, 2)
    assert signature(ToolCall(id="x", name="count", arguments="{no")) == "count:{no"


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Plan:\n1. Look.\n 2) Think.\n- Write.", ("Look.", "Think.", "Write.")),
        ("Just do it.", ("Just do it.",)),
        ("  ", ()),
    ],
)
def test_the_steps_of_a_plan_are_read(text, steps):
    """B10: numbered and listed lines are steps; without them the text is the one step."""
    assert steps == steps_of(text)


@given(st.text())
def test_any_text_has_steps(text):
    """Whatever the model says, reading its plan gives texts that are not empty."""
    assert all(step.strip() for step in steps_of(text))


def test_a_plan_is_asked_for_with_the_tools():
    """The model is told which tools there will be."""
    assert "- look: Looks" in plan_wanted([ToolDefinition(name="look", description="Looks. At things.")]).content
    assert "tools" not in plan_wanted([]).content


STATES = st.builds(
    LoopState,
    messages=st.lists(st.builds(user, st.text(min_size=1)), max_size=3).map(tuple),
    iteration=st.integers(0, 9),
    usage=st.builds(Usage, input_tokens=st.integers(0, 9), estimated=st.booleans()),
    dollars=st.decimals(0, 9, places=6),
    calls=st.lists(st.builds(record, st.text(), st.booleans()), max_size=3).map(tuple),
    plan=st.lists(st.text(), max_size=3).map(tuple),
    memory=st.dictionaries(st.text(), st.integers()),
    seconds=st.floats(0, 9),
)


@given(STATES)
def test_a_state_is_a_plain_document(state):
    """The state is written as JSON and read back without a loss."""
    assert state == LoopState.from_document(json.loads(json.dumps(state.to_document())))


@pytest.mark.parametrize("document", [3, {}, {"version": 2}, {"version": 1, "messages": 4}])
def test_another_document_is_no_state(document):
    """What is no state, or one of a later release, is refused."""
    with pytest.raises(DataInvalid):
        LoopState.from_document(document)


def test_pending_calls_are_those_without_a_result():
    """A loop that is ended leaves no call without a result, which other vendors would refuse."""
    state = LoopState(messages=(user("go"), assistant(CALL)))

    assert (CALL,) == state.pending
    assert () == state.settled("over").pending
    assert "over" == state.settled("over").messages[-1].tool_results[0].content
    assert () == LoopState().pending


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (LoopLimits(seconds=0.1), "it may have done its work or not: the work was ended (time)"),
        (LoopLimits(repeats=1), "the call was not made: the work was ended (repeated_calls)"),
    ],
)
async def test_the_model_is_not_told_that_a_call_was_not_made_when_it_had_begun(limits, said):
    """Pains 10: of a call that was cut off nobody knows whether it has done its work, and it is told so."""

    @tool
    async def pay(amount: int) -> str:
        """Pays."""
        await asyncio.sleep(60 if limits.seconds else 0)
        return "paid"

    again = [ModelTurn(calls=(("pay", {"amount": 1}),))] * 3
    asked = ChatCompletionRequest(model="m", messages=[user("Pay.")])
    outcome = await Loop(ScriptedProvider(*again), asked, Toolset(pay), options=LoopOptions(limits=limits)).run()

    assert "stopped" == outcome.status
    assert said == outcome.state.messages[-1].tool_results[0].content
