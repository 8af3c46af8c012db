"""The command line: what people and programs are told of agents when something broke off, is missing or is wrong."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.cli.test_agent_talk import Keyboard, interrupted
from tests.cli.test_agents import agents, command, no_keys

__all__ = ["agents", "interrupted", "no_keys"]

SLOW_TEXT = """
from pathlib import Path

from circuit_breaker.agents import AgentDefinition
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.testing import ModelTurn, ScriptedProvider


def answer(request):
    if Path("quick").exists():
        return "The whole."
    return ModelTurn(says="Half an answer and the rest", pieces=4, between=0.2)


agent = AgentDefinition(id="slow", llm_config={"model": "m"})
staff = Staff(agents=[agent], settings=ModelSettings(providers=[ScriptedProvider(always=answer)]))
"""


@pytest.fixture
def broken_off(cb, here):
    """An execution whose process was killed in the middle of an answer."""
    (here / "text.py").write_text(SLOW_TEXT)
    with command("run", "slow", "--import", "text.py", "-i", "message=go", stdout=subprocess.PIPE) as killed:
        assert killed.stdout.read(4)
        killed.send_signal(signal.SIGKILL)
    (here / "quick").touch()
    [execution] = cb("agents", "executions", "--json").records
    return execution["execution"]


def test_an_answer_that_broke_off_is_not_shown_beside_the_whole(cb, broken_off):
    """I1 P14: whoever goes on, or looks again, is shown one answer; a program is given every event."""
    resumed = cb("agents", "resume", broken_off, "--import", "text.py")
    replayed = [cb("agents", "replay", broken_off, *how) for how in ((), ("--follow",))]
    kept = cb("agents", "replay", broken_off, "--json").records

    assert ["The whole.\n"] * 3 == [one.out for one in (resumed, *replayed)]
    assert "goes on where it was" in resumed.err
    assert "does not count" not in resumed.err + replayed[0].err
    assert "HalfThe whole." == "".join(one["content"] for one in kept if one["type"] == "content_chunk")[:14]


def test_what_was_shown_before_it_was_withdrawn_is_said_not_to_count(cb, broken_off):
    """I1: whoever has seen the events up to a number is told which of them do not count any more."""
    cb("agents", "resume", broken_off, "--import", "text.py")
    [void] = [one for one in cb("agents", "replay", broken_off, "--json").records if one.get("void_after") is not None]
    told = cb("agents", "replay", broken_off, "--after", void["void_after"] + 1)

    assert f"what was said after number {void['void_after']} does not count" in told.err
    assert "The whole.\n" == told.out


def test_a_program_is_given_events_as_they_are_kept(cb, agents):
    """I1: a line of --json is the event byte for byte, without blanks that nobody has written."""
    [first, *_] = cb("agents", "run", "helper", "-i", "message=hi", "--json").out.splitlines()

    assert first == json.dumps(json.loads(first), separators=(",", ":"), ensure_ascii=False)


def test_an_interrupt_of_one_line_says_that_it_is_forgotten(cb, interrupted):
    """K11: the answer that Ctrl-C has ended is cancelled, and nobody is told that it goes on."""
    told = cb("agents", "chat", "slow", "go", "--import", interrupted, code=130).err
    [execution] = cb("agents", "executions", "--json").records

    assert "interrupted; what was begun is forgotten\n" in told
    assert "journal" not in told
    assert "cancelled" == execution["status"]


def test_an_interrupt_at_a_keyboard_is_told_on_a_line_of_its_own(cb, interrupted):
    """K11: what is said of it stands below the ^C of the terminal."""
    told = cb("agents", "chat", "slow", "--import", interrupted, stdin=Keyboard("one\n")).err

    assert "\nstopped; what was begun is forgotten\n" in told
    assert "\\n" not in told


def test_a_workflow_agent_without_its_workflow_is_told_so(cb, here):
    """L5: what is missing is called missing; where it does not belong, that is said."""
    (here / "missing.yaml").write_text("id: clerk\ntype: workflow\n")
    (here / "odd.yaml").write_text("id: clerk\nworkflow: order\n")

    assert "workflow: is missing (name the workflow" in cb("agents", "register", "missing.yaml", code=3).err
    assert "workflow: belongs to an agent of type 'workflow'" in cb("agents", "register", "odd.yaml", code=3).err


def test_nothing_to_register_is_an_error(cb, here):
    """M1: a folder or a file without an agent is named."""
    (here / "none").mkdir()
    (here / "none.yaml").write_text("agents: []\n")

    assert "there is no agent in none, none.yaml" in cb("agents", "register", "none", "none.yaml", code=4).err


def test_a_key_that_is_too_long_is_told_in_its_own_words(cb, agents):
    """M1: the error is about the key, and says how long it may be."""
    told = cb("agents", "run", "helper", "-i", "message=hi", "--key", "k" * 600, code=1).err

    assert "key" in told
    assert "at most 500 characters" in told
    assert "record" not in told


@pytest.mark.parametrize("name", ["OPENAI_BASE_URL", "OLLAMA_BASE_URL"])
def test_an_address_that_is_none_is_told_by_its_variable(cb, agents, monkeypatch, name):
    """M1: a variable that holds no address is named, and nothing is asked."""
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    monkeypatch.setenv(name, "nonsense")
    told = cb("agents", "run", "helper", "-i", "message=hi", code=2).err

    assert f"{name} is no address that can be asked" in told
    assert "nonsense" not in told
