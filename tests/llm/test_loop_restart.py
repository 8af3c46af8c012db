"""The loop, killed anywhere: whatever a model does, a restart comes to the same end and repeats nothing."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.llm.loop import Loop, LoopLimits, LoopOptions, LoopState, Surroundings
from circuit_breaker.llm.messages import user
from circuit_breaker.llm.request import ChatCompletionRequest
from circuit_breaker.llm.tools import Tool, Toolset
from circuit_breaker.testing.model_turns import ModelTurn
from circuit_breaker.testing.models import ScriptedProvider

CALLS = st.tuples(st.sampled_from(["grow", "look", "nothing"]), st.integers(0, 1))
SCRIPTS = st.lists(st.lists(CALLS, max_size=3), max_size=6)


class Killed(BaseException):
    """The process is gone."""


class Journal:
    """Keeps what is finished, and is killed after so many finished steps."""

    def __init__(self, lives):
        self.done = {}
        self.lives = lives

    async def __call__(self, name, call):
        if name not in self.done:
            if self.lives == 0:
                raise Killed
            self.done[name] = json.dumps(await call())
            self.lives -= 1
        return json.loads(self.done[name])


class Grow(Tool):
    """Remembers how often it was called."""

    def __init__(self, made):
        super().__init__("grow", "Grows.", {"by": {"type": "integer"}})
        self.made = made

    async def execute(self, by, context):
        self.made[f"grow {context.call_id}"] += 1
        context.state["size"] = context.state.get("size", 0) + by
        return {"size": context.state["size"]}


class Look(Tool):
    """Sees what the other has remembered."""

    def __init__(self, made):
        super().__init__("look", "Looks.", {"by": {"type": "integer"}})
        self.made = made

    async def execute(self, by, context):
        self.made[f"look {context.call_id}"] += 1
        return context.state.get("size", 0)


def loop_of(script, made, iterations):
    def answer(request):
        number = sum(message.role == "assistant" for message in request.messages)
        made[f"model {number}"] += 1
        wanted = script[number] if number < len(script) else []
        return ModelTurn(says="" if wanted else "done", calls=tuple((name, {"by": by}) for name, by in wanted))

    request = ChatCompletionRequest(model="m", messages=[user("go")])
    options = LoopOptions(limits=LoopLimits(iterations=iterations))
    return Loop(ScriptedProvider(always=answer), request, Toolset(Grow(made), Look(made)), options=options)


def seen(outcome):
    """What of an outcome does not depend on the clock, or on which process a call was made in."""
    told = outcome.document()
    return {**told, "tool_calls": [{**call, "id": ""} for call in told["tool_calls"]]}


def run_of(script, journal, iterations):
    made = Counter()

    async def run():
        return await loop_of(script, made, iterations).run(around=Surroundings(keep=journal))

    try:
        return asyncio.run(run()), made
    except (Killed, BaseExceptionGroup):
        return None, made


def tools(made):
    """How many tools were called; their ids begin anew with every provider."""
    return sum(count for name, count in made.items() if not name.startswith("model"))


@settings(max_examples=60)
@given(SCRIPTS, st.integers(0, 12), st.integers(1, 6))
def test_a_restart_comes_to_the_same_end(script, lives, iterations):
    """B10: killed after any number of steps, the next run ends as one that was not killed, and repeats no step."""
    whole, made = run_of(script, Journal(-1), iterations)
    journal = Journal(lives)
    first, before = run_of(script, journal, iterations)
    finished = dict(journal.done)
    journal.lives = -1
    second, after = run_of(script, journal, iterations)

    assert seen(whole) == seen(second)
    assert first is None or seen(first) == seen(second)
    assert finished.items() <= journal.done.items()
    models = [name for name in finished if name.endswith("/model")]
    assert (
        len(models) + sum(count for name, count in after.items() if name.startswith("model")) == whole.state.iteration
    )
    assert tools(before) + tools(after) <= tools(made) + 1, "only what had begun and not finished is done again"


@settings(max_examples=60)
@given(SCRIPTS, st.integers(1, 6))
def test_every_call_has_its_result(script, iterations):
    """B10: however a loop ends, no call is without a result, and its state can be kept as a document."""
    outcome, _ = run_of(script, Journal(-1), iterations)
    state = outcome.state
    wanted = [call.id for message in state.messages for call in message.tool_calls]

    assert wanted == [result.call_id for message in state.messages for result in message.tool_results]
    assert () == state.pending
    assert state == LoopState.from_document(json.loads(json.dumps(state.to_document())))
