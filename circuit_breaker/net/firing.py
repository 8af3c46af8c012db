"""Enabled, bindings and firing: from one marking to the next, as in Jensen's coloured Petri nets.

A *binding* is the tuple of tokens that a transition would consume, in the order of its input arcs. Bindings are given
lazily and oldest tokens first, so that the first that a guard accepts is the one a queue would have served.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping
from typing import Any

from circuit_breaker.net.marking import Marking
from circuit_breaker.net.selection import Kind, together
from circuit_breaker.net.structure import NetTransition

__all__ = ["Binding", "bindings", "enabled", "fire", "missing"]

Binding = tuple[Any, ...]
Key = Callable[[Any], Hashable]


def missing(
    transition: NetTransition, marking: Marking, *, reserved: Collection[Any] = ()
) -> Iterator[tuple[str, str, int]]:
    """What keeps the transition from being enabled, as (kind of arc, place, tokens too few or too many).

    The kind is ``"takes"``, ``"reads"`` or ``"inhibitor"``. Reserved tokens cannot be consumed, but they still stand in
    their place for read and inhibitor arcs.
    """
    for arc in transition.takes:
        free = sum(token not in reserved for token in marking.at(arc.place)) if reserved else marking.count(arc.place)
        if free < arc.weight:
            yield ("takes", arc.place, arc.weight - free)
    for arc in transition.reads:
        if marking.count(arc.place) < arc.weight:
            yield ("reads", arc.place, arc.weight - marking.count(arc.place))
    for arc in transition.inhibitors:
        if marking.count(arc.place) >= arc.weight:
            yield ("inhibitor", arc.place, marking.count(arc.place) - arc.weight + 1)


def enabled(
    transition: NetTransition, marking: Marking, *, reserved: Collection[Any] = (), key: Key | None = None
) -> bool:
    """Whether some binding exists."""
    return next(bindings(transition, marking, reserved=reserved, key=key), None) is not None


def bindings(
    transition: NetTransition,
    marking: Marking,
    *,
    reserved: Collection[Any] = (),
    key: Key | None = None,
    kind: Kind | None = None,
) -> Iterator[Binding]:
    """Every choice of tokens that the transition could consume, oldest first; each is looked for when it is asked for.

    Args:
        transition: The transition.
        marking: Where the tokens are.
        reserved: Tokens that something else is about to consume.
        key: Tokens consumed together must agree on this key (the unification of a coloured net): for example the case,
            or an order number.
        kind: What a token is like. Tokens of one kind are interchangeable where several are taken, so that only the
            oldest of them are bound.
    """
    plain = transition.plain
    if plain is not None and not reserved:
        for token in marking.at(plain):
            yield (token,)
        return
    if next(missing(transition, marking, reserved=reserved), None) is not None:
        return
    held = [[token for token in marking.at(arc.place) if token not in reserved] for arc in transition.takes]
    for group in _agreeing(held, key) if key is not None else [held]:
        weights = [arc.weight for arc in transition.takes]
        yield from together(list(zip(group, weights, strict=True)), kind)


def _agreeing(held: list[list[Any]], key: Key) -> Iterator[list[list[Any]]]:
    groups: list[dict[Hashable, list[Any]]] = []
    for tokens in held:
        by_key: dict[Hashable, list[Any]] = {}
        for token in tokens:
            by_key.setdefault(key(token), []).append(token)
        groups.append(by_key)
    for shared in groups[0] if groups else ():
        if all(shared in by_key for by_key in groups):
            yield [by_key[shared] for by_key in groups]


def fire(
    transition: NetTransition, marking: Marking, *, binding: Binding, produced: Mapping[str, Iterable[Any]]
) -> Marking:
    """The marking after the transition consumed ``binding``, emptied its reset places and put ``produced`` in place.

    Args:
        transition: The transition.
        marking: The marking in which it is enabled.
        binding: One of :func:`bindings`.
        produced: The new tokens of each output place; as many as the weight of the arc.

    Raises:
        ValueError: A bound token is not there, or the produced tokens do not fit the output arcs.
    """
    wanted = {arc.place: arc.weight for arc in transition.gives}
    given = {place: tuple(tokens) for place, tokens in produced.items()}
    if {place: len(tokens) for place, tokens in given.items() if tokens} != wanted:
        raise ValueError(
            f"transition '{transition.name}' produces {wanted}, not { {p: len(t) for p, t in given.items()} }"
        )
    places = (arc.place for arc in transition.takes for _ in range(arc.weight))
    taken = list(zip(places, binding, strict=True))
    after = marking.change(taken, ())
    cleared = [(place, token) for place in transition.resets for token in after.at(place)]
    return after.change(cleared, [(place, token) for place, tokens in given.items() for token in tokens])
