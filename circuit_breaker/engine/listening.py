"""Listeners: functions and plugins that are called with what happens, each from a task and a queue of its own."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from circuit_breaker.engine.bus import Notice, Subscription
from circuit_breaker.engine.plugins import Plugin
from circuit_breaker.workflow.events import CaseStarted, Moved, TokenAdded

__all__ = ["listen", "notify_plugin", "shielded"]

Listener = Callable[..., Any]


async def listen(subscription: Subscription, call: Callable[[Notice], Awaitable[None]], *, name: str) -> None:
    """Calls a listener with one notice after another until the subscription ends."""
    while (notice := await subscription.take()) is not None:
        await shielded(call, notice, name=name)


async def shielded(call: Callable[..., Awaitable[Any]], *arguments: Any, name: str) -> None:
    """Awaits the call; what it raises is logged and goes no further, since a listener must not harm a case."""
    try:
        await call(*arguments)
    except Exception as error:  # noqa: BLE001 - the boundary of bus delivery
        structlog.get_logger("circuit_breaker.bus").warning("listener failed", listener=name, error=repr(error))


def listener_call(listener: Listener) -> Callable[[Notice], Awaitable[None]]:
    """A plain or async function of an event, as a function of a notice; a plain one runs in a thread."""

    async def call(notice: Notice) -> None:
        if inspect.iscoroutinefunction(listener):
            await listener(notice.event)
        else:
            await asyncio.to_thread(listener, notice.event)

    return call


async def notify_plugin(plugin: Plugin, notice: Notice) -> None:
    """Tells a plugin about tokens that moved."""
    if notice.case is not None and isinstance(notice.event, (Moved, CaseStarted, TokenAdded)):
        await plugin.on_resource_state_changed(notice.case, notice.before)
