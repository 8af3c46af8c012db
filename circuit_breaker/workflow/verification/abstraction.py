"""Abstraction: from a workflow to the plain net that behaves like it, whatever the data of a case are.

What the rules say is decided when a token enters a state, once and for all data that there can be; so nothing is left
out. It is remembered as long as nothing changes the data, so that little is added that cannot happen. Actions may do
anything, and may fail; people and signals may bring any data, and need not come. Of automatic transitions the first in
order that is possible takes the token, as in the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import product

import attrs

from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Answers
from circuit_breaker.workflow.verification.endings import Ending, refused_spot
from circuit_breaker.workflow.verification.knowledge import Knowledge
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.unfolding import Taken, Unfolding

__all__ = ["model_of"]

TOO_MANY_SORTS = "there are too many sorts of data to follow each"


def model_of(workflow: Workflow, known: Answers | None = None, *, enough: Callable[[int], bool] | None = None) -> Model:
    """The net of a workflow, with what is assumed of data in it.

    Args:
        workflow: The workflow.
        known: What was found out about its rules before; what is found out now is added.
        enough: Asked now and then, with how much was found, whether to stop looking at data: for a limit of time.
    """
    return _Writing(_unfolded(workflow, known or Answers(workflow), enough)).model()


def _unfolded(workflow: Workflow, known: Answers, enough: Callable[[int], bool] | None) -> Unfolding:
    """The unfolding that knows as much of data as there is room for."""
    for forgets in (True,) if known.forgets else (False, True):
        unfolding = Unfolding(workflow, Knowledge(workflow, known.rested(), forgets=forgets), enough)
        if unfolding.run():
            known.forgets = forgets
            return unfolding
    unfolding = Unfolding(workflow, None)
    unfolding.run()
    return unfolding


class _Writing:
    """Writes the net of an unfolding, of which every spot is known by now."""

    def __init__(self, unfolding: Unfolding) -> None:
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
            net=Net(tuple(spots), tuple(self.transitions), self._expected(spots)),
            start={self._place(found.start): 1},
            finals=finals,
            spots=spots,
            acts=tuple(self.acts),
            rules=tuple(knowledge.decisions.rules) if knowledge else (),
            forestalled=_forestalled(found),
            overlaps=found.overlaps,
            assumptions=tuple(_assumptions(found)),
            doubt=_doubt(found),
        )

    def _expected(self, spots: Mapping[str, Spot]) -> Callable[[NetTransition, Mapping[str, int]], str | None]:
        """What keeps a transition waiting, as the engine sees it: by the states alone, whatever the data are."""
        workflow = self.found.workflow
        base = {net.name: act.transition.net for net, act in zip(self.transitions, self.acts, strict=True)
                if act.transition is not None}  # fmt: skip

        def expected(transition: NetTransition, counts: Mapping[str, int]) -> str | None:
            states = Counter[str]()
            for place, count in counts.items():
                states[spots[place].state] += count
            return workflow.arrivals.expected(base[transition.name], states)

        return expected

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
            self._gives(transition, taken, ending),
            inhibitors=tuple(self._inhibitors(transition)),
            resets=tuple(place for state in net.resets for place in self._all(state)) if ending.way == "fires" else (),
            awaits=tuple(place for state in net.awaits for place in self._all(state)),
            join=net.join,
        )
        act = Act(
            transition.id, ending.way, transition, automatic=transition.automatic,
            assumes=ending.assumes, shows=ending.shows, fresh=ending.fresh, sure=self._sure(transition),
        )  # fmt: skip
        choices = [[Arc(place, arc.weight) for place in self._all(arc.place)] for arc in net.reads]
        for reads in product(*choices):
            self._add(attrs.evolve(base, reads=reads), act)

    def _sure(self, transition: Transition) -> bool:
        """Whether it fires at once, and nothing that is not known could keep it from that."""
        if not transition.automatic or transition.steps or transition.together or transition.correlate is not None:
            return False
        decided = self.found.knowledge is not None and sum(arc.weight for arc in transition.net.takes) == 1
        return transition.gate is None or decided

    def _all(self, state: str) -> list[str]:
        return list(self.found.spots[state].values())

    def _gives(self, transition: Transition, taken: Taken, ending: Ending) -> tuple[Arc, ...]:
        if ending.stays:
            spots = [(refused_spot(transition, spot), weight) for spot, weight in taken]
        else:
            spots = [(self.found.entered(state, ending.facts), weight) for state, weight in ending.targets]
        counts = Counter[str]()
        for spot, weight in spots:
            counts[self._place(spot)] += weight
        return tuple(Arc(place, count) for place, count in counts.items())

    def _inhibitors(self, transition: Transition) -> Iterator[Arc]:
        for arc in transition.net.inhibitors:
            yield from (Arc(place, arc.weight) for place in self._all(arc.place))


def _doubt(found: Unfolding) -> str:
    """Why a proof that nothing goes wrong would not stand: what cannot happen for its data was looked at as well."""
    told_apart = found.knowledge is not None and not found.knowledge.forgets
    judged = any(t.gate is not None or t.rules is not None for t in found.workflow.transitions)
    return f"not decided: {TOO_MANY_SORTS}" if judged and not told_apart else ""


def _forestalled(found: Unfolding) -> dict[str, str]:
    """Transitions that only ever came too late, each with one that came first."""
    late: dict[str, str] = {}
    for (index, taken), endings in found.ways.items():
        transition = found.workflow.transitions[index]
        firsts = [found.limits[spot] for spot, _ in taken if spot in found.limits]
        if not endings and found.late(transition, (spot for spot, _ in taken)):
            late.setdefault(transition.id, firsts[0].id)
    return late


def _assumptions(found: Unfolding) -> Iterator[str]:
    """What is taken for granted, in words."""
    transitions = found.workflow.transitions
    if found.knowledge is None:
        yield f"rules may say anything: {TOO_MANY_SORTS}"
    elif found.knowledge.forgets:
        yield f"what is known of data is forgotten when a token moves: {TOO_MANY_SORTS}"
    if any(t.waits and t.delay is None for t in transitions):
        yield "people may do whatever they are allowed to, and signals may come; neither has to"
    if any(t.gate is not None for t in transitions) and found.workflow.schema is None:
        yield "the fields that rules read are there, and of the right kind"
    if any(t.steps and t.on_failure is None for t in transitions):
        yield "an action without .on_failure(...) succeeds in the end, or somebody sees to it"
    if any(t.merge is not None and not isinstance(t.merge, (Last, Collect)) for t in transitions):
        yield "functions given to .merge(...) do not fail"
    if any(t.validations is not None and t.otherwise is None for t in transitions):
        yield "data that do not pass a validation are put right by whoever sent them"
    if any(t.steps and t.automatic and {t.otherwise, t.on_failure} != {None} for t in transitions):
        yield "a circle that a better answer leads out of is left one day"
