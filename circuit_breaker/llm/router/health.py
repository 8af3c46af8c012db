"""Health: how providers are found when they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.llm.provider import ProviderHealth
from circuit_breaker.llm.router.lane import Lane

__all__ = ["examine", "overall"]

_BEST_FIRST: Final = ("healthy", "degraded", "unknown", "unhealthy")


async def examine(lane: Lane, *, timeout: float, wall: Callable[[], datetime], models: bool = False) -> None:  # noqa: ASYNC109
    """Asks a provider how it is, and notes the answer on its lane.

    Args:
        lane: Who is asked.
        timeout: Seconds to wait for the answer.
        wall: The time of day.
        models: Whether it is asked for its models as well; where that fails, those known before stay.
    """
    try:
        async with asyncio.timeout(timeout):
            found = await lane.provider.health()
            if models and found.status == "healthy":
                lane.found = await lane.provider.models()
    except TimeoutError:
        found = ProviderHealth(name=lane.name, status="unhealthy", message=f"no answer within {timeout:g} s")
    except CircuitBreakerError as error:
        found = ProviderHealth(name=lane.name, status="degraded", message=error.message)
    except Exception as error:  # noqa: BLE001 - the boundary of provider calls
        found = ProviderHealth(name=lane.name, status="unhealthy", message=f"failed with {type(error).__name__}")
    lane.health = attrs.evolve(found, name=lane.name, last_check=found.last_check or wall())


def overall(lanes: Sequence[Lane]) -> ProviderHealth:
    """The health of a provider from that of its keys: that of the best, ``"degraded"`` where others are worse."""
    ranked = sorted((lane.health for lane in lanes), key=lambda health: _BEST_FIRST.index(health.status))
    best = ranked[0]
    if best.status == "healthy" and ranked[-1].status != "healthy":
        worse = sum(health.status != "healthy" for health in ranked)
        return attrs.evolve(best, status="degraded", message=f"{worse} of {len(ranked)} keys are not healthy")
    return best
