"""Carrying out the action of a transition: steps, timeout and retries. What happens is reported, never decided here."""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import attrs
import tenacity

from circuit_breaker.engine.cancellation import cancelled_from_outside
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    CircuitBreakerError,
    OutcomeInvalid,
    ParameterInvalid,
    StorageError,
    words_of,
)
from circuit_breaker.rules import MISSING, Field, Template
from circuit_breaker.workflow.case import Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.flow import Call, Execution, Step
from circuit_breaker.workflow.timing import RetryPolicy
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

__all__ = ["ActionContext", "Recorder", "call_action", "code_of", "perform"]

ONCE = RetryPolicy(max_attempts=1)
HOPELESS = frozenset({"invalid_parameters", "invalid_outcome", "invalid_data", "invalid_executor"})


class Recorder(Protocol):
    """Where an action in progress is written down."""

    def step_finished(self, name: str, outcome: Any) -> Coroutine[Any, Any, None]:
        """Keeps the outcome of a step."""
        ...

    async def retried(self, attempt: int, error: Mapping[str, Any], wait: float) -> None:
        """Keeps that an attempt failed, and for how many seconds the next one waits."""
        ...

    def progressed(self, fraction: float | None, message: str, stream: str) -> None:
        """Tells how far the action is, or a line of its output."""
        ...


