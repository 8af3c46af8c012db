"""Everywhere that a case can come to, whatever rules say: written apart from the package, for small workflows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import attrs

from circuit_breaker.net import NetTransition
from circuit_breaker.workflow import Workflow

__all__ = ["Space"]

Spot = frozenset[tuple[str, int]]


@attrs.frozen
class Space:
    """What was found.

    Attributes:
        whole: Whether everything was looked at.
        stuck: Where a case can come to but not on to its end.
        dead: The transitions that never fire.
    """

    whole: bool
    stuck: list[Spot]
    dead: list[str]

    @classmethod
    def of(cls, workflow: Workflow, *, most: int) -> Space:
        start = spot(Counter({workflow.initial: 1}))
        before: dict[Spot, list[Spot]] = {start: []}
        fired: set[str] = set()
        ahead = [start]
        while ahead and len(before) < most:
            now = ahead.pop()
            for name, after in followers(workflow, now):
                fired.add(name)
                if after not in before:
                    before[after] = []
                    ahead.append(after)
                before[after].append(now)
        ending = [now for now in before if all(place in workflow.final for place, _ in now)]
        good = set(ending)
        for now in ending:
            new = [one for one in dict.fromkeys(before[now]) if one not in good]
            good.update(new)
            ending += new
        dead = [each.name for each in workflow.net.transitions if each.name not in fired]
        return cls(not ahead, [now for now in before if now not in good], dead)


def spot(counts: Counter[str]) -> Spot:
    return frozenset((place, count) for place, count in counts.items() if count)


def followers(workflow: Workflow, now: Spot) -> Iterator[tuple[str, Spot]]:
    counts = Counter(dict(now))
    for each in workflow.net.transitions:
        if fits(each, counts) and workflow.arrivals.expected(each, counts) is None:
            after = counts.copy()
            after.subtract({arc.place: arc.weight for arc in each.takes})
            after.update({place: -after[place] for place in each.resets})
            after.update({arc.place: arc.weight for arc in each.gives})
            yield each.name, spot(after)


def fits(each: NetTransition, counts: Counter[str]) -> bool:
    there = all(counts[arc.place] >= arc.weight for arc in (*each.takes, *each.reads))
    return there and all(counts[arc.place] < arc.weight for arc in each.inhibitors)
