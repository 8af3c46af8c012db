"""The commands for functions."""

from __future__ import annotations

import json
import re

import pytest

MODULE = """
from circuit_breaker import FunctionExecutor, Workflow, flow, states
from circuit_breaker.executors import ExecutionContext
from circuit_breaker.functions import FunctionChain, FunctionDefinition

new, ready = states("new", "ready")
jobs = Workflow("jobs", flow(new >> ready).transition("go"))


@FunctionExecutor.of
def shout(context: ExecutionContext, text: str, input: object = None):
    context.log(f"shouting {text}")
    if text == "fail":
        raise ValueError("no voice")
    return {"output": {"said": text.upper()}}


loud = FunctionDefinition(id="loud", executor=shout, parameters={"text": "hello"})
"""
FIRST = """
id: first
executor: shout
parameters: {text: {template: "{input.word|nothing}"}}
triggers:
- {trigger_type: ResourceState, state: ready, condition: data.word != 'quiet'}
chains: [{target_function: second, condition: OnSuccess}]
"""
SECOND = """
id: second
executor: shout
parameters: {text: second}
"""


@pytest.fixture
def fb(here, cb):
    """Runs a command on functions, with the module at hand."""
    (here / "voices.py").write_text(MODULE)
    (here / "first.yaml").write_text(FIRST)
    (here / "second.yaml").write_text(SECOND)

    def run(*arguments, code=0):
        return cb("functions", *arguments, "--import", "voices.py", code=code)

    return run


def test_functions_are_registered_listed_and_shown(fb, here):
    """F8: files are registered in the order that their chains need, and a module's functions too."""
    done = fb("register", "first.yaml", "second.yaml", "voices.py:loud", "--json")
    assert ["second", "first", "loud"] == [record["function"] for record in done.records]

    assert ["first", "loud", "second"] == [record["id"] for record in fb("list", "--json").records]
    assert "ResourceState" in fb("list").out
    shown = fb("show", "first", "--json").document
    assert ("shout", [shown["version"]]) == (shown["executor"], shown["versions"])
    assert '"id": "first"' in fb("show", "first").out


def test_no_functions_and_no_executions(fb):
    """An empty journal is said to be empty."""
    fb("register", "second.yaml")
    assert "no executions" in fb("executions").out


def test_a_function_runs_and_its_logs_are_kept(fb):
    """F8, F13: the output is printed as JSON; result, logs and list tell the same execution."""
    fb("register", "second.yaml", "first.yaml")
    assert {"said": "YOU"} == json.loads(fb("run", "first", "--input", '{"word": "you"}', "--id", "e1").out)

    assert "success" == fb("logs", "e1", "--json").document["status"]
    assert "shouting you" in fb("logs", "e1").out
    assert ["e1"] == [record["id"] for record in fb("executions", "first", "--json").records]
    assert "success" in fb("executions").out
    assert 1 == len(fb("executions", "--status", "success", "--json").records)


def test_a_list_of_executions_fits_into_a_narrow_terminal(fb, monkeypatch):
    """Where there is little room, an execution is one line that begins with its whole id."""
    fb("register", "second.yaml", "first.yaml")
    fb("run", "second", "--id", "i" * 36)
    monkeypatch.setenv("COLUMNS", "80")
    _, line = fb("executions").out.splitlines()

    assert ["i" * 36, "second", "success", "call"] == line.split()


def test_a_failure_is_told(fb):
    """F15: a failed execution prints why, and ends with another exit code."""
    fb("register", "second.yaml", "first.yaml")
    done = fb("run", "first", "--input", '{"word": "fail"}', code=1)
    assert "failed: no voice" in done.err
    assert "failed" == fb("run", "first", "--input", '{"word": "fail"}', "--json", code=1).document["status"]


COUNTER = """
id: counter
executor: subprocess
parameters: {command: "wc -w"}
triggers: [{trigger_type: ResourceState, state: new}]
"""


@pytest.fixture
def counter(here, fb):
    """A function that needs a permission."""
    (here / "counter.yaml").write_text(COUNTER)
    fb("register", "counter.yaml")


def test_a_function_runs_with_what_its_operator_permits(fb, counter):
    """F8: the option that an error recommends makes the function run; faults are told line by line."""
    refused = fb("run", "counter", "--input", '"to be"', code=1).err
    assert "are wrong\n  - parameter 'command': 'wc' may not be run" in refused
    (recommended,) = re.findall(r"give (--set subprocess.programs=wc),", refused)
    assert ".under(" not in refused

    assert 2 == json.loads(fb("run", "counter", "--input", '"to be"', *recommended.split()).out)


