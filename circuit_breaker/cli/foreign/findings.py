"""What is wrong with a foreign graph, in the same words as for workflows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

import attrs

from circuit_breaker.cli.foreign.graph import ForeignGraph, Moment, Rounds
from circuit_breaker.workflow.verification import Counterexample, Finding, Mend, Step, Verdict, Verification

__all__ = ["verified"]


def verified(graph: ForeignGraph) -> Verification:
    """What is proved of a foreign graph, by the way in which its framework runs it."""
    rounds = Rounds(graph)
    inner = {step: verified(part) for step, part in graph.inner.items() if step in rounds.ever}
    findings = (*_findings(graph, rounds), *_inside(inner))
    late = "" if rounds.complete else f"not decided within {len(rounds.moments):,} rounds"
    why = next(filter(None, (late, *(part.not_decided for part in inner.values()))), "")
    verdict: Verdict = "not sound" if findings else "not decided" if why else "sound"
    notes = dict.fromkeys((*graph.notes, *(text for part in inner.values() for text in part.assumptions[1:])))
    return Verification(
        workflow=graph.name, verdict=verdict, findings=findings,
        markings=len(rounds.moments) + sum(part.markings for part in inner.values()),
        edges=rounds.edges + sum(part.edges for part in inner.values()),
        assumptions=(f"it runs as {graph.framework} runs it", *notes),
        not_decided="" if findings else why,
    )  # fmt: skip


def _inside(inner: Mapping[str, Verification]) -> Iterator[Finding]:
    """What is wrong with the graphs inside of steps; their ways begin where these graphs do."""
    for step, found in inner.items():
        for each in found.findings:
            yield attrs.evolve(each, text=f"inside '{step}': {each.text}", about=f"{step}/{each.about}")


def _findings(graph: ForeignGraph, rounds: Rounds) -> Iterator[Finding]:
    yield from _lost(graph, rounds)
    yield from _again(rounds)
    trapped = rounds.trapped()
    if trapped is not None:
        circle = _named(next(filter(None, (graph.circle(step) for step in graph.steps if step in rounds.ever)), ()))
        text = f"a run that comes to {circle} goes round for ever: no choice there leads to the end"
        mend = Mend("let a step on the circle choose a way to the end")
        yield Finding("endless", text, circle, _told(rounds.way(trapped)), mend)
    if rounds.complete:
        yield from _unreached(graph, rounds)


def _lost(graph: ForeignGraph, rounds: Rounds) -> Iterator[Finding]:
    """Joins that are still waiting when a run ends."""
    told: set[int] = set()
    for moment in rounds.ended():
        for number, join in enumerate(graph.joins):
            waiting = {step for each, step in moment.seen if each == number}
            if not waiting or number in told or join.target in graph.starts:
                continue
            told.add(number)
            missing = _named(sorted(join.sources - waiting))
            text = (
                f"the join '{join.target}' is lost: it waits for {missing}, which was not chosen; "
                f"'{join.target}' and all that follows never run, and the run ends as if nothing were wrong"
            )
            mend = f"lead to '{join.target}' from each branch by an edge of its own, or let the skipped branch run too"
            yield Finding("starved-join", text, join.target, _told(rounds.way(moment)), Mend(mend))


def _again(rounds: Rounds) -> Iterator[Finding]:
    """The nearest step that lies on no circle and runs twice nevertheless."""
    for step, moment in rounds.again.items():
        text = f"'{step}' runs twice in one run, though it lies on no circle: branches of unequal length lead to it"
        mend = f"join the branches before '{step}', so that it waits for all of them"
        yield Finding(
            "runs-twice", text, step, _told([*rounds.way(moment), Moment(frozenset())]), Mend(mend), severity="error"
        )
        return


def _unreached(graph: ForeignGraph, rounds: Rounds) -> Iterator[Finding]:
    """Steps that never run, those that lead round to one another together."""
    told: set[str] = set()
    waiting = {join.target for join in graph.joins}
    for step in graph.steps:
        if step in rounds.ever or step in told:
            continue
        circle = graph.circle(step)
        told |= {step, *circle}
        entered = any(step in graph.leads(each) for each in graph.steps if each not in circle and each != step)
        if entered or (step in waiting and not circle):
            continue  # what leads there never runs either, and that is told
        if circle:
            text = f"the circle {_named(circle)} can never be reached: nothing leads into it"
        else:
            text = f"'{step}' can never run: {graph.reasons.get(step, 'nothing leads to it')}"
        mend = Mend("add an edge that leads there, or remove it")
        yield Finding("dead-transition", text, " → ".join(circle or (step,)), None, mend)


def _told(way: list[Moment]) -> Counterexample:
    """The rounds of a way as steps."""
    steps = []
    for moment, after in pairwise(way):
        states = dict.fromkeys(sorted(after.due), 1)
        steps += [Step(name, states=states) for name in sorted(moment.due)]
    return Counterexample(dict.fromkeys(sorted(way[0].due), 1), steps=tuple(steps), confirmed=True)


def _named(names: Iterable[str]) -> str:
    return " and ".join(f"'{name}'" for name in names)
