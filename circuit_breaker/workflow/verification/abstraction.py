"""Abstraction: from a workflow to the plain net that behaves like it, whatever the data of a case are.

What the rules say is decided when a token enters a state, once and for all data that there can be; so nothing is left
out. It is remembered as long as nothing changes the data, so that little is added that cannot happen. Actions may do
anything, and may fail; people and signals may bring any data, and need not come. Of automatic transitions the first in
order that is possible takes the token, as in the engine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import permutations, product

import attrs

from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.rules.analysis import Domain
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.fitting import fits
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Answers
from circuit_breaker.workflow.verification.endings import Ending, refused_spot
from circuit_breaker.workflow.verification.knowledge import Knowledge, put_right
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.progress import Held, Progress
from circuit_breaker.workflow.verification.unfolding import Taken, Unfolding

__all__ = ["model_of"]

TOO_MANY_SORTS = "there are too many sorts of data to follow each"


def model_of(
    workflow: Workflow,
    known: Answers | None = None,
    *,
    enough: Callable[[int], bool] | None = None,
    apart: frozenset[str] = frozenset(),
    unsure: frozenset[str] = frozenset(),
) -> Model:
    """The net of a workflow, with what is assumed of data in it.

    Args:
        workflow: The workflow.
        known: What was found out about its rules before; what is found out now is added.
        enough: Asked now and then, with how much was found, whether to stop looking at data: for a limit of time.
        apart: The transitions of which the action is to begin and to end in acts of their own, by id.
        unsure: The joins that cannot always take their tokens, by id.
    """
    return _Writing(_unfolded(workflow, known or Answers(workflow), enough), apart, unsure).model()


def _unfolded(workflow: Workflow, known: Answers, enough: Callable[[int], bool] | None) -> Unfolding:
    """The unfolding that knows as much of data as there is room for."""
    for forgets in (False, True):
        unfolding = Unfolding(workflow, Knowledge(workflow, known.rested(), forgets=forgets), enough)
        if unfolding.run():
            return unfolding
    unfolding = Unfolding(workflow, None)
    unfolding.run()
    return unfolding


class _Writing:
    """Writes the net of an unfolding, of which every spot is known by now."""

    def __init__(self, unfolding: Unfolding, apart: frozenset[str], unsure: frozenset[str]) -> None:
        self.found, self.unsure = unfolding, unsure
        self.progress = Progress(unfolding, apart)
        self.transitions: list[NetTransition] = []
        self.acts: list[Act] = []
        self.names: set[str] = set()

    def model(self) -> Model:
        """The net, with what its places and transitions stand for."""
        found, knowledge = self.found, self.found.knowledge
        for state in (state for t in found.workflow.transitions for state in t.net.awaits):
            if not found.spots[state]:  # it is waited for even so, where the engine does not know that none comes
                found.spots[state][Spot(state)] = state
        for spot in [spot for spots in found.spots.values() for spot in spots if spot.open]:
            self._assume(spot)
        for (index, taken), endings in sorted(found.ways.items(), key=lambda way: way[0][0]):
            self._write(found.workflow.transitions[index], taken, endings)
        spots = {place: spot for known in found.spots.values() for spot, place in known.items()}
        spots.update(self.progress.spots())
        finals = (place for place, spot in spots.items() if spot.state in found.workflow.final and not spot.held)
        return Model(
            net=Net(tuple(spots), tuple(self.transitions), self._expected(spots)),
            start={self._place(found.start): 1},
            finals=frozenset(finals),
            spots=spots,
            acts=tuple(self.acts),
            rules=tuple(knowledge.decisions.rules) if knowledge else (),
            forestalled=_forestalled(found),
            overlaps=found.overlaps,
            assumptions=tuple(_assumptions(found)),
            doubt=_doubt(found),
            apart=self.progress.apart,
            unsure=self.unsure,
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
            begun = {held for place, count in counts.items() if count and (held := spots[place].held)}
            return workflow.arrivals.expected(base[transition.name], states, begun)

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

    def _write(self, transition: Transition, taken: Taken, endings: Sequence[Ending]) -> None:
        held = self.progress.held.get((transition.index, taken))
        if held is not None:
            self._begin(transition, taken, held)
            self._let_go(transition, held, endings)
        for ending in endings:
            if held is not None and ending.acted:
                takes = tuple(Arc(each.place, each.count) for each in held)
                self._add(self._ending(transition, taken, ending, takes), _act(transition, ending, apart=True))
            else:
                takes = self._takes(taken)
                act = _act(transition, ending, sure=self._sure(transition))
                self._ask(self._ending(transition, taken, ending, takes), act)

    def _takes(self, taken: Taken) -> tuple[Arc, ...]:
        return tuple(Arc(self._place(spot), weight) for spot, weight in taken)

    def _ending(self, transition: Transition, taken: Taken, ending: Ending, takes: tuple[Arc, ...]) -> NetTransition:
        suffix = "" if ending.way == "fires" else f"/{ending.way}"
        resets = transition.net.resets if ending.way == "fires" else ()
        return NetTransition(
            f"{transition.id}{suffix}",
            takes,
            self._gives(transition, taken, ending),
            resets=tuple(place for state in resets for place in self.progress.places(state)),
        )

    def _begin(self, transition: Transition, taken: Taken, held: Sequence[Held]) -> None:
        """Writes that an action begins."""
        gives = tuple(Arc(each.place, each.count) for each in held)
        act = Act(
            transition.id, "begins", transition, automatic=transition.automatic, sure=self._sure(transition)
        )  # fmt: skip
        self._ask(NetTransition(f"{transition.id}/begins", self._takes(taken), gives), act)

    def _ask(self, net: NetTransition, act: Act) -> None:
        """Adds a transition that has to be possible, with all that it asks of other states."""
        asked = act.transition.net if act.transition is not None else net
        awaits = tuple(place for state in asked.awaits for place in self.progress.places(state))
        for held in product(*(list(self.progress.reads(arc)) for arc in asked.reads)):
            for barred in product(*(list(self.progress.bars(arc)) for arc in asked.inhibitors)):
                ready = attrs.evolve(
                    net, reads=_joined(held), inhibitors=_joined(barred), awaits=awaits, join=asked.join
                )
                self._add(ready, act)

    def _let_go(self, transition: Transition, held: Sequence[Held], endings: Sequence[Ending]) -> None:
        """Writes how tokens come back: where the result is refused, and where others of an action are withdrawn."""
        back = {each.place: (Arc(each.place, each.count), Arc(each.origin, each.count)) for each in held}
        refused = transition.rules is not None and transition.otherwise is None and not transition.automatic
        if refused and all(ending.way != "refused" for ending in endings):
            takes, gives = zip(*back.values(), strict=True)
            act = Act(transition.id, "refused", transition, automatic=True, acted=True, apart=True)
            self._add(NetTransition(f"{transition.id}/refused", takes, gives), act)
        reset = {state for each in self.found.workflow.transitions for state in each.net.resets}
        for gone, kept in permutations(held, 2):
            if gone.spot.state in reset:
                one, other = back[kept.place]
                net = NetTransition(f"?{transition.id}", (one,), (other,), inhibitors=(Arc(gone.place),))
                self._add(net, Act("", "assumes"))

    def _sure(self, transition: Transition) -> bool:
        """Whether it begins at once, and nothing that is not known could keep it from that."""
        if not transition.automatic or transition.together or transition.correlate is not None:
            return False
        decided = self.found.knowledge is not None and transition.alone
        return (transition.gate is None or decided) and transition.id not in self.unsure

    def _gives(self, transition: Transition, taken: Taken, ending: Ending) -> tuple[Arc, ...]:
        if ending.stays:
            spots = [(refused_spot(transition, spot), weight) for spot, weight in taken]
        else:
            spots = [(self.found.entered(state, ending.facts), weight) for state, weight in ending.targets]
        counts = Counter[str]()
        for spot, weight in spots:
            counts[self._place(spot)] += weight
        return tuple(Arc(place, count) for place, count in counts.items())


def _act(transition: Transition, ending: Ending, *, sure: bool = False, apart: bool = False) -> Act:
    return Act(
        transition.id, ending.way, transition, automatic=transition.automatic or apart, assumes=ending.assumes,
        shows=ending.shows, fresh=ending.fresh, sure=sure, acted=ending.acted, apart=apart,
    )  # fmt: skip


def _joined(parts: Iterable[tuple[Arc, ...]]) -> tuple[Arc, ...]:
    return tuple(arc for part in parts for arc in part)


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
    known = {} if found.knowledge is None else found.knowledge.decisions.domains
    if found.knowledge is None:
        yield f"rules may say anything: {TOO_MANY_SORTS}"
    elif found.knowledge.forgets:
        yield f"what is known of data is forgotten when a token moves: {TOO_MANY_SORTS}"
    if any(t.waits and t.delay is None for t in transitions):
        yield "people may do whatever they are allowed to, and signals may come; neither has to"
    if any(_may_lack(t, known) for t in transitions):
        yield "the fields that rules read are there, and of the right kind"
    if any(t.steps and t.on_failure is None for t in transitions):
        yield "an action without .on_failure(...) succeeds in the end, or somebody sees to it"
    yield from _taken_of_merges(transitions, found.workflow.schema)
    if any(put_right(t) is not None for t in transitions):
        yield "data that do not pass a validation are put right by whoever sent them"
    if any(t.steps and t.automatic and {t.otherwise, t.on_failure} != {None} for t in transitions):
        yield "a circle that a better answer leads out of is left one day"


def _may_lack(transition: Transition, known: Mapping[str, Domain]) -> bool:
    """Whether its rules read something that no class of data says is there."""
    paths = () if transition.gate is None else transition.gate.paths - {"state"} or ("data",)
    return any(path not in known for path in paths)


def _taken_of_merges(transitions: Iterable[Transition], schema: type | None) -> Iterator[str]:
    """What is taken for granted of data that are put together or dealt."""
    free = any(t.merge is not None and not isinstance(t.merge, (Last, Collect)) for t in transitions)
    if free:
        typed = "" if schema is None else ", and return data of the declared class"
        yield f"functions given to .merge(...) do not fail{typed}"
    if schema is None and any(isinstance(t.merge, Collect) for t in transitions):
        yield "what Collect(...) adds to is a list, or is not there yet"
    if schema is not None and not all(fits(schema, t.merge, t.deal) for t in transitions):
        yield "what Collect(...) and .deals(...) put into the data is of the declared types"
