"""What holds for every executor, as tests: an author subclasses :class:`ExecutorConformance` and runs pytest.

::

    class TestThumbnail(ExecutorConformance):
        shows = {"failure", "slowness"}

        @pytest.fixture
        def subject(self, tmp_path):
            return ExecutorSubject(
                ThumbnailExecutor,
                right={"path": str(PICTURE), "width": 64},
                wrong={"path": str(PICTURE), "width": "wide"},
                failure={"path": str(tmp_path / "missing.png"), "width": 64},
                slowness={"path": str(HUGE_PICTURE), "width": 64},
            )

The tests need pytest and nothing else; each runs an event loop of its own.
"""

from __future__ import annotations

import asyncio
import functools
import json
import time
import types
from collections.abc import Awaitable, Callable, Collection, Coroutine, Generator, Mapping
from typing import Any, ClassVar, Final

import attrs
import pytest

from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import ActionError, OutcomeInvalid, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import after_execute, before_execute, finally_execute, validate
from circuit_breaker.executors.execution import StandaloneContext
from circuit_breaker.rules.schema import checked, fitting

__all__ = ["SHOWS", "ExecutorConformance", "ExecutorSubject"]

SHOWS: Final = frozenset({"failure", "slowness", "flood", "secret"})
"""What a subject can show beside right and wrong parameters; each brings tests of its own."""

_CANCELLED_WITHIN: Final = 1.0
_PATIENCE: Final = 60.0
_VOLATILE: Final = frozenset({"duration", "container", "request_id", "headers"})


@attrs.frozen(eq=False)
class ExecutorSubject:
    """An executor under test, and parameters that show what it does.

    Attributes:
        executor: The class.
        right: Parameters with which it completes, soon and with the same outcome each time.
        wrong: The same with a value of a wrong type.
        failure: Parameters with which its work fails.
        slowness: Parameters with which it works for ten seconds or more.
        flood: Parameters with which it gives more output than it may.
        secret: Parameters with a reference to a secret, which the work prints or returns.
        value: The value of that secret.
        volatile: Keys of the outcome that differ from run to run, beside the duration and ids.
        awaits: At how many places where the work waits it is cancelled.
        leftovers: What of the work is still there, such as the names of containers; nothing when all is well.
    """

    executor: type[BaseExecutor]
    right: Mapping[str, Any] = attrs.field(kw_only=True)
    wrong: Mapping[str, Any] = attrs.field(kw_only=True)
    failure: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    slowness: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    flood: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    secret: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True)
    value: str = attrs.field(default="", kw_only=True, repr=False)
    volatile: Collection[str] = attrs.field(default=(), kw_only=True)
    awaits: int = attrs.field(default=20, kw_only=True)
    leftovers: Callable[[], Collection[str]] = attrs.field(default=list, kw_only=True)

    def stable(self, outcome: Mapping[str, Any]) -> dict[str, Any]:
        """The outcome without what differs from run to run."""
        return {key: value for key, value in outcome.items() if key not in {*_VOLATILE, *self.volatile}}


def _showing(what: str) -> Callable[[Any], Any]:
    """Marks a test that needs a subject which shows that."""

    def mark(test: Any) -> Any:
        test.needs = what
        return test

    return mark


