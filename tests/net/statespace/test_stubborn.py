"""Stubborn sets find every deadlock, and no other marking."""

from __future__ import annotations

import pytest

from circuit_breaker.errors import DefinitionError
from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.statespace import find_deadlocks
from tests.net.statespace.oracle import brute_force, philosophers, random_net, replay


@pytest.mark.parametrize("block", range(4))
def test_every_deadlock_is_found_and_its_path_leads_there(block):
    """With every kind of arc, and with fewer markings than there are."""
    visited = total = 0
    for seed in range(block * 300, (block + 1) * 300):
        net, initial = random_net(seed)
        if (oracle := brute_force(net, initial)) is None:
            continue
        found = find_deadlocks(net, initial)
        visited, total = visited + found.visited, total + len(oracle["edges"])
        expected = {marking for marking, leaving in oracle["edges"].items() if not leaving}
        assert found.complete
        assert expected == {tuple(marking.get(place, 0) for place in net.places) for marking in found.markings}
        for marking, path in zip(found.markings, found.paths, strict=True):
            assert marking == replay(net, initial, path)
    assert visited < total


def test_independent_branches_are_not_interleaved():
    """Twenty branches of three steps have 4^20 markings; one order of them is enough."""
    steps = [(f"{branch}.{n}", f"{branch}.{n + 1}") for branch in range(20) for n in range(3)]
    places = tuple(dict.fromkeys(place for step in steps for place in step))
    transitions = tuple(NetTransition(f"{a}>{b}", (Arc(a),), (Arc(b),)) for a, b in steps)

    found = find_deadlocks(Net(places, transitions), {f"{branch}.0": 1 for branch in range(20)})

    assert ({f"{branch}.3": 1 for branch in range(20)},) == found.markings
    assert 61 == found.visited


def test_the_first_deadlock_may_be_enough():
    """The search ends with it, and says that these are not all."""
    net, initial = philosophers(6)

    assert 2 == len(find_deadlocks(net, initial).markings)
    first = find_deadlocks(net, initial, most=1)
    assert (1, False) == (len(first.markings), first.complete)


def test_limits_are_kept():
    """Of markings and of time."""
    net, initial = philosophers(6)

    assert not find_deadlocks(net, initial, limit=3).complete
    assert not find_deadlocks(net, initial, enough=lambda found: found > 3).complete


def test_or_joins_are_refused():
    """They depend on everything."""
    net = Net(("a", "b"), (NetTransition("join", (Arc("a"),), awaits=("b",)),))

    with pytest.raises(DefinitionError, match="OR-joins, such as 'join'"):
        find_deadlocks(net, {})
