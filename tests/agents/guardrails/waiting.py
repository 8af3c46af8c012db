"""Waiting for an execution to come to a point."""

from __future__ import annotations


async def until_asked(engine, execution_id: str, times: int = 1) -> None:
    """Returns when the model was asked so often."""
    async with engine.events.subscribe(execution_id) as following:
        async for event in following:
            if getattr(event, "status", "") == "calling_model" and event.iteration == times:
                return
