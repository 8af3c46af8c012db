"""Executions that break off at every possible moment: they go on, and nothing is done, charged or told twice."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager, suppress

import attrs
import pytest

from circuit_breaker.agents import AgentLimits, AgentRetry
from circuit_breaker.agents.config import AgentEngineConfig
from circuit_breaker.agents.events import UsageUpdate, is_last
from circuit_breaker.errors import ContentFiltered, RateLimitExceeded, ResponseTimeout, StorageFull
from circuit_breaker.llm.stream import StreamEnded, StreamFailed
from circuit_breaker.storage import connect
from circuit_breaker.testing.model_turns import ModelTurn
from tests.agents.work import (
    Breaking,
    Dialogue,
    Ledger,
    agent,
    at_work,
    call,
    content_of,
    events_of,
    live,
    rest,
    script,
)

A, B = call("enter", 1, text="a"), call("enter", 2, text="b")
LATE = RateLimitExceeded("slow down", provider="scripted", retry_after=0.0)
MODES = {
    "calls and an answer": (A, B, "All is entered in the ledger."),
    "two calls at once": (ModelTurn(says="Two at once.", calls=(A, B)), "Done."),
    "a broken stream": (A, [ModelTurn(says="This breaks off somewhere", breaks_after=3), B], "And now it is whole."),
    "a broken answer": (A, B, [ModelTurn(says="This breaks off somewhere", breaks_after=3), "It is whole."]),
    "thoughts": (A, B, ModelTurn(says="I thought.", thinks="Let me think about it at length.")),
    "a rate limit": ([LATE, A], [LATE, LATE, B], "Slowly."),
    "a hang": (A, B, [ModelTurn(says="It hangs", between=0.0, breaks_after=2, error=ResponseTimeout("late")), "Well."]),
    "beginning again": ([A, A], [ContentFiltered("not this", provider="scripted"), B], "Again."),
}
QUICK = AgentEngineConfig(poll=0.01)


def definition(mode: str):
    codes = ("content_filtered",) if mode == "beginning again" else ()
    retry = AgentRetry(max_attempts=3, backoff_seconds=0.0, retry_on_errors=codes)
    return agent(tools=("enter",), limits=AgentLimits(retry=retry))


@attrs.define
class Crash:
    """What stands after a process broke off: which steps were kept, and what had been done."""

    whole: bool
    steps: set[str]
    entered: Counter[str]
    asked: Counter[int]


async def broken_off(storage, model, ledger, mode: str, at: int, *, after: bool) -> Crash:
    """An execution that breaks off at a write."""
    async with at_work(definition(mode), storage=storage, model=model, tools=[ledger.tool], config=QUICK):
        pass
    breaking = Breaking(storage, at, after=after)
    async with at_work(storage=breaking, model=model, tools=[ledger.tool], config=QUICK) as engine:
        with suppress(StorageFull):
            begun = await engine.start("helper", {"q": "Enter a and b."}, key="once")
            await rest(engine, begun.id)
    kept = {record.document["name"] for record in await storage.records.find("agent_step")}
    return Crash(breaking.writes < at, kept, Counter(ledger.entries), Counter(model.dialogue.asked))


def check_once(crash: Crash, ledger, dialogue) -> None:
    """What was kept was not done again."""
    entered, asked = Counter(ledger.entries) - crash.entered, Counter(dialogue.asked) - crash.asked
    for name in crash.steps:
        number, kind, *place = name.split("/")
        if kind == "model":
            assert not asked[int(number) - 1], name
        elif len(dialogue.turns) == 3:
            assert not entered["ab"[int(number) - 1]], name
        else:
            assert not entered["ab"[int(place[0])]], name


async def check_told(engine, done) -> None:
    """The events of an execution that is over are in order, once, and the same for whoever comes late."""
    documents, events = await engine.events.read(done.id), await events_of(engine, done.id)
    assert list(range(1, len(events) + 1)) == [event.sequence for event in events]
    assert [type(event) for event in events if is_last(event)] == [type(events[-1])]
    assert done.final_response == events[-1].final_response == content_of(events)
    assert documents == await live(engine, done.id)
    assert done.events == len(documents)
    assert [done.usage] == [event.usage for event in events if isinstance(event, UsageUpdate)][-1:]
    assert done.usage == events[-1].usage


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("mode", MODES)
async def test_an_execution_goes_on_after_a_crash_at_every_write(mode, after):
    """I6, ZB9: whichever write is the last of a process, before it or after it, the next process brings the same
    execution to its end: what was kept is not done again, and the events have no gap and one end.
    """
    for at in range(1, 60):
        ledger, dialogue = Ledger(), Dialogue(*MODES[mode])
        model = script(always=dialogue)
        model.dialogue = dialogue
        async with connect("memory://") as storage:
            crash = await broken_off(storage, model, ledger, mode, at, after=after)
            async with at_work(storage=storage, model=model, tools=[ledger.tool], config=QUICK) as engine:
                done = await engine.run("helper", {"q": "Enter a and b."}, key="once")

                assert done.status == "completed", (at, done.error)
                if mode != "beginning again":
                    check_once(crash, ledger, dialogue)
                await check_told(engine, done)
                assert [] == await storage.records.find("agent_step")
                assert [] == await storage.records.find("agent_execution", keys={"open": "1"})
        if crash.whole:
            return
    raise AssertionError("it was never whole")


@pytest.mark.parametrize("mode", ["calls and an answer", "two calls at once", "thoughts"])
async def test_what_was_taken_is_the_sum_of_all_answers_wherever_it_broke_off(mode):
    """P9: the usage of an execution is that of its answers, each counted once, whichever write was the last."""
    totals = set()
    for at in range(1, 60):
        ledger, dialogue = Ledger(), Dialogue(*MODES[mode])
        model = script(always=dialogue)
        model.dialogue = dialogue
        async with connect("memory://") as storage:
            crash = await broken_off(storage, model, ledger, mode, at, after=True)
            async with at_work(storage=storage, model=model, tools=[ledger.tool], config=QUICK) as engine:
                done = await engine.run("helper", {"q": "Enter a and b."}, key="once")
                totals.add((done.usage["total_tokens"], done.unpriced_calls))
        if crash.whole:
            break
    assert crash.whole
    assert len(totals) == 1
    assert {len(dialogue.turns)} == {calls for _, calls in totals}


class Billing:
    """A model that notes what each of its answers takes, also of those that break off."""

    name, kind = "scripted", "scripted"

    def __init__(self, model) -> None:
        self._model, self.billed = model, []

    def __getattr__(self, name):
        return getattr(self._model, name)

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        """Nothing is open."""

    @asynccontextmanager
    async def stream(self, request):
        async with self._model.stream(request) as events:
            yield self._noted(events)

    async def _noted(self, events):
        async for event in events:
            if isinstance(event, StreamEnded | StreamFailed):
                response = event.response if isinstance(event, StreamEnded) else event.partial
                self.billed.append(response.usage.total_tokens)
            yield event


@pytest.mark.parametrize("mode", MODES)
async def test_what_was_taken_is_the_sum_of_all_calls(mode):
    """P9: all calls of models are in the totals, those of attempts that failed or began again and of streams that
    broke off included; the last usage event, the end and the record say the same.
    """
    ledger, model = Ledger(), Billing(script(always=Dialogue(*MODES[mode])))
    async with at_work(definition(mode), model=model, tools=[ledger.tool], config=QUICK) as engine:
        done = await engine.run("helper", {"q": "Enter a and b."})
        last = (await events_of(engine, done.id))[-1]

    assert sum(model.billed) == done.usage["total_tokens"] == last.usage["total_tokens"]
    assert len(model.billed) == done.unpriced_calls
