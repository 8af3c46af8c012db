"""Functions that are folders on this machine."""

from __future__ import annotations

import json
import shutil
import time

import pytest

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    FunctionInvalid,
    FunctionNotFound,
    OutcomeInvalid,
    OutOfMemory,
    OutputInvalid,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
)
from circuit_breaker.executors import Resources, ServerlessExecutor, secret
from circuit_breaker.executors.programs.permission import ProcessSettings
from circuit_breaker.executors.secrets import Redaction
from circuit_breaker.executors.serverless.contract import Invocation
from circuit_breaker.executors.serverless.local import LocalBackend
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject
from tests.executors.processes import Trace, trace

__all__ = ["trace"]

SHELL = r"""
read -r given
echo hello >&2
given=${given#'{"payload":'}
printf '{"output": [%s, %s]}' "${given%%,\"context\"*}" "$(printf '%s' "${given#*,\"context\":}" | sed 's/}$//')"
"""
NODE = "(payload, context) => { console.log('hello'); return [payload, context] }"
HANDLERS = {
    "python": ("handler.py", "def handler(payload, context):\n    print('hello')\n    return [payload, context]\n"),
    "node": ("handler.js", f"exports.handler = async {NODE}"),
    "node-module": ("handler.mjs", f"export const handler = {NODE}"),
    "ruby": ("handler.rb", "def handler(payload:, context:)\n  puts 'hello'\n  [payload, context]\nend\n"),
    "bash": ("handler.sh", SHELL),
    "command": ("run", f"#!/bin/sh\n{SHELL}"),
}
NEEDS = {"node": "node", "node-module": "node", "ruby": "ruby", "bash": "bash"}


LEAK = """
import os
KEY = os.environ["KEY"]
def handler(payload, context):
    print(KEY)
    if payload:
        raise OSError(KEY)
    return KEY
"""


@pytest.fixture
def functions(tmp_path):
    return tmp_path / "functions"


@pytest.fixture
def add(functions):
    """Adds a function to the folder."""

    def add(name, text, file="handler.py", **description):
        folder = functions / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
        (folder / file).chmod(0o755)
        if description:
            (folder / "function.json").write_text(json.dumps(description))

    return add


@pytest.fixture
def call(functions, trace):
    """Calls a function, and keeps what it logs."""

    async def call(name, payload=None, settings=None, environment=None, **options):
        backend = LocalBackend(functions=functions, settings=settings or ProcessSettings())
        variables = {**trace.variables, **(environment or {})}
        return await backend.invoke(
            Invocation(function_name=name, payload=payload, environment=variables, idempotency_key="key-1", **options)
        )

    return call


@pytest.mark.parametrize("runtime", HANDLERS)
async def test_a_function_answers_in_every_runtime(runtime, add, call):
    """B12: what the handler returns is the output, what it prints is its log, whatever it is written in."""
    if runtime in NEEDS and shutil.which(NEEDS[runtime]) is None:
        pytest.skip(f"{NEEDS[runtime]} is not installed")
    file, text = HANDLERS[runtime]
    add("echo", text, file, **({"command": "./run"} if runtime == "command" else {}))
    logged = []
    outcome = await call("echo", {"a": [1, "€"]}, timeout=20, log=lambda line, stream: logged.append((line, stream)))
    payload, context = outcome.pop("output")

    assert {"a": [1, "€"]} == payload
    assert 10 < context.pop("deadline") - time.time() < 21
    assert {"function_name": "echo", "version": None, "request_id": "key-1"} == context
    assert [("hello", "stderr")] == logged
    assert outcome.pop("duration") > 0
    assert {"status": "completed", "logs": "hello", "version": None, "request_id": "key-1"} == outcome


