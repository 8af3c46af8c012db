"""Draft: what a builder has gathered of a workflow, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs

from circuit_breaker.errors import DefinitionError, Fault, WorkflowInvalid, nearest
from circuit_breaker.rules import Rule, all_of, any_of, as_rule
from circuit_breaker.workflow.compiling import gather_states
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.state import Bundle, Path, State

__all__ = ["Draft", "Edge", "Requirement"]

Change = Callable[[Flow], Flow]


@attrs.frozen
class Edge:
    """From one state to another by an activity."""

    activity: str
    source: str
    target: str


@attrs.frozen
class Requirement:
    """Rules that an activity requires; ``require_all`` is None where nothing is said about it."""

    activity: str
    rules: tuple[Any, ...]
    require_all: bool | None = None


@attrs.frozen(kw_only=True)
class Draft:
    """The parts of a workflow in the making.

    Attributes:
        states: In the order in which they were added; the same name may have been added more than once.
        edges: What activities lead from where to where.
        requirements: The rules of activities.
        changes: What else is said about an activity: a function of its flow.
        flows: Flows that are finished, such as those of patterns.
        initial: Where cases start.
        at: Where the next pattern begins.
    """

    states: tuple[State, ...] = ()
    edges: tuple[Edge, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    changes: tuple[tuple[str, Change], ...] = ()
    flows: tuple[Flow, ...] = ()
    initial: str | None = None
    at: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the states, each once."""
        return tuple(dict.fromkeys(state.name for state in self.states))

    @property
    def activities(self) -> tuple[str, ...]:
        """The ids of the activities, each once."""
        return tuple(dict.fromkeys(edge.activity for edge in self.edges))

    @property
    def entry(self) -> str:
        """Where it begins as a part of another.

        Raises:
            WorkflowInvalid: It has no states.
        """
        if not self.states:
            raise WorkflowInvalid("a part of a workflow has no states", remedy='begin with .add_state("...")')
        return self.initial or self.states[0].name

    @property
    def exit(self) -> str:
        """Where it ends as a part of another: the only state that nothing leads away from.

        Raises:
            WorkflowInvalid: There is none, or more than one.
        """
        left = {edge.source for edge in self.edges}
        left |= {state.name for each in self.flows for bundle in each.path.sources for state in bundle.states}
        ends = [name for name in self.names if name not in left]
        if len(ends) != 1:
            raise WorkflowInvalid(
                f"the part that begins at '{self.entry}' ends in {', '.join(ends) or 'no state'}",
                remedy="let it end in exactly one state",
            )
        return ends[0]

    def plus(self, other: Draft) -> Draft:
        """Both together; a state of the same name is the same state."""
        known = set(self.names)
        return attrs.evolve(
            self,
            states=(*self.states, *(state for state in other.states if state.name not in known)),
            edges=(*self.edges, *other.edges),
            requirements=(*self.requirements, *other.requirements),
            changes=(*self.changes, *other.changes),
            flows=(*self.flows, *other.flows),
        )

    def with_states(self, *names: str) -> Draft:
        """The draft with these states added, as far as it does not have them."""
        added = tuple(State(name) for name in dict.fromkeys(names) if name not in self.names)
        return attrs.evolve(self, states=(*self.states, *added))

    def changed(self, change: Change) -> Draft:
        """The draft with the change made to every activity and flow in it."""
        changes = (*self.changes, *((activity, change) for activity in self.activities))
        return attrs.evolve(self, changes=changes, flows=tuple(map(change, self.flows)))

    def required(self, activity: str) -> tuple[tuple[Rule, ...], bool | None]:
        """The rules of an activity, and whether all of them are required.

        Raises:
            RuleInvalid: One of them is no rule.
        """
        own = [each for each in self.requirements if each.activity == activity]
        said = [each.require_all for each in own if each.require_all is not None]
        return tuple(as_rule(rule) for each in own for rule in each.rules), said[-1] if said else None

    def faults(self) -> Iterator[Fault]:
        """Everything that is wrong with it by itself."""
        names, activities = self.names, self.activities
        if not names:
            yield Fault("workflow", "has no states", 'add one with .add_state("...")')
        if self.initial is None:
            yield Fault("workflow", "has no initial state", 'say which with .set_initial_state("...")')
        elif self.initial not in names:
            yield Fault("workflow", f"has no state '{self.initial}' to start in", nearest(self.initial, names))
        given = [state.name for state in self.states]
        for name in names:
            if given.count(name) > 1:
                yield Fault(f"state '{name}'", "is added twice", "remove one of them")
        for edge in self.edges:
            yield from _edge_faults(edge, names)
        for activity in dict.fromkeys((*(r.activity for r in self.requirements), *(name for name, _ in self.changes))):
            if activity not in activities:
                yield Fault(f"activity '{activity}'", "is not in the workflow", nearest(activity, activities))

    def lonely(self, flows: Iterable[Flow]) -> Iterator[Fault]:
        """The states that nothing leads to or from, neither an edge nor one of the flows."""
        touched = {name for edge in self.edges for name in (edge.source, edge.target)}
        touched |= {state.name for state in gather_states(flows)}
        for name in self.names:
            if name not in touched:
                yield Fault(f"state '{name}'", "has no transition to it or from it", "add one, or remove the state")

    def compiled(self, faults: list[Fault]) -> list[Flow]:
        """The flows that it stands for; what is wrong with one is added to the faults, and it is left out."""
        made: list[Flow] = []
        for activity in self.activities:
            try:
                made.append(self._flow(activity))
            except DefinitionError as error:
                message = error.message.partition("\n")[0]
                faults.append(Fault(f"activity '{activity}'", message, error.remedy))
        return [*made, *self.flows]

    def _flow(self, activity: str) -> Flow:
        edges = [edge for edge in self.edges if edge.activity == activity]
        targets = list(dict.fromkeys(edge.target for edge in edges))
        if len(targets) > 1:
            raise WorkflowInvalid(
                f"it leads to several states: {', '.join(targets)}", remedy="give each target an activity of its own"
            )
        sources = dict.fromkeys(edge.source for edge in edges)
        path = Path(tuple(Bundle.of(self._state(name)) for name in sources), Bundle.of(self._state(targets[0])))
        made = flow(path).transition(activity)
        rules, require_all = self.required(activity)
        if rules:
            made = made.guard(_together(rules, require_all=require_all is not False))
        for name, change in self.changes:
            made = change(made) if name == activity else made
        return made if made.trigger is not None else made.manual()

    def _state(self, name: str) -> State:
        kept = next((state for state in self.states if state.name == name), None) or State(name)
        return attrs.evolve(kept, initial=name == self.initial)


def _edge_faults(edge: Edge, names: Iterable[str]) -> Iterator[Fault]:
    for name in dict.fromkeys((edge.source, edge.target)):
        if name not in names:
            place = f"activity '{edge.activity}' from '{edge.source}' to '{edge.target}'"
            yield Fault(place, f"there is no state '{name}'", nearest(name, names))


def _together(rules: tuple[Rule, ...], *, require_all: bool) -> Rule:
    if len(rules) == 1:
        return rules[0]
    return all_of(*rules) if require_all else any_of(*rules)
