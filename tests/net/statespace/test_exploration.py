"""State spaces agree with an exploration as plain as can be, and with what is known of famous nets."""

from __future__ import annotations

from importlib import import_module

import pytest

from circuit_breaker.errors import DefinitionError
from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.statespace import StateSpace, Where, exploration, explore
from tests.net.statespace.oracle import brute_force, philosophers, random_net, reachable

FORMS = ("plain", "arrays")


@pytest.fixture(params=FORMS)
def in_arrays(request, monkeypatch):
    """Whether even the smallest layers are arrays."""
    if request.param == "arrays":
        pytest.importorskip("numpy")
        arrays = import_module("circuit_breaker.net.statespace.arrays")
        monkeypatch.setattr(exploration, "WIDE", 2)
        monkeypatch.setattr(arrays, "THIN", 2)
        monkeypatch.setattr(arrays, "HELD", 5)
    return request.param == "arrays"


def move(name: str, source: str, target: str, **others) -> NetTransition:
    return NetTransition(name, (Arc(source),), (Arc(target),), **others)


def counts(net: Net, marking: dict[str, int]) -> tuple[int, ...]:
    return tuple(marking.get(place, 0) for place in net.places)


def agrees(net: Net, space: StateSpace, oracle: dict) -> None:
    """Fails where a count, a deadlock, a bound or a dead transition is not what the oracle found."""
    depth, edges = oracle["depth"], oracle["edges"]
    assert space.complete
    assert len(depth) == space.markings
    assert sum(map(len, edges.values())) == space.edges
    assert sorted(marking for marking in edges if not edges[marking]) == sorted(
        counts(net, marking) for marking in space.deadlocks
    )
    assert [max(column) for column in zip(*depth, strict=True)] == list(space.bounds.values())
    fired = {name for leaving in edges.values() for name, _ in leaving}
    assert [t.name for t in net.transitions if t.name not in fired] == list(space.dead_transitions)


@pytest.mark.parametrize("block", range(10))
def test_random_nets_agree_with_the_oracle(block, in_arrays):
    """Of 12,000 nets with every kind of arc each has the markings, edges, deadlocks, bounds and dead transitions that
    brute force finds; and where there is no end to them, that is never called an answer.
    """
    for seed in range(block * 600 + 6000 * in_arrays, (block + 1) * 600 + 6000 * in_arrays):
        net, initial = random_net(seed)
        oracle, space = brute_force(net, initial), explore(net, initial, limit=400, arrays=in_arrays)
        if oracle is not None:
            agrees(net, space, oracle)
        else:
            assert space.unbounded or not space.complete or space.markings > 120


def test_the_way_to_every_marking_is_a_shortest_one(in_arrays):
    """Each step of the way is an edge, and there are as many as the distance of the marking."""
    for seed in range(250):
        net, initial = random_net(seed)
        if (oracle := brute_force(net, initial, 60)) is None:
            continue
        space = explore(net, initial, arrays=in_arrays)
        for marking, depth in oracle["depth"].items():
            path = space.path(dict(zip(net.places, marking, strict=True)))
            reached = [counts(net, found) for found in path.markings]
            assert depth == len(path)
            assert marking == reached[-1]
            for name, before, after in zip(path.transitions, reached, reached[1:], strict=False):
                assert (name, after) in oracle["edges"][before]


def test_home_states_liveness_and_doom_agree_with_the_oracle(in_arrays):
    """What can be reached from everywhere, what can always fire again, and from where no deadlock is reached."""
    for seed in range(250):
        net, initial = random_net(seed)
        if (oracle := brute_force(net, initial, 40)) is None:
            continue
        space, edges = explore(net, initial, arrays=in_arrays), oracle["edges"]
        from_each = {marking: reachable(edges, marking) for marking in edges}
        home = set.intersection(*from_each.values())
        live = [
            t.name
            for t in net.transitions
            if all(any(name == t.name for m in found for name, _ in edges[m]) for found in from_each.values())
        ]
        ends = {marking for marking in edges if not edges[marking]}
        assert home == {counts(net, marking) for marking in space.home_states}
        assert live == list(space.live_transitions)
        assert {marking for marking, found in from_each.items() if not found & ends} == {
            counts(net, marking) for marking in space.doomed(Where(stuck=True))
        }


@pytest.mark.parametrize("seats", [2, 3, 5, 8, 10])
def test_philosophers_are_as_many_as_the_formula_says(seats):
    """Philosophers who take either fork first have 3^n markings and 7n·3^(n-2) edges, and starve in two ways."""
    net, initial = philosophers(seats)

    space = explore(net, initial)

    assert (3**seats, 7 * seats * 3 ** (seats - 2), 2) == (space.markings, space.edges, space.deadlock_count)
    assert space.safe
    assert seats == len(space.path(space.deadlocks[0]))
    assert () == space.home_states


def test_many_tokens_of_one_place_are_counted(in_arrays):
    """100 tokens on a ring of three places lie there in 102·101/2 ways, all of them home states."""
    net = Net(("a", "b", "c"), (move("x", "a", "b"), move("y", "b", "c"), move("z", "c", "a")))

    space = explore(net, {"a": 100}, arrays=in_arrays)

    assert 102 * 101 // 2 == space.markings == len(space.home_states)
    assert {"a": 100, "b": 100, "c": 100} == space.bounds
    assert ("x", "y", "z") == space.live_transitions


