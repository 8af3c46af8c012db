"""The dining philosophers, of whom each takes either fork first: 3^n markings, 7n·3^(n-2) edges, two deadlocks.

Needs the standard library only, for the peers read it in their own environment.
"""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["SEATS", "arcs", "marked", "places"]

SEATS = 8
"""The size at which all are compared: 6,561 markings."""


def places(seats: int) -> list[str]:
    return [f"{what}{seat}" for seat in range(seats) for what in ("think", "left", "right", "eat", "fork")]


def marked(seats: int) -> set[str]:
    return {f"{what}{seat}" for seat in range(seats) for what in ("think", "fork")}


def arcs(seats: int) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Each transition with the places that it takes from and gives to."""
    for n in range(seats):
        mine, other = f"fork{n}", f"fork{(n + 1) % seats}"
        yield f"take_left{n}", (f"think{n}", mine), (f"left{n}",)
        yield f"take_right{n}", (f"think{n}", other), (f"right{n}",)
        yield f"then_right{n}", (f"left{n}", other), (f"eat{n}",)
        yield f"then_left{n}", (f"right{n}", mine), (f"eat{n}",)
        yield f"put_down{n}", (f"eat{n}",), (f"think{n}", mine, other)
