"""What happens when an executor is executed."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import ActionError, ActionTimeout, OutcomeInvalid, ParameterInvalid
from circuit_breaker.executors import (
    BaseExecutor,
    LogLine,
    Progress,
    StandaloneContext,
    after_execute,
    before_execute,
    finally_execute,
    parameter,
    validate,
)


@attrs.frozen
class Point:
    x: int
    y: int = 0


@parameter("input_data", type="hash", description="Data to process")
@parameter("options", type="hash", default={}, description="Processing options")
class CustomExecutor(BaseExecutor):
    """Turns data of a type into upper case."""

    @validate
    def input_has_a_type(self, context):
        if "type" not in context["input_data"]:
            raise ValueError("input_data must have a 'type'")

    @before_execute
    def tell(self, context):
        self.execution.log(f"processing {context['input_data']['type']} data")

    def execute_internal(self, context):
        data = {key: str(value).upper() for key, value in self.input_data.items()}
        return {"processed_data": data, "options_used": self.options}


class Trace(BaseExecutor):
    """Notes everything that happens to it."""

    fail_in: str = ""
    calls: list[str] = []  # noqa: RUF012

    def _note(self, moment):
        self.seen = [*getattr(self, "seen", []), moment]
        if self.fail_in == moment:
            raise RuntimeError(f"failed in {moment}")

    @before_execute
    async def prepare(self, context):
        self._note("before")

    async def execute_internal(self, context):
        self._note("work")
        await asyncio.sleep(60 if self.fail_in == "never" else 0)
        return {"n": 1}

    @after_execute
    async def follow(self, result):
        self._note("after")
        result["noted"] = True

    @finally_execute
    async def clean(self, context):
        await asyncio.sleep(0)
        self._note("finally")


class Echo(BaseExecutor):
    """Gives back what it was given."""

    value: Any = None

    async def execute_internal(self, context):
        return self.value


@parameter("name", min_length=1, pattern="^[a-z]+$")
@parameter("level", default="low", choices=["low", "high"])
@parameter("token", secret=True, default=None, choices=["s3cret", "other"])
@parameter("share", type="number", default=0, minimum=0, maximum=1)
class Typed(BaseExecutor):
    """Has a parameter of every kind."""

    name: str
    level: str
    token: str | None
    count: int = 0
    tags: list[str] = []  # noqa: RUF012
    labels: dict[str, str] = {}  # noqa: RUF012
    flag: bool = False
    point: Point | None = None
    text: str | list[str] = ""

    async def execute_internal(self, context):
        return {key: value for key, value in context.items() if key != "point"}


def faults_of(**parameters):
    with pytest.raises(ParameterInvalid) as error:
        Typed(**parameters).execute_sync()
    return [str(fault) for fault in error.value.faults]


def test_the_custom_executor_of_the_guide_works():
    """A11: subclass, declare, define execute_internal: the outcome has what was processed, the options, the status."""
    executor = CustomExecutor(input_data={"type": "text", "body": "hello"})

    assert {
        "processed_data": {"type": "TEXT", "body": "HELLO"},
        "options_used": {},
        "status": "completed",
    } == executor.execute_sync()
    assert (LogLine("processing text data"),) == executor.logs


def test_a_failed_validation_is_an_argument_error_with_its_message():
    """A5: what a validation raises is reported as a ValueError, before anything runs."""
    executor = CustomExecutor(input_data={})

    with pytest.raises(ValueError, match="validation 'input_has_a_type': input_data must have a 'type'"):
        executor.execute_sync()
    assert () == executor.logs


def test_hooks_run_around_the_work():
    """A6, A7, A8: before, work, after with the result, and what always runs, in this order; the outcome is kept."""
    executor = Trace()

    assert {"n": 1, "status": "completed", "noted": True} == executor.execute_sync() == executor.result
    assert ["before", "work", "after", "finally"] == executor.seen


@pytest.mark.parametrize(
    ("moment", "seen"),
    [
        ("before", ["before", "finally"]),
        ("work", ["before", "work", "finally"]),
        ("after", ["before", "work", "after", "finally"]),
    ],
)
def test_clean_up_runs_after_a_failure(moment, seen):
    """A7: a failure passes through as it is; the after hooks see results only, the clean-up always runs."""
    executor = Trace(fail_in=moment)

    with pytest.raises(RuntimeError, match=f"failed in {moment}"):
        executor.execute_sync()
    assert seen == executor.seen


async def test_clean_up_runs_after_a_cancellation_and_the_executor_can_be_used_again():
    """A cancelled executor cleans up, lets the cancellation through, and is free again."""
    executor = Trace(fail_in="never")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(executor.execute(), 0.01)
    assert ["before", "work", "finally"] == executor.seen
    assert "completed" == (await executor.update_context(fail_in="").execute())["status"]


async def test_clean_up_does_not_run_when_the_parameters_are_wrong():
    """A4: nothing has run when a parameter is wrong."""
    executor = Trace(fail_in=3)

    with pytest.raises(ParameterInvalid):
        await executor.execute()
    assert not hasattr(executor, "seen")


def test_all_wrong_parameters_are_reported_together():
    """A3, A4, A13: missing, mistyped and unknown parameters are told at once, with place, value and remedy."""
    assert [
        "parameter 'name': is required and was not given (give string, of length 1 or more, matching '^[a-z]+$')",
        "parameter 'level': 'hihg' is not accepted (did you mean 'high'?)",
        "parameter 'share': 2.0 is not accepted (give number, at least 0, at most 1)",
        "parameter 'count': True is not accepted (give integer)",
        "parameter 'tags': ['a', 1] is not accepted: expected `str`, got `int` - at `$[1]` (give array of string)",
        "parameter 'labels': {'a': 1} is not accepted: expected `str`, got `int` - at `$[...]` (give hash of string)",
        "parameter 'flag': 'yes' is not accepted (give boolean)",
        "parameter 'point': {'y': 1} is not accepted: object missing required field `x` (give Point or None)",
        "parameter 'text': 5 is not accepted (give string or array of string)",
        "parameter 'nmae': is not known (did you mean 'name'?)",
    ] == faults_of(
        level="hihg",
        share=2.0,
        count=True,
        tags=["a", 1],
        labels={"a": 1},
        flag="yes",
        point={"y": 1},
        text=5,
        nmae="x",
    )


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        ({"name": ""}, "parameter 'name': '' is not accepted"),
        ({"name": "A"}, "parameter 'name': 'A' is not accepted"),
        ({"name": None}, "parameter 'name': None is not accepted"),
        ({"name": "a", "count": 1.0}, "parameter 'count': 1.0 is not accepted"),
        ({"name": "a", "count": "1"}, "parameter 'count': '1' is not accepted"),
        ({"name": "a", "level": 3}, "parameter 'level': 3 is not accepted (give one of 'low', 'high')"),
        ({"name": "a", "level": "xxxxx"}, "parameter 'level': 'xxxxx' is not accepted (give one of 'low', 'high')"),
    ],
)
def test_types_are_checked_without_conversion(parameters, fault):
    """A3: nothing is guessed: a text is no number, a boolean no integer, None only where it is allowed."""
    faults = faults_of(**parameters)

    assert 1 == len(faults)
    assert faults[0].startswith(fault)


def test_falsy_values_and_defaults_are_values():
    """A4: empty and falsy defaults are used as they are, and falsy values are given values."""
    given = Typed(name="a", count=0, tags=[], text="").execute_sync()

    assert ("low", None, 0, [], {}, False) == tuple(
        given[key] for key in ("level", "token", "count", "tags", "labels", "flag")
    )
    assert 1 == Typed(name="a", share=1).execute_sync()["share"]


def test_none_is_a_value_where_the_default_is_none():
    """A4: None can be given for a parameter whose default is None, also when it has choices."""
    assert Typed(name="a", token=None).execute_sync()["token"] is None


def test_objects_of_attrs_classes_are_built():
    """A nested attrs class is given as a dict or as an object, and read as an object."""
    executor = Typed(name="a", point={"x": 1})
    executor.check()

    assert Point(1) == executor.point
    assert Point(2) == Typed(name="a", point=Point(2)).point


def test_mutable_defaults_are_not_shared():
    """A4: what one instance does to a default is not seen by another."""
    one, other = Typed(name="a"), Typed(name="b")
    one.tags.append("x")

    assert [] == other.tags


def test_secrets_are_never_shown():
    """A secret is in no repr and no message, and neither is the value of a parameter that is not known."""
    executor = Typed(name="a", token="s3cre", tokne="s3cre", count="x")  # noqa: S106

    assert "Typed(name='a', token=***, tokne=***, count='x')" == repr(executor)
    with pytest.raises(ParameterInvalid) as error:
        executor.execute_sync()
    assert "s3cre" not in str(error.value)
    assert "parameter 'token': its value is not accepted" in str(error.value)


def test_a_validation_may_fill_in_the_context():
    """A5: what a validation fills in is what the work reads, and is found anew for new parameters."""

    class Detecting(BaseExecutor):
        model: str = "gpt-4"
        provider: str | None = None

        @validate
        def provider_is_known(self, context):
            if context["provider"] is None:
                context["provider"] = "ollama" if context["model"].startswith("llama") else "openai"

        async def execute_internal(self, context):
            return {"provider": self.provider}

    executor = Detecting()
    assert "openai" == executor.execute_sync()["provider"]
    assert "ollama" == executor.update_context(model="llama3").execute_sync()["provider"]


def test_all_validations_run_and_report_together():
    """A5: several objections are one error; a validation may also raise ParameterInvalid, or a bare ValueError."""

    class Strict(BaseExecutor):
        @validate
        def one(self, context):
            raise ValueError

        @validate
        def two(self, context):
            raise ParameterInvalid("too small", remedy="give more")

        @validate
        def three(self, context):
            CustomExecutor(input_data={}).check()

        async def execute_internal(self, context):
            pass

    with pytest.raises(ParameterInvalid) as error:
        Strict().check()
    assert [
        "validation 'one': failed",
        "validation 'two': too small (give more)",
        "validation 'input_has_a_type': input_data must have a 'type'",
    ] == [str(fault) for fault in error.value.faults]


def test_what_a_validation_fills_in_is_checked():
    """A3: a validation cannot smuggle in a value of the wrong type."""

    class Sloppy(BaseExecutor):
        count: int = 0

        @validate
        def fill(self, context):
            context["count"] = "many"

        async def execute_internal(self, context):
            pass

    with pytest.raises(ParameterInvalid, match="'many' is not accepted"):
        Sloppy().execute_sync()


def test_what_a_validation_fills_in_is_read_like_what_is_given():
    """A3, A5: a mapping that a validation fills in becomes the object that the type asks for."""

    class Placed(BaseExecutor):
        point: Point | None = None

        @validate
        def fill(self, context):
            context["point"] = {"x": 3}

        async def execute_internal(self, context):
            return {"x": self.point.x}

    assert 3 == Placed().execute_sync()["x"]


def test_a_failure_leaves_no_result_of_an_earlier_execution():
    """A8: the result is that of the last execution, also when it failed."""
    executor = Echo(value={"a": 1})
    executor.execute_sync()

    with pytest.raises(OutcomeInvalid):
        executor.update_context(value=5).execute_sync()
    assert executor.result is None


def test_an_extensible_executor_takes_other_parameters():
    """Parameters that are not declared are accepted where the class says so, and in its subclasses."""

    class Open(BaseExecutor, extensible=True):
        async def execute_internal(self, context):
            return dict(context)

    class Opener(Open):
        known: int = 1

    assert {"known": 1, "other": 2, "status": "completed"} == Opener(other=2).execute_sync()
    assert Opener.describe()["additionalProperties"]


def test_parameters_can_be_checked_before_there_is_an_instance():
    """Values that stand for others are not checked; everything else is, and unknown names are told."""

    class Reference:
        pass

    later = Reference()
    given = {"name": later, "tags": ["a", later], "labels": {"a": later}, "count": "x", "nmae": 1}
    faults = [str(fault) for fault in Typed.check_parameters(given, references=(Reference,))]

    assert [
        "parameter 'count': 'x' is not accepted (give integer)",
        "parameter 'nmae': is not known (did you mean 'name'?)",
    ] == faults


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        (None, {"status": "completed"}),
        ({}, {"status": "completed"}),
        ({"status": "waiting"}, {"status": "waiting"}),
        ({"a": (1, [None, True, 1.5])}, {"a": [1, [None, True, 1.5]], "status": "completed"}),
    ],
)
def test_an_outcome_is_a_mapping_with_a_status(value, outcome):
    """A9: every outcome is a plain mapping of JSON values with a status."""
    assert outcome == Echo(value=value).execute_sync()


class Word(str):
    __slots__ = ()


class Number(int):
    pass


def deep(levels):
    value: Any = []
    for _ in range(levels):
        value = [value]
    return {"a": value}


def test_subclasses_of_text_and_numbers_become_plain():
    """A9: an outcome holds nothing but plain JSON types."""
    outcome = Echo(value={"a": Word("x"), "b": Number(3)}).execute_sync()

    assert [str, int] == [type(outcome["a"]), type(outcome["b"])]
    assert ("x", 3) == (outcome["a"], outcome["b"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (5, "Echo: the outcome is a int"),
        ({"a": [object()]}, r"Echo: outcome.a\[0\] is a object, which is no JSON"),
        ({"a": float("nan")}, "Echo: outcome.a is nan"),
        ({"a": {1: 2}}, "Echo: outcome.a has a key that is a int"),
        ({"status": 3}, "Echo: outcome.status is a int"),
        (deep(100), "is nested deeper than 64"),
    ],
)
def test_anything_else_is_no_outcome(value, message):
    """A9: what is no JSON mapping is refused, with the place of the fault."""
    with pytest.raises(OutcomeInvalid, match=message):
        Echo(value=value).execute_sync()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text().filter(lambda key: key != "status"), JSON))
def test_every_json_mapping_is_an_outcome_and_stays_what_it_is(value):
    """A9: the outcome is equal to what was returned, with the status added."""
    assert {**value, "status": "completed"} == Echo(value=value).execute_sync()


@given(st.dictionaries(st.sampled_from(["name", "count", "tags", "flag", "nmae"]), JSON))
def test_check_parameters_agrees_with_execution(parameters):
    """A3: what the class finds wrong beforehand is exactly what is wrong when an instance is checked."""
    try:
        Typed(**parameters).check()
        found: list[Any] = []
    except ParameterInvalid as error:
        found = list(error.faults)

    assert found == list(Typed.check_parameters(parameters))


def test_keywords_become_the_context():
    """A10: what the constructor is given can be read as attributes and in the context, in the body of the work too."""
    assert "a" == Typed(name="a").name
    assert {"value": 3, "status": "completed"} == Echo(value={"value": 3}).execute_sync()


def test_define_and_update_context_can_be_chained():
    """A12: define gives a configured instance, update_context the same one, and execute runs it."""
    executor = Typed.define(lambda e: e.update_context(level="high"), name="a")

    assert executor is executor.update_context(count=2)
    assert ("a", "high", 2) == tuple(executor.execute_sync()[key] for key in ("name", "level", "count"))


async def test_an_executor_runs_once_at_a_time():
    """Executing, changing or binding an executor that is running is refused."""

    class Nested(BaseExecutor):
        async def execute_internal(self, context):
            for call in (self.check, self.update_context, lambda: self.bind(StandaloneContext())):
                with pytest.raises(ActionError, match="is running already"):
                    call()
            await self.execute()

    with pytest.raises(ActionError, match=r"this Nested is running already .*make one Nested"):
        await Nested().execute()


async def test_the_synchronous_door_is_closed_in_an_event_loop():
    """execute_sync is for scripts; in a running loop it says what to do instead."""
    with pytest.raises(ActionError, match=r"running event loop \(await execute\(\) there\)"):
        Echo().execute_sync()


async def test_plain_work_runs_in_a_thread_and_may_return_something_to_await():
    """A8: work that is not async does not hold up the event loop."""

    class Plain(BaseExecutor):
        def execute_internal(self, context):
            return {"main": threading.current_thread() is threading.main_thread()}

    class Lazy(BaseExecutor):
        def execute_internal(self, context):
            async def later():
                return {"later": True}

            return later()

    assert {"main": False, "status": "completed"} == await Plain().execute()
    assert {"later": True, "status": "completed"} == await Lazy().execute()


async def test_stop_iteration_in_a_thread_ends_the_execution():
    """Plain work that raises StopIteration fails instead of hanging."""

    class Ended(BaseExecutor):
        def execute_internal(self, context):
            return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration"):
        await asyncio.wait_for(Ended().execute(), 5)


async def test_errors_of_actions_pass_through():
    """An error that says what kind of failure it is reaches the caller unchanged."""

    class Slow(BaseExecutor):
        async def execute_internal(self, context):
            raise ActionTimeout("too slow")

    executor = Slow()
    with pytest.raises(ActionTimeout, match="too slow"):
        await executor.execute()
    assert executor.result is None


class Reporting(BaseExecutor):
    """Tells whatever can be told."""

    async def execute_internal(self, context):
        execution = self.execution
        execution.progress(0.5, "half")
        execution.log("oh", stream="stderr")
        one = await execution.step("one", lambda: 1)
        two = execution.step_sync("two", lambda: 2)
        return {"sum": one + two, "key": execution.idempotency_key, "attempt": execution.attempt}


async def test_progress_and_logs_reach_the_context_that_is_bound():
    """What an executor tells goes to the context that was bound, and its idempotency key is that of the context."""
    context = StandaloneContext()
    executor = Reporting().bind(context)

    outcome = await executor.execute()
    assert (3, context.idempotency_key, 1) == (outcome["sum"], outcome["key"], outcome["attempt"])
    assert ([Progress(0.5, "half")], [LogLine("oh", "stderr")]) == (context.reports, context.logs)
    assert executor.execution is context


async def test_an_executor_alone_has_a_context_of_its_own_for_each_execution():
    """Without a workflow there is a random key, and logs are those of the last execution."""
    executor = Reporting()
    first, second = await executor.execute(), await executor.execute()

    assert first["key"] != second["key"]
    assert (LogLine("oh", "stderr"),) == executor.logs


async def test_logs_belong_to_whoever_is_bound():
    """An executor whose context keeps no lines has none to show."""

    class Elsewhere:
        attempt = 1
        idempotency_key = "k"

        def __init__(self):
            self.told = []

        def log(self, line, *, stream="stdout"):
            self.told.append(line)

    context = Elsewhere()
    executor = CustomExecutor(input_data={"type": "a"}).bind(context)
    await executor.execute()

    assert () == executor.logs
    assert ["processing a data"] == context.told
