"""Faults of parts, each at the place where whoever reads the definition looks for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from circuit_breaker.errors import Fault

__all__ = ["as_members"]


def as_members(faults: Iterable[Fault], *, within: str = "") -> Iterator[Fault]:
    """The faults of parameters at the members of a definition that they are; ``within`` is what these stand in."""
    for fault in faults:
        member = fault.place.removeprefix("parameter '").removesuffix("'").removeprefix("parameters.")
        yield attrs.evolve(fault, place=f"{within}.{member}" if within else member)
