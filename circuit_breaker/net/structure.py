"""The structure of a Petri net: places, and transitions joined to them by arcs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import attrs

from circuit_breaker.errors import DefinitionError, Fault, nearest

__all__ = ["Arc", "Net", "NetTransition"]


@attrs.frozen
class Arc:
    """An arc to or from ``place`` that moves ``weight`` tokens."""

    place: str
    weight: int = attrs.field(default=1, validator=attrs.validators.ge(1))


@attrs.frozen
class NetTransition:
    """A transition and all its arcs.

    Attributes:
        name: Unique in its net.
        takes: Input arcs: tokens that are consumed.
        gives: Output arcs: tokens that are produced.
        reads: Read arcs: tokens that must be there and stay.
        inhibitors: The place must hold *fewer* tokens than the weight.
        resets: Places that are emptied by firing.
        awaits: Places that must be empty, and to which no token can be on its way either. See
            :mod:`circuit_breaker.net.arrival`.
        join: What the ways of one join share, of which none is a way on which a token could come to it.
    """

    name: str
    takes: tuple[Arc, ...]
    gives: tuple[Arc, ...] = ()
    reads: tuple[Arc, ...] = ()
    inhibitors: tuple[Arc, ...] = ()
    resets: tuple[str, ...] = ()
    awaits: tuple[str, ...] = ()
    join: str = ""
    plain: str | None = attrs.field(init=False, default=None, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        only = len(self.takes) == 1 and self.takes[0].weight == 1
        if only and not (self.reads or self.inhibitors or self.awaits):
            object.__setattr__(self, "plain", self.takes[0].place)

    @property
    def group(self) -> str:
        """The join that it is a way of, or its own name."""
        return self.join or self.name

    @property
    def places(self) -> Iterable[str]:
        """Every place that an arc of this transition touches; some may come twice."""
        for arcs in (self.takes, self.gives, self.reads, self.inhibitors):
            yield from (arc.place for arc in arcs)
        yield from self.resets
        yield from self.awaits


@attrs.frozen
class Net:
    """A net: its places and transitions, in the order of definition.

    Attributes:
        places: The names of its places.
        transitions: Its transitions.
        expected: For a transition that awaits places, and the tokens of every place, which of them keeps it waiting;
            None where that is decided by this net alone.

    Raises:
        DefinitionError: A name is given twice, or an arc leads to a place that does not exist. All faults at once.
    """

    places: tuple[str, ...]
    transitions: tuple[NetTransition, ...]
    expected: Callable[[NetTransition, Mapping[str, int]], str | None] | None = attrs.field(
        default=None, eq=False, repr=False
    )
    index: dict[str, int] = attrs.field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        faults = [
            *self._repeated("place", self.places),
            *self._repeated("transition", [t.name for t in self.transitions]),
        ]
        known = frozenset(self.places)
        faults += [
            Fault(f"transition '{transition.name}'", f"no place '{place}'", nearest(place, self.places))
            for transition in self.transitions
            for place in dict.fromkeys(transition.places)
            if place not in known
        ]
        if faults:
            raise DefinitionError("The net is not valid", faults=faults)
        object.__setattr__(self, "index", {place: number for number, place in enumerate(self.places)})

    @staticmethod
    def _repeated(what: str, names: Iterable[str]) -> list[Fault]:
        seen: set[str] = set()
        twice = [name for name in names if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        return [Fault(f"{what} '{name}'", "is there twice", "give it another name") for name in dict.fromkeys(twice)]
