"""The command line: talking to agents whose conversations are cases, and deciding what they ask."""

from __future__ import annotations

import io
import os
import pty
import signal
import subprocess
import sys

import pytest

from tests.cli.test_agents import command, no_keys, slow, until

__all__ = ["no_keys", "slow"]

MACHINE = """\
id: desk
type: state_machine
prompts: {system: You work at a desk.}
tools: [calculator]
approve: [calculator]
states: [{name: greeting, prompt: Greet.}, {name: helping, prompt: Help.}, {name: over}]
transitions:
- {source: greeting, target: helping, condition: "data.message.contains('*')"}
- {source: helping, target: over, condition: "data.message.contains('bye')"}
"""
CLERK = "id: clerk\ntype: workflow\nworkflow: plain\ntools: [calculator]\napprove: [calculator]\n"
ASKED = "call calculator with"


@pytest.fixture
def desk(cb, here):
    """A state machine and an agent of a workflow, registered."""
    (here / "desk.yaml").write_text(MACHINE)
    (here / "clerk.yaml").write_text(CLERK)
    cb("agents", "register", "desk.yaml", "clerk.yaml")
    return here


def state(cb, conversation: str) -> str:
    """Where the case of a conversation stands."""
    return cb("show", conversation, "--json").document["state"]


def test_a_state_machine_is_talked_to(cb, desk):
    """L3 L6: each line is said to it, and the next command finds it in the state where it is."""
    done = cb("agents", "chat", "desk", "-c", "a", stdin="hello\n/usage\nhow are you\n")
    cb("agents", "chat", "desk", "6 * 7", "-c", "a", stdin="y\n")
    before = state(cb, "a")
    cb("agents", "chat", "desk", "bye", "-c", "a")

    assert ["hello", "how are you"] == [line.rpartition("said: ")[2] for line in done.out.splitlines()]
    assert "tokens taken" in done.err
    assert ("helping", "over") == (before, state(cb, "a"))
    assert "is completed" in cb("agents", "chat", "desk", "hm", "-c", "a", code=1).err


def test_who_speaks_in_a_state_is_not_listed_beside_the_machine(cb, desk):
    """L3: agents that are made of a machine are found by their tag, and are neither listed nor exported otherwise."""
    cb("agents", "chat", "desk", "hello")
    speakers = [one["id"] for one in cb("agents", "list", "--tag", "state-machine", "--json").records]

    assert ["clerk", "desk"] == [one["id"] for one in cb("agents", "list", "--json").records]
    assert ["desk.1-greeting", "desk.2-helping"] == [name.rpartition(".")[0] for name in speakers]
    assert "greeting." not in cb("agents", "export").out
    assert "greeting." not in cb("agents", "conversations").out


def test_a_program_is_not_asked(cb, desk):
    """K9 L3: with --json nobody is asked; the last event says what is waited for, and `agents approve` decides."""
    told = cb("agents", "chat", "desk", "6 * 7", "-c", "a", "--json").records
    [waits] = cb("agents", "executions", "--status", "pending", "--json").records
    cb("agents", "approve", waits["execution"], "--yes")
    done = cb("agents", "chat", "desk", "hello", "-c", "a", "--json").records

    assert "approval_needed" in [one.get("status") for one in told]
    assert "hello" in "".join(one.get("content", "") for one in done)
    assert "helping" == state(cb, "a")


def test_a_state_machine_in_a_file_is_talked_to(cb, here):
    """L3: the file of an agent is enough."""
    (here / "desk.yaml").write_text(MACHINE)

    assert "You said: hello" in cb("agents", "chat", "desk.yaml", "hello").out


def test_what_a_state_machine_waits_for_is_asked_and_answered(cb, desk):
    """K9 L3: the call is shown with a question; a yes and a no both lead to an answer, and the machine moves."""
    yes = cb("agents", "chat", "desk", "6 * 7", "-c", "yes", stdin="y\n")
    no = cb("agents", "chat", "desk", "6 * 7", "-c", "no", stdin="n\n")

    assert ASKED in yes.err
    assert ASKED in no.err
    assert "42" in yes.out
    assert "not approved" in no.out
    assert ("helping", "helping") == (state(cb, "yes"), state(cb, "no"))