class ExecutorConformance:
    """The suite. A subclass defines the fixture ``subject``, and says in ``shows`` what that shows.

    Attributes:
        shows: Some of :data:`SHOWS`. Tests of what is not shown are left out.
    """

    shows: ClassVar[Collection[str]] = ()

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        unknown = set(cls.shows) - SHOWS
        if unknown:
            raise TypeError(f"{cls.__name__}.shows has {sorted(unknown)}; it may have {sorted(SHOWS)}")
        for name in dir(cls):
            needed = getattr(getattr(cls, name), "needs", None)
            if needed is not None and needed not in cls.shows:
                setattr(cls, name, None)

    @pytest.fixture
    def subject(self) -> ExecutorSubject:
        """The executor under test."""
        raise NotImplementedError(f"define the fixture 'subject' in {type(self).__name__}")

    # -- parameters ---------------------------------------------------------------------------------------------------

    def test_it_describes_itself(self, subject: ExecutorSubject) -> None:
        """Its schema is valid, has a title and texts, and accepts the right parameters and refuses the wrong ones."""
        schema = json.loads(json.dumps(subject.executor.describe()))
        declared = subject.executor.executor_config.parameters

        fits = fitting(checked(schema, "the schema"))
        assert subject.executor.__name__ == schema["title"]
        assert schema["description"]
        assert list(declared) == list(schema["properties"])
        assert [] == [one.name for one in declared.values() if one.exposed and not one.description]
        assert fits(_plain(subject.right))
        assert not fits(_plain(subject.wrong))

    def test_the_class_finds_faults_beforehand(self, subject: ExecutorSubject) -> None:
        """What an instance would refuse is known from the class, and nothing is said about what is right."""
        assert [] == list(subject.executor.check_parameters(subject.right))
        assert list(subject.executor.check_parameters(subject.wrong))

    def test_defaults_stand_in_for_what_is_not_given(self, subject: ExecutorSubject) -> None:
        """A parameter that is not given has its default, also an empty one; instances do not share it."""
        parameters = subject.executor.executor_config.parameters
        missing = [p for p in parameters.values() if not p.required and p.name not in subject.right and p.exposed]
        one, other = subject.executor(**subject.right), subject.executor(**subject.right)

        for parameter in missing:
            value = getattr(one, parameter.name)
            assert parameter.default == value
            assert not isinstance(value, list | dict) or value is not getattr(other, parameter.name)

    def test_everything_that_is_missing_is_named_at_once(self, subject: ExecutorSubject) -> None:
        """Without parameters, one error names every required one, and nothing has run."""
        required = [p.name for p in subject.executor.executor_config.parameters.values() if p.required]
        if not required:
            return
        error = _failure(subject.executor().execute, ParameterInvalid)

        assert required == [name for name in required if f"'{name}'" in str(error)]

    def test_wrong_parameters_are_refused_before_anything_runs(self, subject: ExecutorSubject) -> None:
        """Values of a wrong type and parameters that there are not are told together, and there is no result."""
        executor = subject.executor(**subject.wrong, no_such_parameter=1)
        error = _failure(executor.execute, ParameterInvalid)
        strangers = [fault for fault in error.faults if "no_such_parameter" in fault.place]

        assert bool(strangers) is not executor.executor_config.extensible
        assert len(error.faults) > len(strangers)
        assert executor.result is None

    # -- the work -----------------------------------------------------------------------------------------------------

    def test_the_outcome_is_json_with_a_status(self, subject: ExecutorSubject) -> None:
        """It gives a mapping of JSON values with a text as its status, which is also its result."""
        executor = subject.executor(**subject.right)
        outcome = _run(executor.execute)

        assert outcome == json.loads(json.dumps(outcome)) == executor.result
        assert "completed" == outcome["status"]

    def test_hooks_run_around_the_work(self, subject: ExecutorSubject) -> None:
        """Validations, preparations, the work, what follows and the clean-up run in this order, each once."""
        seen: list[str] = []
        _run(_hooked(subject.executor, seen)(**subject.right).execute)

        assert ["validate", "before", "work", "after", "finally"] == seen

    def test_it_can_run_again(self, subject: ExecutorSubject) -> None:
        """The same instance gives the same outcome again, and so does a script without an event loop."""
        executor = subject.executor(**subject.right)
        first, second = _run(executor.execute), executor.execute_sync()

        assert subject.stable(first) == subject.stable(second)

    def test_the_same_key_gives_the_same_outcome(self, subject: ExecutorSubject) -> None:
        """Work that is repeated under the key of the first time gives what that gave, and leaves nothing behind."""
        context = StandaloneContext()
        one, other = (subject.executor(**subject.right).bind(context) for _ in range(2))

        assert subject.stable(_run(one.execute)) == subject.stable(_run(other.execute))
        assert not list(subject.leftovers())

    def test_it_can_be_built_step_by_step(self, subject: ExecutorSubject) -> None:
        """define, update_context, bind and execute make a chain."""
        made = subject.executor.define().update_context(**subject.right).bind(StandaloneContext())

        assert "completed" == _run(made.execute)["status"]

    def test_instances_are_independent(self, subject: ExecutorSubject) -> None:
        """Two of one class can run at the same time."""

        async def both() -> list[Any]:
            return list(await asyncio.gather(*(subject.executor(**subject.right).execute() for _ in range(2))))

        one, other = _run(both)

        assert subject.stable(one) == subject.stable(other)
        assert one is not other

    def test_an_instance_runs_once_at_a_time(self, subject: ExecutorSubject) -> None:
        """While it runs, it refuses to run a second time."""
        refused: list[ActionError] = []

        async def again(self: BaseExecutor, _: Any) -> None:
            with pytest.raises(ActionError) as caught:
                await self.execute()
            refused.append(caught.value)

        _run(_extended(subject.executor, again=before_execute(again))(**subject.right).execute)

        assert ["action_failed"] == [error.code for error in refused]

    def test_it_is_cancelled_wherever_it_waits(self, subject: ExecutorSubject) -> None:
        """Cancelled at each place where it waits, it ends within a second, with no task and nothing else left."""
        for place in range(1, subject.awaits + 1):
            if not _run(functools.partial(_cancelled_at, subject.executor(**subject.right), place)):
                break

        assert not list(subject.leftovers())

    # -- what some can show -------------------------------------------------------------------------------------------

    @_showing("slowness")
    def test_a_timeout_ends_it(self, subject: ExecutorSubject) -> None:
        """When time is up, it ends within a second, and leaves nothing behind."""

        async def late() -> float:
            begun = time.monotonic()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.5):
                    await subject.executor(**subject.slowness).execute()
            return time.monotonic() - begun

        assert 0.5 + _CANCELLED_WITHIN > _run(late)
        assert not list(subject.leftovers())

    @_showing("failure")
    def test_a_failure_is_one_clear_error(self, subject: ExecutorSubject) -> None:
        """Work that fails raises an ActionError with a code and a message, which is JSON, and leaves nothing behind."""
        error = _failure(subject.executor(**subject.failure).execute, ActionError)
        document = json.loads(json.dumps(error.to_document()))

        assert document["code"]
        assert document["message"]
        assert not list(subject.leftovers())

    @_showing("flood")
    def test_too_much_output_is_refused(self, subject: ExecutorSubject) -> None:
        """More output than allowed is an error, and the work is ended."""
        error = _failure(subject.executor(**subject.flood).execute, OutcomeInvalid)

        assert error.remedy
        assert not list(subject.leftovers())

    @_showing("secret")
    def test_a_secret_is_shown_nowhere(self, subject: ExecutorSubject) -> None:
        """A secret that the work prints or returns is in no log, outcome, error or repr."""
        context = StandaloneContext()
        executor = subject.executor(**subject.secret).bind(context)
        outcome = _run(lambda: _ended(executor.execute()))
        shown = [repr(executor), json.dumps(outcome), *(line.line for line in context.logs)]

        assert subject.value
        assert [] == [text for text in shown if subject.value in text]


