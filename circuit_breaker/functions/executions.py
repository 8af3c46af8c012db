"""Executions: beginning them, waiting for them, and looking at what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import case_id
from circuit_breaker.engine.running import only
from circuit_breaker.errors import CaseNotFound, ExecutionNotFound
from circuit_breaker.functions.crew import Crew
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.execution import FunctionResult, result_of
from circuit_breaker.functions.logs import Logs
from circuit_breaker.functions.requests import Request, begin, unfit
from circuit_breaker.functions.status import ExecutionStatus
from circuit_breaker.functions.triggers import PREFIX
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Event

__all__ = ["Executions"]

CALL: Final[Mapping[str, Any]] = {"kind": "call"}
PATIENCE: Final = 1.0
"""Seconds after which somebody who waits for an execution looks whether another process has ended it."""


@attrs.frozen(eq=False)
class Executions:
    """The executions of functions.

    Attributes:
        engine: Keeps them, each as a case.
        crew: Carries them out.
        logs: What they write.
    """

    engine: Engine
    crew: Crew
    logs: Logs

    async def start(
        self,
        definition: FunctionDefinition,
        given: Any,
        *,
        execution: str | None = None,
        cause: Mapping[str, Any] = CALL,
        at_once: bool = False,
    ) -> str:
        """The id of a new execution, which runs in the background.

        Raises:
            ParameterInvalid: The input does not fit its schema.
            CaseExists: There is an execution of that id.
            DataInvalid: The input is no JSON.
        """
        faults = definition.misfits(given)
        if faults:
            raise unfit(definition, faults)
        request = Request(function=definition.id, execution=case_id(execution), input=given, cause=cause)
        case = await begin(self.engine, definition, request)
        self.crew.submit(case.id, at_once=at_once)
        return case.id

    async def run(
        self,
        definition: FunctionDefinition,
        given: Any,
        *,
        execution: str | None = None,
        cause: Mapping[str, Any] = CALL,
    ) -> FunctionResult:
        """What comes of a new execution, when it has ended."""
        return await self.wait(await self.start(definition, given, execution=execution, cause=cause, at_once=True))

    async def batch(
        self, definition: FunctionDefinition, inputs: Iterable[Any], *, concurrency: int
    ) -> list[FunctionResult | Exception]:
        """What comes of each input, in order."""
        places = asyncio.Semaphore(concurrency)

        async def one(given: Any) -> FunctionResult | Exception:
            async with places:
                try:
                    return await self.run(definition, given)
                except Exception as error:  # noqa: BLE001 - one that cannot begin does not end the others
                    return error

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(given)) for given in inputs]
        except BaseExceptionGroup as errors:
            raise only(errors) from None
        return [task.result() for task in tasks]

    async def wait(self, execution: str) -> FunctionResult:
        """What comes of an execution, when it has ended, or when nobody knows whether it has."""
        with self.engine.subscribe(case=execution, types=(Event,)) as notices:
            while True:
                result = result_of(await self.case(execution))
                if result.ended or result.status is ExecutionStatus.IN_DOUBT:
                    return attrs.evolve(result, logs=await self.logs.read(execution))
                try:
                    async with asyncio.timeout(PATIENCE):
                        await notices.take()
                except TimeoutError:
                    continue

    async def result(self, execution: str) -> FunctionResult:
        """What came of an execution, or how it stands."""
        return result_of(await self.case(execution), await self.logs.read(execution))

    async def case(self, execution: str) -> Case:
        """The case of an execution.

        Raises:
            ExecutionNotFound: There is none of that id, or the case is none.
        """
        try:
            case = await self.engine.get(execution)
        except CaseNotFound:
            case = None
        if case is None or not case.workflow.startswith(PREFIX):
            raise ExecutionNotFound(f"there is no execution '{execution}'", remedy="see executions()")
        return case

    async def cancel(self, execution: str, *, reason: str, by: str) -> FunctionResult:
        """What came of an execution that is cancelled."""
        await self.case(execution)
        await self.engine.cancel(execution, reason=reason, by=by)
        return await self.result(execution)