def test_a_field_that_is_too_narrow_is_widened():
    """Tokens that gather in a place are counted, however many come."""
    net = Net(("a", "b"), (NetTransition("t", (Arc("a"),), (Arc("b", 3),)),))

    space = explore(net, {"a": 1000})

    assert {"a": 1000, "b": 3000} == space.bounds
    assert 1001 == space.markings


def test_an_or_join_waits_for_what_is_on_its_way():
    """A join that awaits a branch fires only when nothing can come from there any more."""
    join = NetTransition("join", (Arc("b"),), (Arc("end"),), awaits=("c",), join="j")
    both = NetTransition("both", (Arc("b"), Arc("c")), (Arc("end"),), join="j")
    net = Net(("b", "c", "slow", "end"), (join, both, move("arrive", "slow", "c"), move("give up", "slow", "end")))

    late, alone = explore(net, {"b": 1, "slow": 1}), explore(net, {"b": 1})

    assert ("arrive", "both") == late.path({"end": 1}).transitions
    assert {"end": 2} in late
    assert {"end": 1, "slow": 1} not in late
    assert ("join",) == alone.path({"end": 1}).transitions


def test_a_limit_is_said_and_is_no_answer():
    """Beyond the limit nothing is decided, and what was found is less than the limit."""
    net, initial = philosophers(6)

    space = explore(net, initial, limit=100)

    assert not space.complete
    assert not space.decided
    assert "not decided within 100 markings" == space.not_decided
    assert space.markings <= 100


def test_time_is_the_callers():
    """The exploration stops as soon as the caller has had enough."""
    net, initial = philosophers(6)

    space = explore(net, initial, enough=lambda found: found > 50)

    assert space.not_decided.startswith("not decided within the time given, after ")
    assert space.markings < 729
    assert not space.decided


def test_what_is_looked_for_ends_the_exploration():
    """The first layer with such a marking is the last that is explored."""
    net, initial = philosophers(8)

    space = explore(net, initial, until=Where(at_least={"eat0": 1}))

    assert space.found
    assert not space.complete
    assert "what was looked for was found" in space.not_decided
    assert 2 == len(space.path(next(space.find(Where(at_least={"eat0": 1})))))


@pytest.mark.parametrize(("stuck", "distance"), [(True, 3), (False, 0), (None, 0)])
def test_being_stuck_can_be_looked_for(stuck, distance):
    """A condition may ask for markings in which nothing, or something, is enabled."""
    net, initial = philosophers(3)

    space = explore(net, initial, until=Where(at_most={"eat0": 0}, stuck=stuck))

    assert space.found
    assert distance == len(space.path(next(space.find(Where(at_most={"eat0": 0}, stuck=stuck)))))


def test_a_marking_is_found_by_what_it_holds():
    """Exactly one marking holds just these tokens, and one that cannot be is not there."""
    net, initial = philosophers(3)
    space = explore(net, initial)

    assert [initial] == list(space.find(Where.exactly(initial, net.places)))
    assert initial in space
    assert {"eat0": 5} not in space
    assert space.markings == len(list(space.states()))
    with pytest.raises(LookupError, match="not reached"):
        space.path({"eat0": 1})
    with pytest.raises(LookupError, match="no place 'eta0'; did you mean 'eat0'"):
        space.path({"eta0": 1})


def test_an_initial_marking_that_does_not_fit_is_refused_with_all_its_faults():
    """An unknown place and a negative number are told together."""
    net, _ = philosophers(2)

    with pytest.raises(DefinitionError) as caught:
        explore(net, {"tink0": 1, "eat0": -1})

    assert ["place 'tink0'", "place 'eat0'"] == [fault.place for fault in caught.value.faults]
    assert "did you mean 'think0'?" == caught.value.faults[0].remedy


def test_a_net_wider_than_a_word_is_explored_all_the_same():
    """Markings of more than 64 bits are integers too."""
    net, initial = philosophers(4)
    idle = tuple(f"idle{number}" for number in range(60))

    space = explore(Net((*idle, *net.places), net.transitions), initial | dict.fromkeys(idle, 1))

    assert 81 == space.markings


def test_a_net_that_is_too_large_is_not_begun():
    """It is said how large it is, before the memory is full."""
    places = tuple(f"p{number}" for number in range(25_000))
    net = Net(places, tuple(move(f"t{place}", place, places[0]) for place in places))

    space = explore(net, {"p1": 1})

    assert "not decided: a net of 25,000 places and 25,000 transitions is too large to explore" == space.not_decided
    assert (1, 0) == (space.markings, space.edges)
    assert not space.decided


def test_what_is_looked_for_is_found_in_an_unbounded_net_too():
    """That a net fills a place without end does not keep a marking from being found that it reaches."""
    net = Net(("a", "p"), (NetTransition("t", takes=(Arc("a"),), gives=(Arc("a"), Arc("p"))),))
    space = explore(net, {"a": 1}, until=Where(at_least={"p": 5}))
    assert space.found
    assert 5 == len(space.path(next(space.find(Where(at_least={"p": 5})))))
    assert not explore(net, {"a": 1}, until=Where(at_least={"a": 2}), limit=100).found


def test_a_place_that_fills_for_long_costs_no_more_than_its_markings():
    """A long chain of markings is explored in time that grows with its length, although fields get too narrow."""
    net = Net(("p", "q"), (NetTransition("t", takes=(Arc("p"),), gives=(Arc("q"),)),))
    space = explore(net, {"p": 10**9}, limit=5_000)
    assert "not decided within 5,000 markings" == space.not_decided
    assert 20_001 == explore(net, {"p": 20_000}).markings
