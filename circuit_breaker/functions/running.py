"""What the engine calls to run a function: its executor, with the input, and with its logs kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_breaker.errors import OutcomeInvalid
from circuit_breaker.executors.execution import ExecutionContext, StandaloneContext
from circuit_breaker.functions.executors import Executors
from circuit_breaker.functions.logs import LoggedContext, Logs

__all__ = ["FunctionRun"]


class FunctionRun:
    """One run of a function; to the engine an executor.

    Args:
        executors: Those that functions may name.
        logs: Where what it writes is kept.
        function: Its id.
        executor: The name of its executor.
        parameters: What that is given, references read already.
        input: The input.
    """

    def __init__(
        self,
        executors: Executors,
        logs: Logs,
        *,
        function: str,
        executor: str,
        parameters: Mapping[str, Any],
        input: Any = None,  # noqa: A002 - the word of the parameter
    ) -> None:
        self._executors = executors
        self._logs = logs
        self._function = function
        self._executor = executor
        self._given = {**parameters, "input": input} if executors.takes_input(executor, parameters) else parameters
        self._context: ExecutionContext = StandaloneContext()

    def bind(self, context: ExecutionContext) -> FunctionRun:
        """This run, as a part of an execution."""
        self._context = context
        return self

    async def execute(self) -> dict[str, Any]:
        """What the executor gives, with the output of the function as ``output``.

        Raises:
            Exception: Whatever the executor raises.
        """
        execution = self._context.case_id or ""
        executor = self._executors.find(self._executor)(**self._given)
        bind = getattr(executor, "bind", None)
        async with self._logs.book(execution) as book:
            bound = bind(LoggedContext(self._context, book, self._executors)) if bind is not None else executor
            outcome = await bound.execute()
        if not isinstance(outcome, Mapping):
            raise OutcomeInvalid(
                f"the executor of function '{self._function}' returned {outcome!r:.80}", remedy="return a mapping"
            )
        return dict(outcome) if "output" in outcome else {"output": _without_status(outcome)}


def _without_status(outcome: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in outcome.items() if key != "status"}
