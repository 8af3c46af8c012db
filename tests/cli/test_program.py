"""The program itself: help, version, completion, exit codes, and errors for people and for programs."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import click
import pytest
import structlog

import circuit_breaker
from circuit_breaker.cli.exits import EXIT_CODES, ExitCode, exit_code
from circuit_breaker.cli.logs import logs_to
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.program import Program, program
from circuit_breaker.cli.visible import SafeConsole
from circuit_breaker.errors import ExtraMissing, VersionConflict

COMMANDS = list(Program.homes)


def command(*arguments: str, **options) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    program = [sys.executable, "-m", "circuit_breaker.cli", *arguments]
    return subprocess.Popen(program, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


def test_the_help_names_every_command_and_exit_code(cb):
    """``--help`` lists the commands and what the exit codes mean."""
    text = cb("--help").out

    for word in [*COMMANDS, *EXIT_CODES.values()]:
        assert word in text


def paths(command: click.Command, name: str) -> list[str]:
    """The command, or those of a group, as they are typed."""
    if not isinstance(command, click.Group):
        return [name]
    return [path for inner, each in command.commands.items() for path in paths(each, f"{name} {inner}")]


CONTEXT = click.Context(program)
PATHS = [path for name in COMMANDS for path in paths(program.get_command(CONTEXT, name), name)]


@pytest.mark.parametrize("path", PATHS)
def test_every_command_has_help_and_json(cb, path):
    """Every command says what it does, and can speak to programs."""
    text = cb(*path.split(), "--help").out

    assert f"Usage: program {path}" in text
    assert "--json" in text
    assert "--debug" in text
    assert "\\b" not in text


@pytest.mark.parametrize("path", ["", *PATHS])
def test_help_fits_into_a_narrow_terminal(cb, path, monkeypatch):
    """No line of a help text is longer than a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    assert [] == [line for line in cb(*path.split(), "--help").out.splitlines() if len(line) > 80]


def test_the_version_is_that_of_the_package():
    """``--version`` is answered without loading the engine."""
    out, _ = command("--version").communicate(timeout=30)

    assert f"circuit-breaker {circuit_breaker.__version__}\n" == out


@pytest.mark.parametrize(("shell", "part"), [("bash", "complete -o"), ("zsh", "#compdef"), ("fish", "complete --no")])
def test_shells_complete_the_commands(cb, shell, part):
    """``completion`` prints the script for each shell."""
    assert part in cb("completion", shell).out
    assert shell == cb("completion", shell, "--json").document["shell"]


def test_the_completion_knows_the_commands():
    """What the script asks for is answered with the names of commands."""
    words = {"COMP_WORDS": "circuit-breaker hist", "COMP_CWORD": "1", "_CIRCUIT_BREAKER_COMPLETE": "bash_complete"}
    out, _ = command(env=os.environ | words).communicate(timeout=30)

    assert "plain,history\n" == out


def test_a_misspelt_command_is_a_usage_error(cb):
    """An unknown command is answered with the nearest."""
    assert "did you mean 'cases'?" in cb("casse", code=2).err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["start", "orders.py:plain", "--data", "{"], "no JSON"),
        (["start", "orders.py:plain", "--data", "[1]"], "is no JSON object"),
        (["start", "orders.py:plain", "--data", "@no.json"], "'no.json' cannot be read: No such file or directory"),
        (["start", "orders.py:plain", "--data", "@latin.json"], "'latin.json' is no text in UTF-8"),
        (["cases", "--limit", "0"], "--limit"),
        (["resolve", "a", "pay"], "one of --outcome JSON, --failed REASON and --again"),
        (["show"], "Missing argument 'CASE'"),
    ],
)
def test_a_wrong_command_is_a_usage_error(cb, here, arguments, message):
    """A wrong option or argument ends with 2, for people with the usage, for programs as JSON."""
    (here / "latin.json").write_bytes(b"{\xe9}")
    assert message in cb(*arguments, code=2).err
    error = cb(*arguments, "--json", code=2).error
    assert "usage" == error["code"]
    assert message in error["message"]


