"""States, and the paths between them that ``>>`` draws.

``a >> b`` is a path; ``(a, b) >> c`` joins; ``a >> (b, c)`` splits; ``(a | b) >> c`` is possible from either;
``a & b`` stands for the tuple ``(a, b)`` where Python knows no ``>>`` between two tuples; ``a * 2`` moves two tokens.
"""

from __future__ import annotations

import re
from typing import Any, NoReturn

import attrs

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.net.structure import Arc
from circuit_breaker.workflow.signature import spelled

__all__ = ["Path", "State", "states"]

_NAME = re.compile(r"[^\W\d][\w .:/-]{0,99}")


def checked_name(name: Any, *, what: str) -> str:
    """The name, if it can be one.

    Raises:
        WorkflowInvalid: It is no text, is empty, too long, or has characters that break pictures and addresses.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.endswith(" "):
        raise WorkflowInvalid(
            f"{name!r} is no name for a {what}",
            remedy="start with a letter; use letters, digits, spaces and _ . : / - (at most 100 characters)",
        )
    return name


def _state_name(name: Any) -> str:
    return checked_name(name, what="state")


@attrs.frozen(eq=False)
class State:
    """Where a token can be. Equal to its own name, so that ``case.state == approved`` reads well.

    Attributes:
        name: Unique in its workflow.
        initial: Whether cases start here.
        final: True if a token here has arrived; None means: if no transition leads away.
        message: What to tell people while a token is here.
        timestamp: The metadata key that records when the state was entered, such as ``"submitted_at"``.
    """

    name: str = attrs.field(converter=_state_name)
    initial: bool = attrs.field(default=False, kw_only=True)
    final: bool | None = attrs.field(default=None, kw_only=True)
    message: str = attrs.field(default="", kw_only=True)
    timestamp: str = attrs.field(default="", kw_only=True)

    def says(self, message: str) -> State:
        """The same state with a message for people."""
        return attrs.evolve(self, message=message)

    def stamps(self, key: str) -> State:
        """The same state, which records the time of entering in ``metadata[key]``."""
        return attrs.evolve(self, timestamp=key)

    def ends(self) -> State:
        """The same state as a final one, even if transitions lead away from it."""
        return attrs.evolve(self, final=True)

    def __rshift__(self, targets: Any) -> Path:
        return Path.between(self, targets)

    def __rrshift__(self, sources: Any) -> Path:
        return Path.between(sources, self)

    def __and__(self, other: Any) -> Bundle:
        return Bundle((*Bundle.of(self).parts, *Bundle.of(other).parts))

    def __or__(self, other: Any) -> Alternatives:
        return Alternatives((Bundle.of(self), Bundle.of(other)))

    def __mul__(self, weight: Any) -> Bundle:
        if isinstance(weight, bool) or not isinstance(weight, int) or weight < 1:
            raise WorkflowInvalid(f"state '{self.name}' * {weight!r}: a weight is a whole number from 1")
        return Bundle(((self, weight),))

    __rmul__ = __mul__

    def __eq__(self, other: object) -> bool:
        if isinstance(other, State):
            return self.name == other.name
        return self.name == other if isinstance(other, str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


@attrs.frozen
class Bundle:
    """States that are left or entered together, each with a weight."""

    parts: tuple[tuple[State, int], ...]

    @classmethod
    def of(cls, value: Any) -> Bundle:
        """The bundle of a state, a tuple of states, or a bundle.

        Raises:
            WorkflowInvalid: It is none of these, or it is empty.
        """
        if isinstance(value, Bundle):
            return value
        if isinstance(value, State):
            return cls(((value, 1),))
        if isinstance(value, (tuple, list)) and value:
            return cls(tuple(part for item in value for part in cls.of(item).parts))
        raise WorkflowInvalid(f"{value!r} is no state", remedy="draw paths between states, or tuples of them")

    def arcs(self) -> tuple[Arc, ...]:
        """One arc for each state; the weights of a state that comes twice are added."""
        weights: dict[str, int] = {}
        for state, weight in self.parts:
            weights[state.name] = weights.get(state.name, 0) + weight
        return tuple(Arc(name, weight) for name, weight in weights.items())

    @property
    def states(self) -> tuple[State, ...]:
        """The states, without their weights."""
        return tuple(state for state, _ in self.parts)

    def __and__(self, other: Any) -> Bundle:
        return Bundle((*self.parts, *Bundle.of(other).parts))

    def __or__(self, other: Any) -> Alternatives:
        return Alternatives((self, Bundle.of(other)))

    def __rshift__(self, targets: Any) -> Path:
        return Path.between(self, targets)

    def __rrshift__(self, sources: Any) -> Path:
        return Path.between(sources, self)


@attrs.frozen
class Alternatives:
    """Sources of which any one will do: one transition that is possible from several states."""

    bundles: tuple[Bundle, ...]

    def __or__(self, other: Any) -> Alternatives:
        return Alternatives((*self.bundles, Bundle.of(other)))

    def __rshift__(self, targets: Any) -> Path:
        return Path(self.bundles, Bundle.of(targets))


@attrs.frozen
class Path:
    """From some states to others: what a transition does to tokens.

    Attributes:
        sources: The alternatives; each is a bundle of states that are left together.
        targets: The states that are entered together.
    """

    sources: tuple[Bundle, ...]
    targets: Bundle

    @classmethod
    def between(cls, sources: Any, targets: Any) -> Path:
        """The path from one or several states to one or several; to ``()``, where the tokens end without a trace."""
        if isinstance(targets, Path):
            targets._chained()
        if isinstance(targets, Alternatives):
            raise WorkflowInvalid(
                "a path leads to all of its targets, not to any of them",
                remedy="write one flow for each target and let guards choose",
            )
        return cls((Bundle.of(sources),), Bundle(()) if targets == () else Bundle.of(targets))

    def _chained(self, *_: object) -> NoReturn:
        raise WorkflowInvalid(
            f"a path has two ends, and {self} goes on",
            remedy="write one flow for each step; put several states in parentheses: a >> (b, c)",
        )

    __rshift__ = __rrshift__ = __and__ = __or__ = _chained

    def __str__(self) -> str:
        left = " | ".join(_text(bundle) for bundle in self.sources)
        return f"{left} >> {_text(self.targets)}"


def _text(bundle: Bundle) -> str:
    parts = [f"{state.name} * {weight}" if weight > 1 else state.name for state, weight in bundle.parts]
    return parts[0] if len(parts) == 1 else f"({', '.join(parts)})"


@spelled
def states(*names: str | State, initial: str | None = None) -> tuple[State, ...]:
    """States of these names; a case starts in the first, or in the one named by ``initial``.

    Raises:
        WorkflowInvalid: No name is given, a name is wrong or given twice, or ``initial`` is none of them.
    """
    made = [name if isinstance(name, State) else State(name) for name in names]
    given = [state.name for state in made]
    if not made:
        raise WorkflowInvalid("states() needs at least one name")
    if twice := sorted({name for name in given if given.count(name) > 1}):
        raise WorkflowInvalid(f"states() has {', '.join(map(repr, twice))} twice")
    start = initial if initial is not None else given[0]
    if start not in given:
        raise WorkflowInvalid(f"initial={start!r} is none of the states {', '.join(given)}")
    return tuple(attrs.evolve(state, initial=state.name == start) for state in made)
