"""Cancellation: of a task by somebody, or only of something that it waited for."""

from __future__ import annotations

import asyncio

__all__ = ["cancelled_from_outside"]


def cancelled_from_outside() -> bool:
    """Whether somebody cancelled this task; otherwise a CancelledError is what the work in it came to by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
