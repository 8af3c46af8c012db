"""The command line: executors alone."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

MODULE = '''
import asyncio

from circuit_breaker import BaseExecutor, parameter
from circuit_breaker.errors import ActionError


@parameter("text", description="What to repeat")
@parameter("times", default=1, minimum=1, description="How often")
@parameter("parts", default=None, description="A list")
class Repeat(BaseExecutor):
    """Repeats a text.

    As often as one likes.
    """

    text: str
    times: int
    parts: list[str] | None

    async def execute_internal(self, context):
        self.execution.progress(0.5, "half")
        self.execution.log("working", stream="stderr")
        if self.text == "fail":
            raise ActionError("it failed", code="failed", remedy="say something else")
        if self.text == "hang":
            await asyncio.sleep(60)
        return {"text": self.text * self.times, "parts": self.parts, "key": self.execution.idempotency_key}


other = 5
'''
TYPED = """
from typing import Any

from circuit_breaker import BaseExecutor


class Typed(BaseExecutor):
    anything: Any = None
    words: str | list[str] | None = None
    amount: str | int | None = None

    async def execute_internal(self, context):
        return dict(context)
"""


@pytest.fixture
def repeat(here):
    """An executor of the user's, as a file in the current directory."""
    (here / "own.py").write_text(MODULE)
    return "own.py:Repeat"


def test_executors_are_listed(cb):
    """Ours are listed with a line each, for people and for programs."""
    records = {record["name"]: record for record in cb("executors", "list", "--json").records}

    assert "Runs several executors, in sequence or in parallel." in cb("executors", "list").out
    assert records["step"]["description"].startswith("Runs several executors")
    assert [None] * len(records) == [record["error"] for record in records.values()]


def test_an_executor_is_described(cb, repeat):
    """Its parameters are shown with what they take; a program gets the JSON Schema."""
    shown = cb("executors", "describe", repeat)

    assert "As often as one likes." in shown.out
    assert "integer, at least 1" in shown.out
    assert "required" in shown.out
    assert "secrets" in shown.err
    assert {"text", "times", "parts"} == set(cb("executors", "describe", repeat, "--json").document["properties"])


def test_an_executor_is_executed(cb, repeat):
    """The outcome is JSON on standard output; what the work tells goes to standard error."""
    done = cb("execute", repeat, "-p", "text=5", "-p", "times=2", "-p", 'parts=["a"]', "--key", "k-1")

    assert {"text": "55", "parts": ["a"], "key": "k-1", "status": "completed"} == done.document
    assert ["50% half", "working"] == [line.strip() for line in done.err.splitlines()]


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("anything=[1]", [1]),
        ('anything="a"', "a"),
        ("anything=a b", "a b"),
        ('words=["sort", "-n"]', ["sort", "-n"]),
        ("words=sort -n", "sort -n"),
        ('words="sort"', '"sort"'),
        ("words=null", "null"),
        ("amount=512", 512),
        ("amount=512m", "512m"),
        ("amount=true", "true"),
    ],
)
def test_a_value_is_json_where_the_parameter_takes_that(cb, here, given, taken):
    """JSON becomes what it is where that is taken; what is to be a text stays as it was typed."""
    (here / "own.py").write_text(TYPED)
    assert taken == cb("execute", "own.py:Typed", "-p", given).document[given.partition("=")[0]]


def test_what_an_operator_decides_can_be_set(cb):
    """A list of texts is given as JSON, one by one, or alone."""
    for settings in (
        ["programs=echo"],
        ['programs=["echo", "cat"]'],
        ["programs=cat", "programs=echo"],
        ["programs=*"],
    ):
        options = [word for setting in settings for word in ("--set", setting)]
        assert "hi" == cb("execute", "subprocess", *options, "-p", "command=echo hi").document["output"]


def test_the_engine_of_containers_is_that_of_the_environment(cb, monkeypatch, tmp_path):
    """DOCKER_HOST says where the engine is, unless the command does."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/theirs.sock")

    assert "theirs.sock" in cb("execute", "docker", "-p", "image=a", code=1).err
    given = f"base_url=unix://{tmp_path}/ours.sock"
    assert "ours.sock" in cb("execute", "docker", "--set", given, "-p", "image=a", code=1).err


def test_who_lacks_a_permission_is_told_how_to_give_it(cb):
    """Whoever types the command is the operator, and is told the option for it."""
    done = cb("execute", "subprocess", "-p", "command=echo hi", code=1)

    assert "the operator permits no program" in done.err
    assert "give --set programs=echo, or --set programs='*' where" in done.err
    assert "--set KEY=VALUE (see `circuit-breaker executors describe subprocess`)" in done.err
    document = cb("execute", "subprocess", "--json", "-p", "command=echo hi", code=1).document["error"]
    assert "--set programs=echo" in document["message"]
    assert "--set" not in cb("execute", "subprocess", "-p", "command=5", "-p", "max_output=a", code=1).err


def test_parameters_can_be_one_document(cb, repeat):
    """--params gives all at once, and --param more."""
    done = cb("execute", repeat, "--params", '{"text": "a", "times": 3}', "-p", "times=2")

    assert "aa" == done.document["text"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["-p", "times=2"], 1, "parameter 'text': is required"),
        (["-p", "text=a", "-p", "times=many"], 1, "parameter 'times'"),
        (["-p", "text=a", "-p", "tims=2"], 1, "did you mean 'times'"),
        (["-p", "text"], 2, "'text' is no KEY=VALUE"),
        (["-p", "text=fail"], 1, "it failed"),
        (["-p", "text=hang", "--timeout", "0.1"], 1, "it took longer than 0.1 s"),
        (["-p", "text=a", "--set", "secretz=1"], 3, "did you mean 'secrets'"),
        (["-p", "text=a", "--secret", "NO_SUCH_VARIABLE"], 1, "there is no variable 'NO_SUCH_VARIABLE'"),
    ],
)
def test_what_is_wrong_is_told(cb, repeat, arguments, code, message):
    """A fault in the parameters, the settings or the work is one message with an exit code of its own."""
    assert message in cb("execute", repeat, *arguments, code=code).err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stepp", "did you mean 'step'"),
        ("own.py:Repet", "did you mean 'Repeat'"),
        ("own.py:other", "is no executor class"),
    ],
)
def test_an_unknown_executor_is_told_with_the_nearest(cb, repeat, name, message):
    """A name that leads to no executor is a fault of the definition."""
    assert message in cb("execute", name, code=3).err


def test_sigterm_ends_the_work(repeat):
    """Another program can end it, and is told so by the exit code."""
    arguments = [sys.executable, "-m", "circuit_breaker.cli", "execute", repeat, "-p", "text=hang"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert "50%" in process.stderr.readline()
        begun = time.monotonic()
        process.terminate()
        _, told = process.communicate(timeout=10)

    assert 143 == process.returncode
    assert 5 > time.monotonic() - begun
    assert "Traceback" not in told
