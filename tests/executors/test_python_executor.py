"""Python functions as executors, in a thread or in a process of their own."""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    OutcomeInvalid,
    OutOfMemory,
    OutputTooLarge,
    ParameterInvalid,
    ProgramFailed,
)
from circuit_breaker.executors import PythonExecutor, Resources
from circuit_breaker.testing.conformance import ExecutorConformance, ExecutorSubject

HERE = __name__
Open = PythonExecutor.under(modules=HERE)
BOTH = pytest.mark.parametrize("isolation", ["thread", "process"])


def add(one=1, two=2):
    print("adding")  # noqa: T201 - it tests what becomes of it
    return one + two


def report(text):
    return {"text": text.upper(), "status": "reported"}


async def later(text):
    await asyncio.sleep(0)
    return text


def fail():
    raise KeyError("no such key")


def refuse():
    raise ActionError("closed on sundays", code="sunday")


def sleep():
    time.sleep(60)


async def sleep_async():
    await asyncio.sleep(60)


def flood():
    return "x" * 100_000


def strange():
    return object()


def process_id():
    return os.getpid()


def fill():
    return len(bytearray(10**9))


def leave():
    os._exit(7)


def chat(secret):
    sys.stderr.write(f"{secret}\n")


class Holder:
    def method(self):
        return 1


def faults(executor):
    with pytest.raises(ParameterInvalid) as error:
        asyncio.run(executor.execute())
    return [str(fault) for fault in error.value.faults]


class TestInThread(ExecutorConformance):
    """B17: in a thread, it is an executor like the others."""

    shows = ("failure", "slowness")

    @pytest.fixture
    def subject(self):
        return ExecutorSubject(
            Open,
            right={"callable": f"{HERE}:add", "arguments": {"two": 5}},
            wrong={"callable": f"{HERE}:add", "arguments": 5},
            failure={"callable": f"{HERE}:fail"},
            slowness={"callable": f"{HERE}:sleep_async"},
        )


class TestInProcess(ExecutorConformance):
    """B17: in a process, it is an executor like the others."""

    shows = ("failure", "slowness", "flood")

    @pytest.fixture
    def subject(self):
        return ExecutorSubject(
            Open,
            right={"callable": f"{HERE}:add", "isolation": "process"},
            wrong={"callable": f"{HERE}:add", "isolation": "elsewhere"},
            failure={"callable": f"{HERE}:fail", "isolation": "process"},
            slowness={"callable": f"{HERE}:sleep", "isolation": "process"},
            flood={"callable": f"{HERE}:flood", "isolation": "process", "max_output": 100},
            awaits=6,
        )


@BOTH
@pytest.mark.parametrize(
    ("function", "arguments", "outcome"),
    [
        (add, {"two": 40}, {"value": 41, "status": "completed"}),
        (report, {"text": "hi"}, {"text": "HI", "status": "reported"}),
        (later, {"text": "€"}, {"value": "€", "status": "completed"}),
        (chat, {"secret": "s"}, {"status": "completed"}),
    ],
)
async def test_a_function_gives_its_outcome(function, arguments, outcome, isolation):
    """The function itself or its name, plain or async, gives a mapping, None, or a value, in either place."""
    for named in (function, f"{HERE}:{function.__name__}"):
        assert outcome == await Open(callable=named, arguments=arguments, isolation=isolation).execute()


@BOTH
async def test_a_failure_is_the_same_error_in_either_place(isolation):
    """What the function raises is an error of its kind, and an error of ours stays what it is."""
    with pytest.raises(ActionError, match="no such key") as error:
        await Open(callable=fail, isolation=isolation).execute()
    assert "KeyError" == error.value.code
    with pytest.raises(ActionError, match="closed on sundays") as error:
        await Open(callable=refuse, isolation=isolation).execute()
    assert error.value.code == ("sunday" if isolation == "thread" else "ActionError")


@BOTH
async def test_an_outcome_must_be_json(isolation):
    """A value that is no JSON is refused."""
    with pytest.raises(OutcomeInvalid, match="JSON"):
        await Open(callable=strange, isolation=isolation).execute()


