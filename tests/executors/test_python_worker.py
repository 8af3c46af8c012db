"""The program that calls one Python function in a process of its own: how it reads, calls and answers."""

from __future__ import annotations

import io
import json
import os
import sys

import pytest

from circuit_breaker.executors.programs import python_worker

FUNCTIONS = """
import asyncio

def add(one, two=2):
    print("adding")
    return one + two

async def later(payload, context):
    await asyncio.sleep(0)
    return [payload, context]

def fail(**_):
    raise LookupError("no such order")

def odd(**_):
    return {1, 2}

class Box:
    @staticmethod
    def give():
        return "given"
"""


class Ended(BaseException):
    """The process would be gone here."""


@pytest.fixture
def answer(tmp_path, monkeypatch):
    """What the program answers, in this process: its streams are pipes, and its end is an exception."""
    (tmp_path / "functions_of_a_test.py").write_text(FUNCTIONS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "excepthook", lambda *_: None)

    def answer(target, given):
        reading, writing = os.pipe()
        stdin = io.TextIOWrapper(io.BytesIO(json.dumps(given).encode()))

        def end(code):
            assert 0 == code
            raise Ended

        with monkeypatch.context() as patched:
            patched.setattr(sys, "stdin", stdin)
            patched.setattr(sys, "argv", ["worker", f"functions_of_a_test:{target}", str(tmp_path)])
            patched.setattr(python_worker.os, "dup", lambda _: writing)
            patched.setattr(python_worker.os, "dup2", lambda *_: None)
            patched.setattr(python_worker.os, "_exit", end)
            with pytest.raises(Ended):
                python_worker.main()
        with os.fdopen(reading, "rb") as stream:
            return json.loads(stream.read())

    yield answer
    sys.modules.pop("functions_of_a_test", None)


@pytest.mark.parametrize(
    ("target", "given", "output"),
    [
        ("add", {"arguments": {"one": 1}}, 3),
        ("later", {"payload": 5, "context": {"a": 1}}, [5, {"a": 1}]),
        ("Box.give", {"arguments": {}}, "given"),
        ("add", {"arguments": {"one": 1}, "path": sys.path}, 3),
    ],
)
def test_it_answers_what_the_function_returns(answer, target, given, output):
    """Plain or async, by name or by position, of a module or of a class in it."""
    assert {"output": output} == answer(target, given)


@pytest.mark.parametrize(
    ("target", "kind", "message"),
    [
        ("fail", "LookupError", "no such order"),
        ("odd", "invalid_outcome", "set is not JSON serializable"),
        ("missing", "AttributeError", "missing"),
    ],
)
def test_it_answers_why_there_is_no_output(answer, target, kind, message):
    """A failure, an outcome that is no JSON, and a function that is not there are told with their kind."""
    error = answer(target, {"arguments": {}})["error"]

    assert kind == error["type"]
    assert message in error["message"]