def _plain(parameters: Mapping[str, Any]) -> Any:
    """The parameters as JSON; a class, which only Python can hand over, by its name."""
    return json.loads(json.dumps(parameters, default=lambda value: getattr(value, "__name__", str(value))))


def _run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What the work gives, in an event loop of its own, which no task outlives."""

    async def owned() -> Any:
        async with asyncio.timeout(_PATIENCE):
            given = await work()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not others, f"tasks are left: {others}"
        return given

    return asyncio.run(owned())


def _failure(work: Callable[[], Coroutine[Any, Any, Any]], kind: type[Exception]) -> Any:
    with pytest.raises(kind) as caught:
        _run(work)
    return caught.value


async def _ended(work: Awaitable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The outcome, or the error as a document."""
    try:
        return await work
    except ActionError as error:
        return error.to_document() | {"text": str(error), "cause": repr(error.__cause__), "notes": _notes(error)}


def _notes(error: BaseException) -> list[str]:
    return list(getattr(error, "__notes__", ()))


def _hooked(executor: type[BaseExecutor], seen: list[str]) -> type[BaseExecutor]:
    """The executor with a hook of each kind that notes when it ran."""
    work = executor.execute_internal

    def noted(name: str) -> Callable[[Any, Any], None]:
        return lambda self, given: seen.append(name)  # noqa: ARG005 - what every hook is given

    async def execute_internal(self: Any, context: dict[str, Any]) -> Any:
        seen.append("work")
        return await threaded(work, self, context)

    hooks = {
        "noted_validate": validate(noted("validate")),
        "noted_before": before_execute(noted("before")),
        "noted_after": after_execute(noted("after")),
        "noted_finally": finally_execute(noted("finally")),
    }
    return _extended(executor, execute_internal=execute_internal, **hooks)


def _extended(executor: type[BaseExecutor], **members: Any) -> type[BaseExecutor]:
    """A subclass with these members more."""
    members["__doc__"] = executor.__doc__
    return types.new_class(executor.__name__, (executor,), {}, lambda scope: scope.update(members))


async def _cancelled_at(executor: BaseExecutor, place: int) -> bool:
    """Whether the work waited as often as that; there it was cancelled, and ended within a second."""
    counted = _Counted(executor.execute(), place)
    async with asyncio.TaskGroup() as group:
        work = group.create_task(_awaited(counted))
        await asyncio.wait([work])
    if counted.cancelled_at is None:
        return False
    assert time.monotonic() - counted.cancelled_at < _CANCELLED_WITHIN
    return True


async def _awaited(work: Awaitable[Any]) -> Any:
    return await work


class _Counted:
    """Awaits a coroutine, and cancels the task that does when it waits for the so-many-th time."""

    def __init__(self, work: Coroutine[Any, Any, Any], place: int) -> None:
        self._work = work
        self._left = place
        self.cancelled_at: float | None = None

    def __await__(self) -> Generator[Any, Any, Any]:
        inner = self._work.__await__()
        resume: Callable[[], Any] = functools.partial(next, inner)
        while True:
            try:
                waits_for = resume()
            except StopIteration as ended:
                return ended.value
            self._count()
            try:
                resume = functools.partial(inner.send, (yield waits_for))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the work is to see it
                resume = functools.partial(inner.throw, error)

    def _count(self) -> None:
        self._left -= 1
        task = asyncio.current_task()
        if self._left == 0 and task is not None:
            self.cancelled_at = time.monotonic()
            task.cancel()