def test_data_may_come_from_a_file_or_standard_input(cb, here):
    """``--data @file`` and ``--data @-`` are read."""
    (here / "data.json").write_text('{"amount": 5}')
    from_file = cb("start", "orders.py:plain", "--data", "@data.json", "--json").document
    from_input = cb("start", "orders.py:plain", "--data", "@-", "--json", stdin='{"amount": 5}').document

    assert [{"amount": 5}] * 2 == [case["tokens"][0]["data"] for case in (from_file, from_input)]


def test_what_is_not_there_ends_with_four(cb):
    """An unknown case or transition is not found; nothing is made in its place."""
    cb("start", "orders.py:plain", "--id", "a")

    assert "case_not_found" == cb("show", "b", "--json", code=4).error["code"]
    assert "case_not_found" == cb("fire", "b", "pay", "--json", code=4).error["code"]
    assert "did you mean 'pay'?" in cb("fire", "a", "pya", code=4).err


def test_a_journal_that_is_not_there_is_not_made(cb, here):
    """A mistyped --storage is an error with exit code 5, and leaves no empty file."""
    assert "there is no journal" in cb("cases", "--storage", "sqlite:///typo.db", code=5).err
    assert not (here / "typo.db").exists()


def test_a_foreign_file_is_a_storage_error(cb, here):
    """A database of another program is left alone."""
    with sqlite3.connect(here / "foreign.db") as database:
        database.execute("create table theirs (a)")
    database.close()

    error = cb("start", "orders.py:plain", "--storage", "sqlite:///foreign.db", "--json", code=5).error
    assert "storage_foreign" == error["code"]


def test_an_id_is_given_once(cb):
    """Starting a case of an id that exists is refused, and says what to do."""
    cb("start", "orders.py:plain", "--id", "a")

    assert "choose another id" in cb("start", "orders.py:plain", "--id", "a", code=1).err


def test_an_unexpected_error_is_told_without_its_traceback(cb, here):
    """A fault that nobody foresaw is one line, and ends with 70; with --debug it has its traceback."""
    (here / "odd.py").write_text(
        "from orders import plain\n\n\nclass Odd(type(plain)):\n"
        "    def __getattribute__(self, name):\n        return 1 / 0\n\n\nodd = object.__new__(Odd)\n"
    )

    assert "error: ZeroDivisionError: division by zero" in cb("check", "odd.py:odd", code=70).err
    assert "internal" == cb("check", "odd.py:odd", "--json", code=70).error["code"]
    _, err = command("check", "odd.py:odd", "--debug", cwd=here).communicate(timeout=30)
    assert "Traceback" in err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (VersionConflict("x"), ExitCode.STORAGE),
        (ExtraMissing("quickjs", extra="javascript", why="JavaScript"), ExitCode.EXTRA),
        (KeyError("x"), ExitCode.INTERNAL),
    ],
)
def test_each_kind_of_error_has_its_exit_code(error, code):
    """The exit code follows from the kind of error."""
    assert code == exit_code(error)


def test_an_interrupted_command_says_that_nothing_is_lost(here):
    """Ctrl-C ends with 130 and without a traceback."""
    command("start", "orders.py:plain", cwd=here).communicate(timeout=30)
    worker = command("work", "--poll", "0.1", cwd=here)
    while not list(here.glob("*-worker-*")):
        time.sleep(0.05)
    time.sleep(0.5)
    worker.send_signal(signal.SIGINT)
    _, err = worker.communicate(timeout=30)

    assert ExitCode.INTERRUPTED == worker.returncode
    assert "goes on from there" in err
    assert "Traceback" not in err


def test_what_the_engine_logs_is_a_warning(here):
    """Logs of the engine are warnings on standard error, harmless ones, and never among the JSON of a command."""
    output = Output(errors=SafeConsole(file=StringIO(), width=200))
    with logs_to(output):
        structlog.get_logger("circuit_breaker.work").warning("case failed", case="a\x1b[2J", error="no net")

    assert "warning: case failed: case a\\x1b[2J, error no net\n" == output.errors.file.getvalue()
    assert not structlog.is_configured()


