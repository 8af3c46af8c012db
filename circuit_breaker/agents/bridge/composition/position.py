"""The position of an execution in a composition, as its context has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuit_breaker.agents.context import ExecutionContext

__all__ = ["place_of"]


def place_of(context: ExecutionContext) -> Mapping[str, Any]:
    """The place of an execution in a composition: ``part``, ``from`` and ``inside``; empty where it has none."""
    place = context.get("custom_context.composition", {})
    return place if isinstance(place, Mapping) else {}
