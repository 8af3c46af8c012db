"""Calling functions that may be plain or async, inline or, where a plain one may block, in a worker thread."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["inline", "is_async", "threaded"]


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
    given = await asyncio.to_thread(_raisable, functools.partial(function, *arguments, **keywords))
    return await given if inspect.isawaitable(given) else given


def _raisable(call: Callable[[], Any]) -> Any:
    """What the call gives; StopIteration, which no future can carry, becomes RuntimeError."""
    try:
        return call()
    except StopIteration as error:
        raise RuntimeError("the work raised StopIteration") from error
