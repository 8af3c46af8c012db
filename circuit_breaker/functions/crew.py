"""The crew: carries out executions in tasks of its own, a bounded number at a time."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import words_of
from circuit_breaker.functions.definition import FunctionDefinition
from circuit_breaker.functions.executors import Executors
from circuit_breaker.functions.registry import Registry

__all__ = ["Crew"]

PAGE: Final = 100


class Crew:
    """Carries out executions.

    Args:
        engine: Runs the cases.
        registry: The functions.
        executors: Those that functions may name; functions of others are left alone.
        group: Owns the tasks.
        concurrency: How many run at a time, those apart that somebody waits for.
    """

    def __init__(
        self, engine: Engine, registry: Registry, executors: Executors, group: asyncio.TaskGroup, *, concurrency: int
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._executors = executors
        self._stamp = 0
        self._group = group
        self._most = concurrency
        self._waiting: dict[str, None] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._lined_up: set[str] = set()
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether nothing runs or waits to be run."""
        return not self._running and not self._waiting

    def close(self) -> None:
        """Stops everything; what was going on is taken up by whoever opens the storage next."""
        self._closed = True
        self._waiting.clear()
        for task in self._running.values():
            task.cancel()

    def submit(self, execution: str, *, at_once: bool = False) -> None:
        """Sees to it that an execution runs; one that somebody waits for does not wait for others."""
        if execution in self._running or self._closed:
            return
        if at_once:
            self._waiting.pop(execution, None)
            self._start(execution)
        else:
            self._waiting.setdefault(execution)
            self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._lined_up) < self._most:
            execution = next(iter(self._waiting))
            del self._waiting[execution]
            self._lined_up.add(execution)
            self._start(execution)

    def _start(self, execution: str) -> None:
        task = self._group.create_task(self._run(execution), name=f"execution {execution}")
        self._running[execution] = task

    async def _run(self, execution: str) -> None:
        try:
            await self._engine.run(execution)
        except Exception as error:  # noqa: BLE001 - the boundary of firing: one execution must not end the others
            log = structlog.get_logger("circuit_breaker.functions")
            log.warning("execution failed to run", execution=execution, error=words_of(error))
        finally:
            del self._running[execution]
            self._lined_up.discard(execution)
            self._fill()

    def can(self, definition: FunctionDefinition) -> bool:
        """Whether the function can be run here."""
        return definition.executor_name in self._executors

    async def take_up(self) -> None:
        """Sees to it that every execution runs that nobody carries out: of a process that has died."""
        await self.know()
        for definition in self._registry.current.values():
            if self.can(definition):
                await self._sweep(definition.workflow.name)

    async def know(self) -> None:
        """Makes the engine know every version under which an execution may still run here."""
        await self._registry.refresh()
        if self._registry.stamp == self._stamp:
            return
        for definition in self._registry.current.values():
            for version in (*await self._registry.versions(definition.id), definition):
                if self.can(version):
                    await self._engine.add_workflow(version.workflow)
        self._stamp = self._registry.stamp

    async def _sweep(self, workflow: str) -> None:
        after = ""
        while page := await self._engine.cases(workflow=workflow, status="running", after=after, limit=PAGE):
            after = page[-1].id
            for summary in page:
                self.submit(summary.id)
