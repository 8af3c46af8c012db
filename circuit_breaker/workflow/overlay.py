"""What is drawn into the picture of a workflow: the tokens of a case, what happened to it, and a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import attrs

from circuit_breaker.errors import NotEnabled, TransitionNotFound, nearest
from circuit_breaker.net.graph import counted
from circuit_breaker.net.overlay import Firing, Overlay
from circuit_breaker.net.statespace.moves import Counts, Move, Moves
from circuit_breaker.workflow.case import Case, entered
from circuit_breaker.workflow.choosing import admitted, tried
from circuit_breaker.workflow.events import Event, Moved, TransitionFired
from circuit_breaker.workflow.events import Move as Moving
from circuit_breaker.workflow.transition import Transition

if TYPE_CHECKING:
    from circuit_breaker.workflow.definition import Workflow

__all__ = ["box_of", "overlay_of", "place_of"]


def place_of(state: str) -> str:
    """The id of the node that stands for a state."""
    return f"state {state}"


def box_of(workflow: Workflow, transition: str) -> str:
    """The id of the node that stands for a transition, given by its id; all ways of an OR-join have one."""
    known = workflow.by_id.get(transition)
    return f"transition {transition if known is None else known.net.group}"


def overlay_of(
    workflow: Workflow, case: Case | None = None, *, history: Iterable[Event] = (), path: Sequence[str] = ()
) -> Overlay:
    """The overlay of a case, of what happened to it, and of a path.

    Args:
        workflow: The definition.
        case: Its tokens are drawn, and what could fire now stands out.
        history: Its events: what fired is numbered in its order, with how often and when.
        path: Transitions by name or id (``"approve/otherwise"`` and ``"approve/failed"`` for these ways out), from the
            tokens of the case on, or else from the start. They are numbered, and the tokens are drawn where they end.

    Raises:
        TransitionNotFound: The path names one that there is not.
        NotEnabled: A step of the path is not possible where it stands; rules are not looked at.
    """
    events = tuple(history)
    overlay = Overlay() if case is None else _of_case(workflow, case)
    if events:
        overlay = attrs.evolve(overlay, path=tuple(_fired(workflow, events)), notes=_told(workflow, events))
    if not path:
        return overlay
    walk = _Walk(workflow, {workflow.initial: 1} if case is None else Counter(token.state for token in case.marking))
    steps = [walk.step(number, name) for number, name in enumerate(path, start=1)]
    title = " ".join(filter(None, (overlay.title, f"after {counted(len(steps), 'step')}")))
    return attrs.evolve(overlay, marks=walk.marks, strong=(), path=(*overlay.path, *steps), title=title)


def _of_case(workflow: Workflow, case: Case) -> Overlay:
    marks = Counter(place_of(token.state) for token in case.marking)
    able = () if case.closed else (each for each in workflow.transitions if _enabled(workflow, case, each))
    strong = (box_of(workflow, transition.id) for transition in able)
    return Overlay(marks, strong, title=f"{case.id} ({case.status})")


def _enabled(workflow: Workflow, case: Case, transition: Transition) -> bool:
    return any(admitted(workflow, choice) for choice in tried(workflow, case, transition))


def _fired(workflow: Workflow, events: Iterable[Event]) -> Iterator[Firing]:
    """Everything that moved tokens by a transition, in its order."""
    for event in events:
        if isinstance(event, Moved) and (event.produced or isinstance(event, TransitionFired)):
            yield Firing(box_of(workflow, event.transition), _places(event.consumed), _places(event.produced))


def _places(moves: Iterable[Moving]) -> Iterator[str]:
    return (place_of(state) for _, state in moves)


def _told(workflow: Workflow, events: Iterable[Event]) -> dict[str, str]:
    """For each node how often and when last something happened at it."""
    found: dict[str, dict[str, list[datetime]]] = {}
    for event in events:
        for _, state in entered(event):
            found.setdefault(place_of(state), {}).setdefault("entered", []).append(event.at)
        if isinstance(event, Moved):
            word = {"TransitionFired": "fired", "TransitionRefused": "refused"}.get(event.type, "failed")
            found.setdefault(box_of(workflow, event.transition), {}).setdefault(word, []).append(event.at)
    return {
        node: "\n".join(_counted(word, moments) for word, moments in words.items()) for node, words in found.items()
    }


def _counted(word: str, moments: Sequence[datetime]) -> str:
    last = max(moments).strftime("%Y-%m-%d %H:%M:%S")
    return f"{word} {last}" if len(moments) == 1 else f"{word} {len(moments)} times, last {last}"


class _Walk:
    """Goes along a path in the net alone; rules, people, signals and times are taken to allow it."""

    def __init__(self, workflow: Workflow, marks: Mapping[str, int]) -> None:
        self._workflow = workflow
        self._moves = Moves.of(workflow.net, marks)
        self._counts: Counts = self._moves.initial
        self._named = {move.name: move for move in self._moves.moves}

    @property
    def marks(self) -> dict[str, int]:
        """The tokens of each state, none included."""
        return {place_of(place): count for place, count in zip(self._moves.places, self._counts, strict=True)}

    def step(self, number: int, name: str) -> Firing:
        """Fires a transition."""
        choices = self._choices(name)
        move = next((move for move in choices if move.enabled(self._counts)), None)
        if move is None:
            raise self._impossible(number, name, choices)
        self._counts = move.after(self._counts)
        places = self._moves.places
        node = next((id_ for id_ in (move.name, move.name.rpartition("/")[0]) if id_ in self._workflow.by_id), name)
        taken, given = ((place_of(places[at]) for at in arcs) for arcs in (move.take, move.give))
        return Firing(box_of(self._workflow, node), taken, given)

    def _choices(self, name: str) -> list[Move]:
        ids = [transition.id for transition in self._workflow.by_name.get(name, ())] or [name]
        found = [self._named[each] for each in ids if each in self._named]
        if not found:
            known = dict.fromkeys((*self._workflow.by_name, *self._named))
            raise TransitionNotFound(
                f"workflow '{self._workflow.name}' has no transition '{name}'", remedy=nearest(name, known)
            )
        return found

    def _impossible(self, number: int, name: str, choices: Sequence[Move]) -> NotEnabled:
        held = ", ".join(self._moves.named(self._counts)) or "no state"
        able = [move.name for move in self._moves.moves if move.enabled(self._counts)]
        remedy = f"possible there: {', '.join(able)}" if able else "nothing is possible there"
        needed = " or ".join("+".join(self._moves.places[at] for at in move.least) for move in choices)
        return NotEnabled(
            f"step {number} of the path, '{name}', needs tokens in {needed}; they are in {held}", remedy=remedy
        )
