"""Independence: what need not be tried in every order, for nothing that happens beside it takes anything from it.

Where transitions that compete for a token always compete for all of theirs (an extended free choice), what happens at
one place never keeps anything from happening elsewhere. A transition from one place to another that is the only one
to leave the first and to enter the second may then be taken as soon as it can: from everywhere else a case comes to
the same, and nothing that can go wrong is lost (confluence; Groote and Sellink, "Confluence for process verification",
1996). How many tokens there can be at once is told for such places together, as if they were one (Murata's fusion of
series places).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property

from circuit_breaker.net.structure import NetTransition
from circuit_breaker.workflow.verification.ground import Edge
from circuit_breaker.workflow.verification.model import Model
from circuit_breaker.workflow.verification.overtaking import Counts, Overtaking

__all__ = ["Independence"]


class Independence:
    """What of a model is independent of all else.

    Args:
        model: The model.

    Attributes:
        overtaking: What takes note of the actions that are taken for one step where that is not exact.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.overtaking = Overtaking(model)
        self._choices = [frozenset(arc.place for arc in each.takes) for each in model.net.transitions]

    @cached_property
    def labels(self) -> frozenset[int]:
        """The numbers of the transitions that may be taken as soon as they can; none where choices are not free."""
        transitions = self.model.net.transitions
        if not _free(transitions) or self._judging() or not self.model.finals.isdisjoint(_taken(transitions)):
            return frozenset()
        leaving, entering = Counter(_taken(transitions)), Counter(arc.place for t in transitions for arc in t.gives)
        entering.update(self.model.start)
        return frozenset(
            label for label, t in enumerate(transitions)
            if len(t.takes) == len(t.gives) == 1 and not self.model.acts[label].silent
            and leaving[t.takes[0].place] == entering[t.gives[0].place] == 1
        )  # fmt: skip

    def _judging(self) -> bool:
        """Whether a join asks for data: then it matters what else could still happen where it says no."""
        every = (act.transition for act in self.model.acts)
        return any(t is not None and t.gate is not None and len(t.net.takes) > 1 for t in every)

    def chosen(self, edges: list[Edge], counts: Counts) -> list[Edge]:  # noqa: ARG002 - one token in each place
        """What is followed of that which can happen: what is independent, or of every choice what can come first."""
        alone = next((edge for edge in edges if edge[1] in self.labels), None)
        if alone is not None:
            return [alone]
        choices: dict[frozenset[str], list[Edge]] = {}
        for edge in edges:
            choices.setdefault(self._choices[edge[1]], []).append(edge)
        return [edge for choice in choices.values() for edge in self.overtaking.first_of_choice(choice)]

    def needed(self, labels: Sequence[int], *, places: Iterable[str] = (), again: Sequence[int] = ()) -> list[int]:
        """What of a way is needed for what follows: what was only taken because it could be is left out.

        Args:
            labels: The transitions of the way.
            places: Where a token must be at its end.
            again: The transitions that are repeated after it.
        """
        wanted, kept = Counter(places), list[int]()
        for label in reversed(again):
            self._want(label, wanted)
        for label in reversed(labels):
            act, given = self.model.acts[label], self.model.net.transitions[label].gives
            free = label in self.labels and (not act.automatic or (act.transition is not None and act.transition.steps))
            if not free or wanted[given[0].place] > 0:
                self._want(label, wanted)
                kept.append(label)
        return kept[::-1]

    def _want(self, label: int, wanted: Counter[str]) -> None:
        """Reckons back from what is wanted after a transition to what is wanted before it."""
        net = self.model.net.transitions[label]
        for arc in net.gives:
            wanted[arc.place] = max(wanted[arc.place] - 1, 0)
        wanted.update(arc.place for arc in net.takes)

    def safe(self, markings: Iterable[dict[str, int]]) -> bool:
        """Whether no state can ever hold two tokens, those that were taken on at once among them."""
        return all(max(_summed(self._groups, marking).values(), default=0) <= 1 for marking in markings)

    @cached_property
    def _groups(self) -> dict[str, str]:
        """For each place the state by which all those are called that are as one."""
        group = {spot.state: spot.state for spot in self.model.spots.values()}

        def top(state: str) -> str:
            while group[state] != state:
                state = group[state]
            return state

        for label in self.labels:
            net = self.model.net.transitions[label]
            one, other = (top(self.model.spots[arcs[0].place].state) for arcs in (net.takes, net.gives))
            group[one] = other
        return {place: top(spot.state) for place, spot in self.model.spots.items()}


def _summed(group: dict[str, str], marking: dict[str, int]) -> Counter[str]:
    counts = Counter[str]()
    for place, count in marking.items():
        counts[group[place]] += count
    return counts


def _taken(transitions: Sequence[NetTransition]) -> list[str]:
    return [arc.place for transition in transitions for arc in transition.takes]


def _free(transitions: Sequence[NetTransition]) -> bool:
    """Whether transitions with a place in common take from the same ones, one token each; and no arc does else."""
    choices: dict[str, frozenset[str]] = {}
    for each in transitions:
        places = frozenset(arc.place for arc in each.takes)
        if each.reads or each.inhibitors or each.resets or each.awaits or not places:
            return False
        if any(arc.weight > 1 for arc in (*each.takes, *each.gives)):
            return False
        if any(choices.setdefault(place, places) != places for place in places):
            return False
    return True
