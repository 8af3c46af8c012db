"""The office of a manager that is open: its parts, and the tasks that they work in."""

from __future__ import annotations

import asyncio
import functools
from collections import ChainMap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs

from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.running import only
from circuit_breaker.functions.checks import check
from circuit_breaker.functions.config import ExecutionConfig
from circuit_breaker.functions.crew import Crew
from circuit_breaker.functions.definition import EXECUTOR, FunctionDefinition
from circuit_breaker.functions.duty import Duty
from circuit_breaker.functions.executions import Executions
from circuit_breaker.functions.executors import Executors
from circuit_breaker.functions.logs import Logs
from circuit_breaker.functions.occasions import Past, Reasons
from circuit_breaker.functions.registry import Registry
from circuit_breaker.functions.running import FunctionRun

__all__ = ["Office"]


@attrs.frozen(eq=False)
class Office:
    """What a manager works with while it is open.

    Attributes:
        engine: Keeps the executions.
        registry: The functions.
        executors: Those that functions may name.
        reasons: What events ask for.
        executions: The executions.
        duty: What goes on in the background.
    """

    engine: Engine
    registry: Registry
    executors: Executors
    reasons: Reasons
    executions: Executions
    duty: Duty

    @classmethod
    @asynccontextmanager
    async def open(
        cls, engine: Engine, registry: Registry, executors: Executors, settings: ExecutionConfig, *, active: bool
    ) -> AsyncIterator[Office]:
        """The office, for as long as the ``async with`` block lasts."""
        logs = Logs(engine.storage, most=settings.log_bytes)
        run = functools.partial(FunctionRun, executors, logs)
        before = engine.executors
        engine.executors = ChainMap({EXECUTOR: run}, before)  # type: ignore[arg-type]  # it is only read
        try:
            async with asyncio.TaskGroup() as group:
                crew = Crew(engine, registry, executors, group, concurrency=settings.concurrency)
                reasons = Reasons(registry, Past(engine.storage))
                duty = Duty.of(engine, registry, crew, reasons, settings)
                office = cls(engine, registry, executors, reasons, Executions(engine, crew, logs), duty)
                await crew.know()
                async with duty.going_on(group) if active else duty.standing_by():
                    try:
                        yield office
                    finally:
                        crew.close()
        except BaseExceptionGroup as errors:
            raise only(errors) from None
        finally:
            engine.executors = before

    async def register(self, definition: FunctionDefinition, *, role: str) -> str:
        """The id of a function, which is registered now.

        Raises:
            FunctionInvalid: It is not valid; every fault is named, and nothing is registered.
        """
        await self.registry.refresh()
        check(definition, self.registry, self.executors)
        before = self.registry.current.get(definition.id)
        if before is None or before.version != definition.version:
            if definition.watches and (before is None or not before.watches):
                await self.duty.cursors.begin(definition.id)
            elif before is not None and before.watches and not definition.watches:
                await self.duty.cursors.suspend(definition.id)
            await self.registry.keep(definition, role=role, at=self.engine.clock.now())
        await self.engine.add_workflow(self.registry.get(definition.id).workflow)
        self.duty.wake()
        return definition.id
