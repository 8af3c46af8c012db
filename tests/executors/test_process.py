"""Running a program, and ending all that it has started."""

from __future__ import annotations

import asyncio
import hashlib
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import pytest

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    OutOfMemory,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
)
from circuit_breaker.executors.output import Output
from circuit_breaker.executors.programs import containment, home, process, resources
from circuit_breaker.executors.programs.ending import Ending
from circuit_breaker.executors.programs.process import Program, run
from circuit_breaker.executors.programs.resources import UNBOUNDED, Resources, launcher
from tests.executors.processes import trace

__all__ = ["trace"]

PYTHON = (sys.executable, "-I", "-S", "-c")
contained = pytest.mark.skipif(not containment.containment(), reason="this process may make no namespaces")
STUBBORN = "trap '' TERM; while :; do sleep 60; done"


@pytest.fixture
def start(tmp_path, trace):
    """Runs a program to its end, and gives how it ended and what it said."""

    async def start(*command, form="text", limit=1 << 20, log=lambda line: None, **options):
        environment = {**trace.variables, **options.pop("environment", {})}
        program = Program(command=command, home=tmp_path, environment=environment, **options)
        stdout, stderr = Output("stdout", log, form=form, limit=limit), Output("stderr", log, form="none")
        ending = await run(program, stdout=stdout, stderr=stderr)
        return ending, stdout.value()

    return start


async def took(work):
    """The error that the work ended with, and the seconds that it took."""
    begun = time.monotonic()
    with pytest.raises((ActionError, asyncio.CancelledError, TimeoutError)) as error:
        await work
    return error.value, time.monotonic() - begun


async def test_a_program_gets_its_arguments_as_they_are(start):
    """ZA23: no shell looks at the arguments, whatever they hold."""
    words = ["$HOME", "`id`", "a; b", "*", "'", '"', "\n", "&& false", "€", ""]
    _, said = await start(*PYTHON, "import sys; print(sys.argv[1:])", *words)

    assert repr(words) == said


async def test_a_program_gets_no_variables_but_its_own(start, tmp_path, monkeypatch):
    """Nothing of the environment of this process reaches it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    _, said = await start("/usr/bin/env", environment={"OWN": "1"})
    names = {line.partition("=")[0] for line in said.splitlines()}

    assert {"PATH", "LANG", "HOME", "TMPDIR", "OWN", "TRACE", "CIRCUIT_BREAKER_PROCESS"} == names
    assert f"HOME={tmp_path}" in said


async def test_a_program_reads_what_it_is_given(start):
    """Any amount of input arrives, and a program need not read it."""
    data = os.urandom(1 << 20)
    _, said = await start("/usr/bin/sha256sum", stdin=data)
    ending, _ = await start("/bin/true", stdin=data)

    assert said.split()[0] == hashlib.sha256(data).hexdigest()
    assert 0 == ending.exit_code
    assert "x" == (await start("/bin/cat", "/dev/stdin", stdin=b"x"))[1]


async def test_no_open_file_of_this_process_is_inherited(start, tmp_path):
    """A program has its three standard streams and nothing else."""
    with (tmp_path / "open").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        _, said = await start("/bin/ls", "/proc/self/fd")

    assert ["0", "1", "2", "3"] == said.split()  # 3 is the directory that is being listed


@pytest.mark.parametrize("command", [("/bin/sleep", "60"), ("/bin/sh", "-c", STUBBORN)])
async def test_a_timeout_ends_a_hanging_program(start, command):
    """When time is up, all is gone within a second, also where a program does not want to."""
    error, seconds = await took(start(*command, timeout=0.2))

    assert isinstance(error, ActionTimeout)
    assert "took longer than 0.2 s" in str(error)
    assert seconds < 1.2


@pytest.mark.parametrize("command", [("/bin/sleep", "60"), ("/bin/sh", "-c", STUBBORN)])
async def test_a_cancellation_ends_a_program(start, command):
    """Who cancels the work ends the program, within a second."""
    _, seconds = await took(asyncio.wait_for(start(*command), 0.2))

    assert seconds < 1.2


async def test_a_second_cancellation_does_not_spare_the_program(start):
    """Cancelled again while it is being ended, it is killed at once."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(start("/bin/sh", "-c", STUBBORN))
        await asyncio.sleep(0.2)
        task.cancel()
        await asyncio.sleep(0.05)
        task.cancel()
        _, seconds = await took(task)

    assert seconds < 0.2
    await asyncio.sleep(0.1)


