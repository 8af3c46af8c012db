"""Arrival: whether a token can still come to a place, compared with looking at every marking that follows."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.arrival import Arrivals

PLACES = tuple("abcdef")
arcs = st.lists(st.sampled_from(PLACES), max_size=2, unique=True).map(lambda names: tuple(map(Arc, names)))
some = st.lists(st.sampled_from(PLACES), min_size=1, max_size=2, unique=True).map(lambda names: tuple(map(Arc, names)))
few = st.lists(st.sampled_from(PLACES), max_size=1).map(tuple)


@st.composite
def nets(draw: st.DrawFn) -> Net:
    """Nets that never have more tokens than at the beginning, with arcs of every kind."""
    transitions = []
    for number in range(draw(st.integers(1, 6))):
        takes = draw(some)
        gives = draw(arcs)[: len(takes)]
        barred = tuple(map(Arc, draw(few)))
        transitions.append(NetTransition(f"t{number}", takes, gives, tuple(map(Arc, draw(few))), barred, draw(few)))
    return Net(PLACES, tuple(transitions))


def followers(net: Net, marking: dict[str, int]) -> list[dict[str, int]]:
    """Every marking that a marking leads to, itself included; written apart from what is tested."""
    found = [marking]
    for now in found:
        for each in net.transitions:
            ready = all(now[arc.place] >= 1 for arc in (*each.takes, *each.reads)) and not any(
                now[arc.place] for arc in each.inhibitors
            )
            if not ready:
                continue
            taken = {arc.place for arc in each.takes}
            after = {place: 0 if place in each.resets else now[place] - (place in taken) for place in PLACES}
            after = {place: after[place] + (Arc(place) in each.gives) for place in PLACES}
            if after not in found:
                found.append(after)
    return found


@settings(max_examples=400)
@given(net=nets(), marked=st.lists(st.sampled_from("abcde"), max_size=3))
def test_a_token_comes_where_some_marking_that_follows_has_one(net: Net, marked: list[str]) -> None:
    """The judgement is exact: a token can come to an empty place if and only if it does in some run."""
    counts = {place: marked.count(place) for place in PLACES}
    wanted = any(after["f"] for after in followers(net, counts))
    assert wanted == (Arrivals(net).coming(["f"], counts) is not None)


def net_of(*transitions: NetTransition) -> Net:
    return Net(tuple(dict.fromkeys(place for each in transitions for place in each.places)), transitions)


def way(
    name: str, takes: str, gives: str, *, awaits: str = "", join: str = "", **more: tuple[Arc, ...]
) -> NetTransition:
    return NetTransition(name, tuple(map(Arc, takes)), tuple(map(Arc, gives)), awaits=tuple(awaits), join=join, **more)


def joining(name: str, one: str, other: str, into: str) -> list[NetTransition]:
    """The three ways of an OR-join of two places."""
    return [
        way(f"{name}-both", one + other, into, join=name),
        way(f"{name}-{one}", one, into, awaits=other, join=name),
        way(f"{name}-{other}", other, into, awaits=one, join=name),
    ]


def expected(net: Net, name: str, marked: str) -> str | None:
    counts = {place: marked.count(place) for place in net.places}
    return Arrivals(net).expected(next(each for each in net.transitions if each.name == name), counts)


def test_a_join_waits_for_a_branch_that_is_under_way() -> None:
    """While a token can come to the other input the join waits, and when none can it goes on."""
    net = net_of(way("work", "x", "b"), *joining("j", "a", "b", "z"))
    assert "b" == expected(net, "j-a", "ax")
    assert expected(net, "j-a", "a") is None


def test_what_only_the_join_itself_would_bring_is_not_waited_for() -> None:
    """A loop that leads from a join back to it keeps it waiting for nothing."""
    net = net_of(way("again", "z", "b"), *joining("j", "a", "b", "z"))
    assert expected(net, "j-a", "a") is None
    assert "b" == expected(net, "j-a", "az")


def test_a_token_in_an_awaited_place_keeps_the_smaller_way_closed() -> None:
    """Of the ways of a join only the one that takes everything that is there is open."""
    net = net_of(*joining("j", "a", "b", "z"))
    assert ("b", None) == (expected(net, "j-a", "ab"), expected(net, "j-both", "ab"))


def test_joins_that_wait_only_for_each_other_go_on() -> None:
    """In a vicious circle each join would wait for what only another one of them passes on: both are open."""
    net = net_of(*joining("j", "a", "b", "y"), *joining("k", "c", "d", "z"), way("yd", "y", "d"), way("zb", "z", "b"))
    assert (None, None) == (expected(net, "j-a", "ac"), expected(net, "k-c", "ac"))
    assert "b" == expected(net, "j-a", "az")


def test_a_circle_still_waits_for_what_comes_from_outside() -> None:
    """As long as something else can come to one of them, the whole circle waits."""
    net = net_of(
        *joining("j", "a", "b", "y"),
        *joining("k", "c", "d", "z"),
        way("yd", "y", "d"),
        way("zb", "z", "b"),
        way("late", "x", "d"),
    )
    assert ("b", "d") == (expected(net, "j-a", "acx"), expected(net, "k-c", "acx"))


def test_what_is_withdrawn_does_not_come() -> None:
    """A transition that empties the place of another token brings no two of them."""
    both = way("both", "yz", "f")
    resets = NetTransition("first", (Arc("x"),), (Arc("y"),), resets=("z",))
    net = net_of(both, resets)
    assert Arrivals(net).coming(["f"], {"x": 1, "z": 1}) is None
    assert "f" == Arrivals(net_of(both, way("first", "x", "y"))).coming(["f"], {"x": 1, "z": 1})


def test_what_is_in_progress_brings_its_token_whatever_has_become_of_what_it_read() -> None:
    """A work that began while a token lay there to be read can still end, and only then, after that token is gone."""
    work = way("work", "x", "b", reads=(Arc("r"),))
    ends = {"work": (way("work/ends", "x", "b"),), "other": (way("other/ends", "x", "b"),)}
    net = net_of(work, *joining("j", "a", "b", "z"))
    one = next(each for each in net.transitions if each.name == "j-a")
    assert [None, "b", "b"] == [Arrivals(net, ends).expected(one, {"a": 1, "x": 1}, begun)
                                for begun in ((), ("work",), ("other", "unknown"))]  # fmt: skip


def test_where_too_much_could_happen_a_token_is_expected() -> None:
    """An answer that would take too long is: it could come. So no join goes on too early."""
    never = way("never", "q", "f", inhibitors=(Arc("p"),))
    net = net_of(NetTransition("grow", (Arc("p"),), (Arc("p", 2), Arc("q"))), never)
    assert "f" == Arrivals(net).coming(["f"], {"p": 1})


def chain(name: str, length: int) -> list[NetTransition]:
    """From the place ``name0`` to ``name<length>``."""
    return [NetTransition(f"{name}>{n}", (Arc(f"{name}{n}"),), (Arc(f"{name}{n + 1}"),)) for n in range(length)]


def test_a_large_net_is_judged_at_once() -> None:
    """In a net of several hundred transitions with a join at its end one judgement takes milliseconds."""
    one = NetTransition("one", (Arc("l200"),), (Arc("z"),), awaits=("r200",), join="j")
    net = net_of(*chain("l", 200), *chain("r", 200), one)
    began = time.perf_counter()
    assert "r200" == Arrivals(net).expected(one, {"l200": 1, "r0": 1})
    assert time.perf_counter() - began < 1


def test_a_hard_question_takes_no_longer_than_the_bound() -> None:
    """Where there are more markings to look at than anybody has time for, the answer comes soon: it could come."""
    pairs = list(zip("UVWXYZABCD", "uvwxyzabcd", strict=True))
    sides = [way(f"s-{side}", "s", side) for pair in pairs for side in pair]
    crossed = [way(f"{one}-{other}", one, other) for one, other in pairs]
    net = net_of(*sides, *crossed, way("all", "uvwxyzabcd", "f"))
    began = time.perf_counter()
    assert "f" == Arrivals(net).coming(["f"], {"s": 9})
    assert time.perf_counter() - began < 5
    assert "f" == Arrivals(net).coming(["f"], {"s": 10})
