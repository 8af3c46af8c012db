"""State spaces of the dining philosophers: every marking, with edges, deadlocks, bounds and dead transitions."""

from __future__ import annotations

import resource
import subprocess
import sys

from benchmarks.philosophers import SEATS, arcs, marked, places
from benchmarks.registry import Peer, benchmark
from benchmarks.timing import microseconds
from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.statespace import StateSpace, explore

PEERS = (Peer("snakes", "statespace"), Peer("pm4py", "statespace"))


def philosophers(seats: int) -> Net:
    """The net."""
    transitions = (
        NetTransition(name, tuple(map(Arc, takes)), tuple(map(Arc, gives))) for name, takes, gives in arcs(seats)
    )
    return Net(tuple(places(seats)), tuple(transitions))


def _explored(seats: int, *, arrays: bool = True) -> StateSpace:
    return explore(philosophers(seats), dict.fromkeys(marked(seats), 1), arrays=arrays)


def _rate(seats: int, *, arrays: bool) -> float:
    """Markings a second of processor time."""
    found = _explored(seats, arrays=arrays).markings
    return found / microseconds(lambda: _explored(seats, arrays=arrays)) * 1e6


@benchmark("markings/s", *PEERS)
def statespace() -> float:
    """Markings a second of eight philosophers, with numpy where it is installed."""
    return _rate(SEATS, arrays=True)


@benchmark("markings/s", *PEERS)
def statespace_in_plain_python() -> float:
    """The same without numpy."""
    return _rate(SEATS, arrays=False)


@benchmark("markings/s")
def statespace_of_12_philosophers() -> float:
    """Markings a second of twelve philosophers: 531,441 of them."""
    return _rate(12, arrays=True)


@benchmark("MB")
def memory_of_12_philosophers() -> float:
    """The most memory of a process that does nothing but explore twelve philosophers, in units of 1,000,000 bytes."""
    probe = "from benchmarks.statespace import peak; peak(12)"
    return float(subprocess.run([sys.executable, "-c", probe], capture_output=True, check=True, text=True).stdout)


def peak(seats: int) -> None:
    """Explores, and prints the most memory that this process has used."""
    _explored(seats)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6)