def test_a_decision_that_was_left_open_is_told(cb, desk):
    """K9 L3: what waits from before is told with the command that decides; after it the talk goes on."""
    with command("chat", "desk", "6 * 7", "-c", "a", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stopped:
        until(lambda: "pending" in cb("agents", "executions").out)
        stopped.kill()
    [waits] = cb("agents", "executions", "--status", "pending", "--json").records
    told = cb("agents", "chat", "desk", "hello", "-c", "a", code=1).err
    cb("agents", "approve", waits["execution"], "--yes")
    done = cb("agents", "chat", "desk", "hello", "-c", "a")

    assert f"circuit-breaker agents approve {waits['execution']}" in told
    assert "You said: hello" in done.out
    assert "helping" == state(cb, "a")


def test_at_a_terminal_what_waits_is_asked_first(cb, desk):
    """K9 L3: who comes back to a talk is shown what it waits for, answers, and talks on."""
    with command("chat", "desk", "6 * 7", "-c", "a", stdin=subprocess.PIPE, stdout=subprocess.PIPE) as stopped:
        until(lambda: "pending" in cb("agents", "executions").out)
        stopped.kill()
    master, terminal = pty.openpty()
    with command("chat", "desk", "-c", "a", stdin=terminal, stdout=terminal) as talk:
        os.write(master, b"y\n")
        until(lambda: "completed" in cb("agents", "executions").out)
        os.write(master, b"/quit\n")
        told = talk.communicate()[1]
    os.close(terminal)
    os.close(master)

    assert "the conversation waits for a yes or no" in told
    assert ASKED in told
    assert ("helping", 0) == (state(cb, "a"), talk.returncode)


def test_a_killed_talk_with_a_state_machine_goes_on(cb, here, slow):
    """L3: the turn of a process that was killed comes to its end before the next thing is said, and nothing twice."""
    (here / "desk.yaml").write_text(
        "id: desk\ntype: state_machine\nllm_provider: scripted\ntools: [count]\nstates: [{name: one, prompt: Say.}]\n"
    )
    talk = ("chat", "desk", "--import", "slow.py", "-c", "a", "--agents", "desk.yaml")
    with command(*talk, "one", stdout=subprocess.PIPE) as killed:
        until(lambda: len(slow()) == 3)
        killed.send_signal(signal.SIGKILL)
    (here / "quick").touch()
    done = cb("agents", *talk, "two")

    assert "first goes on what was left behind" in done.err
    assert done.out.endswith("There are three.\n")
    assert 2 == len(cb("agents", "executions", "--status", "completed", "--json").records)
    assert ["model 2", "tool", "model 4", "model 4"] == slow()[:4]


def test_an_agent_of_a_workflow_is_talked_to(cb, desk):
    """L5 L6: the conversation is a case of its workflow; what it asks is answered, and it goes on another time."""
    cb("agents", "chat", "clerk", "hello", "-c", "a", "-w", "orders.py:plain")
    done = cb("agents", "chat", "clerk", "6 * 7", "-c", "a", stdin="y\n")

    assert ASKED in done.err
    assert "42" in done.out
    assert ("new", "plain") == (state(cb, "a"), cb("show", "a", "--json").document["workflow"])


# At a keyboard


class Keyboard(io.BytesIO):
    """A keyboard at which everything was typed in advance."""

    def __init__(self, typed: str) -> None:
        super().__init__(typed.encode())

    def isatty(self) -> bool:
        """It is one."""
        return True


INTERRUPTED = '''
"""A model at which somebody presses Ctrl-C the first time."""

import signal

from circuit_breaker.agents import AgentDefinition, AgentMemory
from circuit_breaker.agents.bridge import Staff
from circuit_breaker.executors import ModelSettings
from circuit_breaker.testing import ModelTurn, ScriptedProvider

asked = []


def answer(request):
    asked.append(request)
    if len(asked) > 1:
        return "Here I am."
    signal.raise_signal(signal.SIGINT)
    return ModelTurn(says="Too late.", after=60)


agent = AgentDefinition(id="slow", llm_config={"model": "m"}, memory=AgentMemory())
staff = Staff(agents=[agent], settings=ModelSettings(providers=[ScriptedProvider(always=answer)]))
'''


@pytest.fixture
def interrupted(here, monkeypatch):
    """The module of an agent whose first answer is interrupted."""
    monkeypatch.delitem(sys.modules, "interrupted", raising=False)
    (here / "interrupted.py").write_text(INTERRUPTED)
    return "interrupted.py"


def test_at_a_keyboard_it_is_said_how_to_talk_and_to_go_on(cb, desk):
    """K11: what can be typed comes first, and the command for another time last."""
    told = cb("agents", "chat", "desk", "-c", "a", stdin=Keyboard("hello\n/quit\n")).err

    assert "/quit or Ctrl-D to end" in told
    assert told.endswith("to go on: circuit-breaker agents chat desk --conversation a\n")


def test_at_a_keyboard_an_error_does_not_end_the_talk(cb, desk):
    """L3: what cannot be said is told, and the next line is heard."""
    cb("agents", "chat", "desk", "6 * 7", "-c", "a", stdin="y\n")
    cb("agents", "chat", "desk", "bye", "-c", "a")
    told = cb("agents", "chat", "desk", "-c", "a", stdin=Keyboard("hm\n/usage\n")).err

    assert "is completed" in told
    assert "0 tokens taken" in told


@pytest.mark.parametrize(
    ("typed", "status"), [("y\n/quit\n", "completed"), ("n\n/quit\n", "completed"), ("", "pending")]
)
def test_at_a_keyboard_what_waits_is_asked_before_anything_is_said(cb, desk, typed, status):
    """K9 L3: a yes and a no are answers; Ctrl-D is none, and what waits is told with the command that decides."""
    cb("agents", "chat", "desk", "6 * 7", "-c", "a", stdin="")
    told = cb("agents", "chat", "desk", "-c", "a", stdin=Keyboard(typed)).err
    [execution] = cb("agents", "executions", "--json").records

    assert ASKED in told
    assert status == execution["status"]
    assert (status == "pending") == (f"circuit-breaker agents approve {execution['execution']}" in told)


def test_an_interrupt_at_a_keyboard_ends_the_answer(cb, interrupted):
    """K11: Ctrl-C ends the answer, and the talk goes on."""
    done = cb("agents", "chat", "slow", "--import", interrupted, stdin=Keyboard("one\ntwo\n"))
    statuses = [one["status"] for one in cb("agents", "executions", "--json").records]

    assert "stopped; what was begun is forgotten" in done.err
    assert "Here I am." in done.out
    assert ["cancelled", "completed"] == statuses


def test_an_interrupt_ends_a_talk_of_a_program(cb, interrupted):
    """K11: where no person types, the command ends as one that was interrupted."""
    assert "interrupted" in cb("agents", "chat", "slow", "--import", interrupted, stdin="one\ntwo\n", code=130).err


def test_an_interrupted_run_is_left_where_it_is(cb, interrupted):
    """P14: Ctrl-C ends the watching; the execution goes on with the command that is told."""
    told = cb("agents", "run", "slow", "--import", interrupted, "-i", "message=go", code=130).err
    [execution] = cb("agents", "executions", "--json").records
    onward = f"circuit-breaker agents resume {execution['execution']} --import {interrupted}"

    assert f"to go on: {onward}" in told
    assert "Here I am." in cb(*onward.split()[1:]).out


def test_a_conversation_that_was_read_from_a_file_goes_on(cb, desk):
    """J6: nothing was left behind in it, so that the next thing is said at once."""
    (desk / "helper.yaml").write_text("id: helper\nmemory: {}\n")
    cb("agents", "chat", "helper.yaml", "one", "-c", "a")
    (desk / "talk.json").write_text(cb("agents", "export", "-c", "a").out)
    cb("agents", "import", "talk.json", "--id", "b")

    assert "You said: two" in cb("agents", "chat", "helper", "two", "-c", "b").out