@pytest.mark.parametrize(
    ("handler", "code", "message"),
    [
        (("handler.py", "def handler(p, c): raise LookupError('no such order')"), "LookupError", "no such order"),
        (("handler.py", "import nothing_of_that_name"), "ModuleNotFoundError", "nothing_of_that_name"),
        (("handler.py", "x = 1"), "AttributeError", "handler"),
        (("handler.js", "exports.handler = () => { throw new RangeError('too far') }"), "RangeError", "too far"),
        (("handler.js", "exports.handle = 1"), "TypeError", "exports no function handler"),
        (("handler.rb", "def handler(payload:, context:) = raise(ArgumentError, 'not so')"), "ArgumentError", "not so"),
        (("handler.sh", 'echo \'{"error": {"type": "Busy", "message": "come back"}}\''), "Busy", "come back"),
    ],
)
async def test_an_error_of_the_handler_is_its_own(handler, code, message, add, call):
    """B12: an error that the function reports has its type as code; how it came about is in the log."""
    file, text = handler
    program = {"handler.js": "node", "handler.rb": "ruby"}.get(file)
    if program and shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    add("broken", text, file)

    with pytest.raises(ActionError, match=message) as error:
        await call("broken")
    assert type(error.value) is ActionError
    assert code == error.value.code


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        ("import os\ndef handler(p, c): os._exit(3)", {}, ProgramFailed),
        ("import sys\ndef handler(p, c): sys.exit()", {}, OutputInvalid),
        ("import time\ndef handler(p, c): time.sleep(60)", {"timeout": 0.3}, ActionTimeout),
        ("def handler(p, c): return 'x' * 1000", {"max_output": 500}, OutputTooLarge),
        ("def handler(p, c): return object()", {}, OutcomeInvalid),
        ("def handler(p, c): return float('nan')", {}, OutcomeInvalid),
        ("def handler(p, c): return bytearray(10**9)", {"memory": 200_000_000}, OutOfMemory),
        ("import os\ndef handler(p, c): os.kill(os.getpid(), 11)", {}, ProgramFailed),
    ],
)
async def test_a_crash_is_no_error_of_the_handler(text, options, error, add, call):
    """A function that ends, hangs, floods or gets no memory is one typed error, and is gone."""
    memory = options.pop("memory", None)
    add("crash", text)
    with pytest.raises(error) as raised:
        await call("crash", settings=ProcessSettings(most=Resources(memory=memory)), **options)
    assert type(raised.value) is error


@pytest.mark.parametrize(
    "answer", ["", "5", "{}", '{"output": 1, "error": 2}', '{"error": "bad"}', "{", '{"error": {}}']
)
async def test_what_is_no_answer_is_told(answer, add, call):
    """A program that prints anything else than an answer is told what one is."""
    add("odd", f"printf '%s' '{answer}'", "handler.sh")

    with pytest.raises(OutputInvalid):
        await call("odd")