def test_a_logging_of_the_user_counts(here):
    """Where a module of the user has set up its own logging, it stays."""
    kept = []
    structlog.configure(processors=[lambda _, __, event: kept.append(event["event"]) or ""])
    try:
        with logs_to(Output()):
            structlog.get_logger("circuit_breaker.work").warning("theirs")
    finally:
        structlog.reset_defaults()

    assert ["theirs"] == kept


@pytest.mark.parametrize(
    ("options", "shown"),
    [({"env": os.environ | {"PYTHONIOENCODING": "ascii"}}, "\\u2713 plain is valid"), ({}, "✓ plain is valid")],
    ids=["ascii", "utf-8"],
)
def test_a_terminal_without_unicode_is_no_obstacle(here, options, shown):
    """What the encoding of the terminal does not have is written out."""
    out, err = command("check", "orders.py:plain", cwd=here, **options).communicate(timeout=30)

    assert out.startswith(shown)
    assert "" == err


def test_a_closed_output_is_no_obstacle(here):
    """Without a standard output a command does its work all the same."""
    start = [sys.executable, "-m", "circuit_breaker.cli", "start", "orders.py:plain", "--id", "a"]
    done = subprocess.run(["sh", "-c", f"exec {shlex.join(start)} >&-"], cwd=here, check=False, capture_output=True)

    assert (0, b"") == (done.returncode, done.stderr)


DOUBTFUL = """
import os, signal
from circuit_breaker import Workflow, flow, states

here, there, failed = states("here", "there", "failed")


def pay(token):
    if token.data.get("deadly"):
        os.kill(os.getpid(), signal.SIGKILL)
    return {"paid": True}


w = Workflow("w", flow(here >> there).transition("pay").action(pay).effect("at_most_once").on_failure(failed))
"""


@pytest.mark.crash
@pytest.mark.parametrize(
    ("said", "state"),
    [(["--outcome", '{"paid": true}'], "there"), (["--failed", "no money"], "failed"), (["--again"], "there")],
)
def test_an_action_in_doubt_is_resolved(cb, here, said, state):
    """An interrupted action that must not be repeated waits until ``resolve`` says what became of it."""
    (here / "doubtful.py").write_text(DOUBTFUL)
    run = command("run", "doubtful.py:w", "--id", "d", "--data", '{"deadly": true}', cwd=here)
    run.communicate(timeout=30)
    (here / "doubtful.py").write_text(DOUBTFUL.replace('get("deadly")', 'get("nothing")'))
    cb("work", "--until-idle", "-w", "doubtful.py:w")

    assert -signal.SIGKILL == run.returncode
    assert "in_doubt" == cb("show", "d", "--json").document["status"]
    assert "pay: in doubt since" in cb("show", "d").out
    assert state == cb("resolve", "d", "pay", *said, "-w", "doubtful.py:w", "--json").document["state"]


def test_json_is_one_document_on_standard_output(here):
    """With --json standard output holds nothing else, in a process of its own too."""
    run = command("run", "orders.py:plain", "--json", cwd=here)
    out, err = run.communicate(timeout=30)

    assert "new" == json.loads(out)["state"]
    assert "" == err


@pytest.mark.parametrize("arguments", [["schema"], ["cases"], ["cases", "--json"]])
def test_a_full_standard_output_is_told(here, arguments):
    """Where nothing can be printed, that is said, without a traceback, and is no fault of this program."""
    command = [sys.executable, "-m", "circuit_breaker.cli", *arguments]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)

    assert 5 == done.returncode
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("data", "message"), [('{"a": 1, "a": 2}', "'a' is given twice"), ('{"a": NaN}', "NaN is no number of JSON")]
)
def test_what_is_almost_json_is_a_wrong_command(cb, data, message):
    """A key that is given twice, and a number that JSON does not have, are told before anything is done."""
    assert message in cb("run", "orders.py:orders", "--data", data, code=2).err


def test_an_empty_id_is_no_id(cb):
    """A variable that is not set does not start another case each time."""
    assert "id" in cb("run", "orders.py:orders", "--id", "", code=1).err