def test_functions_work_with_what_their_operator_permits(fb, cb, counter):
    """F18: `functions work` takes the same settings, and says why an execution failed."""
    cb("run", "voices.py:jobs", "--data", '{"word": "hey"}')
    failed = fb("work", "--until-idle")
    assert "counter failed" in failed.out
    assert "--set subprocess.programs=wc" in failed.err

    cb("run", "voices.py:jobs", "--data", '{"word": "hey"}')
    assert "counter success" in fb("work", "--until-idle", "--set", "subprocess.programs=wc").out


@pytest.mark.parametrize(
    ("given", "words", "code"),
    [
        ("programs=wc", "'programs' is no EXECUTOR.KEY", 2),
        ("nobody.programs=wc", "'nobody': is not installed", 3),
        ("subprocess.program=wc", "did you mean 'programs'", 3),
    ],
)
def test_a_wrong_setting_is_refused(fb, counter, given, words, code):
    """F8: a setting names its executor and what that knows; otherwise nothing runs."""
    assert words in fb("run", "counter", "--set", given, code=code).err
    assert "no executions" in fb("executions").out


def test_events_make_functions_run(fb, cb):
    """F18: `functions work` acts on what happened, chains included, and ends when nothing is left to do."""
    fb("register", "second.yaml", "first.yaml")
    for number, word in enumerate(("loud", "quiet")):
        cb("run", "voices.py:jobs", "--data", json.dumps({"word": word}), "--id", f"case{number}")
    done = fb("work", "--until-idle", "--json")
    assert ["first", "second"] == [record["function_id"] for record in done.records]
    assert "" == fb("work", "--until-idle").out

    answers = fb("trigger", "test", "case1", "--event", "2", "--json").records
    assert [False] == [answer["runs"] for answer in answers]
    assert "saw 'quiet'" in fb("trigger", "test", "case1", "--event", "2").out
    assert '{"word": "loud"}' in fb("trigger", "test", "case0", "--event", "2", "--function", "first").out


def test_work_tells_what_ended(fb, cb):
    """F18: people read a line for each execution that has ended."""
    fb("register", "second.yaml", "first.yaml")
    cb("run", "voices.py:jobs", "--data", '{"word": "hey"}')
    assert "first success" in fb("work", "--until-idle").out


def test_an_execution_is_cancelled(fb):
    """F8: what has ended cannot be cancelled, and what does not exist neither."""
    fb("register", "second.yaml")
    fb("run", "second", "--id", "e1")
    fb("cancel", "e1", code=1)
    assert "execution_not_found" == fb("cancel", "e2", "--json", code=4).error["code"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("register", "nothing.yaml"), 4),
        (("register", "voices.py:jobs"), 3),
        (("register", "binary.yaml"), 3),
        (("register", "lonely.yaml"), 3),
        (("run", "nobody"), 4),
        (("run", "second", "--input", "{"), 2),
        (("run", "second", "--secret", "NO_SUCH_VARIABLE"), 1),
        (("logs", "nobody"), 4),
        (("trigger", "test", "nobody"), 4),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_what_is_wrong_has_its_exit_code(fb, here, words, code):
    """F15: what cannot be found, read or run is told with its exit code."""
    (here / "binary.yaml").write_bytes(b"\xff\xfe\xfa")
    (here / "lonely.yaml").write_text(FIRST.replace("second", "nobody"))
    fb("register", "second.yaml")
    fb(*words, code=code)


def test_the_schema_is_printed(cb):
    """F1: editors get the JSON Schema of the files."""
    assert "circuit_breaker function" == json.loads(cb("functions", "schema").out)["title"]


def test_containers_run_where_docker_host_says(here, cb, monkeypatch):
    """F19: the engine of containers is that of DOCKER_HOST, or the one that --docker names."""
    (here / "boxed.yaml").write_text("id: boxed\ncontainer: {image: busybox}\n")
    cb("functions", "register", "boxed.yaml")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{here}/theirs.sock")

    assert "theirs.sock" in cb("functions", "run", "boxed", code=1).err
    assert "ours.sock" in cb("functions", "run", "boxed", "--docker", f"unix://{here}/ours.sock", code=1).err
