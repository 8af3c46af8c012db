"""Carrying out the action of a transition: steps, timeout and retries. What happens is reported, never decided here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import attrs

from circuit_breaker.attempts import repeated
from circuit_breaker.data import Data, freeze, thaw
from circuit_breaker.engine.cancellation import cancelled_from_outside
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.engine.labels import label
from circuit_breaker.engine.secrecy import REFERENCE, innocent
from circuit_breaker.errors import (
    ActionError,
    ActionTimeout,
    ActionWithdrawn,
    CircuitBreakerError,
    OutcomeInvalid,
    ParameterInvalid,
    words_of,
)
from circuit_breaker.rules import MISSING, Field, Template
from circuit_breaker.workflow.case import Pending
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Call, Execution, Step
from circuit_breaker.workflow.outlets import check_kept
from circuit_breaker.workflow.signature import wants_context
from circuit_breaker.workflow.timing import RetryPolicy
from circuit_breaker.workflow.token import Token
from circuit_breaker.workflow.transition import Transition

__all__ = ["ActionContext", "Recorder", "call_action", "code_of", "perform", "resolved"]

ONCE = RetryPolicy(max_attempts=1)
HOPELESS = frozenset(
    {
        "address_refused",
        "agent_forbidden",
        "agent_not_found",
        "authentication_failed",
        "budget_exceeded",
        "content_filtered",
        "context_too_long",
        "default_provider_not_found",
        "invalid_data",
        "invalid_executor",
        "invalid_outcome",
        "invalid_output",
        "invalid_parameters",
        "model_not_found",
        "output_too_large",
        "provider_not_found",
        "request_refused",
        "secret_not_found",
    }
)
"""The codes of failures that come again: a retry policy tries them only if it names them."""


class Recorder(Protocol):
    """Where an action in progress is written down."""

    def step_finished(self, name: str, outcome: Any) -> Coroutine[Any, Any, None]:
        """Keeps the outcome of a step, which is frozen."""
        ...

    def check(self) -> Coroutine[Any, Any, None]:
        """Does nothing, unless the action must not go on: then it raises why."""
        ...

    @property
    def broken(self) -> Exception | None:
        """Why something could not be written down, if so."""
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
        executors: What the engine runs under each name, and in place of each class.
        results: The results on the token when the action began, which only the journal can have put there.
        tries: Which attempt it is of all, those before a crash included.
        token: The token, as this part of the action finds it; None outside of an engine.
        workflow: The definition of the case; None outside of an engine.
        deadline: When the attempt must have ended, by the clock of the event loop; None for never.
    """

    case_id: str
    transition: str
    idempotency_key: str
    attempt: int
    _recorder: Recorder = attrs.field(repr=False)
    _done: dict[str, Any] = attrs.field(repr=False)
    _loop: asyncio.AbstractEventLoop = attrs.field(repr=False)
    _taken: set[str] = attrs.field(factory=set, repr=False)
    _prefix: str = attrs.field(default="", repr=False)
    executors: Mapping[Any, Any] = attrs.field(factory=dict, repr=False, kw_only=True)
    results: Mapping[str, Any] = attrs.field(factory=dict, repr=False, kw_only=True)
    tries: int = attrs.field(default=1, kw_only=True)
    token: Token | None = attrs.field(default=None, repr=False, kw_only=True)
    workflow: Workflow | None = attrs.field(default=None, repr=False, kw_only=True)
    deadline: float | None = attrs.field(default=None, repr=False, kw_only=True)

    async def withdrawn(self) -> bool:
        """Whether the action is not to go on: its case was cancelled, or its tokens were withdrawn."""
        try:
            await self._recorder.check()
        except ActionWithdrawn:
            return True
        return False

    @property
    def late(self) -> bool:
        """Whether the attempt should have ended by now."""
        return self.deadline is not None and self._loop.time() >= self.deadline

    def part(self, number: int) -> ActionContext:
        """The same for one of several parts of the action, whose steps and effects are its own."""
        key = self.idempotency_key if number == 1 else f"{self.idempotency_key}:{number}"
        return attrs.evolve(self, idempotency_key=key, prefix=f"#{number}/")

    async def step(self, name: str, call: Callable[[], Any]) -> Any:
        """The outcome of a step of the action, which is done once: after a crash or a retry it is remembered.

        Args:
            name: Unique in the action; a step that failed may be called again.
            call: What to do; a function without arguments, plain or async. Its outcome must be JSON.

        Raises:
            ParameterInvalid: There was a step of this name before.
            DataInvalid: The outcome is no JSON, or the name no text.
            ActionWithdrawn: The case was cancelled, or the tokens of the action were withdrawn: there is nothing more
                to do. The call is not made.
        """

        async def work() -> Any:
            return _outcome(name, await threaded(call))

        return thaw(await self.remembered(self._prefix + label(name, "the name of a step"), work))

    async def remembered(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """What the work gave, frozen; it is done unless the outcome of this name is remembered."""
        with self._alone(name):
            if name not in self._done:
                await self._recorder.check()
                outcome = await work()
                await self._recorder.step_finished(name, outcome)
                self._done[name] = outcome
            return self._done[name]

    def step_sync(self, name: str, call: Callable[[], Any]) -> Any:
        """The same for a plain function, which runs in a thread of its own; ``call`` runs in that thread too."""
        whole = self._prefix + label(name, "the name of a step")
        with self._alone(whole):
            if whole not in self._done:
                self._wait(self._recorder.check())
                outcome = _outcome(name, call())
                self._wait(self._recorder.step_finished(whole, outcome))
                self._done[whole] = outcome
            return thaw(self._done[whole])

    def _wait(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @contextmanager
    def _alone(self, name: str) -> Iterator[None]:
        """Takes a name for a step of this attempt; one that fails may be called again."""
        if name in self._taken:
            raise ParameterInvalid(
                f"transition '{self.transition}' has a second step '{name}', which would get the outcome of the first",
                remedy=f'give each a name of its own, such as f"{name}-{{number}}"',
            )
        self._taken.add(name)
        try:
            yield
        except BaseException:
            self._taken.discard(name)
            raise

    def progress(self, fraction: float, message: str = "") -> None:
        """Tells subscribers how far the action is: from 0 to 1."""
        self._loop.call_soon_threadsafe(self._recorder.progressed, fraction, message, "")

    def log(self, line: str, *, stream: str = "stdout") -> None:
        """Tells subscribers a line of output."""
        self._loop.call_soon_threadsafe(self._recorder.progressed, None, line, stream)


def _outcome(name: str, value: Any) -> Any:
    return freeze(value, where=f"the outcome of step '{name}'")


async def perform(
    transition: Transition,
    token: Token,
    *,
    case_id: str,
    pending: Pending,
    recorder: Recorder,
    executors: Mapping[Any, Any],
    workflow: Workflow | None = None,
) -> Change:
    """Everything that the action of a transition adds to its token.

    Raises:
        Exception: Whatever the last attempt raised; :class:`ActionTimeout` where it took too long.
    """
    policy = transition.retry or ONCE
    done = dict(pending.steps)
    loop = asyncio.get_running_loop()

    async def attempt(number: int) -> Change:
        if number > 1:
            await recorder.check()
        context = ActionContext(
            case_id,
            transition.name,
            pending.key,
            number,
            recorder,
            done,
            loop,
            executors=executors,
            results=token.results,
            tries=pending.attempts + number,
            workflow=workflow,
        )
        try:
            return await _timed(transition, context, _all_steps(transition.steps, token, context, executors))
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

    def again(error: Exception, number: int) -> bool:
        if error is recorder.broken or isinstance(error, ActionWithdrawn):
            return False
        code = code_of(error)
        hopeless = code in HOPELESS and code not in policy.retry_on
        return not hopeless and policy.again(code, failed + number)

    def pause(_: Exception, number: int) -> float:
        return policy.wait(failed + number) + random.uniform(0.0, policy.jitter)  # noqa: S311

    async def tell(error: Exception, number: int, wait: float) -> None:
        await recorder.retried(failed + number, describe(error), wait)

    return await repeated(attempt, again=again, pause=pause, tell=tell)


async def _timed(transition: Transition, context: ActionContext, work: Awaitable[Change]) -> Change:
    if transition.timeout is None:
        return await work
    try:
        async with asyncio.timeout(transition.timeout) as scope:
            context.deadline = scope.when()
            return await work
    except TimeoutError as error:
        if not scope.expired():
            raise
        raise ActionTimeout(
            f"the action of transition '{transition.name}' took longer than {transition.timeout:g} s",
            remedy="allow more with .timeout(...), or try again with .retry(...)",
        ) from error


async def _all_steps(
    steps: tuple[Step, ...], token: Token, context: ActionContext, executors: Mapping[Any, Any]
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
    step: Step, number: int, token: Token, context: ActionContext, executors: Mapping[Any, Any], *, alone: bool
) -> Change:
    own = context if alone else context.part(number)
    own.token = token

    async def work() -> Any:
        if isinstance(step, Call):
            return await call_action(step, token, own)
        return await _execute(step, token, own, executors)

    result = step.result if isinstance(step, Execution) else None
    what = f"'{step.name}' of transition '{context.transition}'"
    if alone:
        return Change.of(await work(), result=result, what=what)

    async def recorded() -> Data:
        return Data(attrs.asdict(Change.of(await work(), result=result, what=what), recurse=False))

    return Change(**await context.remembered(f"#{number} {step.name}", recorded))


async def call_action(call: Call, token: Token, context: ActionContext) -> Any:
    """What the function returned; a plain one runs in a thread, so that it holds up nothing."""
    arguments = (token, context) if wants_context(call.action) else (token,)
    return await threaded(call.action, *arguments)


async def _execute(step: Execution, token: Token, context: ActionContext, executors: Mapping[Any, Any]) -> Any:
    kind = executors.get(step.executor, step.executor)
    if isinstance(kind, str):
        raise ParameterInvalid(
            f"no executor is registered as '{step.executor}'", remedy="give it to the engine with executors={...}"
        )
    executor = kind(**resolved(step.parameters, token))
    bind = getattr(executor, "bind", None)
    if bind is not None:
        executor = bind(context)
    outcome = await executor.execute()
    if not isinstance(outcome, (Mapping, Change)):
        raise OutcomeInvalid(f"executor '{step.name}' returned {outcome!r:.80}", remedy="return a mapping")
    if isinstance(outcome, Change):
        check_kept(step, outcome)
    return outcome


def resolved(parameters: Mapping[str, Any], token: Token) -> dict[str, Any]:
    """The parameters with their references read from the token; what refers to nothing is left out."""
    read = {name: _read(value, token) for name, value in parameters.items()}
    return {name: value for name, value in read.items() if value is not MISSING}


def _read(value: Any, token: Token) -> Any:
    if isinstance(value, Field):
        return innocent(value.read(token), value)
    if isinstance(value, Template):
        return value.render(token)
    if isinstance(value, Mapping):
        return innocent(resolved(value, token), "a parameter") if _chosen(value) else resolved(value, token)
    if isinstance(value, (list, tuple)):
        return [_read(item, token) for item in value]
    return value


def _chosen(mapping: Mapping[str, Any]) -> bool:
    """Whether the token is to say which secret is meant."""
    return isinstance(mapping.get(REFERENCE), (Field, Template))


def code_of(error: BaseException) -> str:
    """The kind of an error, as retry policies name it: its code, or the name of its class."""
    if isinstance(error, CircuitBreakerError):
        return str(error.code)
    return "timeout" if isinstance(error, TimeoutError) else type(error).__name__


def describe(error: BaseException | None) -> dict[str, Any]:
    """The error as it is kept in the journal."""
    if error is None:
        return {}
    kind = type(error).__name__
    return {"code": code_of(error), "message": words_of(error)[:2000] or kind, "kind": kind}
