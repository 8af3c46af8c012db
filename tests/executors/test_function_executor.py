"""Executors made of functions."""

from __future__ import annotations

import functools
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import pytest

from circuit_breaker.errors import ExecutorInvalid, OutcomeInvalid, ParameterInvalid
from circuit_breaker.executors import ExecutionContext, FunctionExecutor

if TYPE_CHECKING:
    from somewhere import Thing


def count_words(text: str, least: int = 1) -> dict[str, Any]:
    """Counts the words of a text."""
    return {"words": len([word for word in text.split() if len(word) >= least])}


async def greet(name: str) -> str:
    return f"hello {name}"


@attrs.frozen
class Shop:
    tax: float

    def price(self, net: float) -> dict[str, float]:
        return {"gross": net * (1 + self.tax)}

    async def __call__(self, net: float) -> dict[str, float]:
        return {"called": net}


def test_the_signature_says_what_the_parameters_are():
    """A1: arguments become parameters with their types and defaults, and the docstring describes the executor."""
    schema = FunctionExecutor.of(count_words).describe()

    assert ("count_words", "Counts the words of a text.") == (schema["title"], schema["description"])
    assert {"text": {"type": "string"}, "least": {"type": "integer", "default": 1}} == schema["properties"]
    assert (["text"], False) == (schema["required"], schema["additionalProperties"])


@pytest.mark.parametrize(
    ("function", "parameters", "outcome"),
    [
        (count_words, {"text": "to be or not", "least": 3}, {"words": 1}),
        (greet, {"name": "ann"}, {"value": "hello ann"}),
        (Shop(0.5).price, {"net": 2}, {"gross": 3.0}),
        (Shop(0.5), {"net": 2}, {"called": 2.0}),
        (functools.partial(count_words, least=3), {"text": "to be or not"}, {"words": 1}),
        (functools.partial(greet, name="bob"), {}, {"value": "hello bob"}),
        (lambda a, b=2: a + b, {"a": 1}, {"value": 3}),
        (lambda: None, {}, {}),
        (Shop, {"tax": 1.0}, None),
    ],
    ids=["function", "async", "method", "object", "partial", "async partial", "lambda", "nothing", "class"],
)
async def test_any_callable_can_be_executed(function, parameters, outcome):
    """A8, A9: a plain or async callable is run with its parameters; what is no mapping is put under 'value'."""
    executor = FunctionExecutor.of(function)(**parameters)

    if outcome is None:
        with pytest.raises(OutcomeInvalid, match=r"outcome.value is a Shop, which is no JSON"):
            await executor.execute()
    else:
        assert {**outcome, "status": "completed"} == await executor.execute()


def test_it_is_a_decorator():
    """A decorated function is an executor class of its own."""

    @FunctionExecutor.of
    def double(number: int) -> dict[str, int]:
        return {"double": number * 2}

    assert {"double": 6, "status": "completed"} == double(number=3).execute_sync()
    assert "double(number=3)" == repr(double(number=3))


def test_arguments_are_checked_like_parameters():
    """A3, A4: wrong, missing and unknown arguments are told before the function is called."""
    executor = FunctionExecutor.of(count_words)(least="x", tekst="a")

    with pytest.raises(ParameterInvalid) as error:
        executor.execute_sync()
    assert ["'text'", "'least'", "'tekst'"] == [fault.place.removeprefix("parameter ") for fault in error.value.faults]


def test_a_plain_function_runs_in_a_thread():
    """A plain function does not hold up the event loop."""
    executor = FunctionExecutor.of(lambda: threading.current_thread() is threading.main_thread())

    assert {"value": False, "status": "completed"} == executor().execute_sync()


def test_any_argument_name_is_possible():
    """An argument may be called like something that executors have."""

    def report(result: str, describe: bool, execute: int = 1) -> dict[str, Any]:
        return {"result": result, "describe": describe, "execute": execute}

    assert {"result": "a", "describe": True, "execute": 1, "status": "completed"} == FunctionExecutor.of(report)(
        result="a", describe=True
    ).execute_sync()


def test_the_execution_context_is_handed_over():
    """An argument annotated with the execution context gets it, and is no parameter."""

    @FunctionExecutor.of
    def work(context: ExecutionContext, /, size: int) -> dict[str, int]:
        context.log(f"size {size}")
        return {"size": size}

    executor = work(size=2)
    assert {"size": 2, "status": "completed"} == executor.execute_sync()
    assert ["size 2"] == [line.line for line in executor.logs]
    assert ["size"] == list(work.describe()["properties"])


def test_annotations_that_json_cannot_express_are_not_checked():
    """An argument of a type that is no JSON, or not known while the program runs, takes any value."""

    def use(place: Path, thing: Thing, names: Sequence[str], bare) -> dict[str, Any]:
        return {"all": [str(place), thing, list(names), bare]}

    executor = FunctionExecutor.of(use)
    assert {} == executor.describe()["properties"]["place"] == executor.describe()["properties"]["thing"]
    assert ["/tmp", 1, ["a"], None] == executor(  # noqa: S108
        place=Path("/tmp"),  # noqa: S108
        thing=1,
        names=["a"],
        bare=None,
    ).execute_sync()["all"]


def test_variable_arguments_and_defaults_that_are_no_json_are_left_to_the_function():
    """*args and arguments with such defaults are no parameters; **kwargs accept further ones."""
    marker = object()

    def use(a: int, skipped: Any = marker, after: int = 5, /, *rest: Any, other: Any = marker, **more: Any) -> Any:
        return {"a": a, "after": after, "more": more, "untouched": skipped is marker is other, "rest": list(rest)}

    executor = FunctionExecutor.of(use)
    assert (["a"], True) == (list(executor.describe()["properties"]), executor.describe()["additionalProperties"])
    assert {
        "a": 1,
        "after": 5,
        "more": {"x": 2},
        "untouched": True,
        "rest": [],
        "status": "completed",
    } == executor(a=1, x=2).execute_sync()


def test_secret_arguments_are_not_shown():
    """An argument named as secret is hidden; a name that is none is a fault."""
    login = FunctionExecutor.of(lambda user, password: None, name="login", secret=["password"])

    assert "login(user='ann', password=***)" == repr(login(user="ann", password="x"))  # noqa: S106
    with pytest.raises(ExecutorInvalid, match=r"secret='passwrod': is no parameter \(did you mean 'password'\?\)"):
        FunctionExecutor.of(lambda user, password: None, secret=["passwrod"])


def wrongly_defaulted(count: int = "many") -> None:  # type: ignore[assignment]
    pass


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (5, "5 is no function"),
        (iter, "function 'iter': does not tell its signature"),
        (wrongly_defaulted, "parameter 'count': the default is wrong"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(function, message):
    """A13: what is no function, has no signature or a wrong default is refused at once."""
    with pytest.raises(ExecutorInvalid, match=message):
        FunctionExecutor.of(function)


def test_the_base_itself_cannot_be_executed():
    """Without a function there is nothing to execute."""
    with pytest.raises(TypeError, match="abstract"):
        FunctionExecutor()