async def test_a_program_may_end_in_its_own_way(start, tmp_path):
    """It is asked first, so that it can clean up."""
    script = f"trap 'echo cleaned > {tmp_path}/note; exit 0' TERM; echo; while :; do sleep 0.01; done"
    await took(start("/bin/sh", "-c", script, timeout=0.2))

    assert "cleaned\n" == (tmp_path / "note").read_text()


@pytest.mark.parametrize("how", ["sleep 60", "setsid sleep 60", "setsid -f sh -c 'sleep 60 & sleep 60'"])
async def test_children_that_hold_on_to_the_output_end_with_it(start, how):
    """A child that keeps the pipes open, even in a session of its own, does not outlive the program."""
    begun = time.monotonic()
    _, said = await start("/bin/sh", "-c", f"{how} & echo done")

    assert "done" == said
    assert time.monotonic() - begun < 1


async def test_children_end_when_time_is_up(start):
    """Children are killed with the program, also those that left its session and its output."""
    script = "setsid sleep 60 >/dev/null 2>&1 & sleep 60"
    error, _ = await took(start("/bin/sh", "-c", script, timeout=0.3))

    assert isinstance(error, ActionTimeout)


async def test_flooding_ends_the_program(start):
    """More output than allowed is an error at once, and the program is gone."""
    error, seconds = await took(start("/usr/bin/yes", limit=100_000))

    assert isinstance(error, OutputTooLarge)
    assert seconds < 1.5


async def test_long_output_needs_constant_memory(start):
    """Ten megabytes that are only logged take no more memory than one."""
    code = "import sys\nfor _ in range({}): sys.stdout.write('x' * 99 + chr(10))"

    async def peak(lines):
        tracemalloc.start()
        try:
            await start(*PYTHON, code.format(lines), form="none")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    await peak(10)
    assert await peak(100_000) < 2 * await peak(10_000) + 500_000


async def test_a_log_that_fails_ends_the_program(start):
    """What goes wrong where the output is told is raised, and the program is gone."""

    def log(line):
        raise ActionError("the disk is full", code="disk")

    error, _ = await took(start("/usr/bin/yes", log=log))

    assert "disk" == error.code


async def test_others_go_on_while_a_program_floods(start):
    """A program that prints as fast as it can does not hold up the event loop: others have a turn in between."""
    lines, longest = 0, 0

    def count(_):
        nonlocal lines
        lines += 1

    async def watch():
        nonlocal lines, longest
        while True:
            longest, lines = max(longest, lines), 0
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch())
        await took(start("/usr/bin/yes", form="none", timeout=0.5, log=count))
        watching.cancel()

    assert 0 < longest < 200_000


@pytest.mark.parametrize(
    ("limits", "code", "error"),
    [
        ({"memory": 200_000_000}, "bytearray(10**9)", OutOfMemory),
        ({"cpu_seconds": 1}, "while True: pass", ProgramFailed),
        ({"open_files": 20}, "files = [open('/dev/null') for _ in range(30)]", ProgramFailed),
        ({"file_size": 1000}, "f = open('x', 'w'); f.write('x' * 2000); f.close()", ProgramFailed),
    ],
)
async def test_limits_hold(start, limits, code, error):
    """What a program may use is limited before its first instruction."""
    ending, _ = await start(*PYTHON, code, resources=Resources(**limits), timeout=20)

    with pytest.raises(error) as raised:
        ending.check()
    assert type(raised.value) is error
    assert raised.value.exit_code != 0


async def test_children_have_the_limits_too(start):
    """A limit is handed down."""
    ending, said = await start("/bin/sh", "-c", "sh -c 'ulimit -n'", resources=Resources(open_files=33, processes=900))

    assert "33" == said
    assert 0 == ending.exit_code


