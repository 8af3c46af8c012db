"""State spaces of nets: every reachable marking, and what can be said of all of them."""

from circuit_breaker.net.statespace.coverability import Coverability, Pumping, coverability
from circuit_breaker.net.statespace.reduction import Reduced, reduced
from circuit_breaker.net.statespace.space import Path, StateSpace, explore
from circuit_breaker.net.statespace.stubborn import Deadlocks, find_deadlocks
from circuit_breaker.net.statespace.where import Where

__all__ = [
    "Coverability",
    "Deadlocks",
    "Path",
    "Pumping",
    "Reduced",
    "StateSpace",
    "Where",
    "coverability",
    "explore",
    "find_deadlocks",
    "reduced",
]