@BOTH
async def test_a_timeout_is_told(isolation):
    """When time is up, the error says so; a process is ended, a thread goes on alone."""
    function = sleep if isolation == "process" else sleep_async
    with pytest.raises(ActionTimeout, match=r"took longer than 0\.2 s"):
        await Open(callable=function, isolation=isolation, timeout=0.2).execute()


async def test_a_function_that_raises_a_timeout_failed():
    """A timeout of the function's own is its failure, not ours."""

    def impatient():
        raise TimeoutError("the peer is slow")

    with pytest.raises(ActionError, match="the peer is slow") as error:
        await Open(callable=impatient, timeout=5).execute()
    assert "TimeoutError" == error.value.code


async def test_a_process_is_another_one():
    """In a process, the function cannot touch this one; in a thread it runs here."""
    assert os.getpid() == (await Open(callable=process_id).execute())["value"]
    assert os.getpid() != (await Open(callable=process_id, isolation="process").execute())["value"]


@pytest.mark.parametrize(
    ("function", "parameters", "error"),
    [
        (fill, {"limits": {"memory": 200_000_000}}, OutOfMemory),
        (leave, {}, ProgramFailed),
        (flood, {"max_output": 100}, OutputTooLarge),
    ],
)
async def test_a_process_is_limited(function, parameters, error):
    """Too much memory, an early end and too much output are one typed error each."""
    with pytest.raises(error):
        await Open(callable=function, isolation="process", **parameters).execute()


async def test_what_a_process_prints_is_logged():
    """Prints of the function are its log, and no part of its answer."""
    executor = Open(callable=add, isolation="process")

    assert 3 == (await executor.execute())["value"]
    assert ["adding"] == [line.line for line in executor.logs]


def test_a_name_needs_the_permission_of_its_module():
    """No text names a function unless the operator permits its module."""
    (fault,) = faults(PythonExecutor(callable="os:getpid"))

    assert "functions of 'os' may not be called; the operator permits none" in fault
    assert "(use PythonExecutor.under(modules=['os']))" in fault
    assert f"permits {HERE}" in faults(Open(callable="os:getpid"))[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("time", "names no function"),
        (f"{HERE}:", "names no function"),
        (f"{HERE}:os.system", "names no function"),
        (f"{HERE}:missing", "cannot be imported"),
        (f"{HERE}.missing:x", "cannot be imported"),
        (f"{HERE}:HERE", "is no public function"),
        (f"{HERE}:_raise", "is no public function"),
        (f"{HERE}:ThreadPoolExecutor", "is a function of 'concurrent.futures.thread', which the operator does not"),
    ],
)
def test_a_name_must_be_that_of_a_public_function(name, message):
    """A permitted module lends its own public functions, and nothing that it has imported."""
    assert ThreadPoolExecutor
    assert message in faults(Open(callable=name))[0]


def _raise():
    raise AssertionError


@pytest.mark.parametrize("function", [lambda: 1, Holder().method, functools.partial(add, 1), 5, Holder()])
def test_a_process_must_be_able_to_find_the_function(function):
    """What another process cannot import, or nobody can call, is refused before it is tried."""
    assert "parameter 'callable'" in faults(Open(callable=function, isolation="process"))[0]


def test_only_a_process_is_limited():
    """A limit that would mean nothing is refused, and so is one above the operator's."""
    assert ["parameter 'limits': a thread cannot be limited (use isolation='process')"] == faults(
        Open(callable=add, limits={"memory": 10**9})
    )
    small = Open.under(most=Resources(memory=10**8))
    assert (
        "more than the operator allows" in faults(small(callable=add, limits={"memory": 10**9}, isolation="process"))[0]
    )


def test_arguments_for_a_process_must_be_json():
    """What cannot be written down cannot be given to another process."""
    assert (
        "cannot be given to a process"
        in faults(Open(callable=add, arguments={"one": object()}, isolation="process"))[0]
    )
