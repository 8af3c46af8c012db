"""Soundness: whether every case can end, ends cleanly, and whether everything can happen that is written down.

After van der Aalst, "Verification of Workflow Nets" (1997), for any number of final states and any number of tokens in
them: a case has ended when every token is in a final state, and from everywhere it must be able to.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuit_breaker.workflow.verification.causes import Cause, cause_of, listed
from circuit_breaker.workflow.verification.counterexample import Expectation, Telling
from circuit_breaker.workflow.verification.findings import Finding
from circuit_breaker.workflow.verification.several import several
from circuit_breaker.workflow.verification.unused import dead_findings, unused_findings
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["soundness_findings", "unbounded_finding"]

MOST_LOOKED_AT = 2_000
"""How many markings where nothing can happen are looked at for different causes."""
MOST_TRIED = 8
"""How many ways to one failure are tried until one is confirmed."""


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
    circle = list(filter(None, dict.fromkeys(walk.model.acts[numbers[name]].label for name in again)))
    happen = "happens" if len(circle) == 1 else "happen"
    text = f"tokens pile up in {listed(states)} without end, each time that {listed(circle)} {happen}"
    return Finding("unbounded", text, states[0], example, certain=example.confirmed and possible)


def soundness_findings(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """Everything that keeps cases from ending cleanly, or transitions from firing."""
    found = [*_stuck(walks, telling)]
    if walks.complete:
        found += [*_restless(walks, telling), *_doomed(walks, telling)]
    yield from found
    if walks.complete:
        explained = {finding.about for finding in found}
        dead = [*dead_findings(walks, telling, explained)]
        yield from dead
        if not (found or dead):
            yield from unused_findings(walks, telling)
    yield from _doubled(walks, telling)


def _stuck(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """One finding for each cause of getting stuck, with the nearest way that is confirmed."""
    ways: dict[tuple[str, str], list[tuple[int, Cause]]] = {}
    for node in walks.stuck[:MOST_LOOKED_AT]:
        cause = cause_of(walks, node, telling.workflow)
        ways.setdefault((cause.code, cause.about), []).append((node, cause))
    for candidates in ways.values():
        yield _nearest(walks, telling, candidates)


def _nearest(walks: Walks, telling: Telling, candidates: Sequence[tuple[int, Cause]]) -> Finding:
    """The nearest way that is confirmed; otherwise the nearest that could be real, if one could."""
    told: list[tuple[Finding, bool]] = []
    for node, cause in candidates[:MOST_TRIED]:
        example, possible = telling.told(walks.way(node), Expectation(stuck=True))
        text = cause.text.replace("{data}", example.with_data)
        told.append((Finding(cause.code, text, cause.about, example, certain=example.confirmed), possible))
        if example.confirmed:
            return told[-1][0]
    return next((finding for finding, possible in told if possible), told[0][0])


def _restless(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """The nearest circle of what happens by itself, if possible one that is confirmed."""
    found = [_circle(walks, telling, node, automatic=True) for node in walks.restless[:1]]
    for node in walks.restless[1:MOST_TRIED]:
        if found[0].certain:
            break
        finding = _circle(walks, telling, node, automatic=True)
        found = [finding] if finding.certain else found
    yield from found


def _circle(walks: Walks, telling: Telling, node: int, *, automatic: bool) -> Finding:
    first, again = walks.cycle(node, automatic=automatic)
    labels = [*walks.needed([*walks.way(node), *first], again=again), *again]
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


def _doubled(walks: Walks, telling: Telling) -> Iterator[Finding]:
    """The nearest state in which two tokens of one case can be, where nobody asked for several."""
    model, doubled = walks.model, {state for state, bound in walks.bounds.items() if bound > 1}
    if not doubled or not (doubled := doubled - several(model)):
        return
    for node in walks.nodes:
        counts = model.states(walks.marking(node))
        state = next((state for state, count in counts.items() if count > 1 and state in doubled), None)
        if state is not None:
            example, _ = telling.told(walks.way(node))
            text = f"two tokens of one case can be in '{state}': whatever follows happens twice"
            yield Finding("runs-twice", text, state, example, certain=example.confirmed)
            return
