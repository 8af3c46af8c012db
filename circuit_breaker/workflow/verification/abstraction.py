"""Abstraction: from a workflow to the plain net that behaves like it, whatever the data of a case are.

What the rules say is decided when a token enters a state, once and for all data that there can be; so nothing is left
out. It is remembered as long as nothing changes the data, so that little is added that cannot happen. Actions may do
anything, and may fail; people and signals may bring any data, and need not come. Of automatic transitions the first in
order that is possible takes the token, as in the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations_with_replacement, product

import attrs

from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.merging import Last
from circuit_breaker.workflow.timing import After
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.knowledge import EVERYTHING, Knowledge, persuadable
from circuit_breaker.workflow.verification.model import Act, Facts, Model, Spot, Way

__all__ = ["model_of"]

MOST_WAYS = 20_000
"""How many transitions the net may have; with more of them the data are not looked at."""


@attrs.frozen
class Ending:
    """One way in which a transition can end.

    Attributes:
        way: Which.
        targets: The states that get tokens, each once for each token.
        facts: What is known of them.
        shows: What is known of the data that came with it.
        assumes: What is assumed of the data as they were.
        fresh: Whether data came with it.
        stays: Whether the tokens stay where they are.
    """

    way: Way
    targets: tuple[str, ...]
    facts: Facts
    shows: Facts = frozenset()
    assumes: Facts = frozenset()
    fresh: bool = False
    stays: bool = False


Taken = tuple[tuple[Spot, int], ...]


def model_of(workflow: Workflow) -> Model:
    """The net of a workflow, with what is assumed of data in it."""
    unfolding = _Unfolding(workflow, Knowledge(workflow))
    if not unfolding.run():
        unfolding = _Unfolding(workflow, None)
        unfolding.run()
    return unfolding.model()


class _Unfolding:
    """Finds every spot that a token can come to, and every way to go on from there."""

    def __init__(self, workflow: Workflow, knowledge: Knowledge | None) -> None:
        self.workflow, self.knowledge = workflow, knowledge
        self.spots: dict[str, dict[Spot, str]] = {state.name: {} for state in workflow.states}
        self.ways: dict[tuple[int, Taken], list[Ending]] = {}
        self.limits: dict[Spot, Transition] = {}
        self.overlaps: dict[tuple[str, str], Spot] = {}
        self.todo: list[Spot] = []
        self.size = 0
        self.start = self._seen(workflow.initial, frozenset())

    def run(self) -> bool:
        """Whether everything was found before there was too much of it."""
        while self.todo:
            spot = self.todo.pop()
            if spot.open and self.knowledge is not None:
                for facts in self.knowledge.decided(spot.state, spot.facts):
                    self._add(Spot(spot.state, facts))
                continue
            self._limit(spot)
            for transition in self.workflow.leaving[spot.state]:
                for taken in self._taken(transition, spot):
                    if (transition.index, taken) not in self.ways:
                        self._go(transition, taken)
            if self.size > MOST_WAYS:
                return False
        return True

    def _go(self, transition: Transition, taken: Taken) -> None:
        endings = list(self._endings(transition, [spot for spot, _ in taken]))
        self.ways[transition.index, taken] = endings
        self.size += len(endings)
        for ending in endings:
            if not ending.stays:
                for state in ending.targets:
                    self._seen(state, ending.facts)
            else:
                self._add(Spot(ending.targets[0], ending.facts))

    def _add(self, spot: Spot) -> Spot:
        known = self.spots[spot.state]
        if spot not in known:
            known[spot] = spot.state if not known else f"{spot.state}#{len(known)}"
            self.todo.append(spot)
        return spot

    def _seen(self, state: str, facts: Facts) -> Spot:
        """The spot of a token that enters a state."""
        if self.knowledge is None:
            return self._add(Spot(state))
        useful = self.knowledge.useful(facts, state)
        return self._add(Spot(state, useful, open=bool(self.knowledge.asked[state])))

    def _taken(self, transition: Transition, spot: Spot) -> Iterator[Taken]:
        """Every choice of spots for the tokens that a transition takes, this one among them."""
        parts = []
        for arc in transition.net.takes:
            ready = [each for each in self.spots[arc.place] if not each.open]
            parts.append(list(combinations_with_replacement(ready, arc.weight)))
        for chosen in product(*parts):
            counts: dict[Spot, int] = {}
            for each in (each for part in chosen for each in part):
                counts[each] = counts.get(each, 0) + 1
            if spot in counts:
                yield tuple(counts.items())

    def _limit(self, spot: Spot) -> None:
        """Notes the automatic transition that takes every token of a spot, so that no later one ever does."""
        sure = [t for t in self.workflow.leaving[spot.state] if t.automatic and t.net.plain is not None]
        able = [t for t in sure if any(not ending.stays for ending in self._endings(t, [spot]))]
        if able:
            self.limits[spot] = able[0]
        for other in able[1:]:
            if other.gate is not None and other.priority == able[0].priority:
                self.overlaps.setdefault((able[0].id, other.id), spot)

    def late(self, transition: Transition, spots: Iterable[Spot]) -> bool:
        """Whether another transition has always come first."""
        if not transition.automatic:
            return False
        firsts = [self.limits[spot] for spot in spots if spot in self.limits]
        return any((-f.priority, f.index) < (-transition.priority, transition.index) for f in firsts)

    def _endings(self, transition: Transition, spots: list[Spot]) -> Iterator[Ending]:
        """The ways in which a transition can end with tokens of these spots."""
        facts = self._joined(transition, spots)
        if (-1 - transition.index, True) in facts or self.late(transition, spots):
            return
        yield from self._refusals(transition, facts, alone=len(spots) == 1)
        if self._passes(transition, facts, alone=len(spots) == 1):
            yield from self._outcomes(transition, facts, alone=len(spots) == 1)

    def _joined(self, transition: Transition, spots: list[Spot]) -> Facts:
        if self.knowledge is None or not spots:
            return frozenset()
        return spots[0].facts if len(spots) == 1 else self.knowledge.joined(transition, [spot.facts for spot in spots])

    def _passes(self, transition: Transition, facts: Facts, *, alone: bool) -> bool:
        if transition.gate is None or self.knowledge is None:
            return True
        number = self.knowledge.decisions.number(transition.gate)
        if not alone or persuadable(transition) or number not in {rule for rule, _ in facts}:
            known = frozenset() if persuadable(transition) else facts
            return self.knowledge.decisions.possible(known | {(number, True)})
        return (number, True) in facts

    def _refusals(self, transition: Transition, facts: Facts, *, alone: bool) -> Iterator[Ending]:
        """Where the rules that are judged beforehand lead when they say no."""
        if transition.otherwise is None or transition.gate is None:
            return
        if self.knowledge is not None and alone and not persuadable(transition):
            number = self.knowledge.decisions.number(transition.gate)
            guard = None if transition.guard is None else self.knowledge.decisions.number(transition.guard)
            if (number, False) not in facts or (guard is not None and (guard, True) not in facts):
                return
        elif self.knowledge is not None and not self.knowledge.refusable(transition):
            return
        after = self._kept(facts, transition, alone=alone)
        yield Ending("otherwise", (transition.otherwise,), after, fresh=persuadable(transition))

    def _outcomes(self, transition: Transition, facts: Facts, *, alone: bool) -> Iterator[Ending]:
        """What comes of a transition that its rules let begin."""
        shows = self._shown(transition)
        after = self._after(facts, transition, shows, alone=alone)
        brought = transition.waits and transition.delay is None
        targets = tuple(arc.place for arc in transition.net.gives for _ in range(arc.weight))
        for sort in self._split(targets, after):
            assumed = frozenset() if transition.steps or brought else sort - after
            yield Ending(
                "fires", targets, sort, shows | (sort - after), assumed, fresh=bool(transition.steps) or brought
            )
        if transition.steps:
            yield from self._bad_ends(transition, facts, alone=alone)

    def _split(self, targets: tuple[str, ...], facts: Facts) -> list[Facts]:
        return [facts] if self.knowledge is None else self.knowledge.shared(targets, facts)

    def _shown(self, transition: Transition) -> Facts:
        """What the data that come with a firing must be for it to succeed."""
        if self.knowledge is None:
            return frozenset()
        rules = [transition.rules] if transition.steps and transition.rules is not None else []
        if persuadable(transition) and transition.gate is not None:
            rules.append(transition.gate)
        return frozenset((self.knowledge.decisions.number(rule), True) for rule in rules)

    def _bad_ends(self, transition: Transition, facts: Facts, *, alone: bool) -> Iterator[Ending]:
        """What comes of an action that fails, or of which the result is refused."""
        after = self._kept(facts, transition, alone=alone)
        if transition.on_failure is not None:
            yield Ending("failed", (transition.on_failure,), after)
        if transition.rules is None:
            return
        said = frozenset()
        if self.knowledge is not None:
            said = frozenset({(self.knowledge.decisions.number(transition.rules), False)})
            if not self.knowledge.decisions.possible(said):
                return
        if transition.otherwise is not None:
            yield Ending("otherwise", (transition.otherwise,), after, shows=said, fresh=True)
        elif alone and self.knowledge is not None and (transition.automatic or isinstance(transition.trigger, After)):
            never = facts | {(-1 - transition.index, True)}
            yield Ending("refused", transition.sources, never, shows=said, fresh=True, stays=True)

    def _after(self, facts: Facts, transition: Transition, shows: Facts, *, alone: bool) -> Facts:
        """What is known of the tokens that a firing makes."""
        if self.knowledge is None:
            return frozenset()
        known = facts if alone else self.knowledge.kept(facts, _merging(transition))
        return self.knowledge.after(known, transition, (number for number, _ in shows))

    def _kept(self, facts: Facts, transition: Transition, *, alone: bool) -> Facts:
        """What is known of a token that goes where a refusal or failure leads."""
        if self.knowledge is None:
            return frozenset()
        changed = () if alone else _merging(transition)
        return self.knowledge.kept(facts, (*changed, *self.knowledge.changed(transition, acted=False)))

    def model(self) -> Model:
        """The net that was found."""
        return _Writing(self).model()


class _Writing:
    """Writes the net of an unfolding, of which every spot is known by now."""

    def __init__(self, unfolding: _Unfolding) -> None:
        self.found = unfolding
        self.transitions: list[NetTransition] = []
        self.acts: list[Act] = []
        self.names: set[str] = set()

    def model(self) -> Model:
        """The net, with what its places and transitions stand for."""
        found, knowledge = self.found, self.found.knowledge
        for spot in [spot for spots in found.spots.values() for spot in spots if spot.open]:
            self._assume(spot)
        for (index, taken), endings in sorted(found.ways.items(), key=lambda way: way[0][0]):
            for ending in endings:
                self._write(found.workflow.transitions[index], taken, ending)
        spots = {place: spot for known in found.spots.values() for spot, place in known.items()}
        finals = frozenset(place for place, spot in spots.items() if spot.state in found.workflow.final)
        return Model(
            net=Net(tuple(spots), tuple(self.transitions)),
            start={self._place(found.start): 1},
            finals=finals,
            spots=spots,
            acts=tuple(self.acts),
            rules=tuple(knowledge.decisions.rules) if knowledge else (),
            forestalled=_forestalled(found),
            overlaps=found.overlaps,
            assumptions=tuple(_assumptions(found)),
        )

    def _place(self, spot: Spot) -> str:
        return self.found.spots[spot.state][spot]

    def _add(self, net: NetTransition, act: Act) -> None:
        name, number = net.name, 1
        while name in self.names:
            number += 1
            name = f"{net.name}#{number}"
        self.names.add(name)
        self.transitions.append(attrs.evolve(net, name=name))
        self.acts.append(act)

    def _assume(self, spot: Spot) -> None:
        knowledge = self.found.knowledge
        for facts in knowledge.decided(spot.state, spot.facts) if knowledge else ():
            target = self._place(Spot(spot.state, facts))
            net = NetTransition(f"?{spot.state}", (Arc(self._place(spot)),), (Arc(target),))
            self._add(net, Act("", "assumes", assumes=facts - spot.facts))

    def _write(self, transition: Transition, taken: Taken, ending: Ending) -> None:
        net = transition.net
        suffix = "" if ending.way == "fires" else f"/{ending.way}"
        base = NetTransition(
            f"{transition.id}{suffix}",
            tuple(Arc(self._place(spot), weight) for spot, weight in taken),
            self._gives(ending),
            inhibitors=tuple(self._inhibitors(transition)),
            resets=tuple(place for state in net.resets for place in self._all(state)) if ending.way == "fires" else (),
            awaits=tuple(place for state in net.awaits for place in self._all(state)),
            join=net.join,
        )
        act = Act(
            transition.id, ending.way, transition, automatic=transition.automatic,
            assumes=ending.assumes, shows=ending.shows, fresh=ending.fresh,
        )  # fmt: skip
        choices = [[Arc(place, arc.weight) for place in self._all(arc.place)] for arc in net.reads]
        for reads in product(*choices):
            self._add(attrs.evolve(base, reads=reads), act)

    def _all(self, state: str) -> list[str]:
        return list(self.found.spots[state].values())

    def _gives(self, ending: Ending) -> tuple[Arc, ...]:
        if ending.stays:
            return (Arc(self._place(Spot(ending.targets[0], ending.facts))),)
        counts: dict[str, int] = {}
        for state in ending.targets:
            place = self._place(self.found._seen(state, ending.facts))
            counts[place] = counts.get(place, 0) + 1
        return tuple(Arc(place, count) for place, count in counts.items())

    def _inhibitors(self, transition: Transition) -> Iterator[Arc]:
        for arc in transition.net.inhibitors:
            yield from (Arc(place, arc.weight) for place in self._all(arc.place))


def _merging(transition: Transition) -> tuple[str, ...]:
    """The paths at which joining tokens can change what they have in common."""
    return EVERYTHING if transition.merge is not None and not isinstance(transition.merge, Last) else ()


def _forestalled(found: _Unfolding) -> dict[str, str]:
    """Transitions that only ever came too late, each with one that came first."""
    late: dict[str, str] = {}
    for (index, taken), endings in found.ways.items():
        transition = found.workflow.transitions[index]
        firsts = [found.limits[spot] for spot, _ in taken if spot in found.limits]
        if not endings and found.late(transition, (spot for spot, _ in taken)):
            late.setdefault(transition.id, firsts[0].id)
    return late


def _assumptions(found: _Unfolding) -> Iterator[str]:
    """What is taken for granted, in words."""
    transitions = found.workflow.transitions
    if found.knowledge is None:
        yield "rules may say anything: there are too many sorts of data to look at each"
    if any(t.waits and t.delay is None for t in transitions):
        yield "people may do whatever they are allowed to, and signals may come; neither has to"
    if any(t.gate is not None for t in transitions) and found.workflow.schema is None:
        yield "the fields that rules read are there, and of the right kind"
    if any(t.steps and t.on_failure is None for t in transitions):
        yield "an action without .on_failure(...) succeeds in the end, or somebody sees to it"
    if any(len(t.sources) > 1 for t in transitions):
        yield "the data of tokens that join can be merged, and the rules of a join hold in the end"
