"""Several executors as one: in sequence, each with the results of those before it, or all at once."""

from __future__ import annotations

import asyncio
import random
from collections import ChainMap
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, ClassVar, Final, Literal

import attrs

from circuit_breaker.engine.actions import HOPELESS, code_of
from circuit_breaker.errors import ActionTimeout, Fault, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.outcome import COMPLETED
from circuit_breaker.executors.plan import Ledger, Step, named, titles
from circuit_breaker.executors.registry import installed
from circuit_breaker.executors.settings import Settings
from circuit_breaker.executors.step_checks import step_faults, undecided, well_formed
from circuit_breaker.executors.step_context import StepContext

__all__ = ["StepExecutor", "StepSettings"]

PARTIAL: Final = "partial"
FAILED: Final = "failed"


class _Stopped(Exception):
    """A step has failed, and the others are to stop."""


@attrs.frozen(kw_only=True)
class StepSettings(Settings):
    """What an operator decides about steps.

    Attributes:
        executors: What steps mean that name their executor by a text, or by a class that another takes the place of.
            It goes before what the engine says, and holds in the steps of a step as well.
    """

    executors: Mapping[Any, type[BaseExecutor]] = attrs.field(factory=dict)

    def known(self, others: Mapping[Any, Any]) -> Mapping[Any, Any]:
        """What steps may run: these, and those of the engine.

        Where the engine names no executor by a text, the installed ones may be named.
        """
        rest = others if any(_is_public(name) for name in others) else ChainMap(dict(others), installed())  # type: ignore[arg-type]
        return ChainMap(dict(self.executors), rest)  # type: ignore[arg-type]  # nothing is written to it


def _is_public(name: Any) -> bool:
    """Whether this is a name that somebody gave; the library registers some for itself."""
    return isinstance(name, str) and not name.startswith("circuit_breaker.")


