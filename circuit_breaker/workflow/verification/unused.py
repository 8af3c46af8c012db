"""Unused: transitions that never fire, and states and ways that no case takes."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from circuit_breaker.rules import Rule
from circuit_breaker.rules.analysis import Witness
from circuit_breaker.rules.analysis.search import Demand
from circuit_breaker.rules.analysis.ternary import FALSE, TRUE, UNKNOWN, answer_of
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.causes import listed
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.decisions import touches
from circuit_breaker.workflow.verification.findings import Finding
from circuit_breaker.workflow.verification.model import Act, Model
from circuit_breaker.workflow.verification.walks import Walks
from circuit_breaker.workflow.verification.writes import written

__all__ = ["dead_findings", "unused_findings"]


def dead_findings(walks: Walks, telling: Telling, explained: set[str]) -> Iterator[Finding]:
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
        if any(t.id in alive or t.id in explained for t in transitions):
            continue
        doubtful = [t for t in transitions if t.id in spared]
        if not all(entered.issuperset(t.sources) and _judged(telling, workflow, t) for t in doubtful):
            continue
        if any(state in entered for t in transitions for state in t.sources):
            yield attrs.evolve(_dead_one(telling, model, transitions[0], name, entered), certain=not doubtful)


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
    spared |= {t.id for t in workflow.transitions if t.metadata.get("spare") is True}
    states: set[str] = set()
    ahead = [workflow.by_id[name] for name in spared]
    while ahead:
        transition = ahead.pop()
        for state in set(transition.targets) - states:
            states.add(state)
            following = [t for t in workflow.leaving[state] if t.id not in alive and t.id not in spared]
            spared.update(t.id for t in following)
            ahead += following
    return spared, states


def _judged(telling: Telling, workflow: Workflow, transition: Transition) -> bool:
    """Whether all other rules of its state can judge wherever its own let it pass, and it has some."""
    if transition.gate is None or transition.metadata.get("spare") is True or _opaque(telling, transition.gate):
        return False
    others = (other for other in workflow.leaving[transition.sources[0]] if other is not transition)
    rules = [rule for other in others for rule in (other.gate, other.guard) if rule is not None]
    return all(telling.decisions.solved([(transition.gate, TRUE), (rule, UNKNOWN)]) is None for rule in rules)


def _opaque(telling: Telling, rule: Rule) -> bool:
    return telling.decisions.opaque(telling.decisions.number(rule))


def _without_judgement(telling: Telling, transition: Transition) -> bool:
    """Whether a transition can come to its turn where those before it cannot judge, or can only be asked."""
    workflow = telling.workflow
    if workflow is None or not transition.automatic or _hopeless(workflow, transition):
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


def _hopeless(workflow: Workflow, transition: Transition) -> bool:
    """Whether its rules never hold: they read its state, or results that nothing writes, and nothing else."""
    gate = transition.gate
    if gate is None or not gate.paths or len(transition.sources) != 1:
        return False
    changed = [path for each in workflow.transitions for path in written(each)]
    if any(path != "state" and not path.startswith("results.") for path in gate.paths):
        return False
    if any(touches(path, each) for path in gate.paths for each in changed):
        return False
    return answer_of(gate.tree.holds, gate.tree.fails, Witness(state=transition.sources[0])) == FALSE


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


def unused_findings(walks: Walks, telling: Telling) -> Iterator[Finding]:
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
