"""Whoever watches an engine: subscribers, listeners and plugins. None of them can hold up or harm a case."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

import structlog

from circuit_breaker.engine.bus import Bus, Notice, Subscription
from circuit_breaker.engine.cancellation import cancelled_from_outside
from circuit_breaker.engine.invocation import threaded
from circuit_breaker.engine.plugins import Plugin
from circuit_breaker.errors import DataInvalid, StorageClosed
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import CaseStarted, Event, Moved, TokenAdded

if TYPE_CHECKING:
    from circuit_breaker.engine.engine import Engine
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["Watchers"]

PATIENCE = 5.0
"""Seconds that listeners have, when the engine closes, for what they have not yet heard."""


class Watchers:
    """The bus of an engine and everybody on it. Listeners and plugins run in tasks that end when it is left."""

    def __init__(self, plugins: Iterable[Plugin]) -> None:
        self.bus = Bus()
        self._plugins = list(plugins)
        self._exit = AsyncExitStack()
        self._tasks: asyncio.TaskGroup | None = None
        self._listening: dict[asyncio.Task[None], Subscription] = {}

    async def __aenter__(self) -> Self:
        self._tasks = await self._exit.enter_async_context(asyncio.TaskGroup())
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._tasks = None
        self.bus.close()
        if self._listening:
            _, late = await asyncio.wait(self._listening, timeout=PATIENCE)
            for task in late:
                _log("listener had not heard all when the engine closed", task, events=self._listening[task].waiting)
                task.cancel()
        await self._exit.aclose()

    def owner(self) -> asyncio.TaskGroup:
        """Who owns the tasks.

        Raises:
            StorageClosed: The engine is not open.
        """
        if self._tasks is None:
            raise StorageClosed("the engine is not open", remedy="use `async with Engine(...) as engine:`")
        return self._tasks

    def listen(self, listener: Callable[[Any], Any], types: tuple[type, ...], *, size: int) -> Subscription:
        """Calls a function with what happens; see :meth:`Engine.on`."""
        if not callable(listener):
            raise DataInvalid(f"listener: {listener!r:.60} cannot be called", remedy="give a function, then the types")
        name = getattr(listener, "__name__", repr(listener))

        async def call(notice: Notice) -> None:
            await threaded(listener, notice.event)

        return self._follow(call, name=f"listener {name}", types=types, size=size)

    async def greet(self, engine: Engine) -> None:
        """Initialises the plugins that an engine was given."""
        for plugin in self._plugins:
            await self._begin(plugin, engine)

    async def add(self, plugin: Plugin, engine: Engine) -> None:
        """Adds a plugin to a running engine."""
        self._plugins.append(plugin)
        await self._begin(plugin, engine)

    async def _begin(self, plugin: Plugin, engine: Engine) -> None:
        name = _name(plugin)
        await _shielded(plugin.initialize, engine, name=name)
        for workflow in engine.workflows.values():
            await _shielded(plugin.on_workflow_created, workflow, name=name)

        async def tell(notice: Notice) -> None:
            if notice.case is not None and isinstance(notice.event, (Moved, CaseStarted, TokenAdded)):
                await plugin.on_resource_state_changed(notice.case, notice.before)

        self._follow(tell, name=f"plugin {name}", types=(), size=1000)

    async def created(self, workflow: Workflow) -> None:
        """Tells the plugins of a workflow that was added."""
        for plugin in self._plugins:
            await _shielded(plugin.on_workflow_created, workflow, name=_name(plugin))

    def _follow(
        self, call: Callable[[Notice], Awaitable[None]], *, name: str, types: tuple[type, ...], size: int
    ) -> Subscription:
        owner = self.owner()
        subscription = self._exit.enter_context(self.bus.subscribe(types=types, size=size, name=name))
        listening: Coroutine[Any, Any, None] = _listen(subscription, call, name=name)
        task = owner.create_task(listening, name=name)
        self._listening[task] = subscription
        task.add_done_callback(self._listening.pop)
        return subscription

    def publish(self, case: Case, events: Sequence[Event], before: Case | None) -> None:
        """Tells everybody of events that made of a case what it is now; never waits."""
        if not self.bus.idle:
            states = before.states if before is not None else ()
            for event in events:
                self.bus.publish(Notice(event, case, states))


def _log(what: str, task: asyncio.Task[None], **facts: Any) -> None:
    structlog.get_logger("circuit_breaker.bus").warning(what, listener=task.get_name(), **facts)


async def _listen(subscription: Subscription, call: Callable[[Notice], Awaitable[None]], *, name: str) -> None:
    """Calls a listener with one notice after another until the subscription ends."""
    while (notice := await subscription.take()) is not None:
        await _shielded(call, notice, name=name)


async def _shielded(call: Callable[..., Awaitable[Any]], *arguments: Any, name: str) -> None:
    """Awaits the call; what it raises is logged and goes no further, since a listener must not harm a case."""
    try:
        await call(*arguments)
    except (Exception, asyncio.CancelledError) as error:  # the boundary of bus delivery
        if isinstance(error, asyncio.CancelledError) and cancelled_from_outside():
            raise
        structlog.get_logger("circuit_breaker.bus").warning("listener failed", listener=name, error=repr(error))


def _name(plugin: Plugin) -> str:
    return plugin.name or type(plugin).__name__
