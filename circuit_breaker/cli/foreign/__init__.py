"""Graphs of other frameworks, verified by the way in which these run them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from circuit_breaker.cli.foreign.crewai import crewai_graph
from circuit_breaker.cli.foreign.findings import verified
from circuit_breaker.cli.foreign.graph import ForeignGraph
from circuit_breaker.cli.foreign.langgraph import langgraph_graph

__all__ = ["FRAMEWORKS", "ForeignGraph", "verified"]

FRAMEWORKS: Final[Mapping[str, Callable[[Any, str], ForeignGraph]]] = {
    "langgraph": langgraph_graph, "crewai": crewai_graph,
}  # fmt: skip
"""What reads the graph of each framework that is known: from the object and the name that it was asked for by."""
