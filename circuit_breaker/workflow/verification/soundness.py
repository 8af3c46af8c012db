"""Soundness: whether every case can end, ends cleanly, and whether everything can happen that is written down.

After van der Aalst, "Verification of Workflow Nets" (1997), for any number of final states and any number of tokens in
them: a case has ended when every token is in a final state, and from everywhere it must be able to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN
from circuit_breaker.rules.constant import plain
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.counterexample import Expectation, Telling
from circuit_breaker.workflow.verification.findings import Counterexample, Finding
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["listed", "soundness_findings", "unbounded_finding"]

MOST_LOOKED_AT = 2_000
"""How many markings where nothing can happen are looked at for different causes."""
MOST_TRIED = 8
"""How many ways to one failure are tried until one is confirmed."""


@attrs.frozen
class Cause:
    """Why nothing can happen.

    Attributes:
        code: The code of the finding.
        about: The state or transition.
        text: It in words; ``{data}`` stands for the data.
    """

    code: str
    about: str
    text: str


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Names in quotation marks as a part of a sentence."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def unbounded_finding(walk: Telling, names: tuple[Sequence[str], Sequence[str], Sequence[str]]) -> Finding:
    """The finding of tokens that pile up.

    Args:
        walk: What tells the way.
        names: Transitions of the net that lead there, those that are repeated, and the places that fill.
    """
    first, again, places = names
    numbers = {transition.name: number for number, transition in enumerate(walk.model.net.transitions)}
    labels = [numbers[name] for name in (*first, *again)]
    repeats = sum(not walk.model.acts[numbers[name]].silent for name in again)
    example, possible = walk.told(labels, Expectation(repeats=repeats))
    states = list(dict.fromkeys(walk.model.spots[place].state for place in places))
    circle = list(dict.fromkeys(walk.model.acts[numbers[name]].label for name in again))
    text = f"tokens pile up in {listed(states)} without end, each time that {listed(list(filter(None, circle)))} happen"
    return Finding("unbounded", text, states[0], example, certain=example.confirmed and possible)


def soundness_findings(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """Everything that keeps cases from ending cleanly, or transitions from firing."""
    found = [*_stuck(walks, telling)]
    if walks.complete:
        found += [*_restless(walks, telling), *_doomed(walks, telling)]
    yield from found
    if walks.complete:
        explained = {finding.about for finding in found}
        dead = [*_dead(walks, telling, explained)]
        yield from dead
        if not (found or dead):
            yield from _unused(walks, telling)
    yield from _doubled(walks, telling)


def _stuck(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """One finding for each cause of getting stuck, with the nearest way that is confirmed."""
    ways: dict[tuple[str, str], list[tuple[int, Cause]]] = {}
    for node in walks.stuck[:MOST_LOOKED_AT]:
        cause = _cause(walks, node, telling.workflow)
        ways.setdefault((cause.code, cause.about), []).append((node, cause))
    for candidates in ways.values():
        yield _nearest(walks, telling, candidates)


def _nearest(walks: Walks, telling: Telling, candidates: Sequence[tuple[int, Cause]]) -> Finding:
    first: tuple[Cause, Counterexample] | None = None
    for node, cause in candidates[:MOST_TRIED]:
        example, possible = telling.told(walks.way(node), Expectation(stuck=True))
        if example.confirmed:
            return Finding(cause.code, _filled(cause, example), cause.about, example)
        if first is None or (possible and first is None):
            first = (cause, example)
    cause, example = first or (candidates[0][1], Counterexample({}))
    return Finding(cause.code, _filled(cause, example), cause.about, example, certain=False)


def _filled(cause: Cause, example: Counterexample) -> str:
    data = [step.data for step in example.steps if step.data]
    known = data[-1] if data else example.data
    return cause.text.replace("{data}", f" with {plain(known)}" if known else "")


def _cause(walks: Walks, node: int, workflow: Workflow | None) -> Cause:
    """Why nothing can happen in a node."""
    model, marking = walks.model, walks.marking(node)
    ended = [place for place in marking if place in model.finals]
    busy = [model.spots[place] for place in marking if place not in model.finals]
    states = [spot.state for spot in busy]
    if workflow is not None:
        causes = [cause for spot in busy if (cause := _cause_at(workflow, spot, model.states(marking)))]
        causes.sort(key=lambda cause: _ORDER.index(cause.code))
        if causes:
            return causes[0]
    if ended:
        arrived = [model.spots[place].state for place in ended]
        return Cause(
            "left-behind", states[0],
            f"a branch has ended in {listed(arrived)}, but the token in {listed(states)} is left, and nothing takes it",
        )  # fmt: skip
    return Cause("stuck", states[0], f"a case can get stuck in {listed(states)}: nothing can happen there{{data}}")


_ORDER = ("refused", "gap", "trap", "starved-join")


def _cause_at(workflow: Workflow, spot: Spot, marking: Mapping[str, int]) -> Cause | None:
    """Why a token of a spot cannot go on, as far as it is for a reason of its own."""
    leaving = workflow.leaving[spot.state]
    never = [workflow.transitions[-1 - number] for number, _ in spot.facts if number < 0]
    if never:
        text = f"the result of '{never[0].name}' can be refused, and then nothing leads on from '{spot.state}'"
        return Cause("refused", never[0].id, text)
    if not leaving:
        return Cause("trap", spot.state, f"nothing leads on from '{spot.state}', and it is no final state")
    alone = [t for t in leaving if sum(arc.weight for arc in t.net.takes) == 1]
    judged = [t for t in alone if t.gate is not None]
    if judged and len(judged) == len(alone) == len(leaving) and spot.facts:
        names = list(dict.fromkeys(t.name for t in judged))
        said = f"'{names[0]}' does not let it" if len(names) == 1 else f"none of {listed(names)} lets it"
        return Cause("gap", spot.state, f"a case{{data}} gets stuck in '{spot.state}': {said} pass")
    joins = [(t, lacking) for t in leaving if (lacking := _lacking(t, marking))]
    if not joins:
        return None
    transition, lacking = joins[0]
    text = f"'{transition.name}' waits for a token in {listed(lacking)}, but none can come any more"
    return Cause("starved-join", transition.id, text)


def _lacking(transition: Transition, marking: Mapping[str, int]) -> list[str]:
    """The states of a join in which there are not enough tokens."""
    arcs = (*transition.net.takes, *transition.net.reads)
    return list(dict.fromkeys(arc.place for arc in arcs if marking.get(arc.place, 0) < arc.weight))


def _restless(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """The nearest circle of what happens by itself."""
    circles: set[frozenset[str]] = set()
    for node in walks.restless[:MOST_TRIED]:
        finding = _circle(walks, telling, node, automatic=True)
        names = frozenset(finding.about.split(" → "))
        if names not in circles:
            circles.add(names)
            yield finding
        if len(circles) == 1:
            return


def _circle(walks: Walks, telling: Telling, node: int, *, automatic: bool) -> Finding:
    first, again = walks.cycle(node, automatic=automatic)
    labels = [*walks.way(node), *first, *again]
    acts = [walks.model.acts[label] for label in again]
    names = [act.label for act in acts if not act.silent]
    example, _ = telling.told(labels, Expectation(repeats=len(names)))
    circle = " → ".join(dict.fromkeys(names))
    if automatic:
        text = f"{listed(list(dict.fromkeys(names)))} follow each other by themselves, for ever: the case never rests"
        return Finding("endless", text, circle, example, certain=example.confirmed)
    can_end = any(walks.ended(each) for each in walks.nodes)
    where = listed(list(walks.model.states(walks.marking(node))))
    text = (
        f"from {where} a case can go round ({circle}) for ever, but never end"
        if can_end
        else f"no case can ever end: it goes round ({circle}) for ever"
    )
    return Finding("livelock" if can_end else "never-ends", text, circle, example, certain=example.confirmed)


def _doomed(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """The nearest place from which a case goes round, but does not end; what goes round by itself is told apart."""
    restless = set(walks.restless)
    node = next((node for node in walks.doomed if node not in restless), None)
    if node is not None and not (restless and walks.onward(node, lambda *_: True, restless.__contains__)):
        yield _circle(walks, telling, node, automatic=False)


def _dead(walks: Walks, telling: Telling, explained: set[str]) -> Iterator[Finding]:
    """Transitions that never fire, those left out of which another finding tells why."""
    workflow, model = telling.workflow, walks.model
    alive = {act.label for act in _happening(walks)}
    if workflow is None:
        every = dict.fromkeys(act.label for act in model.acts)
        yield from (Finding("dead-transition", f"'{name}' can never fire", name) for name in every if name not in alive)
        return
    entered = _entered(walks)
    spared, _ = _spared(walks, telling, workflow, alive)
    for name, transitions in workflow.by_name.items():
        if any(t.id in alive or t.id in explained or t.id in spared for t in transitions):
            continue
        if any(state in entered for t in transitions for state in t.sources):
            yield _dead_one(telling, model, transitions[0], name, entered)


def _happening(walks: Walks) -> Iterator[Act]:
    """Everything that begins, whether or not it succeeds."""
    acts = (walks.model.acts[label] for label in walks.fired)
    return (act for act in acts if act.way in ("fires", "refused"))


def _spared(walks: Walks, telling: Telling, workflow: Workflow, alive: set[str]) -> tuple[set[str], set[str]]:
    """Transitions that only fire where a rule cannot judge, what can follow them, and the states they lead to."""
    entered = _entered(walks)
    spared = {
        t.id for t in workflow.transitions
        if t.id not in alive and len(t.sources) == 1 and t.sources[0] in entered and _without_judgement(telling, t)
    }  # fmt: skip
    states: set[str] = set()
    ahead = [workflow.by_id[name] for name in spared]
    while ahead:
        transition = ahead.pop()
        for state in {arc.place for arc in transition.net.gives} - states:
            states.add(state)
            following = [t for t in workflow.leaving[state] if t.id not in alive and t.id not in spared]
            spared.update(t.id for t in following)
            ahead += following
    return spared, states


def _without_judgement(telling: Telling, transition: Transition) -> bool:
    """Whether a transition can come to its turn where those before it cannot judge, or can only be asked."""
    workflow = telling.workflow
    if workflow is None or not transition.automatic:
        return False
    demands: list[Demand] = [] if transition.gate is None else [(transition.gate, TRUE)]
    for other in workflow.leaving[transition.sources[0]]:
        if other is transition:
            return bool(demands) and telling.decisions.solved(demands) is not None
        if other.automatic and other.net.plain is not None:
            rule = other.gate if other.otherwise is None else other.guard
            if rule is None:
                return False
            demands.append((rule, FALSE | UNKNOWN))
    return False


def _entered(walks: Walks) -> set[str]:
    """The states that tokens come to."""
    model = walks.model
    places = {arc.place for label in walks.fired for arc in model.net.transitions[label].gives} | set(model.start)
    return {model.spots[place].state for place in places}


def _dead_one(telling: Telling, model: Model, transition: Transition, name: str, entered: set[str]) -> Finding:
    gate = transition.gate
    if gate is not None and not telling.decisions.possible({(telling.decisions.number(gate), True)}):
        return Finding(
            "contradictory", f"'{name}' can never fire: there are no data that pass its rules ({gate})", name
        )
    if transition.id in model.forestalled:
        other = model.forestalled[transition.id]
        return Finding("shadowed", f"'{name}' can never fire: '{other}' always comes first", name)
    missing = [state for state in transition.sources if state not in entered]
    why = f": no token ever comes to {listed(missing)}" if missing else ""
    return Finding("dead-transition", f"'{name}' can never fire{why}", name)


def _unused(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """States that no case comes to, and ways out that none takes."""
    workflow, model = telling.workflow, walks.model
    if workflow is None:
        return
    alive = {(model.acts[label].label, model.acts[label].way) for label in walks.fired}
    for transition in workflow.transitions:
        if transition.otherwise is not None and (transition.id, "otherwise") not in alive:
            text = f"'{transition.name}' is never refused, so that .otherwise({transition.otherwise}) is never taken"
            yield Finding("dead-way", text, f"{transition.id}/otherwise")
    _, spared = _spared(walks, telling, workflow, {act.label for act in _happening(walks)})
    entered = _entered(walks) | spared
    for state in workflow.states:
        if state.name not in entered:
            yield Finding("never-entered", f"no case ever comes to '{state}'", state.name)


def _doubled(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """The nearest state in which two tokens of one case can be, where nobody asked for several."""
    model = walks.model
    if any(arc.weight > 1 for transition in model.net.transitions for arc in (*transition.takes, *transition.gives)):
        return
    for node in walks.nodes:
        state = next((state for state, count in model.states(walks.marking(node)).items() if count > 1), None)
        if state is not None:
            example, _ = telling.told(walks.way(node))
            text = f"two tokens of one case can be in '{state}': whatever follows happens twice"
            yield Finding("runs-twice", text, state, example, certain=example.confirmed)
            return
