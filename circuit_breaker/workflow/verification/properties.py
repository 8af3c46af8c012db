"""Properties: what else must hold of a workflow, said by whoever writes it."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.state import State
from circuit_breaker.workflow.verification.model import Model
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["Property", "always_followed_by", "at_most", "check_names", "mutually_exclusive", "never", "property_from"]


@attrs.frozen
class Property(abc.ABC):
    """Something that must hold on every way that a case can go."""

    @property
    @abc.abstractmethod
    def text(self) -> str:
        """It in words."""

    @property
    @abc.abstractmethod
    def names(self) -> tuple[str, ...]:
        """The states and transitions that it speaks of."""

    @abc.abstractmethod
    def violation(self, walks: Walks) -> Sequence[int] | None:
        """The transitions of the net of a shortest way on which it does not hold; None where it always does."""

    def __str__(self) -> str:
        return self.text


@attrs.frozen
class Never(Property):
    """No case is ever in all of these states at once, and none of these transitions ever fires."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        """It in words."""
        return f"never({', '.join(self.parts)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The states and transitions."""
        return self.parts

    def violation(self, walks: Walks) -> Sequence[int] | None:
        """The way to where it happens."""
        fires = [part for part in self.parts if not _is_state(walks.model, part)]
        states = [part for part in self.parts if part not in fires]
        for node in walks.nodes:
            marked = walks.model.states(walks.marking(node))
            if not all(marked.get(state) for state in states):
                continue
            if not fires:
                return walks.way(node)
            for _, label in walks.edges(node):
                if any(_happens(walks.model, label, name) for name in fires):
                    return [*walks.way(node), label]
        return None


@attrs.frozen
class AtMost(Property):
    """There are never more than so many tokens of one case in a state."""

    most: int = attrs.field(validator=attrs.validators.ge(0))
    state: str = attrs.field()

    @property
    def text(self) -> str:
        """It in words."""
        return f"at_most({self.most}, {self.state})"

    @property
    def names(self) -> tuple[str, ...]:
        """The state."""
        return (self.state,)

    def violation(self, walks: Walks) -> Sequence[int] | None:
        """The way to where there are more."""
        places = [place for place, spot in walks.model.spots.items() if spot.state == self.state]
        node = next(walks.with_tokens(places, self.most), None)
        return None if node is None else walks.way(node)


@attrs.frozen
class Exclusive(Property):
    """A case is never in two of these states at once."""

    states: tuple[str, ...]

    @property
    def text(self) -> str:
        """It in words."""
        return f"mutually_exclusive({', '.join(self.states)})"

    @property
    def names(self) -> tuple[str, ...]:
        """The states."""
        return self.states

    def violation(self, walks: Walks) -> Sequence[int] | None:
        """The way to where it is in two."""
        for node in walks.nodes:
            marked = walks.model.states(walks.marking(node))
            if sum(1 for state in set(self.states) if marked.get(state)) > 1:
                return walks.way(node)
        return None


@attrs.frozen
class FollowedBy(Property):
    """Once the first has happened, the second happens before the case ends, or comes to where it cannot go on.

    What can be left is taken to be left at some time, so that a circle with a way out is none to stay in.
    """

    first: str
    then: str

    @property
    def text(self) -> str:
        """It in words."""
        return f"always_followed_by({self.first}, {self.then})"

    @property
    def names(self) -> tuple[str, ...]:
        """Both."""
        return (self.first, self.then)

    def violation(self, walks: Walks) -> Sequence[int] | None:
        """The way to the first, and on to an end without the second."""
        ends = {node for node in walks.nodes if walks.ended(node)} | set(walks.stuck)
        if walks.complete:  # otherwise it is not known from where none can end
            ends.update(walks.doomed)

        def without(label: int, _: int) -> bool:
            return not _happens(walks.model, label, self.then)

        escaping = walks.leading_to(ends, without)
        for way, node in self._beginnings(walks):
            if node in escaping:
                rest = walks.onward(node, without, ends.__contains__) or ()
                return [*way, *(label for _, label in rest)]
        return None

    def _beginnings(self, walks: Walks) -> Iterator[tuple[list[int], int]]:
        """The ways to where the first has just happened and the second is still to come, and the nodes."""
        seen: set[int] = set()
        if _in_state(walks, 0, self.first) and not _in_state(walks, 0, self.then):
            yield [], 0
        for node in walks.nodes:
            for target, label in walks.edges(node):
                at_once = _entered(walks.model, label, self.then)
                if target not in seen and not at_once and _happens(walks.model, label, self.first):
                    seen.add(target)
                    yield [*walks.way(node), label], target