async def test_a_function_sees_its_own_folder_and_nothing_of_ours(add, call, monkeypatch):
    """It works in its folder, may import what lies there, and has none of our variables."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    add("own", "VALUE = 5", "beside.py")
    add("own", "import os, beside\ndef handler(p, c): return [beside.VALUE, os.getcwd(), sorted(os.environ)]")
    value, folder, names = (await call("own", environment={"EXTRA": "1"}))["output"]

    assert 5 == value
    assert folder.endswith("/functions/own")
    expected = {"CIRCUIT_BREAKER_PROCESS", "EXTRA", "HOME", "LANG", "PATH", "TMPDIR", "TRACE"}
    assert expected == set(names) - {"LC_CTYPE"}


async def test_a_secret_is_taken_out_of_answer_log_and_error(add, call):
    """A secret that a function echoes is seen nowhere."""
    logged = []
    options = {
        "environment": {"KEY": "hunter2-hunter2"},
        "redaction": Redaction.of(["hunter2-hunter2"]),
        "log": lambda line, stream: logged.append(line),
    }
    add("leak", LEAK)
    outcome = await call("leak", **options)
    with pytest.raises(ActionError) as error:
        await call("leak", True, **options)

    assert ("***", "***") == (outcome["output"], outcome["logs"])
    assert "hunter2" not in f"{error.value} {logged}"


async def test_versions_and_aliases(add, call):
    """A version is a folder of its own; aliases, and the one called default, are in the folder without a version."""
    for number in ("", "@1", "@2"):
        add(f"greet{number}", f"def handler(p, c): return ['{number}', c['version']]")
    assert ["", None] == (await call("greet"))["output"]
    assert ["@2", "2"] == (await call("greet", version="2"))["output"]

    add("greet", "", "note", aliases={"live": "1", "default": "2"})
    assert ["@1", "1"] == (await call("greet", version="live"))["output"]
    outcome = await call("greet")
    assert ("2", ["@2", "2"]) == (outcome["version"], outcome["output"])
    with pytest.raises(FunctionNotFound, match=r"function 'greet' has no version '3' \(known: 1, 2\)"):
        await call("greet", version="3")


@pytest.mark.parametrize("name", ["../echo", "/etc", "a/b", "", ".", "..", "a\0", "a" * 65, "echo@1", "out"])
async def test_no_name_leads_out_of_the_folder(name, add, call, functions, tmp_path):
    """A name is one folder below the folder of functions; neither dots nor links lead elsewhere."""
    add("echo", "def handler(p, c): return 1")
    add("../outside", "def handler(p, c): return 1")
    (functions / "out").symlink_to(tmp_path / "outside")

    with pytest.raises(FunctionNotFound):
        await call(name)


async def test_no_version_leads_out_of_the_folder(add, call):
    """A version is checked like a name."""
    add("echo", "def handler(p, c): return 1")
    with pytest.raises(FunctionNotFound):
        await call("echo", version="../../etc")


async def test_a_misspelt_name_is_helped(add, call):
    """The nearest name is told."""
    add("thumbnail", "def handler(p, c): return 1")
    with pytest.raises(FunctionNotFound, match="did you mean 'thumbnail'"):
        await call("thumbnial")


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"comand": "./x"}, "has an unknown key 'comand' .did you mean 'command'?"),
        ({"runtime": "pyton"}, "has no handler for 'pyton'"),
        ({"runtime": "ruby"}, "has no handler for 'ruby'"),
        ({"timeout": "soon"}, "Expected `float"),
        ({"limits": {"memory": -1}}, "Expected `int` >= 1"),
        ({"command": "./nothing"}, "there is no program './nothing'"),
        ({"command": []}, "names no program"),
    ],
)
async def test_a_wrong_description_is_told(description, message, add, call):
    """What is wrong in function.json is named with the folder."""
    add("odd", "def handler(p, c): return 1", **description)
    with pytest.raises(FunctionInvalid, match=message):
        await call("odd")


async def test_a_description_must_be_json(add, call):
    """A file that is no JSON, and a folder without a handler, are told."""
    add("odd", "{", "function.json")
    add("empty", "", "README")
    with pytest.raises(FunctionInvalid, match=r"function\.json"):
        await call("odd")
    with pytest.raises(FunctionInvalid, match=r"has no handler .add one of handler\.py"):
        await call("empty")


async def test_a_call_may_ask_for_a_runtime(add, call):
    """B12: of several handlers the one of the wanted runtime runs; a function of another runtime is refused."""
    add("two", "def handler(p, c): return 'python'")
    add("two", 'echo \'{"output": "bash"}\'', "handler.sh")

    assert "bash" == (await call("two", runtime="bash"))["output"]
    assert "python" == (await call("two", runtime="python"))["output"]
    with pytest.raises(FunctionInvalid, match="has no handler for 'ruby'"):
        await call("two", runtime="ruby")


async def test_a_function_has_limits_of_its_own(add, call):
    """The shortest of all time limits holds."""
    add("slow", "import time\ndef handler(p, c): time.sleep(60)", timeout=0.2)
    with pytest.raises(ActionTimeout, match=r"0\.2 s"):
        await call("slow", timeout=30)


async def test_an_asynchronous_call_is_refused(add, call):
    """Nothing here would keep it when this process ends, and the error says so instead of losing it."""
    add("echo", "def handler(p, c): return 1")
    with pytest.raises(ParameterInvalid, match="cannot be called asynchronously on this machine"):
        await call("echo", asynchronous=True)


async def test_variables_cannot_bring_in_code(add, call):
    """A call does not decide which code a function runs."""
    add("echo", "def handler(p, c): return 1")
    with pytest.raises(ParameterInvalid, match=r"environment\['LD_PRELOAD'\]"):
        await call("echo", environment={"LD_PRELOAD": "x.so"})


class TestLocalFunctions(ExecutorConformance):
    """B12, B17: a function of this machine."""

    shows = frozenset({"failure", "slowness", "flood", "secret"})

    @pytest.fixture
    def subject(self, functions, add):
        left = Trace()
        add("echo", "def handler(payload, context):\n    return payload")
        add("fail", "def handler(payload, context):\n    raise LookupError('no such order')")
        add("slow", "import time\ndef handler(payload, context):\n    time.sleep(60)")
        add("flood", "def handler(payload, context):\n    return 'x' * 5000")
        add("leak", LEAK)

        def call(name, **parameters):
            return {"function_name": name, "environment": left.variables, **parameters}

        return ExecutorSubject(
            ServerlessExecutor.under(functions=functions, secrets={"KEY": "hunter2-hunter2"}),
            right=call("echo", payload=[1]),
            wrong=call("echo", timeout="soon"),
            failure=call("fail"),
            slowness=call("slow"),
            flood=call("flood", max_output=1000),
            secret=call("leak", payload=True, environment={"KEY": secret("KEY"), **left.variables}),
            value="hunter2-hunter2",
            awaits=8,
            leftovers=left.left,
        )