def test_a_program_ends_with_this_process(tmp_path, trace):
    """When this process is killed, so is the program: nobody would know of it."""
    code = f"""
import asyncio
from pathlib import Path
from circuit_breaker.executors.programs.process import Program, run
from circuit_breaker.executors.output import Output
program = Program(command=("/bin/sleep", "60"), home=Path("{tmp_path}"), environment={trace.variables!r})
print("begun", flush=True)
asyncio.run(run(program, stdout=Output("o", print), stderr=Output("e", print)))
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        until(lambda: any("(sleep" in one for one in trace.left()))
        parent.kill()
    until(lambda: not trace.left())


def until(holds):
    patience = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < patience
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"working_dir": "/nonexistent"}, "No such file or directory"),
        ({"environment": {"A": "a\0b"}}, "embedded null byte"),
        ({"environment": {"A": "x" * 3_000_000}}, "Argument list too long"),
    ],
)
async def test_what_cannot_be_started_is_told(start, options, reason):
    """The kernel's reason is passed on, and nothing has run."""
    with pytest.raises(ParameterInvalid, match=f"'true' cannot be started: {reason}"):
        await start("/bin/true", **options)


async def test_a_passing_want_of_resources_may_be_tried_again(start, monkeypatch):
    """That there are no processes to be had now is no fault of the parameters."""

    async def no_process(*_, **__):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(asyncio.get_running_loop(), "subprocess_exec", no_process)
    with pytest.raises(ActionError, match="cannot be started now") as error:
        await start("/bin/true")
    assert "cannot_start" == error.value.code


async def test_a_program_that_starts_may_be_cancelled(start, monkeypatch):
    """Cancelled between the start and the first word, nothing is left."""
    loop = asyncio.get_running_loop()
    begin = loop.subprocess_exec

    async def begin_and_cancel(*arguments, **options):
        starting.cancel()
        return await begin(*arguments, **options)

    monkeypatch.setattr(loop, "subprocess_exec", begin_and_cancel)
    async with asyncio.TaskGroup() as group:
        starting = group.create_task(start("/bin/sleep", "60"))
        error, seconds = await took(starting)

    assert isinstance(error, asyncio.CancelledError)
    assert seconds < 30
    await asyncio.sleep(0.1)


async def test_without_its_tools_a_machine_has_no_limits(monkeypatch):
    """Where limits cannot be set they are refused, not forgotten; programs without limits run everywhere."""
    monkeypatch.setattr(resources, "tool", lambda name: None)

    assert () == launcher(UNBOUNDED)
    with pytest.raises(ActionError, match=r"limits \(memory\) cannot be set here") as error:
        launcher(Resources(memory=1))
    assert "limits_unsupported" == error.value.code


async def test_input_needs_no_memory_file(start, monkeypatch):
    """Where files in memory are unknown, a temporary file holds the input."""
    monkeypatch.delattr(process.os, "memfd_create")

    assert "abc" == (await start("/bin/cat", stdin=b"abc"))[1]


def ending(**options):
    return Ending(**{"name": "tool", "duration": 0.1, "stderr": "", "resources": UNBOUNDED, "exit_code": 1} | options)


@pytest.mark.parametrize(
    ("ended", "error", "message"),
    [
        (ending(exit_code=3, stderr="a\nno such file"), ProgramFailed, "ended with exit code 3: no such file"),
        (ending(exit_code=-signal.SIGSEGV), ProgramFailed, "was ended by SIGSEGV"),
        (ending(exit_code=-99), ProgramFailed, "was ended by signal 99"),
        (ending(exit_code=-9), ProgramFailed, "was ended by SIGKILL"),
        (ending(exit_code=-9, starved=True), OutOfMemory, "needed more than there is of memory"),
        (
            ending(exit_code=-6, stderr="bad_alloc", resources=Resources(memory=5)),
            OutOfMemory,
            "needed more than 5 bytes of memory",
        ),
        (
            ending(exit_code=-signal.SIGXCPU, resources=Resources(cpu_seconds=5)),
            ProgramFailed,
            "for it used more than 5 seconds of processor time",
        ),
        (ending(exit_code=1, stderr="MemoryError"), ProgramFailed, "ended with exit code 1"),
    ],
)
def test_an_end_is_told_in_words(ended, error, message):
    """How a program ended is one clear error, with the end of what it complained about."""
    with pytest.raises(error, match=message) as raised:
        ended.check()
    assert (ended.exit_code, ended.stderr) == (raised.value.exit_code, raised.value.stderr)
    assert type(raised.value) is error
    ended.check([ended.exit_code])


