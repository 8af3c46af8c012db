"""A command that is asked to end closes its journal; what is in progress ends, or is taken up by the next."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from circuit_breaker.cli.exits import ExitCode, Terminated
from circuit_breaker.cli.stopping import complete

SLOW = """
import asyncio

from circuit_breaker import Workflow, flow, states

a, b, c = states("a", "b", "c")


async def slow(token):
    open("begun", "w").close()
    await asyncio.sleep(token.data["seconds"])


slow = Workflow("slow", flow(a >> b).transition("first").action(slow), flow(b >> c).transition("second").action(slow))
"""
AGAIN = ["work", "--until-idle", "-w", "slow.py:slow"]


@pytest.fixture
def slow(here, cb):
    """Runs a command in a process of its own until its action has begun; the argument says how long that takes."""
    (here / "slow.py").write_text(SLOW)
    processes = []

    def begin(seconds: float, *arguments: str) -> subprocess.Popen[str]:
        data = f'{{"seconds": {seconds}}}'
        if arguments[0] == "work":
            cb("start", "slow.py:slow", "--id", "s", "--data", data)
        else:
            arguments = (*arguments, "--id", "s", "--data", data)
        command = [sys.executable, "-m", "circuit_breaker.cli", *arguments]
        process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        processes.append(process)
        while not (here / "begun").exists():
            assert process.poll() is None
            time.sleep(0.02)
        return process

    yield begin
    for process in processes:
        process.kill()
        process.communicate()


def open_journals(directory):
    """What an open journal has beside its file."""
    return [path.name for path in directory.iterdir() if "-worker-" in path.name or path.name.endswith("-wal")]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_a_worker_lets_actions_end_and_begins_no_other(cb, here, slow, number, code):
    """At SIGTERM and at Ctrl-C what is in progress ends, nothing else begins, and the journal is closed."""
    worker = slow(1, "work", "-w", "slow.py:slow")
    worker.send_signal(number)
    _, err = worker.communicate(timeout=20)
    case = cb("show", "s", "--json").document

    assert code == worker.returncode
    assert "stopping" in err
    assert "Traceback" not in err
    assert ("b", []) == (case["state"], case["pending"])
    assert [] == open_journals(here)
    assert "completed" in cb(*AGAIN).out


@pytest.mark.parametrize("options", [["--grace", "0.2"], ["--grace", "60"]], ids=["grace", "second signal"])
def test_what_takes_too_long_is_given_up_and_taken_up_again(cb, here, slow, options):
    """After the grace, or at a second signal, an action is released: the journal has it as begun, and it runs again."""
    worker = slow(60, "work", "-w", "slow.py:slow", *options)
    worker.terminate()
    if "60" in options:
        time.sleep(0.5)
        worker.terminate()
    worker.communicate(timeout=20)
    (pending,) = cb("show", "s", "--json").document["pending"]

    assert ExitCode.TERMINATED == worker.returncode
    assert "first" == pending["transition"]
    assert [] == open_journals(here)


def test_other_commands_close_their_journal_too(cb, here, slow):
    """``run`` ends at SIGTERM with its own exit code; the case can go on."""
    run = slow(60, "run", "slow.py:slow")
    run.terminate()
    _, err = run.communicate(timeout=20)

    assert ExitCode.TERMINATED == run.returncode
    assert "goes on from there" in err
    assert [] == open_journals(here)
    assert "interrupted" in cb("show", "s").out


@pytest.mark.crash
def test_an_action_whose_process_has_died_is_told_as_interrupted(cb, slow):
    """After kill -9 nobody claims that the action is in progress; what takes it up again is said, and works."""
    run = slow(60, "run", "slow.py:slow")
    run.kill()
    run.wait()
    shown = cb("show", "s").out
    told = cb("explain", "s", "-w", "slow.py:slow").out
    refused = cb("fire", "s", "first", "-w", "slow.py:slow", code=1).err

    assert "but interrupted: its worker has stopped" in shown
    assert "it is taken up again by: circuit-breaker work -w WORKFLOW" in shown
    assert "the action of 'first' was interrupted, since its worker has stopped" in told
    assert "what was interrupted is taken up again by: circuit-breaker work -w slow.py:slow" in told
    assert "the token in 'a' is reserved: the action of 'first'" in refused
    assert ["first"] == cb("explain", "s", "-w", "slow.py:slow", "--json").document["interrupted"]


def test_an_action_in_progress_is_told_as_such(cb, slow):
    """As long as its worker lives, an action is in progress, and the token is reserved by it."""
    slow(60, "run", "slow.py:slow")
    told = cb("explain", "s", "-w", "slow.py:slow").out

    assert "the token in 'a' is reserved: the action of 'first' is in progress" in told
    assert "interrupted" not in told + cb("show", "s").out


SELF = """
import asyncio, os, signal

