"""Executors for tests: they take the parameters of a real one, and do what a script says."""

from __future__ import annotations

import asyncio
import types
from collections.abc import Mapping
from typing import Any, ClassVar, Final, cast

import attrs

from circuit_breaker.engine.invocation import inline
from circuit_breaker.executors.base import BaseExecutor
from circuit_breaker.executors.execution import ExecutionContext

__all__ = ["HANG", "ExecutorCall", "Script", "ScriptExhausted", "Scripted", "Turn", "scripted"]


@attrs.frozen
class _Hang:
    """Stands for work that never ends."""


HANG: Final = _Hang()
"""In a script: the executor works until it is cancelled or runs into a timeout."""


class ScriptExhausted(AssertionError):
    """A scripted executor was called more often than its script has turns."""


@attrs.frozen(kw_only=True)
class Turn:
    """One turn of a script, where an outcome alone is not enough.

    Attributes:
        does: The outcome, an exception to raise, :data:`HANG`, or a function of the :class:`ExecutorCall`, plain or
            async, which gives one of these.
        after: Seconds until then.
        logs: Lines that it writes before.
        progress: How far it says it is before, from 0 to 1.
    """

    does: Any = None
    after: float = 0.0
    logs: tuple[str, ...] = ()
    progress: tuple[float, ...] = ()


@attrs.frozen(kw_only=True)
class ExecutorCall:
    """One call of a scripted executor, noted when it began.

    Attributes:
        parameters: By name, as the work sees them.
        case: The id of the case, or None outside of a workflow.
        transition: The name of the transition, or None.
        idempotency_key: See :class:`circuit_breaker.executors.ExecutionContext`.
        attempt: Counted from 1.
    """

    parameters: Mapping[str, Any]
    case: str | None
    transition: str | None
    idempotency_key: str
    attempt: int


@attrs.define
class Script:
    """What a scripted executor does, and what it was asked.

    Attributes:
        turns: What is left to do, in order.
        always: What it does when there is nothing left, or None if that is an error.
        calls: What it was asked, in order.
    """

    turns: list[Any]
    always: Any = None
    calls: list[ExecutorCall] = attrs.field(factory=list)

    def next(self, call: ExecutorCall) -> Turn:
        """Notes the call, and gives the turn for it.

        Raises:
            ScriptExhausted: There is none.
        """
        self.calls.append(call)
        if not self.turns and self.always is None:
            raise ScriptExhausted(
                f"call {len(self.calls)} of a scripted executor, which has a script for {len(self.calls) - 1}: "
                f"{dict(call.parameters)!r:.200} (add an outcome, or give always=)"
            )
        turn = self.turns.pop(0) if self.turns else self.always
        return turn if isinstance(turn, Turn) else Turn(does=turn)


class Scripted(BaseExecutor, abstract=True):
    """What :func:`scripted` gives is a subclass of this, and of the executor that it stands for.

    Attributes:
        script: What it does, and what it was asked.
    """

    script: ClassVar[Script]

    @classmethod
    def calls(cls) -> list[ExecutorCall]:
        """What it was asked, in order."""
        return list(cls.script.calls)

    @classmethod
    def asked(cls) -> list[dict[str, Any]]:
        """The parameters of each call, in order."""
        return [dict(call.parameters) for call in cls.script.calls]


class AnyParameters(BaseExecutor, abstract=True, extensible=True):
    """What a scripted executor stands for when it is given no real one: it takes whatever parameters there are."""


def scripted(
    stands_for: type[BaseExecutor] | None = None, /, *turns: Any, always: Any = None, name: str | None = None
) -> type[Scripted]:
    """An executor class that checks its parameters as the real one does, and then follows a script.

    ::

        clarity = scripted(ClarityExecutor, {"score": 40}, ActionError("busy", code="busy"), {"score": 90})
        engine = Engine(document, storage=connect("memory://"), executors={ClarityExecutor: clarity})
        ...
        assert [{"text": "..."}] == clarity.asked()

    Args:
        stands_for: The executor that it takes the place of; without one, any parameters are right.
        *turns: For each call an outcome (a mapping, or None), an exception to raise, :data:`HANG`, a :class:`Turn`, or
            a function of the :class:`ExecutorCall` that gives one of these.
        always: What it does when the turns are used up; without turns and this, every call completes.
        name: What to call the class; the name of the real one unless given.
    """
    real = stands_for or AnyParameters
    everything = {"status": "completed"} if not turns and always is None else always
    body = {
        "__doc__": real.__doc__,
        "__module__": real.__module__,
        "script": Script(list(turns), everything),
        "execute_internal": _follow,
    }
    arguments = {"extensible": real.executor_config.extensible}
    made = types.new_class(name or real.__name__, (Scripted, real), arguments, lambda scope: scope.update(body))
    return cast(type[Scripted], _without_hooks(made))


def _without_hooks(executor: Any) -> Any:
    """The class, which no longer prepares or cleans up anything: that would be real work."""
    bare = {"before_execute": (), "after_execute": (), "finally_execute": ()}
    executor.executor_config = attrs.evolve(executor.executor_config, **bare)
    return executor


async def _follow(self: Scripted, context: dict[str, Any]) -> Any:
    """Does what the script says for this call."""
    call = _call_of(context, self.execution)
    turn = self.script.next(call)
    for line in turn.logs:
        self.execution.log(line)
    for fraction in turn.progress:
        self.execution.progress(fraction)
    if turn.after:
        await asyncio.sleep(turn.after)
    return await _done(turn.does, call)


async def _done(does: Any, call: ExecutorCall) -> Any:
    if does is HANG:
        await asyncio.Event().wait()
    if isinstance(does, BaseException) or (isinstance(does, type) and issubclass(does, BaseException)):
        raise does
    if callable(does):
        return await _done(await inline(does, call), call)
    return does


def _call_of(parameters: Mapping[str, Any], execution: ExecutionContext) -> ExecutorCall:
    return ExecutorCall(
        parameters=dict(parameters),
        case=execution.case_id,
        transition=execution.transition,
        idempotency_key=execution.idempotency_key,
        attempt=execution.attempt,
    )
