"""The net: structure, markings, bindings and firing, as pure values."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DefinitionError
from circuit_breaker.net import Arc, Marking, Net, NetTransition, bindings, enabled, fire, missing


def move(name: str = "t", **arcs: object) -> NetTransition:
    given_arcs: dict[str, object] = {"takes": (Arc("a"),), "gives": (Arc("b"),), **arcs}
    return NetTransition(name, **given_arcs)  # type: ignore[arg-type]


def test_firing_moves_the_oldest_token() -> None:
    """The first binding takes the token that came first, and firing leaves the marking it was given unchanged."""
    before = Marking({"a": ("old", "new")})
    binding = next(bindings(move(), before))
    after = fire(move(), before, binding=binding, produced={"b": ("old",)})
    assert ("old",) == binding
    assert Marking({"a": ("new",), "b": ("old",)}) == after
    assert Marking({"a": ("old", "new")}) == before


def test_a_join_needs_a_token_in_every_place() -> None:
    """A transition with two input places is enabled only when both hold a token."""
    join = move(takes=(Arc("a"), Arc("b")), gives=(Arc("c"),))
    assert not enabled(join, Marking({"a": (1,)}))
    assert [(1, 2)] == list(bindings(join, Marking({"a": (1,), "b": (2,)})))


def test_a_weight_takes_that_many_tokens() -> None:
    """An arc of weight 2 binds every pair, the oldest first, and fewer tokens do not enable it."""
    pair = move(takes=(Arc("a", 2),))
    assert [(1, 2), (1, 3), (2, 3)] == list(bindings(pair, Marking({"a": (1, 2, 3)})))
    assert [("takes", "a", 1)] == list(missing(pair, Marking({"a": (1,)})))


def test_a_read_arc_needs_a_token_and_leaves_it() -> None:
    """Reading neither works on an empty place nor takes the token away."""
    reading = move(reads=(Arc("r"),))
    marked = Marking({"a": (1,), "r": (9,)})
    assert not enabled(reading, Marking({"a": (1,)}))
    assert (9,) == fire(reading, marked, binding=(1,), produced={"b": (1,)}).at("r")


def test_an_inhibitor_arc_forbids_a_token() -> None:
    """While the inhibiting place holds its weight or more, the transition is not enabled."""
    guarded = move(inhibitors=(Arc("i", 2),))
    assert enabled(guarded, Marking({"a": (1,), "i": (7,)}))
    assert [("inhibitor", "i", 1)] == list(missing(guarded, Marking({"a": (1,), "i": (7, 8)})))


def test_a_reset_arc_empties_its_place() -> None:
    """Firing withdraws every token of a reset place, but not the ones it puts there itself."""
    clearing = move(gives=(Arc("b"),), resets=("r", "b"))
    after = fire(clearing, Marking({"a": (1,), "r": (2, 3), "b": (4,)}), binding=(1,), produced={"b": (1,)})
    assert Marking({"b": (1,)}) == after


def test_reserved_tokens_are_not_bound_but_still_stand() -> None:
    """A token that an action holds cannot be taken, yet read and inhibitor arcs see it."""
    assert [(2,)] == list(bindings(move(), Marking({"a": (1, 2)}), reserved={1}))
    assert [("takes", "a", 1)] == list(missing(move(), Marking({"a": (1,)}), reserved={1}))
    assert enabled(move(reads=(Arc("r"),)), Marking({"a": (2,), "r": (1,)}), reserved={1})


def test_tokens_are_unified_by_key() -> None:
    """Tokens that are consumed together agree on the key: here the case and the order that they belong to."""
    join = move(takes=(Arc("a"), Arc("b")), gives=(Arc("c"),))
    marking = Marking({"a": (("case1", 1), ("case2", 2)), "b": (("case2", 2), ("case1", 1), ("case3", 3))})
    found = list(bindings(join, marking, key=lambda token: token))
    assert [(("case1", 1), ("case1", 1)), (("case2", 2), ("case2", 2))] == found


def test_producing_what_the_arcs_do_not_say_is_refused() -> None:
    """Tokens that do not fit the output arcs, and a binding that is not there, are errors."""
    with pytest.raises(ValueError, match="produces"):
        fire(move(), Marking({"a": (1,)}), binding=(1,), produced={"c": (1,)})
    with pytest.raises(ValueError, match="not in tuple"):
        fire(move(), Marking({"a": (1,)}), binding=(2,), produced={"b": (2,)})


def test_every_fault_of_a_net_is_reported() -> None:
    """Repeated names and arcs to nowhere are found together, with the nearest name."""
    with pytest.raises(DefinitionError) as caught:
        Net(
            ("draft", "done", "done"),
            (move("t", takes=(Arc("darft"),), gives=(Arc("done"),)), move("t", takes=(), gives=())),
        )
    assert ["place 'done'", "transition 't'", "transition 't'"] == [fault.place for fault in caught.value.faults]
    assert "did you mean 'draft'?" == caught.value.faults[2].remedy


def test_a_weight_is_at_least_one() -> None:
    """An arc of weight zero is refused."""
    with pytest.raises(ValueError, match="weight"):
        Arc("a", 0)


def test_a_marking_knows_its_counts_and_its_only_place() -> None:
    """Counts come in the order of the net, and the only place is named when there is just one token."""
    net = Net(("a", "b", "c"), (move(),))
    assert (2, 0, 1) == Marking({"a": (1, 2), "c": (3,)}).counts(net)
    assert "a" == Marking({"a": (1,)}).only
    assert Marking({"a": (1, 2)}).only is None
    assert Marking().only is None
    assert 3 == len(Marking({"a": (1, 2), "c": (3,)}))


def test_markings_compare_and_hash_by_what_they_hold() -> None:
    """Empty places do not count, the order of places does not matter, and other things are never equal."""
    one, other = Marking({"a": (1,), "b": (2,), "c": ()}), Marking({"b": (2,), "a": (1,)})
    assert one == other
    assert hash(one) == hash(other)
    assert one != {"a": (1,), "b": (2,)}
    assert "Marking({'a': (1,)})" == repr(Marking({"a": (1,)}))
    assert {1: 0, 2: 1} == {token: index for index, token in enumerate(one)}


def test_a_token_in_the_middle_is_taken_out() -> None:
    """Taking a token that is neither first nor alone keeps the order of the others."""
    assert (1, 3) == Marking({"a": (1, 2, 3)}).change([("a", 2)], []).at("a")


places = st.sampled_from("abcd")
arcs = st.dictionaries(places, st.integers(1, 2), max_size=3).map(lambda d: tuple(Arc(p, w) for p, w in d.items()))
transitions = st.builds(
    NetTransition, st.just("t"), arcs, arcs, arcs, arcs, st.lists(places, unique=True, max_size=2).map(tuple)
)
markings = st.dictionaries(places, st.integers(0, 4), max_size=4)


def naive_enabled(transition: NetTransition, counts: Counter[str]) -> bool:
    """The textbook's definition, on numbers of tokens."""
    return all(counts[arc.place] >= arc.weight for arc in (*transition.takes, *transition.reads)) and all(
        counts[arc.place] < arc.weight for arc in transition.inhibitors
    )


