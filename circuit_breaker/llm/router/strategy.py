"""Strategies: the order in which equally suitable candidates are asked."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from circuit_breaker.llm.pricing import worst_case
from circuit_breaker.llm.router.needs import ANSWER_TOKENS, Needs
from circuit_breaker.llm.router.recent import Recent
from circuit_breaker.llm.router.route import Route

__all__ = ["STRATEGIES", "Rotation", "ordered"]

Rank = Callable[[Route], float]


def _priority(routes: Sequence[Route], needs: Needs, turn: int, chance: random.Random) -> Rank:
    del routes, needs, turn, chance
    return lambda route: route.tier * 1e6 + route.lane.access.priority


def _round_robin(routes: Sequence[Route], needs: Needs, turn: int, chance: random.Random) -> Rank:
    del needs, chance
    places = {id(route): (index - turn) % len(routes) for index, route in enumerate(routes)}
    return lambda route: places[id(route)]


def _weighted(routes: Sequence[Route], needs: Needs, turn: int, chance: random.Random) -> Rank:
    """Draws without putting back: the key u^(1/w) of Efraimidis and Spirakis, 2006."""
    del needs, turn
    keys = {id(route): -(chance.random() ** (1 / route.weight)) for route in routes}
    return lambda route: keys[id(route)]


def _least_latency(routes: Sequence[Route], needs: Needs, turn: int, chance: random.Random) -> Rank:
    """Those that were never measured come first, once, for nobody would ever know otherwise."""
    del routes, needs, turn, chance
    return lambda route: route.lane.median(route.model) or 0.0


def _lowest_cost(routes: Sequence[Route], needs: Needs, turn: int, chance: random.Random) -> Rank:
    del routes, turn, chance
    answer = ANSWER_TOKENS if needs.answer is None else needs.answer

    def dollars(route: Route) -> float:
        price = route.profile.price
        return float("inf") if price is None else float(worst_case(needs.likely_tokens, answer, price))

    return dollars


STRATEGIES: Final[Mapping[str, Callable[[Sequence[Route], Needs, int, random.Random], Rank]]] = MappingProxyType(
    {
        "priority": _priority,
        "round_robin": _round_robin,
        "weighted": _weighted,
        "least_latency": _least_latency,
        "lowest_cost": _lowest_cost,
    }
)
"""The strategies by name: each makes a rank for the candidates, of which the lowest comes first."""


class Rotation:
    """Whose turn it is, for each name that is asked for, and the dice.

    Args:
        chance: The dice; seed it where the order must not depend on chance.
    """

    def __init__(self, chance: random.Random | None = None) -> None:
        self.chance = chance or random.Random()  # noqa: S311 - who answers is no secret
        self._turns: Recent[int] = Recent()

    def turn(self, name: str) -> int:
        """How many requests for this name came before."""
        return self._turns.get(name) or 0

    def advance(self, name: str) -> None:
        """Notes a request for this name."""
        self._turns.put(name, self.turn(name) + 1)


def ordered(
    routes: Sequence[Route],
    strategy: str,
    *,
    needs: Needs,
    rotation: Rotation,
    name: str,
    preferred: Sequence[str] = (),
) -> list[Route]:
    """The routes in the order of the strategy, with preferred providers first among equals.

    By ``priority``, ``least_latency`` and ``lowest_cost`` routes are equals that have the same rank; by ``round_robin``
    and ``weighted`` all are. What is to be fallen back on always comes after what was asked for.
    """
    groups = dict.fromkeys(route.group for route in routes)
    shared = strategy in {"round_robin", "weighted"}
    wanted = {provider: place for place, provider in enumerate(preferred)}
    found: list[Route] = []
    for group in sorted(groups):
        members = [route for route in routes if route.group == group]
        rank = STRATEGIES[strategy](members, needs, rotation.turn(name), rotation.chance)

        def key(route: Route, rank: Rank = rank) -> tuple[float, float]:
            liking = float(wanted.get(route.lane.name, len(wanted)))
            return (liking, rank(route)) if shared else (rank(route), liking)

        found += sorted(members, key=key)
    return found
