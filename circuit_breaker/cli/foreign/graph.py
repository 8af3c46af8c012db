"""Graph: a foreign framework's graph of steps, and everything that its way of running it can come to.

These frameworks have no tokens: a step *triggers* others, of which each runs once however often it was triggered in the
same round; what was triggered later runs it again. A join that waits for several steps remembers which have run, and is
forgotten when nothing is left to run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product

import attrs

__all__ = ["ForeignGraph", "Join", "Moment", "Rounds"]

MOST = 50_000
"""How many moments are looked at."""


@attrs.frozen
class Join:
    """A step that runs when all of several steps have run."""

    sources: frozenset[str]
    target: str


@attrs.frozen(kw_only=True)
class ForeignGraph:
    """What is known of a graph.

    Attributes:
        name: What it was asked for by.
        framework: What it is made with, and the version.
        steps: The names of its steps.
        starts: Those that run first.
        triggers: For each step those that it always triggers.
        choices: For each step its choices: for each the sets of steps of which it triggers one.
        joins: Steps that wait for several.
        deferred: Steps that run only when nothing else is left to run.
        once: Steps that run once and are not triggered again.
        reasons: For steps that are never triggered why, where it is not to be seen.
        notes: What could not be known, in words.
        inner: The graphs that are run inside of steps, each whole whenever its step runs.
    """

    name: str
    framework: str
    steps: tuple[str, ...]
    starts: frozenset[str]
    triggers: Mapping[str, frozenset[str]]
    choices: Mapping[str, tuple[tuple[frozenset[str], ...], ...]] = attrs.field(factory=dict)
    joins: tuple[Join, ...] = ()
    deferred: frozenset[str] = frozenset()
    once: frozenset[str] = frozenset()
    reasons: Mapping[str, str] = attrs.field(factory=dict)
    notes: tuple[str, ...] = ()
    inner: Mapping[str, ForeignGraph] = attrs.field(factory=dict)

    def leads(self, step: str) -> Iterator[str]:
        """Every step that may follow a step."""
        yield from self.triggers.get(step, ())
        for alternatives in self.choices.get(step, ()):
            for chosen in alternatives:
                yield from chosen
        yield from (join.target for join in self.joins if step in join.sources)

    def circle(self, step: str) -> tuple[str, ...]:
        """The steps that lead to one another round this one; nothing where none leads back."""
        ahead = self._closure({step}, self.leads)
        back: dict[str, set[str]] = {}
        for each in self.steps:
            for target in self.leads(each):
                back.setdefault(target, set()).add(each)
        behind = self._closure({step}, lambda name: back.get(name, ()))
        found = ahead & behind
        return tuple(each for each in self.steps if each in found)

    @staticmethod
    def _closure(names: Iterable[str], following: Callable[[str], Iterable[str]]) -> set[str]:
        found: set[str] = set()
        ahead = list(names)
        while ahead:
            new = set(following(ahead.pop())) - found
            found |= new
            ahead += new
        return found


@attrs.frozen
class Moment:
    """Where a run is.

    Attributes:
        due: The steps that run next.
        seen: What joins remember: (number of the join, step).
        ran: The steps that have run, of those that lie on no circle.
    """

    due: frozenset[str]
    seen: frozenset[tuple[int, str]] = frozenset()
    ran: frozenset[str] = frozenset()


class Rounds:
    """Every moment that a run can come to, a round at a time.

    Attributes:
        graph: The graph.
        complete: Whether everything was found.
        moments: The moments, the nearest first.
        edges: How many rounds there are between them.
        ever: The steps that can run.
        again: For each step on no circle that can run a second time the moment before it does.
    """

    def __init__(self, graph: ForeignGraph, *, limit: int = MOST) -> None:
        self.graph = graph
        self.edges = 0
        self.ever: set[str] = set()
        self.again: dict[str, Moment] = {}
        self._straight = frozenset(step for step in graph.steps if not graph.circle(step))
        start = Moment(graph.starts)
        self._before: dict[Moment, Moment | None] = {start: None}
        self._after: dict[Moment, list[Moment]] = {}
        self.complete = self._explore(start, limit)
        self.moments = list(self._before)

    def _explore(self, start: Moment, limit: int) -> bool:
        ahead = deque([start])
        while ahead:
            if len(self._before) > limit:
                return False
            moment = ahead.popleft()
            following = self._after[moment] = list(dict.fromkeys(self._next(moment)))
            self.edges += len(following)
            for each in following:
                if each not in self._before:
                    self._before[each] = moment
                    ahead.append(each)
        return True

    def _next(self, moment: Moment) -> Iterator[Moment]:
        now = moment.due - self.graph.deferred or moment.due
        if not now:
            return
        now -= self.graph.once & moment.ran
        self.ever |= now
        for step in sorted(now & moment.ran):
            self.again.setdefault(step, moment)
        ran = moment.ran | (now & self._straight)
        seen, joined = self._joined(moment.seen, now)
        always = frozenset(target for step in now for target in self.graph.triggers.get(step, ()))
        left = moment.due & self.graph.deferred - now
        options = [alternatives for step in sorted(now) for alternatives in self.graph.choices.get(step, ())]
        for chosen in product(*options):
            yield Moment(left | always | joined | frozenset().union(*chosen), seen, ran)

    def _joined(
        self, seen: frozenset[tuple[int, str]], now: frozenset[str]
    ) -> tuple[frozenset[tuple[int, str]], frozenset[str]]:
        """What joins remember after a round, and those that run next."""
        kept, joined = set(seen), set()
        for number, join in enumerate(self.graph.joins):
            kept |= {(number, step) for step in now & join.sources}
            if all((number, step) in kept for step in join.sources):
                kept -= {(number, step) for step in join.sources}
                joined.add(join.target)
        return frozenset(kept), frozenset(joined)

    def way(self, moment: Moment) -> list[Moment]:
        """The moments of a shortest way to one, itself included."""
        way = [moment]
        while (before := self._before[way[-1]]) is not None:
            way.append(before)
        return way[::-1]

    def ended(self) -> Iterator[Moment]:
        """The moments in which nothing is left to run."""
        return (moment for moment in self.moments if not moment.due)

    def trapped(self) -> Moment | None:
        """The nearest moment from which no run ever ends; None where every run can."""
        good = {moment for moment in self.moments if not moment.due}
        before: dict[Moment, list[Moment]] = {}
        for moment, following in self._after.items():
            for each in following:
                before.setdefault(each, []).append(moment)
        ahead: Sequence[Moment] = list(good)
        while ahead:
            new = {source for moment in ahead for source in before.get(moment, ())} - good
            good |= new
            ahead = list(new)
        return next((moment for moment in self.moments if moment not in good), None) if self.complete else None
