"""Nets without a bound are found, with the steps that fill them."""

from __future__ import annotations

import pytest

from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.statespace import coverability, explore
from circuit_breaker.net.statespace.moves import Moves
from tests.net.statespace.oracle import brute_force, random_net, replay

PRODUCER = Net(
    ("idle", "made", "done"),
    (
        NetTransition("make", (Arc("idle"),), (Arc("idle"), Arc("made"))),
        NetTransition("use", (Arc("made"),), (Arc("done"),)),
        NetTransition("never", (Arc("idle", 2),), ()),
    ),
)


def test_a_producer_has_no_bound():
    """The places that fill, the steps that fill them, the other bounds and what never fires are all told."""
    space = explore(PRODUCER, {"idle": 1})

    assert ("made", "done") == space.unbounded
    assert {"idle": 1, "made": None, "done": None} == space.bounds
    assert ("never",) == space.dead_transitions
    assert (("make",), ("made",)) == (space.pumping.cycle, space.pumping.grows)
    assert space.decided
    assert not space.complete
    assert "" == space.not_decided


@pytest.mark.parametrize("block", range(5))
def test_every_witness_can_be_repeated(block):
    """The steps of the witness fire again and again, and its places hold more each time; a net that brute force
    exhausts is never called unbounded.
    """
    for seed in range(block * 300, (block + 1) * 300):
        net, initial = random_net(seed)
        space = explore(net, initial, limit=300)
        if space.pumping is None:
            continue
        assert brute_force(net, initial) is None
        rounds = [replay(net, initial, space.pumping.prefix + space.pumping.cycle * n) for n in range(4)]
        for place in space.pumping.grows:
            held = [marking.get(place, 0) for marking in rounds]
            assert sorted(set(held)) == held


@pytest.mark.parametrize("block", range(4))
def test_boundedness_of_plain_nets_is_decided(block):
    """Without inhibitor and reset arcs the coverability graph knows exactly the finite nets, their bounds and what
    can fire.
    """
    for seed in range(block * 300, (block + 1) * 300):
        net, initial = random_net(seed, plain=True)
        oracle, cover = brute_force(net, initial), coverability(Moves.of(net, initial), limit=600)
        if oracle is None:
            assert cover.unbounded or not cover.complete or cover.nodes > 120
            continue
        assert (cover.complete, (), None) == (True, cover.unbounded, cover.pumping)
        assert [max(column) for column in zip(*oracle["depth"], strict=True)] == list(cover.bounds.values())
        assert {name for leaving in oracle["edges"].values() for name, _ in leaving} == cover.fireable


def test_coverability_with_inhibitors_is_refused():
    """What it cannot decide it does not pretend to."""
    guarded = NetTransition("t", (), (Arc("a"),), inhibitors=(Arc("a", 3),))

    with pytest.raises(ValueError, match="inhibitor or reset arcs"):
        coverability(Moves.of(Net(("a",), (guarded,)), {}))


def test_an_inhibitor_can_bound_what_would_grow():
    """A source that stops at three tokens is bounded, though its net without the inhibitor is not."""
    guarded = NetTransition("t", (), (Arc("a"),), inhibitors=(Arc("a", 3),))

    space = explore(Net(("a",), (guarded,)), {})

    assert ({"a": 3}, 4) == (space.bounds, space.markings)


def test_a_reset_can_bound_what_would_grow():
    """Places that are emptied each time round are not pumped; one that is not is."""
    clearing = NetTransition("t", (Arc("a"),), (Arc("a"), Arc("b")), resets=("b",))
    filling = NetTransition("t", (Arc("a"),), (Arc("a"), Arc("b"), Arc("c")), resets=("b",))

    assert {"a": 1, "b": 1} == explore(Net(("a", "b"), (clearing,)), {"a": 1}).bounds
    assert ("c",) == explore(Net(("a", "b", "c"), (filling,)), {"a": 1}).unbounded


def test_a_coverability_graph_has_limits_too():
    """Beyond the limit it is not complete."""
    moves = Moves.of(PRODUCER, {"idle": 1})

    assert not coverability(moves, limit=1).complete
    assert not coverability(moves, enough=lambda _: True).complete


def test_what_only_the_coverability_graph_shows_is_found_beyond_the_limit():
    """Where the limit comes before a way that can be pumped, the graph decides all the same."""
    space = explore(PRODUCER, {"idle": 1, "made": 200, "done": 200}, limit=100)

    assert "limit" == space.exploration.ending
    assert ("made", "done") == space.unbounded
    assert "" == space.not_decided
