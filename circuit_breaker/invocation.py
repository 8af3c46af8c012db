"""Calling functions that may be plain or async, inline or, where a plain one may block, in a worker thread."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

__all__ = ["cancelled_from_outside", "inline", "is_async", "threaded"]

MOST_THREADS = 200


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine: an async function or method, or an object with one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)


async def inline(function: Callable[..., Any], /, *arguments: Any) -> Any:
    """What the function gives; it is called in the event loop, and awaited if it can be."""
    given = function(*arguments)
    return await given if inspect.isawaitable(given) else given


async def threaded(function: Callable[..., Any], /, *arguments: Any, **keywords: Any) -> Any:
    """What the function gives: an async one is awaited, any other is called in a worker thread.

    When the caller is cancelled, a thread cannot be stopped: it goes on, and what it returns is dropped.
    """
    if is_async(function):
        return await function(*arguments, **keywords)
    given = await _in_thread(functools.partial(_raisable, functools.partial(function, *arguments, **keywords)))
    return await given if inspect.isawaitable(given) else given


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


async def _in_thread(call: Callable[[], Any]) -> Any:
    """What the call gives in a thread of its own; at most 200 at a time.

    The thread is a daemon: a function that hangs keeps neither the program from ending nor, as one of a small pool
    would, other functions from running.
    """
    loop = asyncio.get_running_loop()
    turns = _TURNS.setdefault(loop, asyncio.Semaphore(MOST_THREADS))
    await turns.acquire()
    outcome: asyncio.Future[Any] = loop.create_future()
    context = contextvars.copy_context()

    def ended(given: Any, error: BaseException | None) -> None:
        turns.release()
        if outcome.done():
            return
        if error is None:
            outcome.set_result(given)
        else:
            outcome.set_exception(error)

    def work() -> None:
        given, error = None, None
        try:
            given = context.run(call)
        except BaseException as raised:  # noqa: BLE001 - it is handed over to whoever waits
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(ended, given, error)

    threading.Thread(target=work, name="circuit_breaker action", daemon=True).start()
    return await outcome


def _raisable(call: Callable[[], Any]) -> Any:
    """What the call gives; StopIteration, which no future can carry, becomes RuntimeError."""
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError("the work raised StopIteration") from error


def cancelled_from_outside() -> bool:
    """Whether somebody cancelled this task; otherwise a CancelledError is what the work in it came to by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