@attrs.define
class ActionContext:
    """What an action may know and do beside its token.

    Attributes:
        case_id: The case.
        transition: The name of the transition.
        idempotency_key: The same for every attempt of this action, also after a crash: give it to whatever has effects.
        attempt: 1 for the first attempt since this process took it up.
    """

    case_id: str
    transition: str
    idempotency_key: str
    attempt: int
    _recorder: Recorder = attrs.field(repr=False)
    _done: dict[str, Any] = attrs.field(repr=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(repr=False)

    async def step(self, name: str, call: Callable[[], Any]) -> Any:
        """The outcome of a step of the action, which is done once: after a crash or a retry it is remembered.

        Args:
            name: Unique in the action.
            call: What to do; a function without arguments, plain or async. Its outcome must be JSON.
        """
        if name not in self._done:
            outcome = await threaded(call)
            await self._recorder.step_finished(name, outcome)
            self._done[name] = outcome
        return self._done[name]

    def step_sync(self, name: str, call: Callable[[], Any]) -> Any:
        """The same for a plain function, which runs in a thread of its own; ``call`` runs in that thread too."""
        if name not in self._done:
            outcome = call()
            kept = self._recorder.step_finished(name, outcome)
            asyncio.run_coroutine_threadsafe(kept, self._loop).result()
            self._done[name] = outcome
        return self._done[name]

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells subscribers how far the action is: from 0 to 1."""
        self._loop.call_soon_threadsafe(self._recorder.progressed, fraction, message, "")

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Tells subscribers a line of output."""
        self._loop.call_soon_threadsafe(self._recorder.progressed, None, line, stream)


async def perform(
    transition: Transition,
    token: Token,
    *,
    case_id: str,
    pending: Pending,
    recorder: Recorder,
    executors: Mapping[str, Any],
) -> Change:
    """Everything that the action of a transition adds to its token.

    Raises:
        Exception: Whatever the last attempt raised; :class:`ActionTimeout` where it took too long.
    """
    policy = transition.retry or ONCE
    done = dict(pending.steps)
    loop = asyncio.get_running_loop()

    async def attempt(number: int) -> Change:
        context = ActionContext(case_id, transition.name, pending.key, number, recorder, done, loop)
        try:
            return await _timed(transition, _all_steps(transition.steps, token, context, executors))
        except asyncio.CancelledError as error:
            if cancelled_from_outside():
                raise
            raise ActionError(
                f"the action of transition '{transition.name}' cancelled itself, or something that it waits for",
                code="cancelled",
                remedy="let it raise what went wrong",
            ) from error

    return await _retrying(policy, pending.attempts, recorder, attempt)


async def _retrying(
    policy: RetryPolicy, failed: int, recorder: Recorder, attempt: Callable[[int], Awaitable[Change]]
) -> Change:
    """One attempt after another, as the policy says; ``failed`` attempts happened before a crash."""

    def again(state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome is not None else None
        if error is None or not isinstance(error, Exception) or isinstance(error, StorageError):
            return False
        code = code_of(error)
        hopeless = code in HOPELESS and code not in policy.retry_on
        return not hopeless and policy.again(code, failed + state.attempt_number)

    def pause(state: tenacity.RetryCallState) -> float:
        return policy.wait(failed + state.attempt_number) + random.uniform(0.0, policy.jitter)  # noqa: S311

    async def tell(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome is not None else None
        wait = state.next_action.sleep if state.next_action is not None else 0.0
        await recorder.retried(failed + state.attempt_number, describe(error), wait)

    retrying = tenacity.AsyncRetrying(retry=again, wait=pause, before_sleep=tell, sleep=asyncio.sleep, reraise=True)
    async for trial in retrying:
        with trial:
            return await attempt(trial.retry_state.attempt_number)
    raise ActionError("the action was not attempted")


async def _timed(transition: Transition, work: Awaitable[Change]) -> Change:
    if transition.timeout is None:
        return await work
    try:
        async with asyncio.timeout(transition.timeout) as scope:
            return await work
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ActionTimeout(
            f"the action of transition '{transition.name}' took longer than {transition.timeout:g} s",
            remedy="allow more with .timeout(...), or try again with .retry(...)",
        ) from error


async def _all_steps(
    steps: tuple[Step, ...], token: Token, context: ActionContext, executors: Mapping[str, Any]
) -> Change:
    total = Change()
    view = token
    for number, step in enumerate(steps, start=1):
        change = await _one_step(step, number, view, context, executors, alone=len(steps) == 1)
        total = total.plus(change)
        view = _with(view, change)
    return total


def _with(view: Token, change: Change) -> Token:
    """The token as the next step sees it; typed data stays as it was, since only the whole is checked."""
    if not isinstance(view.data, dict):
        return view.updated(metadata=change.metadata, results=change.results)
    return view.updated(data=change.data, metadata=change.metadata, results=change.results)


async def _one_step(
    step: Step, number: int, token: Token, context: ActionContext, executors: Mapping[str, Any], *, alone: bool
) -> Change:
    async def work() -> Any:
        if isinstance(step, Call):
            return await call_action(step, token, context)
        return await _execute(step, token, context, executors)

    result = step.result if isinstance(step, Execution) else None
    what = f"'{step.name}' of transition '{context.transition}'"
    if alone:
        return Change.of(await work(), result=result, what=what)
    recorded = await context.step(f"#{number} {step.name}", lambda: _plain(work, result, what))
    return Change(**recorded)


async def _plain(work: Callable[[], Awaitable[Any]], result: str | None, what: str) -> dict[str, Any]:
    return attrs.asdict(Change.of(await work(), result=result, what=what), recurse=False)


async def call_action(call: Call, token: Token, context: ActionContext) -> Any:
    """What the function returned; a plain one runs in a thread, so that it holds up nothing."""
    arguments = (token, context) if _wants_context(call.action) else (token,)
    return await threaded(call.action, *arguments)


def _wants_context(action: Callable[..., Any]) -> bool:
    try:
        parameters = inspect.signature(action).parameters.values()
    except ValueError:
        return False
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    return (
        len(required) > 1
        or any(p.name == "context" for p in positional)
        or any(p.kind == p.VAR_POSITIONAL for p in parameters)
    )


async def _execute(step: Execution, token: Token, context: ActionContext, executors: Mapping[str, Any]) -> Any:
    kind = executors.get(step.executor) if isinstance(step.executor, str) else step.executor
    if kind is None:
        raise ParameterInvalid(
            f"no executor is registered as '{step.executor}'", remedy="give it to the engine with executors={...}"
        )
    executor = kind(**_resolved(step.parameters, token))
    bind = getattr(executor, "bind", None)
    if bind is not None:
        executor = bind(context)
    outcome = await executor.execute()
    if not isinstance(outcome, Mapping):
        raise OutcomeInvalid(f"executor '{step.name}' returned {outcome!r:.80}", remedy="return a mapping")
    return outcome


def _resolved(parameters: Mapping[str, Any], token: Token) -> dict[str, Any]:
    """The parameters with their references read from the token; what refers to nothing is left out."""
    read = {name: _read(value, token) for name, value in parameters.items()}
    return {name: value for name, value in read.items() if value is not MISSING}


def _read(value: Any, token: Token) -> Any:
    if isinstance(value, Field):
        return value.read(token)
    if isinstance(value, Template):
        return value.render(token)
    if isinstance(value, Mapping):
        return _resolved(value, token)
    if isinstance(value, (list, tuple)):
        return [_read(item, token) for item in value]
    return value


def code_of(error: BaseException) -> str:
    """The kind of an error, as retry policies name it: its code, or the name of its class."""
    if isinstance(error, CircuitBreakerError):
        return error.code
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__


def describe(error: BaseException | None) -> dict[str, Any]:
    """The error as it is kept in the journal."""
    if error is None:
        return {}
    kind = type(error).__name__
    return {"code": code_of(error), "message": words_of(error)[:2000] or kind, "kind": kind}