RUN = """
import asyncio
from pathlib import Path
from circuit_breaker.executors.programs.process import Program, run
from circuit_breaker.executors.output import Output
program = Program(command=("/bin/sh", "-c", {script!r}), home=Path({home!r}), environment={variables!r})
asyncio.run(run(program, stdout=Output("o", print), stderr=Output("e", print)))
"""


def runs(file):
    """Whether there is the process whose number is in the file."""
    return Path("/proc", file.read_text().strip()).exists()


@contained
def test_all_that_a_program_has_started_ends_with_this_process(tmp_path, trace):
    """When this process is killed, the children of its program end too, wherever they have gone."""
    script = "setsid sleep 60 >/dev/null & sleep 60 & sleep 60; true"
    code = RUN.format(script=script, home=str(tmp_path), variables=dict(trace.variables))
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        until(lambda: 4 == sum("(sleep" in one for one in trace.left()))  # the holder of the namespace is one
        parent.kill()
    until(lambda: not trace.left())


@contained
async def test_nothing_gets_away_from_a_program(start, tmp_path):
    """A child that has left the session and wiped its environment ends when time is up."""
    pid, wiped = tmp_path / "pid", "env -i setsid sh -c 'readlink /proc/self > pid; exec sleep 60' >/dev/null 2>&1 &"
    error, _ = await took(start("/bin/sh", "-c", f"{wiped} sleep 60", timeout=0.5))

    assert isinstance(error, ActionTimeout)
    assert not runs(pid)


@contained
async def test_daemons_end_with_the_program(start, tmp_path):
    """What a program leaves behind on purpose ends with it as well."""
    wiped = "env -i setsid sh -c 'readlink /proc/self > pid; exec sleep 60' >/dev/null 2>&1 &"
    await start("/bin/sh", "-c", f"{wiped} while ! [ -s pid ]; do sleep 0.01; done")

    assert not runs(tmp_path / "pid")


async def test_a_signal_is_told_from_inside_a_namespace(start):
    """How a program ended is seen as it was, whatever stands between it and us."""
    ending, _ = await start("/bin/sh", "-c", "kill -SEGV $$")
    assert -signal.SIGSEGV == ending.exit_code
    ending, _ = await start("/bin/sh", "-c", "exit 139")
    assert 139 == ending.exit_code


@pytest.mark.parametrize("word", ["/bin/false", "/nonexistent"])
def test_where_no_namespace_can_be_made_programs_run_without(monkeypatch, word):
    """Where the tools are not there or may not do it, nothing stands before the command."""
    monkeypatch.setattr(containment, "tool", lambda name: word)
    assert () == containment.containment.__wrapped__()
    monkeypatch.setattr(containment, "tool", lambda name: None)
    assert () == containment.containment.__wrapped__()


def test_a_namespace_that_is_not_made_in_time_is_none(monkeypatch):
    """A machine on which it takes too long runs programs without."""
    monkeypatch.setattr(containment, "_PATIENCE", 0.05)

    assert not containment._works(("/bin/sleep", "60"))


def test_what_a_killed_process_has_left_is_swept(tmp_path):
    """The directory of a process that is gone is removed at the next use; one that is in use, or new, is not."""
    left, used, new = (tmp_path / f"circuit-breaker-{name}" for name in ("left", "used", "new"))
    for folder in (left, used, new):
        (folder / "inner").mkdir(parents=True)
        os.utime(folder, (1, 1) if folder != new else None)
    (tmp_path / "circuit-breaker-link").symlink_to(tmp_path)
    with home._locked(str(used)) as ours:
        home.sweep(tmp_path)

    assert ours
    assert [False, True, True] == [folder.exists() for folder in (left, used, new)]
