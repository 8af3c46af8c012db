"""Several executors as one: in sequence, each with the results of those before it, or all at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import attrs

from circuit_breaker.errors import Fault, ParameterInvalid
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.declarations import parameter, validate
from circuit_breaker.executors.execution import ExecutionContext
from circuit_breaker.executors.outcome import COMPLETED
from circuit_breaker.executors.plan import Ledger, Step, named, step_faults, undecided, well_formed

__all__ = ["StepExecutor"]

PARTIAL: Final = "partial"
FAILED: Final = "failed"


class _Stopped(Exception):
    """A step has failed, and the others are to stop."""


@attrs.frozen
class _StepContext:
    """The surroundings of one step: those of the whole, with a share of the progress and names of its own."""

    whole: ExecutionContext
    name: str
    ledger: Ledger

    @property
    def case_id(self) -> str | None:
        return self.whole.case_id

    @property
    def transition(self) -> str | None:
        return self.whole.transition

    @property
    def attempt(self) -> int:
        return self.whole.attempt

    @property
    def idempotency_key(self) -> str:
        return f"{self.whole.idempotency_key}:{self.name}"

    def progress(self, fraction: float, message: str = "") -> None:
        text = f"{self.name}: {message}" if message else self.name
        self.whole.progress(self.ledger.share(self.name, fraction), text)

    def log(self, line: str, *, stream: str = "stdout") -> None:
        self.whole.log(line, stream=stream)

    async def step(self, name: str, call: Callable[[], Any]) -> Any:
        return await self.whole.step(f"{self.name}/{name}", call)

    def step_sync(self, name: str, call: Callable[[], Any]) -> Any:
        return self.whole.step_sync(f"{self.name}/{name}", call)


@parameter(
    "steps",
    description="What to run: each {'executor': class, 'context': parameters}, and optionally 'name' and 'when'",
    secret=True,
    min_length=1,
)
@parameter("parallel", default=False, description="Run all at once instead of one after the other")
@parameter("on_failure", default="stop", description="What a failed step means for the others")
class StepExecutor(BaseExecutor):
    """Runs several executors, in sequence or in parallel.

    In a sequence, a step takes the parameters that its context does not name from the results of the steps before it.
    A step with ``when``, a function of the results so far, is skipped where that says no. When a step fails, ``"stop"``
    stops the others and raises its error, and ``result`` keeps what was done until then; ``"continue"`` goes on.

    The outcome is ``{"status", "results", "failures", "skipped"}``, by name of the step. The status is ``"partial"``
    when some steps failed, and ``"failed"`` when none succeeded. A step without a name is called after its class.
    """

    steps: list[dict[str, Any]]
    parallel: bool
    on_failure: Literal["stop", "continue"]

    @validate
    def steps_can_run(self, context: dict[str, Any]) -> None:
        """Every step is well-formed, and its parameters fit as far as they are known."""
        faults = tuple(step_faults(context["steps"], parallel=context["parallel"]))
        if faults:
            raise ParameterInvalid(f"the steps of {type(self).__name__} are wrong", faults=faults)

    @classmethod
    def check_parameters(cls, parameters: Mapping[str, Any], *, references: tuple[type, ...] = ()) -> Iterable[Fault]:
        """What is wrong with the parameters and, when they are of the right types, with those of each step."""
        faults = list(super().check_parameters(parameters, references=references))
        if faults or undecided(parameters["steps"], references):
            return faults
        parallel = parameters.get("parallel") is True
        return list(step_faults(parameters["steps"], parallel=parallel, references=references))

    async def execute_internal(self, context: dict[str, Any]) -> dict[str, Any]:
        """Runs the steps."""
        ledger = Ledger(tuple(named(context["steps"])))
        await (self._at_once(ledger) if self.parallel else self._in_turn(ledger))
        if not ledger.failures:
            return ledger.document(COMPLETED)
        return ledger.document(PARTIAL if ledger.results else FAILED)

    async def _in_turn(self, ledger: Ledger) -> None:
        for step in ledger.steps:
            await self._attempt(step, ledger, known=ledger.known())
            if self._must_stop(ledger):
                raise self._first_failure(ledger)

    async def _at_once(self, ledger: Ledger) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for step in ledger.steps:
                    group.create_task(self._branch(step, ledger))
        except* _Stopped:
            pass
        if self._must_stop(ledger):
            raise self._first_failure(ledger)

    async def _branch(self, step: Step, ledger: Ledger) -> None:
        await self._attempt(step, ledger, known={})
        if self._must_stop(ledger):
            raise _Stopped

    def _must_stop(self, ledger: Ledger) -> bool:
        return self.on_failure == "stop" and bool(ledger.failures)

    def _first_failure(self, ledger: Ledger) -> Exception:
        self._result = ledger.document(FAILED)
        return next(iter(ledger.failures.values()))

    async def _attempt(self, step: Step, ledger: Ledger, *, known: Mapping[str, Any]) -> None:
        """Runs one step, and notes what became of it."""
        try:
            if step.when is not None and not step.when(ledger.results):
                ledger.skipped.add(step.name)
            else:
                ledger.results[step.name] = await self._run(step, ledger, known)
        except Exception as error:  # noqa: BLE001 - what a failure means for the others is for on_failure to say
            error.add_note(f"in step '{step.name}'")
            ledger.failures[step.name] = error
        self.execution.progress(ledger.share(step.name, 1.0), step.name)

    async def _run(self, step: Step, ledger: Ledger, known: Mapping[str, Any]) -> dict[str, Any]:
        declared = step.executor.executor_config.parameters
        taken = {name: value for name, value in known.items() if name in declared}
        executor = step.executor(**{**taken, **step.context})
        executor.bind(_StepContext(self.execution, step.name, ledger))
        return await self.execution.step(step.name, executor.execute)

    def __repr__(self) -> str:
        steps = self._given.get("steps")
        names = [step.name for step in named(steps)] if steps and well_formed(steps) else "***"
        return f"{type(self).__name__}(steps={names}, parallel={self._given.get('parallel', False)!r})"