def naive_fire(transition: NetTransition, counts: Counter[str]) -> Counter[str]:
    after = Counter(counts)
    after.subtract({arc.place: arc.weight for arc in transition.takes})
    for place in transition.resets:
        after[place] = 0
    after.update({arc.place: arc.weight for arc in transition.gives})
    return +after


@given(transitions, markings)
def test_firing_agrees_with_the_definition(transition: NetTransition, held: dict[str, int]) -> None:
    """Enabledness and the marking after firing are those of the textbook's definition on counts."""
    marking = Marking({place: tuple(f"{place}{i}" for i in range(n)) for place, n in held.items()})
    counts = Counter(held)
    assert naive_enabled(transition, counts) == enabled(transition, marking)
    binding = next(bindings(transition, marking), None)
    if binding is not None:
        produced = {arc.place: [f"new{i}" for i in range(arc.weight)] for arc in transition.gives}
        after = fire(transition, marking, binding=binding, produced=produced)
        assert naive_fire(transition, counts) == Counter({p: after.count(p) for p in "abcd" if after.count(p)})


@given(transitions, markings)
def test_what_is_missing_explains_exactly_what_is_not_enabled(transition: NetTransition, held: dict[str, int]) -> None:
    """A transition is enabled if and only if nothing is missing."""
    marking = Marking({place: tuple(f"{place}{i}" for i in range(n)) for place, n in held.items()})
    assert enabled(transition, marking) == (not list(missing(transition, marking)))


kinds = st.lists(st.sampled_from("xyz"), max_size=8).map(lambda names: tuple(enumerate(names)))


def kind_of(token: tuple[int, str]) -> str:
    return token[1]


def without_mirrors(tokens: tuple[tuple[int, str], ...], count: int) -> list[tuple[tuple[int, str], ...]]:
    """Every combination that leaves out no token for a younger one of its kind: the plain definition."""
    return [
        chosen
        for chosen in combinations(tokens, count)
        if not any(old not in chosen for new in chosen for old in tokens if old[1] == new[1] and old < new)
    ]


@given(kinds, st.integers(1, 5))
def test_of_interchangeable_tokens_only_the_oldest_are_bound(tokens: tuple[tuple[int, str], ...], weight: int) -> None:
    """Each way to take so many of each kind is found once, the oldest first."""
    found = list(bindings(NetTransition("t", (Arc("a", weight),)), Marking({"a": tokens}), kind=kind_of))

    assert (without_mirrors(tokens, weight) if weight > 1 else [(token,) for token in tokens]) == found


@given(kinds, kinds, st.integers(1, 3), st.integers(1, 3))
def test_bindings_of_several_places_are_all_that_each_place_offers(
    left: tuple[tuple[int, str], ...], right: tuple[tuple[int, str], ...], one: int, other: int
) -> None:
    """Every selection of the first place is bound with every selection of the second, in that order."""
    join = NetTransition("t", (Arc("a", one), Arc("b", other)))
    expected = [(*first, *second) for first in without_mirrors(left, one) for second in without_mirrors(right, other)]

    assert expected == list(bindings(join, Marking({"a": left, "b": right}), kind=kind_of))


def test_the_first_binding_is_found_at_once_however_many_there_are() -> None:
    """Nothing is enumerated beforehand, and what tokens are like is not asked for the first."""
    many = NetTransition("t", (Arc("a", 40), Arc("b", 40)))
    marking = Marking({"a": tuple(range(80)), "b": tuple(range(80))})

    assert (*range(40), *range(40)) == next(bindings(many, marking, kind=lambda _: pytest.fail("asked too early")))


def test_a_thousand_equal_tokens_are_bound_in_one_way() -> None:
    """A search among tokens of one kind ends after the first."""
    half = NetTransition("t", (Arc("a", 500),))

    assert [tuple(range(500))] == list(bindings(half, Marking({"a": tuple(range(1000))}), kind=lambda _: "same"))
