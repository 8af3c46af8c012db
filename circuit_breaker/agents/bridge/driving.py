"""Driving: a case goes on until it rests, or a person must decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from circuit_breaker.engine.running import only
from circuit_breaker.workflow import Case

__all__ = ["driven"]


@asynccontextmanager
async def driven(
    deed: Coroutine[Any, Any, Case], *, poll: float, asking: Callable[[], Awaitable[bool]]
) -> AsyncIterator[asyncio.Task[Case]]:
    """The task of a deed; the block is left when the deed is over, or a person must decide before it can be.

    What waits for a person is left as a crash would leave it: whoever drives the case next goes on with it.

    Args:
        deed: What an engine does to the case.
        poll: Seconds between two looks for what people must decide.
        asking: Whether there is something; not asked as long as the block lasts.
    """
    try:
        async with asyncio.TaskGroup() as group:
            driving = group.create_task(deed)
            yield driving
            while not driving.done() and not await asking():
                await asyncio.wait({driving}, timeout=poll)
            driving.cancel()
    except BaseExceptionGroup as errors:
        raise only(errors) from None
