"""What agents tell each other when they hand the conversation on, and which of their calls count."""

from __future__ import annotations

import json

from circuit_breaker.agents import AgentLimits, AgentRetry
from circuit_breaker.agents.bridge.composition import Part, hand_off
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.testing import ModelTurn
from tests.agents.composition.crew import FAILS, agent, at_work, hands


def calls(to: str, id: str = "call_0") -> ModelTurn:  # noqa: A002 - the word of the field
    """A call of the tool under an id of the model's own choice."""
    return ModelTurn(says=ToolCall(id=id, name="hand_off", arguments=json.dumps({"to": to})))


async def test_a_colleague_is_told_what_it_must_know():
    """J7: the message that is handed on is in the conversation of all who come after, with whom it was for."""
    scripts = {"a": [hands("b", "order 4711"), "to b"], "b": [hands("c", "they want it soon"), "to c"], "c": "done"}
    async with at_work(**scripts) as (composer, crew):
        await composer.run(hand_off(["a", "b", "c"]))

    first, second = crew.given("c")["conversation"]
    assert (first["handed_to"], first["message"]) == ("b", "order 4711")
    assert (second["handed_to"], second["message"]) == ("c", "they want it soon")


async def test_the_transcript_has_what_was_handed_on():
    """R2: the audit trail says who handed on to whom, and with which words."""
    reader = agent("b", inputs={})
    async with at_work(reader, a=[hands("b", "order 4711"), "to b"], b="done") as (composer, _):
        done = await composer.run(hand_off(["a", Part("b", input={"only": "this"})]))
        first, second = (await composer.transcript(done.case)).entries

    assert (first.handed_to, first.message) == ("b", "order 4711")
    assert (second.handed_to, second.message) == ("", "")
    assert first.to_document()["message"] == "order 4711"


async def test_a_call_is_not_refused_for_another_with_its_id():
    """R2: a model may name each of its calls alike: one that was refused says nothing about the next one."""
    scripts = {"a": [calls("nobody"), calls("b"), "I pass you on."], "b": "b answers"}
    async with at_work(**scripts) as (composer, crew):
        done = await composer.run(hand_off(["a", "b"]))

    assert ("b answers", ["a", "a", "a", "b"]) == (done.output, crew.names)


async def test_a_call_that_was_withdrawn_hands_on_to_nobody():
    """R2: where an agent begins its work again, only what it does then counts."""
    again = AgentRetry(max_attempts=2, backoff_seconds=0, retry_on_errors=("content_filtered",))
    scripts = {"a": [calls("b"), FAILS, "a answers itself"], "b": "b answers"}
    async with at_work(agent("a", limits=AgentLimits(retry=again)), **scripts) as (composer, crew):
        done = await composer.run(hand_off(["a", "b"]))

    assert ("a answers itself", ["a", "a", "a"]) == (done.output, crew.names)
