"""Composition: agents that work together, as workflows that are drawn, verified and survive a crash like any other.

Each name is loaded when first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuit_breaker.lazy import lazily

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.composition.budget import Budget
    from circuit_breaker.agents.bridge.composition.composer import AgentComposer, Composed
    from circuit_breaker.agents.bridge.composition.handing import HandOff
    from circuit_breaker.agents.bridge.composition.mapping import map_reduce
    from circuit_breaker.agents.bridge.composition.part import Part
    from circuit_breaker.agents.bridge.composition.shapes import chain, choose, fallback, graph, parallel
    from circuit_breaker.agents.bridge.composition.teams import hand_off, supervisor, supervisor_schema
    from circuit_breaker.agents.bridge.composition.transcript import Entry, Transcript, transcript_of

__all__ = [
    "AgentComposer",
    "Budget",
    "Composed",
    "Entry",
    "HandOff",
    "Part",
    "Transcript",
    "chain",
    "choose",
    "fallback",
    "graph",
    "hand_off",
    "map_reduce",
    "parallel",
    "supervisor",
    "supervisor_schema",
    "transcript_of",
]

__getattr__ = lazily(
    __name__,
    {
        "budget": ("Budget",),
        "composer": ("AgentComposer", "Composed"),
        "handing": ("HandOff",),
        "mapping": ("map_reduce",),
        "part": ("Part",),
        "shapes": ("chain", "choose", "fallback", "graph", "parallel"),
        "teams": ("hand_off", "supervisor", "supervisor_schema"),
        "transcript": ("Entry", "Transcript", "transcript_of"),
    },
)
