"""What happens is told in words, on a terminal and elsewhere."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.telling import tell
from circuit_breaker.cli.watching import watched
from circuit_breaker.data import Data, freeze
from circuit_breaker.workflow import events
from circuit_breaker.workflow.token import Token

AT = datetime(2030, 1, 1, tzinfo=UTC)
HEAD = ("c", 1, AT, "ann")
MOVED = {"transition": "t", "consumed": (("1", "a"),), "produced": (("1", "b"),)}
SAW = {"passed": False, "text": "data.x > 1", "kind": "field", "path": "data.x"}
VERDICT = {
    "passed": False,
    "kind": "all",
    "text": "both",
    "children": [
        {"passed": True, "text": "fine", "kind": "field"},
        SAW | {"seen": 0},
        SAW | {"seen": {"missing": True}},
        {"passed": False, "text": "either", "kind": "any", "children": [SAW]},
    ],
}

TOLD = [
    (events.CaseStarted(*HEAD, "w", "1", (Token("1", "a"),)), "○ w: starts in a"),
    (events.TokenAdded(*HEAD, Token("2", "a")), "○ a token: enters a"),
    (
        events.TokenChanged(*HEAD, "2", "a", Data({"score": 1}), Data({"by": "x"})),
        "○ a token in a: changed: data.score, metadata.by",
    ),
    (events.TransitionFired(*HEAD, **MOVED), "● t: a → b"),
    (events.TransitionFired(*HEAD, **MOVED, cleared=(("2", "x"),)), "● t: a → b, withdrawn from x"),
    (
        events.TransitionRefused(*HEAD, **MOVED, verdict=freeze(VERDICT)),
        "✗ t: refused → b: data.x > 1 (saw 0); data.x > 1 (saw nothing); either",
    ),
    (events.TransitionRefused(*HEAD, transition="t", verdict=Data({"passed": True})), "✗ t: refused: "),
    (events.ActionStarted(*HEAD, "t", (("1", "a"),), "c:t:2"), "· t: begins"),
    (
        events.ActionRetried(*HEAD, "c:t:2", 1, Data({"message": "no net"}), 2.5),
        "↻ t: attempt 1 failed: no net; the next in 2.5 s",
    ),
    (events.StepFinished(*HEAD, "c:t:2", "fetch", 1), "· fetch: step done"),
    (events.ActionFailed(*HEAD, **MOVED, error=Data({"message": "no net"})), "✗ t: failed → b: no net"),
    (events.ActionFailed(*HEAD, transition="t", error=Data({"message": "no net"})), "✗ t: failed: no net"),
    (
        events.ActionFailed(*HEAD, transition="t", error=Data({"message": "'x'", "kind": "KeyError"})),
        "✗ t: failed: KeyError: 'x'",
    ),
    (
        events.ActionFailed(*HEAD, transition="t", error=Data({"message": "wrong\n  - one\n  - two"})),
        "✗ t: failed: wrong: one; two",
    ),
    (
        events.ActionFailed(*HEAD, transition="t", error=Data({"message": "nobody:\n  1. one\n  2. two"})),
        "✗ t: failed: nobody: 1. one; 2. two",
    ),
    (events.ActionInDoubt(*HEAD, "c:t:2"), "? t: interrupted, and may not be repeated"),
    (events.ActionCompensated(*HEAD, "t", "c:t:2"), "↶ t: undone"),
    (events.SignalReceived(*HEAD, "go"), "→ go: signal"),
    (events.CaseCompleted(*HEAD), "✓ completed"),
    (events.CaseCancelled(*HEAD, "sold out"), "✗ cancelled: sold out"),
    (events.CaseMigrated(*HEAD, "2"), "→ migrated: to version 2"),
]


@pytest.mark.parametrize(("event", "words"), TOLD, ids=lambda value: getattr(value, "type", ""))
def test_every_event_is_told_in_a_line(event, words):
    """Each kind of event has its words, and a refusal names what was seen."""
    assert words == str(tell(event))
    assert words.replace(": ", "  ", 1) == tell(event).text().plain or not tell(event).detail


def test_there_are_words_for_every_kind_of_event():
    """No kind of event is left out."""
    assert set(events.Fact.__args__) == {type(event) for event, _ in TOLD}


async def test_a_terminal_shows_what_is_being_done():
    """While an action works its progress is shown on one line that changes; what is done stays."""
    a, b = states("a", "b")

    async def slowly(token, context):
        context.progress(0.5, "half way")
        await asyncio.sleep(0.2)

    screen = StringIO()
    output = Output(console=Console(force_terminal=True, file=screen, width=80))
    workflow = Workflow("w", flow(a >> b).transition("t").action(slowly))
    async with Engine(workflow, storage=connect("memory://")) as engine, watched(engine, output):
        await engine.run(await engine.start(workflow, id="c"))

    assert "c  t  50% half way" in screen.getvalue()
    assert "a → b" in screen.getvalue()


async def test_an_error_ends_the_telling_and_is_passed_on():
    """What goes wrong while a case is watched reaches the caller as it is, after everything was told."""
    (a,) = states("a")
    workflow = Workflow("w", flow(a >> a).transition("t").manual())
    screen = StringIO()
    output = Output(console=Console(file=screen, width=80))

    async def go_wrong(engine: Engine) -> None:
        async with watched(engine, output):
            await engine.start(workflow, id="c")
            raise ZeroDivisionError

    async with Engine(workflow, storage=connect("memory://")) as engine:
        with pytest.raises(ZeroDivisionError):
            await go_wrong(engine)

    assert "starts in a" in screen.getvalue()
