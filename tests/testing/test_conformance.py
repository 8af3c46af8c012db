"""The suite for executors finds what is wrong: each test of it fails on an executor made to fail it."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from circuit_breaker.errors import ActionError
from circuit_breaker.executors import BaseExecutor, parameter
from circuit_breaker.executors.secrets import revealed
from circuit_breaker.testing import ExecutorConformance, ExecutorSubject


class Everything(ExecutorConformance):
    """The suite with all of its tests, to be called one by one."""

    __test__ = False
    shows = frozenset({"failure", "slowness", "flood", "secret"})


@parameter("text", description="What to say")
class Good(BaseExecutor):
    """Says a text."""

    text: str

    async def execute_internal(self, context):
        await asyncio.sleep(0)
        if self.text == "slow":
            await asyncio.sleep(30)
        if self.text == "fail":
            raise ActionError("it failed", code="failed")
        return {"text": self.text}


LEAK = {"secret": {"text": "a", "token": {"$secret": "T"}}, "value": "s3cret-value"}
OTHERS = ("test_too_much_output_is_refused", "test_a_secret_is_shown_nowhere")  # an executor of words has no such thing
TESTS = [name for name in dir(Everything) if name.startswith("test_") and name not in OTHERS]


def subject_of(executor, **given):
    return ExecutorSubject(executor, **{"right": {"text": "a"}, "wrong": {"text": 5}, **given})


def fails(name, subject):
    """Whether the test of the suite finds fault with the subject."""
    try:
        getattr(Everything(), name)(subject)
    except (AssertionError, pytest.fail.Exception, ExceptionGroup, RuntimeError, ActionError, TimeoutError):
        return True
    return False


class Undescribed(Good):
    """Has a parameter without a text."""

    other: int = 0


class Volatile(Good):
    """Says something else every time."""

    async def execute_internal(self, context):
        return {"at": time.monotonic_ns()}


class Deaf(Good):
    """Goes on for a while when it is cancelled."""

    async def execute_internal(self, context):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(30 if self.text == "slow" else 0.01)
            return {}
        await asyncio.sleep(1.2)
        raise asyncio.CancelledError


class Swallowing(Good):
    """Fails with an error that is none of an action."""

    async def execute_internal(self, context):
        raise KeyError("x")


class Telling(Good):
    """Logs what it should not."""

    token: dict | None = None

    async def execute_internal(self, context):
        value, _ = await revealed(self.token, {"T": "s3cret-value"})
        self.execution.log(f"the token is {value}")
        return {}


@pytest.mark.parametrize(
    ("test", "executor", "given"),
    [
        ("test_it_describes_itself", Undescribed, {}),
        ("test_it_describes_itself", Good, {"wrong": {"text": "b"}}),
        ("test_the_class_finds_faults_beforehand", Good, {"wrong": {"text": "b"}}),
        ("test_wrong_parameters_are_refused_before_anything_runs", Good, {"wrong": {"text": "b"}}),
        ("test_it_can_run_again", Volatile, {}),
        ("test_the_same_key_gives_the_same_outcome", Volatile, {}),
        ("test_the_same_key_gives_the_same_outcome", Good, {"leftovers": lambda: ["a container"]}),
        ("test_instances_are_independent", Volatile, {}),
        ("test_it_is_cancelled_wherever_it_waits", Deaf, {}),
        ("test_a_timeout_ends_it", Deaf, {"slowness": {"text": "slow"}}),
        ("test_a_timeout_ends_it", Good, {"slowness": {"text": "a"}}),
        ("test_a_failure_is_one_clear_error", Good, {"failure": {"text": "a"}}),
        ("test_too_much_output_is_refused", Good, {"flood": {"text": "a"}}),
        (
            "test_a_secret_is_shown_nowhere",
            Telling,
            {"secret": {"text": "a", "token": {"$secret": "T"}}, "value": "s3cret-value"},
        ),
    ],
)
def test_what_is_wrong_is_found(test, executor, given):
    """An executor, or a subject, that does not hold to the contract fails the test for it."""
    assert fails(test, subject_of(executor, **given))


@pytest.mark.parametrize(
    "test",
    [
        name
        for name in dir(Everything)
        if name.startswith("test_") and not name.startswith(("test_too_much", "test_a_secret"))
    ],
)
def test_a_good_executor_passes(test):
    """An executor that holds to the contract passes each test of the suite."""
    assert not fails(test, subject_of(Good, slowness={"text": "slow"}, failure={"text": "fail"}))


def test_an_error_that_is_none_of_an_action_is_found():
    """Work that fails must say so in an ActionError."""
    with pytest.raises(KeyError):
        Everything().test_a_failure_is_one_clear_error(subject_of(Swallowing, failure={"text": "a"}))


def test_what_a_subject_does_not_show_is_left_out():
    """Tests that need something which the subject does not show are not there; a misspelling is refused."""

    class Few(ExecutorConformance):
        __test__ = False
        shows = frozenset({"failure"})

    assert Few.test_a_failure_is_one_clear_error
    assert Few.test_a_timeout_ends_it is None
    with pytest.raises(TypeError, match="'slownes'"):
        type("Wrong", (ExecutorConformance,), {"shows": {"slownes"}})