from circuit_breaker import Workflow, flow, states

a, b, c = states("a", "b", "c")


async def stop(token):
    os.kill(os.getpid(), getattr(signal, token.data["signal"]))
    await asyncio.sleep(token.data["seconds"])
    return {"stopped": True}


w = Workflow("w", flow(a >> b).transition("first").action(stop), flow(b >> c).transition("second").action(stop))
"""


@pytest.mark.parametrize(
    ("name", "seconds", "command", "code", "state"),
    [
        ("SIGTERM", 0.1, ["work"], ExitCode.TERMINATED, "b"),
        ("SIGINT", 0.1, ["work"], ExitCode.INTERRUPTED, "b"),
        ("SIGTERM", 60, ["work", "--grace", "0"], ExitCode.TERMINATED, "a"),
        ("SIGTERM", 60, ["fire", "s", "first"], ExitCode.TERMINATED, "a"),
    ],
)
def test_a_command_may_be_asked_to_end_from_within(cb, here, *, name, seconds, command, code, state):
    """The signal is heard while an action works; the exit code says which it was, and the journal how far it got."""
    (here / "itself.py").write_text(SELF)
    cb("start", "itself.py:w", "--id", "s", "--data", f'{{"signal": "{name}", "seconds": {seconds}}}')
    done = cb(*command, "-w", "itself.py:w", code=code)

    assert "goes on from there" in done.err
    assert state == cb("show", "s", "--json").document["state"]
    assert [] == open_journals(here)


def test_an_action_in_doubt_says_how_to_resolve_it(cb, here):
    """What was given up and must not be repeated is in doubt; what to type is said by every command, and works."""
    text = SELF.replace("action(stop), flow", 'action(stop).effect("at_most_once"), flow')
    (here / "itself.py").write_text(
        text.replace('w = Workflow("w",', 'w = Workflow("w", flow(a >> c).transition("x").on_signal("x"),')
    )
    named = ["-w", "itself.py:w"]
    cb("start", "itself.py:w", "--id", "s", "--data", '{"signal": "SIGTERM", "seconds": 60}')
    cb("fire", "s", "first", *named, code=ExitCode.TERMINATED)
    cb("work", "--until-idle", *named)
    resolve = "circuit-breaker resolve s first --again -w"

    assert f"{resolve} WORKFLOW" in " ".join(cb("show", "s").out.split())
    assert f"{resolve} itself.py:w" in cb("signal", "s", "x", *named, code=1).out
    assert "is in doubt since a crash" in cb("fire", "s", "first", *named, code=1).err
    done = cb("resolve", "s", "first", "--failed", "no net", "--no-run", *named)
    assert "circuit-breaker work -w itself.py:w" in done.out


def test_what_is_cancelled_without_a_signal_is_told_as_that():
    """Only a signal is told as one."""

    async def cancelled():
        raise asyncio.CancelledError

    async def stopped():
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(10)

    with pytest.raises(asyncio.CancelledError):
        complete(cancelled())
    with pytest.raises(Terminated):
        complete(stopped())
    assert signal.SIG_DFL == signal.getsignal(signal.SIGTERM)


def test_a_reader_who_goes_away_ends_the_telling(cb, here):
    """Where nobody reads on, as behind ``| head``, a command ends without a traceback, and its journal is closed."""
    restless = 'w = Workflow("w", flow(a >> b).transition("go"), flow(b >> a).transition("back"), final=[])'
    (here / "restless.py").write_text(
        f'from circuit_breaker import Workflow, flow, states\n\na, b = states("a", "b")\n{restless}\n'
    )
    command = [sys.executable, "-m", "circuit_breaker.cli", "run", "restless.py", "--id", "r"]
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert "starts in a" in process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()

    assert ("", 1, []) == (said, process.returncode, open_journals(here))
    assert "running" == cb("show", "r", "--json").document["status"]
