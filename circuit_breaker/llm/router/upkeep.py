"""Upkeep: what a router does on its own while it is open, and who owns it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

__all__ = ["own_tasks"]


class _Closed(Exception):
    """The router is closed."""


@asynccontextmanager
async def own_tasks() -> AsyncIterator[asyncio.TaskGroup]:
    """A group that owns tasks without an end, and cancels them when the block is left."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
            raise _Closed  # noqa: TRY301 - cancels what still runs
    except* _Closed:
        pass