def _is_state(model: Model, name: str) -> bool:
    return any(spot.state == name for spot in model.spots.values())


def _in_state(walks: Walks, node: int, name: str) -> bool:
    return name in walks.model.states(walks.marking(node))


def _happens(model: Model, label: int, name: str) -> bool:
    """Whether a transition is the one of that name, or enters the state of that name."""
    act = model.acts[label]
    if act.silent:
        return False
    named = act.transition.name if act.transition is not None else act.label
    return (act.way == "fires" and name in (act.label, named)) or _entered(model, label, name)


def _entered(model: Model, label: int, name: str) -> bool:
    """Whether a token enters the state of that name."""
    gives = () if model.acts[label].stays else model.net.transitions[label].gives
    return any(model.spots[arc.place].state == name for arc in gives)


def never(*parts: State | str) -> Property:
    """The property that no case is ever in all of these states at once; or that transitions, there, never fire.

    Args:
        *parts: States, and names of transitions of which none may fire.
    """
    return Never(tuple(map(_name, parts)))


def at_most(most: int, state: State | str) -> Property:
    """The property that no case ever has more than so many tokens in a state."""
    return AtMost(most, _name(state))


def mutually_exclusive(*states: State | str) -> Property:
    """The property that no case is ever in two of these states at once."""
    return Exclusive(tuple(map(_name, states)))


def always_followed_by(first: State | str, then: State | str) -> Property:
    """The property that after the first the second always comes before the end.

    Args:
        first: A state that is entered, or a transition that fires.
        then: The same.
    """
    return FollowedBy(_name(first), _name(then))


def _name(value: State | str) -> str:
    return value.name if isinstance(value, State) else value


def check_names(properties: Sequence[Property], known: Sequence[str]) -> None:
    """Does nothing.

    Raises:
        DefinitionError: A property speaks of what there is not; all of them are told.
    """
    faults = [
        Fault(str(each), f"there is no state or transition '{name}'", nearest(name, known))
        for each in properties
        for name in each.names
        if name not in known
    ]
    faults += [
        Fault(str(each), "names nothing", "give a state or a transition") for each in properties if not each.names
    ]
    if faults:
        raise DefinitionError("The properties do not fit the workflow", faults=faults)


def property_from(text: str) -> Property:
    """The property that a text says, such as ``"never(paid, rejected)"`` or ``"at_most(1, paid)"``.

    Raises:
        DefinitionError: It says none.
    """
    word, opened, rest = text.strip().partition("(")
    given: list[Any] = [part.strip() for part in rest.removesuffix(")").split(",") if part.strip()]
    how = "write never(a, b), always_followed_by(a, b), mutually_exclusive(a, b) or at_most(1, a)"
    if opened and rest.endswith(")"):
        if word == "never" and given:
            return never(*given)
        if word == "mutually_exclusive" and len(given) > 1:
            return mutually_exclusive(*given)
        if word == "always_followed_by" and len(given) == 2:
            return always_followed_by(*given)
        if word == "at_most" and len(given) == 2 and given[0].isdecimal():
            return at_most(int(given[0]), given[1])
    raise DefinitionError(f"'{text}' says no property", remedy=how)


def workflow_names(workflow: Workflow) -> list[str]:
    """The names that properties can speak of."""
    return [*(state.name for state in workflow.states), *workflow.by_name, *workflow.by_id]
