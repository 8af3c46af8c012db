"""A reduced net deadlocks just when the first one does, and is bounded just when it is."""

from __future__ import annotations

import pytest

from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.statespace import explore, reduced
from tests.net.statespace.oracle import brute_force, random_net, replay


def move(name: str, source: str, target: str, **others) -> NetTransition:
    return NetTransition(name, (Arc(source),), (Arc(target),), **others)


@pytest.mark.parametrize("block", range(4))
def test_random_nets_keep_their_deadlocks_and_their_bound(block):
    """And every way to a deadlock of the smaller net is one in the first net."""
    for seed in range(block * 300, (block + 1) * 300):
        net, initial = random_net(seed, plain=seed % 2 == 0)
        smaller = reduced(net, initial)
        space, oracle = explore(smaller.net, smaller.initial, limit=400), brute_force(net, initial)
        if oracle is None:
            assert not (space.complete and explore(net, initial, limit=400).unbounded)
            continue
        edges = oracle["edges"]
        assert space.complete
        assert bool(space.deadlocks) == any(not leaving for leaving in edges.values())
        for marking in space.deadlocks:
            end = replay(net, initial, smaller.original(space.path(marking).transitions))
            assert not edges[tuple(end.get(place, 0) for place in net.places)]
            assert all(end.get(place, 0) == marking.get(place, 0) for place in smaller.net.places)


def test_a_sequence_becomes_one_transition():
    """It still tells the steps that it stands for."""
    net = Net(tuple("abcd"), (move("x", "a", "b"), move("y", "b", "c"), move("z", "c", "d")))

    smaller = reduced(net, {"a": 1})

    assert ("a", "d") == smaller.net.places
    assert ("x", "y", "z") == smaller.original(t.name for t in smaller.net.transitions)


def test_what_is_kept_is_not_dropped():
    """A place that somebody asks for stays."""
    net = Net(tuple("abc"), (move("x", "a", "b"), move("y", "b", "c")))

    assert ("a", "b", "c") == reduced(net, {"a": 1}, keep="b").net.places


def test_of_what_is_the_same_one_is_kept():
    """Transitions that do the same, places that hold the same, and a place that never matters."""
    fork = NetTransition("fork", (Arc("a"), Arc("idle")), (Arc("b"), Arc("c"), Arc("idle")))
    joins = [NetTransition(name, (Arc("b"), Arc("c")), (Arc("a"),)) for name in ("join", "join again")]

    smaller = reduced(Net(("a", "b", "c", "idle"), (fork, *joins)), {"a": 1, "idle": 1}, keep="a")

    assert ("a",) == smaller.net.places
    assert ["fork+join"] == [transition.name for transition in smaller.net.transitions]


@pytest.mark.parametrize("others", [{"inhibitors": (Arc("b"),)}, {"reads": (Arc("b"),)}, {"resets": ("b",)}])
def test_what_is_looked_at_stays(others):
    """A place with an inhibitor, read or reset arc is left as it is."""
    net = Net(tuple("abc"), (move("x", "a", "b"), move("y", "b", "c"), move("z", "a", "c", **others)))

    assert net == reduced(net, {"a": 1}).net


def test_a_net_with_an_or_join_is_left_as_it_is():
    """It looks at the whole net."""
    net = Net(tuple("abc"), (move("x", "a", "b"), move("y", "b", "c", awaits=("a",))))

    assert net == reduced(net, {"a": 1}).net
