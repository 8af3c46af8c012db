"""Random small nets, and an exploration of them as plain as can be, to compare with."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterable
from typing import Any

from benchmarks.philosophers import arcs, marked, places
from circuit_breaker.net import Arc, Net, NetTransition

CAP = 120
"""Markings after which the oracle gives up."""


def random_net(seed: int, *, plain: bool = False) -> tuple[Net, dict[str, int]]:
    """A net of up to seven places and ten transitions, with every kind of arc unless it is to be plain."""
    rng = random.Random(seed)  # noqa: S311
    names = [f"p{number}" for number in range(rng.randint(2, 7))]
    heavy = rng.random() < 0.4

    def joined(most: int, least: int = 0) -> tuple[Arc, ...]:
        chosen = rng.sample(names, min(len(names), rng.randint(least, most)))
        return tuple(Arc(place, rng.choice((1, 1, 1, 1, 2, 3)) if heavy else 1) for place in chosen)

    def extra(chance: float, most: int) -> tuple[Arc, ...]:
        return joined(most, 1) if not plain and rng.random() < chance else ()

    transitions = tuple(
        NetTransition(
            f"t{number}",
            takes=joined(rng.choice((1, 1, 1, 2)), 0 if rng.random() < 0.03 else 1),
            gives=joined(rng.choice((1, 1, 1, 2)), 1 if rng.random() < 0.97 else 0),
            reads=extra(0.2, 1),
            inhibitors=extra(0.15, 1),
            resets=tuple(arc.place for arc in extra(0.12, 1)),
        )
        for number in range(rng.randint(len(names) // 2 + 1, len(names) + 3))
    )
    initial = {place: rng.choice((0, 1, 2, 3) if heavy else (0, 1, 1)) for place in names}
    return Net(tuple(names), transitions), initial


def enabled(transition: NetTransition, counts: dict[str, int]) -> bool:
    """Whether it can fire."""
    return (
        all(counts[arc.place] >= arc.weight for arc in (*transition.takes, *transition.reads))
        and all(counts[arc.place] < arc.weight for arc in transition.inhibitors)
    )  # fmt: skip


def fired(transition: NetTransition, counts: dict[str, int]) -> dict[str, int]:
    """The marking after it."""
    after = dict(counts)
    for arc in transition.takes:
        after[arc.place] -= arc.weight
    for place in transition.resets:
        after[place] = 0
    for arc in transition.gives:
        after[arc.place] += arc.weight
    return after


def brute_force(net: Net, initial: dict[str, int], cap: int = CAP) -> dict[str, Any] | None:
    """All that is to be known, or None where there are too many markings."""
    first = tuple(initial.get(place, 0) for place in net.places)
    depth = {first: 0}
    edges: dict[tuple[int, ...], list[tuple[str, tuple[int, ...]]]] = {}
    queue = deque([first])
    while queue:
        marking = queue.popleft()
        counts = dict(zip(net.places, marking, strict=True))
        edges[marking] = []
        for transition in net.transitions:
            if enabled(transition, counts):
                after = tuple(fired(transition, counts)[place] for place in net.places)
                edges[marking].append((transition.name, after))
                if after not in depth:
                    depth[after] = depth[marking] + 1
                    queue.append(after)
        if len(depth) > cap:
            return None
    return {"depth": depth, "edges": edges}


def reachable(edges: dict[Any, list[tuple[str, Any]]], start: Any) -> set[Any]:
    """The markings that can be reached from one."""
    found, todo = {start}, [start]
    while todo:
        for _, after in edges[todo.pop()]:
            if after not in found:
                found.add(after)
                todo.append(after)
    return found


def replay(net: Net, initial: dict[str, int], path: Iterable[str]) -> dict[str, int]:
    """The marked places after the transitions of a path, each of which must be enabled in its turn."""
    by_name = {transition.name: transition for transition in net.transitions}
    counts = {place: initial.get(place, 0) for place in net.places}
    for name in path:
        assert enabled(by_name[name], counts)
        counts = fired(by_name[name], counts)
    return {place: count for place, count in counts.items() if count}


def philosophers(seats: int) -> tuple[Net, dict[str, int]]:
    """Philosophers who take either fork first."""
    transitions = (
        NetTransition(name, tuple(map(Arc, takes)), tuple(map(Arc, gives))) for name, takes, gives in arcs(seats)
    )
    return Net(tuple(places(seats)), tuple(transitions)), dict.fromkeys(marked(seats), 1)
