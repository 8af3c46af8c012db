"""A benchmark is a function that returns a figure, its unit, and the peers it is compared with."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import attrs

import benchmarks

__all__ = ["Benchmark", "Peer", "Row", "benchmark", "chosen", "discover", "rows"]

MACHINERY = set(
    "__main__ bare_aiohttp docker_cli environment philosophers raw_sqlite registry table timing upstream".split()
)


@attrs.frozen
class Peer:
    """One figure of another library.

    Attributes:
        library: As on the package index; ``peers/<library>.py`` measures it.
        figure: Which of the script's figures, such as ``"step"``.
    """

    library: str
    figure: str

    def __str__(self) -> str:
        return f"{self.library} {self.figure}"


@attrs.frozen
class Benchmark:
    """One figure of ours: ``measure()`` answers in ``unit``; a unit that ends in ``/s`` is better when higher."""

    name: str
    unit: str
    measure: Callable[[], float]
    peers: tuple[Peer, ...] = ()

    def ratio(self, value: float, peer_value: float) -> float:
        """How many times better we are: above 1 we win, whatever the unit."""
        return value / peer_value if self.unit.endswith("/s") else peer_value / value


@attrs.frozen
class Row:
    """One line of the result; what concerns the peer is None where it was not measured."""

    name: str
    value: float
    unit: str
    peer: str | None = None
    peer_value: float | None = None
    ratio: float | None = None


def benchmark(unit: str, *peers: Peer, name: str = "") -> Callable[[Callable[[], float]], Callable[[], float]]:
    """A decorator that tags a function as a benchmark and returns it; its name is the function's, with hyphens."""

    def tag(measure: Callable[[], float]) -> Callable[[], float]:
        measure.__dict__["benchmark"] = Benchmark(name or measure.__name__.replace("_", "-"), unit, measure, peers)
        return measure

    return tag


def discover() -> tuple[Benchmark, ...]:
    """Every benchmark of every module beside this one, in the order of modules and definition."""
    names = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))
    modules = (importlib.import_module(f"benchmarks.{name}") for name in names if name not in MACHINERY)
    return tuple(found for module in modules for found in _tagged(module))


def _tagged(module: ModuleType) -> Iterator[Benchmark]:
    values: Iterable[Any] = vars(module).values()
    own = (value for value in values if getattr(value, "__module__", None) == module.__name__)
    return (value.__dict__["benchmark"] for value in own if "benchmark" in getattr(value, "__dict__", {}))


def chosen(known: Iterable[Benchmark], names: Iterable[str]) -> tuple[Benchmark, ...]:
    """The benchmarks of these names, or whose names begin so; all of them when no name is given.

    Raises:
        LookupError: No benchmark has one of the names.
    """
    known, names = tuple(known), tuple(names)
    for name in names:
        if not any(found.name.startswith(name) for found in known):
            raise LookupError(f"no benchmark is called {name!r}; there are: {', '.join(b.name for b in known)}")
    return tuple(found for found in known if not names or found.name.startswith(names))


def rows(found: Benchmark, measure_peer: Callable[[Peer], float | None]) -> Iterator[Row]:
    """The figure of one benchmark beside each of its peers, or alone when there is none to compare with."""
    value = found.measure()
    if not found.peers:
        yield Row(found.name, value, found.unit)
    for peer in found.peers:
        other = measure_peer(peer)
        ratio = None if other is None else found.ratio(value, other)
        yield Row(found.name, value, found.unit, str(peer), other, ratio)
