"""Workflow: the frozen, checked definition of what can happen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.errors import DefinitionError, Fault, TransitionNotFound, WorkflowInvalid, nearest
from circuit_breaker.lazy import Later, deferred
from circuit_breaker.net.arrival import Arrivals
from circuit_breaker.net.structure import Net
from circuit_breaker.rules import Rulebook
from circuit_breaker.workflow.checks import Declared, check
from circuit_breaker.workflow.compiling import (
    compile_flows,
    ends_in_progress,
    gather_states,
    merged_net,
    starting_states,
)
from circuit_breaker.workflow.flow import Flow
from circuit_breaker.workflow.signature import spelled
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow import choosing, declared, firing, standing
    from circuit_breaker.workflow.case import Case, Status
    from circuit_breaker.workflow.events import Event
    from circuit_breaker.workflow.pages import Form as PageForm
    from circuit_breaker.workflow.picture import Form
    from circuit_breaker.workflow.verification import Property, Verification
else:  # what runs cases is not needed to define, check or draw a workflow
    choosing, declared = Later("circuit_breaker.workflow.choosing"), Later("circuit_breaker.workflow.declared")
    firing, standing = Later("circuit_breaker.workflow.firing"), Later("circuit_breaker.workflow.standing")

__all__ = ["Workflow"]

_sha256 = deferred("hashlib", "sha256")
_draw = deferred("circuit_breaker.workflow.picture", "draw")
_page = deferred("circuit_breaker.workflow.pages", "page")
_verify = deferred("circuit_breaker.workflow.verification", "verify")
_written = deferred("circuit_breaker.workflow.writing", "workflow_to_document")


@attrs.frozen(slots=False, eq=False, init=False)
class Workflow:
    """A definition: states, transitions and rules.

    Args:
        name: What it is called.
        flows: The transitions, in the order in which equally urgent ones are tried.
        rules: The rulebook in which names are looked up.
        data: An attrs class: the data of a token is then an instance of it. Its fields, and those of the attrs classes
            in it, are of types that JSON gives back; a path to a field that there is not is a fault.
        initial: Where cases start; by default the first of ``states(...)``.
        final: States in which a token has arrived; by default those that no transition leaves.
        description: What it is for.
        metadata: Anything else worth keeping with it; JSON.

    Raises:
        WorkflowInvalid: The definition has faults; all of them are reported, each with its place and a remedy.
    """

    name: str
    flows: tuple[Flow, ...]
    rules: Rulebook
    schema: type | None
    states: tuple[State, ...]
    initial: str
    final: frozenset[str]
    transitions: tuple[Transition, ...]
    description: str
    metadata: Mapping[str, Any]

    @spelled
    def __init__(
        self,
        name: str,
        *flows: Flow,
        rules: Rulebook | Iterable[Any] | Mapping[str, Any] | None = None,
        data: type | None = None,
        initial: State | str | None = None,
        final: Iterable[State | str] | State | str | None = None,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        rulebook, faults = _rulebook(rules)
        declared = Declared(
            name=name,
            rulebook=None if faults else rulebook,
            schema=data,
            initial=None if initial is None else str(initial),
            final=_named(final),
            description=description,
            metadata=metadata,
        )
        faults += check(flows, declared)
        if faults:
            raise WorkflowInvalid(f"Workflow '{name}' has {len(faults)} fault(s)", faults=faults)
        states = gather_states(flows)
        transitions = compile_flows(flows, rulebook)
        self.__attrs_init__(
            name=name,
            flows=flows,
            rules=rulebook,
            schema=data,
            states=states,
            initial=declared.initial or starting_states(flows)[0].name,
            final=_sinks(states, transitions) if declared.final is None else declared.final,
            transitions=transitions,
            description=description,
            metadata=dict(metadata or {}),
        )

    @cached_property
    def by_name(self) -> dict[str, tuple[Transition, ...]]:
        """The transitions of each name: one, or one for each alternative source."""
        named: dict[str, tuple[Transition, ...]] = {}
        for transition in self.transitions:
            named[transition.name] = (*named.get(transition.name, ()), transition)
        return named

    @cached_property
    def by_id(self) -> dict[str, Transition]:
        """Each transition by its id."""
        return {transition.id: transition for transition in self.transitions}

    @cached_property
    def leaving(self) -> dict[str, tuple[Transition, ...]]:
        """For each state the transitions that take tokens from it, the most urgent first."""
        away: dict[str, list[Transition]] = {state.name: [] for state in self.states}
        for transition in sorted(self.transitions, key=lambda t: t.order):
            for source in transition.sources:
                away[source].append(transition)
        return {state: tuple(transitions) for state, transitions in away.items()}

    @cached_property
    def resting(self) -> dict[str, Status]:
        """The status of a case whose only token is in a state, for those states where that alone decides it."""
        return dict(standing.resting(self))

    @cached_property
    def timed(self) -> bool:
        """Whether any transition waits for a time."""
        return any(transition.delay is not None for transition in self.transitions)

    @cached_property
    def net(self) -> Net:
        """The whole as a Petri net; the ways out of a refusal or failure are transitions of their own."""
        return merged_net(self)

    @cached_property
    def arrivals(self) -> Arrivals:
        """What can still come where, for the transitions that await something."""
        return Arrivals(self.net, ends_in_progress(self))

    @cached_property
    def version(self) -> str:
        """A hash of everything that decides what happens: the same for the same definition, wherever it is written."""
        text = json.dumps(self.to_document(named=False), sort_keys=True, separators=(",", ":"), default=str)
        digest: str = _sha256(text.encode()).hexdigest()
        return digest[:16]

    def state(self, name: str) -> State:
        """The state of that name.

        Raises:
            WorkflowInvalid: There is none.
        """
        for state in self.states:
            if state.name == name:
                return state
        known = [state.name for state in self.states]
        raise WorkflowInvalid(f"workflow '{self.name}' has no state '{name}'", remedy=nearest(name, known))

    def named(self, name: str) -> tuple[Transition, ...]:
        """The transitions of that name.

        Raises:
            TransitionNotFound: There is none.
        """
        found = self.by_name.get(name)
        if found is None:
            known = self.by_name
            raise TransitionNotFound(
                f"workflow '{self.name}' has no transition '{name}'", remedy=nearest(str(name), known)
            )
        return found

    def start(
        self,
        case: str,
        *,
        at: datetime,
        by: str = "",
        data: Any = None,
        metadata: Mapping[str, Any] | None = None,
        state: State | str | None = None,
    ) -> Case:
        """A new case with one token, as a pure value; nothing is stored. See :meth:`Engine.start`."""
        return firing.start(self, case, at=at, by=by, data=data, metadata=metadata, state=state)

    def fire(
        self, case: Case, name: str, *, at: datetime, by: str = "", data: Any = None, roles: Iterable[str] = ()
    ) -> Case:
        """The case after a transition without an action fired; the event is the last of its history.

        Raises:
            TransitionNotFound: The workflow has no transition of that name.
            NotEnabled: The tokens are not there.
            Refused: The guard or the policy said no; the verdict is in the error.
            CaseClosed: The case has ended.
        """
        return firing.fire(self, case, name, at=at, by=by, data=data, roles=roles)

    def to_document(self, *, named: bool = True) -> dict[str, Any]:
        """The definition as a plain document, which :func:`workflow_from_document` reads back.

        Args:
            named: Refuse rules and actions that have no name to be found by.
        """
        document: dict[str, Any] = _written(self, named=named)
        return document

    def draw(
        self,
        form: Form = "mermaid",
        *,
        case: Case | None = None,
        history: Iterable[Event] = (),
        path: Sequence[str] = (),
    ) -> str:
        """The picture of the workflow as text; with a case, its tokens are in it, and what could fire stands out.

        Args:
            form: ``"mermaid"``, ``"dot"`` (Graphviz), ``"plantuml"``, ``"svg"`` or ``"terminal"``; what draws is
                loaded on first use.
            case: A case of this workflow.
            history: Events of a case: what fired is numbered in its order, with how often and when.
            path: Transitions by name or id, such as those of a counterexample: they are numbered, and the tokens are
                drawn where they end. It begins with the tokens of the case, or else at the start.

        Raises:
            WorkflowInvalid: There is no such form.
            TransitionNotFound: The path names a transition that there is not.
            NotEnabled: A step of the path is not possible where it stands.
        """
        drawn: str = _draw(self, form, case=case, history=history, path=path)
        return drawn

    def to_page(
        self,
        form: PageForm = "html",
        *,
        case: Case | None = None,
        history: Iterable[Event] = (),
        path: Sequence[str] = (),
    ) -> str:
        """A page about the workflow: its picture, states, transitions with their rules in words, roles and timers.

        Args:
            form: ``"html"``, which needs no other file and prints well, or ``"markdown"``.
            case: What is drawn into the picture, as for :meth:`draw`.
            history: The same.
            path: The same.

        Raises:
            WorkflowInvalid: There is no such form.
        """
        page: str = _page(self, form, case=case, history=history, path=path)
        return page

    def verify(
        self,
        *properties: Property,
        limit: int = 200_000,
        enough: Callable[[int], bool] | None = None,
        mend: bool = True,
    ) -> Verification:
        """What is proved before anything runs: whether every case can end cleanly, and all that is written can happen.

        Args:
            *properties: What else must hold, such as ``never(paid, rejected)``; see
                :mod:`circuit_breaker.workflow.verification`.
            limit: The most markings to find; beyond it the verdict is ``"not decided"``.
            enough: Asked now and then, with the number of markings found so far, whether to stop: for a limit of time.
            mend: Whether ways to put it right are looked for, and tried.

        Raises:
            DefinitionError: A property speaks of a state or transition that there is not.
        """
        found: Verification = _verify(self, properties=properties, limit=limit, enough=enough, mend=mend)
        return found

    def __repr__(self) -> str:
        return f"Workflow({self.name!r}, {len(self.states)} states, {len(self.by_name)} transitions)"


def _rulebook(rules: Any) -> tuple[Rulebook, list[Fault]]:
    """The rulebook, and what is wrong with it."""
    try:
        return Rulebook.of(rules), []
    except DefinitionError as error:
        return Rulebook(), list(error.faults) or [Fault("rules", error.message, error.remedy)]


def _named(states: Iterable[State | str] | State | str | None) -> frozenset[str] | None:
    """The names of states, also of one that is given alone."""
    if states is None:
        return None
    return frozenset((str(states),)) if isinstance(states, (State, str)) else frozenset(map(str, states))


def _sinks(states: tuple[State, ...], transitions: tuple[Transition, ...]) -> frozenset[str]:
    left = {source for transition in transitions for source in transition.sources}
    return frozenset(state.name for state in states if state.final or (state.final is None and state.name not in left))
