"""How events of agents are told in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from circuit_breaker.agents.events import (
    ContentChunk,
    ErrorEvent,
    ExecutionComplete,
    Thinking,
    ToolCallEvent,
    ToolResultEvent,
    UsageUpdate,
    encode,
)
from circuit_breaker.cli.agent_events import EventTeller
from circuit_breaker.cli.output import Output

NOW = datetime(2026, 1, 31, tzinfo=UTC)


@pytest.fixture
def told(capsys, monkeypatch):
    """What is said on standard output and on standard error of some events."""
    monkeypatch.setenv("COLUMNS", "400")

    def told(*events, brief: bool = False, terminal: bool = False) -> tuple[str, str]:
        output = Output()
        output.console._force_terminal = terminal
        teller = EventTeller(output, brief=brief)
        for event in events:
            teller.tell(encode(event))
        teller.rest()
        said = capsys.readouterr()
        return said.out, said.err

    return told


class Watched:
    """A terminal that somebody watches."""

    is_terminal = True

    def __init__(self):
        self.shown, self.stopped = [], 0

    def status(self, text):
        self.shown.append(text)
        return self

    def start(self):
        """Nothing is drawn."""

    def stop(self):
        self.stopped += 1


def made(kind, **members):
    return kind(execution_id="e", sequence=1, timestamp=NOW, **members)


def thinking(status: str, **members):
    return made(Thinking, status=status, **members)


def result(**members):
    return made(ToolResultEvent, tool_name="find", call_id="1", **members)


def test_an_answer_is_one_text(told):
    """I10: pieces of the answer stand one behind the other, and the line ends when something else is told."""
    pieces = [made(ContentChunk, content=text) for text in ("Hel", "lo.")]

    assert ("Hello.\n", "") == told(*pieces)
    assert ("Hello.\n\n", "") == told(*pieces, made(ContentChunk, content="\n"), made(ContentChunk, content="\n"))
    assert "Hel\n" == told(pieces[0], made(ToolCallEvent, tool_name="find", call_id="1", arguments={"a": 1}))[0]


def test_nothing_steers_the_terminal(told):
    """What a model says is shown, and does not steer the terminal."""
    assert "\\x1b[31m" in told(made(ContentChunk, content="\x1b[31mred"), terminal=True)[0]


def test_what_the_agent_is_about_is_told(told):
    """I2: that an agent repeats itself, tries again, waits or goes on is told beside the answer."""
    said = told(
        thinking("thought", content="1. x"),
        thinking("repeating"),
        thinking("retrying", content="the provider is busy", void_after=0),
        thinking("resumed", void_after=7),
        thinking("approval_needed"),
        thinking("calling_model", content="m", progress=50.0),
    )[1]

    for line in ("repeats itself", "tries again: the provider is busy", "goes on where it was", "waits for a yes"):
        assert line in said
    assert "what was said after number 7 does not count" in said
    assert "number 0" not in said


def test_progress_is_shown_where_somebody_watches(told):
    """I14: at a terminal it is shown which model is asked and how far a tool is, until something else is told."""
    events = [
        thinking("calling_model", content="m", progress=50.0),
        result(result={"message": "half of it", "progress": 50.0}, partial=True),
        result(result="some of it", partial=True),
        made(UsageUpdate, usage={"total_tokens": 3}),
    ]

    assert ("", "") == told(*events)
    console = Watched()
    teller = EventTeller(Output(console=console))
    for event in [*events, made(ContentChunk, content="Hello.\n")]:
        teller.tell(encode(event))
    assert ["asks the model m (50%)", "find: 50% half of it", "find: some of it"] == console.shown
    assert 3 == console.stopped


def test_results_of_tools_are_told_in_short(told):
    """I5: what a tool gave is told on one line; in a talk only that it failed."""
    given, failed = result(result={"a": "b " * 500}, seconds=0.5), result(result="no\nway", is_error=True)

    assert "find gave" in told(given)[1]
    assert told(given)[1].endswith("… (0.50 s)\n")
    assert "find failed: no way" in told(failed, brief=True)[1]
    assert "" == told(given, brief=True)[1]


def test_the_end_says_what_was_taken(told):
    """I8: at the end tokens and dollars are told; why there is no answer is told by whoever has asked."""
    done = made(ExecutionComplete, final_response="x", usage={"total_tokens": 7}, dollars="0.25")

    assert "7 tokens, $0.25\n" == told(done)[1]
    assert "0 tokens, unpriced\n" == told(made(ExecutionComplete, final_response="x"))[1]
    assert "" == told(done, brief=True)[1]
    assert ("a\n", "") == told(made(ContentChunk, content="a"), made(ErrorEvent, status="failed", error="no", code="x"))