@parameter(
    "steps",
    description="What to run: each has 'executor' and 'context', and may have 'name', 'when', 'timeout' and 'retry'",
    secret=True,
    min_length=1,
)
@parameter("parallel", default=False, description="Run all at once instead of one after the other")
@parameter("at_most", default=None, minimum=1, description="How many run at a time when they are parallel")
@parameter("on_failure", default="stop", description="What a failed step means for the others")
class StepExecutor(BaseExecutor):
    """Runs several executors, in sequence or in parallel.

    A step is ``{"executor", "context"}``: an executor class or its name, and its parameters. In a sequence, a step
    takes the parameters that it requires and its context does not name from the results of the steps before it, and
    ``result("fetch.text")`` anywhere in its context stands for what a step gave. A step may have a ``name``; a
    condition ``when`` it runs, as CEL text over ``results``, as a rule, or as a function of the results; a ``timeout``
    in seconds for each attempt; and a ``retry`` policy such as ``{"max_attempts": 3}``.

    When a step fails, ``"stop"`` stops the others and raises its error, and ``result`` keeps what was done until then;
    ``"continue"`` goes on. In a workflow, a step that has finished is not done again after a crash or a retry.

    What a name means, and what takes the place of a class, is what the engine was given as ``executors``, also in the
    steps of a step; where that has no names, those that are installed may be named.

    The outcome is ``{"status", "results", "failures", "skipped"}``, by name of the step. The status is ``"partial"``
    when some steps failed, and ``"failed"`` when none succeeded. A step without a name is called after its executor.
    """

    settings: ClassVar[StepSettings] = StepSettings()

    steps: list[dict[str, Any]]
    parallel: bool
    at_most: int | None
    on_failure: Literal["stop", "continue"]

    @validate
    def steps_can_run(self, context: dict[str, Any]) -> None:
        """Every step is well-formed, and its parameters fit as far as they are known."""
        faults = tuple(step_faults(context["steps"], self._known, parallel=context["parallel"]))
        if faults:
            raise ParameterInvalid(f"the steps of {type(self).__name__} are wrong", faults=faults)

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Any], *, references: tuple[type, ...] = ()) -> Iterable[Fault]:
        """What is wrong with the parameters and, when they are of the right types, with those of each step."""
        return cls.check_steps(parameters, {}, references=references)

    @classmethod
    def check_steps(
        cls, parameters: Mapping[str, Any], executors: Mapping[Any, Any], *, references: tuple[type, ...] = ()
    ) -> Iterable[Fault]:
        """The same where names and classes mean these executors."""
        faults = list(super().check_parameters(parameters, references=references))
        if faults or undecided(parameters["steps"], references):
            return faults
        parallel, known = parameters.get("parallel") is True, cls.settings.known(executors)
        return list(step_faults(parameters["steps"], known, parallel=parallel, references=references))

    @property
    def _known(self) -> Mapping[Any, Any]:
        return self.settings.known(getattr(self.execution, "executors", {}))

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """Runs the steps."""
        ledger = Ledger(tuple(named(context["steps"], self._known)))
        await (self._at_once(ledger) if self.parallel else self._in_turn(ledger))
        if not ledger.failures:
            return ledger.document(COMPLETED)
        return ledger.document(PARTIAL if ledger.results else FAILED)

    async def _in_turn(self, ledger: Ledger) -> None:
        for step in ledger.steps:
            await self._attempt(step, ledger)
            if self._must_stop(ledger):
                raise self._first_failure(ledger)

    async def _at_once(self, ledger: Ledger) -> None:
        turns = asyncio.Semaphore(self.at_most or len(ledger.steps))
        try:
            async with asyncio.TaskGroup() as group:
                for step in ledger.steps:
                    group.create_task(self._branch(step, ledger, turns))
        except* _Stopped:
            pass
        if self._must_stop(ledger):
            raise self._first_failure(ledger)

    async def _branch(self, step: Step, ledger: Ledger, turns: asyncio.Semaphore) -> None:
        async with turns:
            await self._attempt(step, ledger)
        if self._must_stop(ledger):
            raise _Stopped

    def _must_stop(self, ledger: Ledger) -> bool:
        return self.on_failure == "stop" and bool(ledger.failures)

    def _first_failure(self, ledger: Ledger) -> Exception:
        self._result = ledger.document(FAILED)
        return next(iter(ledger.failures.values()))

    async def _attempt(self, step: Step, ledger: Ledger) -> None:
        """Runs one step, and notes what became of it."""
        try:
            if step.condition is not None and not step.condition(ledger):
                ledger.skipped.add(step.name)
            else:
                ledger.results[step.name] = await self._run(step, ledger)
        except Exception as error:  # noqa: BLE001 - what a failure means for the others is for on_failure to say
            error.add_note(f"in step '{step.name}'")
            ledger.failures[step.name] = error
        self.execution.progress(ledger.share(step.name, 1.0), step.name)

    async def _run(self, step: Step, ledger: Ledger) -> dict[str, Any]:
        parameters = step.parameters(ledger, following=not self.parallel)
        surroundings = StepContext(self.execution, step.name, ledger, self._known)

        async def tried() -> dict[str, Any]:
            return await _tried(step, parameters, surroundings)

        return await self.execution.step(step.name, tried)

    def __repr__(self) -> str:
        steps = self._given.get("steps")
        names = list(titles(steps)) if steps and well_formed(steps, self._known) else "***"
        return f"{type(self).__name__}(steps={names}, parallel={self._given.get('parallel', False)!r})"


async def _tried(step: Step, parameters: Mapping[str, Any], surroundings: StepContext) -> dict[str, Any]:
    """The outcome of the step, which is tried again as its policy says."""
    for failures in count(1):
        try:
            return await _timed(step, step.executor(**parameters).bind(surroundings))
        except Exception as error:
            code, policy = code_of(error), step.retry
            hopeless = code in HOPELESS and code not in policy.retry_on
            if hopeless or not policy.again(code, failures):
                raise
        await asyncio.sleep(step.retry.wait(failures) + random.uniform(0.0, step.retry.jitter))  # noqa: S311
    raise AssertionError("there is always another number")


async def _timed(step: Step, executor: BaseExecutor) -> dict[str, Any]:
    scope = asyncio.timeout(step.timeout)
    try:
        async with scope:
            return await executor.execute()
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ActionTimeout(
            f"step '{step.name}' took longer than {step.timeout:g} s", remedy="allow more with its timeout"
        ) from error
