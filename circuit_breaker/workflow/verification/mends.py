"""Mends: for a finding, a change of the definition that could put it right."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import combinations

import attrs

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, Path, State
from circuit_breaker.workflow.timing import Automatic
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.causes import listed
from circuit_breaker.workflow.verification.findings import Finding

__all__ = ["Proposal", "proposals"]

LAST = -1000


@attrs.frozen
class Proposal:
    """A change.

    Attributes:
        text: It in words.
        made: Makes the mended workflow; None where that is for a person to do.
    """

    text: str
    made: Callable[[], Workflow] | None = None


def proposals(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """What could be done about a finding, the best first."""
    propose = _PROPOSALS.get(finding.code)
    drawn = _DRAWN.get(finding.code) if "bpmn" in workflow.metadata else None
    for proposal in () if propose is None else propose(workflow, finding):
        yield proposal if drawn is None else attrs.evolve(proposal, text=drawn.format(about=finding.about))


def _with(workflow: Workflow, flows: tuple[Flow, ...], *, final: frozenset[str] | None = None) -> Workflow:
    return Workflow(
        workflow.name, *flows, rules=workflow.rules, data=workflow.schema, initial=workflow.initial,
        final=workflow.final if final is None else final,
    )  # fmt: skip


def _replacing(workflow: Workflow, name: str, change: Callable[[Flow], Flow]) -> Callable[[], Workflow]:
    return lambda: _with(workflow, tuple(change(each) if each.name == name else each for each in workflow.flows))


def _adding(workflow: Workflow, *flows: Flow) -> Callable[[], Workflow]:
    return lambda: _with(workflow, (*workflow.flows, *flows))


def _name_of(workflow: Workflow, about: str) -> str:
    return workflow.by_id[about].name if about in workflow.by_id else about


def _closing_join(workflow: Workflow, join: Transition) -> Iterator[Proposal]:
    """A join for what no other one lets pass."""
    name = _free(workflow, f"{join.name}-otherwise")
    sources = Bundle(tuple((State(arc.place), arc.weight) for arc in join.net.takes))
    targets = Bundle(tuple((State(arc.place), arc.weight) for arc in join.net.gives))
    text = f"add a join of {listed(join.sources)} for all other data, after the others"
    yield Proposal(text, _adding(workflow, flow(Path((sources,), targets)).transition(name).priority(LAST)))


def _closing(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """A way for what no rule lets pass."""
    if finding.about in workflow.by_id and finding.about not in workflow.leaving:
        yield from _closing_join(workflow, workflow.by_id[finding.about])
        return
    state = finding.about
    leaving = workflow.leaving[state]
    targets = [arc.place for t in reversed(leaving) for arc in t.net.gives if len(t.net.gives) == 1]
    target = next((each for each in targets if each != state), next(iter(sorted(workflow.final)), state))
    name = _free(workflow, f"{state}-otherwise")
    added = flow(State(state) >> State(target)).transition(name).priority(LAST)
    text = f'add flow({_python(state)} >> {_python(target)}).transition("{name}").priority({LAST}), for all other data'
    yield Proposal(text, _adding(workflow, added))


def _routing(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """Somewhere for a refused result to go."""
    name = _name_of(workflow, finding.about)
    transition = workflow.named(name)[0]
    for target in sorted(workflow.final - {arc.place for arc in transition.net.gives}) or sorted(workflow.final):
        text = f"add .otherwise({_python(target)}) to '{name}', or another state where somebody sees to it"
        yield Proposal(text, _replacing(workflow, name, partial(_otherwise, target)))


def _otherwise(state: str, each: Flow) -> Flow:
    return each.otherwise(State(state))


def _ending(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    state = finding.about
    text = f"give final=[..., {_python(state)}] to the workflow, or add a transition that leaves '{state}'"
    yield Proposal(text, lambda: _with(workflow, workflow.flows, final=workflow.final | {state}))


def _awaiting(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """A join of those branches that are under way."""
    if finding.about not in workflow.by_id:
        return
    name = _name_of(workflow, finding.about)
    (first, *others) = [each for each in workflow.flows if each.name == name]
    sources = first.path.sources
    states = [state for bundle in sources for state in bundle.states]
    if others or len(sources) != 1 or len(states) > 4 or len(set(map(str, states))) < len(states):
        return
    sets = [Bundle.of(chosen) for size in range(len(states), 0, -1) for chosen in combinations(states, size)]
    ways = " | ".join("(" + " & ".join(map(_python, map(str, b.states))) + ")" for b in reversed(sets))
    into = _python(str(first.path.targets.states[0])) if len(first.path.targets.states) == 1 else "..."
    awaited = ", ".join(_python(str(state)) for state in states)
    text = (
        f"let '{name}' join whichever branches are under way: "
        f'flow(({ways}) >> {into}).transition("{name}").awaits({awaited}), or write patterns.or_merge(...)'
    )
    path = Path(tuple(sets), first.path.targets)
    yield Proposal(
        text, _replacing(workflow, name, lambda each: attrs.evolve(each, path=path).awaits(*states))
    )  # what else is said of the transition stays


def _clearing(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """A transition that ends a branch withdraws what is left of the others."""
    state = finding.about
    if finding.counterexample is None:
        return
    ended = [each for each in finding.counterexample.states if each in workflow.final]
    for transition in workflow.transitions:
        if any(arc.place in ended for arc in transition.net.gives) and state not in transition.sources:
            name = transition.name
            text = f"add .clears({_python(state)}) to '{name}', or join both branches before the end"
            yield Proposal(text, _replacing(workflow, name, lambda each: each.clears(State(state))))


def _asking(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """Somebody who ends a circle."""
    for name in reversed(finding.about.split(" → ")):
        transition = workflow.by_id.get(name)
        if transition is not None and isinstance(transition.trigger, Automatic):
            text = (
                f"let somebody or a time decide it: add .manual() or .after(...) to '{transition.name}'; or a way out"
            )
            yield Proposal(text, _replacing(workflow, transition.name, _made_manual))


def _made_manual(each: Flow) -> Flow:
    return attrs.evolve(each, trigger=None).manual()


def _leaving(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """A way from a circle to an end."""
    example = finding.counterexample
    final = sorted(workflow.final)
    if example is None or not final or not example.states:
        return
    state = next(iter(example.states))
    name = _free(workflow, f"{state}-ends")
    added = flow(State(state) >> State(final[0])).transition(name).manual()
    text = f'add a way out: flow({_python(state)} >> {_python(final[0])}).transition("{name}").manual()'
    yield Proposal(text, _adding(workflow, added))


def _preferring(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """The one that is never tried, tried first."""
    name = _name_of(workflow, finding.about)
    transition = workflow.named(name)[0]
    top = max(t.priority for t in workflow.transitions) + 1
    if transition.gate is not None:
        text = f"let '{name}' be tried first: add .priority({top}) to it; or remove it"
        yield Proposal(text, _replacing(workflow, name, lambda each: attrs.evolve(each, rank=top)))
    yield Proposal(
        f"give the transition that comes first a .guard(...) that leaves something to '{name}', or remove it"
    )


def _ranking(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    """The order said, not only written."""
    first = finding.about.split(", ")[0]
    name = _name_of(workflow, first)
    rank = workflow.by_id[first].priority + 1 if first in workflow.by_id else 1
    text = f"say that '{name}' comes first: add .priority({rank}) to it; or let the guards exclude each other"
    yield Proposal(text, _replacing(workflow, name, lambda each: attrs.evolve(each, rank=rank)))


def _validating(workflow: Workflow, finding: Finding) -> Iterator[Proposal]:
    yield from _closing(workflow, finding)


def _said(text: str) -> Callable[[Workflow, Finding], Iterator[Proposal]]:
    def proposed(_: Workflow, finding: Finding) -> Iterator[Proposal]:
        yield Proposal(text.format(about=finding.about))

    return proposed


def _python(state: str) -> str:
    """How a state is written in a definition."""
    return state if state.isidentifier() else f'State("{state}")'


def _free(workflow: Workflow, name: str) -> str:
    while name in workflow.by_name:
        name += "-too"
    return name


_PROPOSALS: Mapping[str, Callable[[Workflow, Finding], Iterator[Proposal]]] = {
    "gap": _closing,
    "gap-unknown": _validating,
    "refused": _routing,
    "trap": _ending,
    "starved-join": _awaiting,
    "left-behind": _clearing,
    "endless": _asking,
    "livelock": _leaving,
    "never-ends": _leaving,
    "shadowed": _preferring,
    "decided-by-order": _ranking,
    "contradictory": _said("mend the rules of '{about}', or remove it"),
    "dead-transition": _said("remove '{about}', or add a transition that brings what it waits for"),
    "dead-way": _said("remove it, or let a rule say no"),
    "never-entered": _said("remove '{about}', or add a transition that leads to it"),
    "unbounded": _said("add .unless('{about}') or a join to the circle, so that it does not add a token each time"),
    "runs-twice": _said(
        "join the branches before '{about}': flow((a & b) >> ...), or let only the first on: .unless(...)"
    ),
}
_DRAWN: Mapping[str, str] = {
    "gap": "let one of the flows that leave '{about}' be the default one",
    "gap-unknown": "let one of the flows that leave '{about}' be the default one",
    "refused": "draw an error event at the edge of '{about}', with a flow from it",
    "starved-join": "make the gateway '{about}' inclusive, so that it waits only for branches that are under way",
    "left-behind": "join '{about}' with the other branch before the end, or let the end terminate the process",
    "endless": "draw a task of people or a timer into the circle, or a way out of it",
    "livelock": "draw a way from the circle to an end event",
    "never-ends": "draw a way from the circle to an end event",
    "shadowed": "let the condition of the flow before '{about}' leave something to it, or remove it",
    "decided-by-order": "let the conditions of '{about}' exclude each other",
    "runs-twice": "bring the branches before '{about}' together at a parallel gateway",
    "unbounded": "lead the circle back behind the parallel gateway, so that it adds no token each time",
}
"""The same in the words of those who draw models; what they say is what the proposal does, where it does something."""
