"""The command ``statespace``."""

from __future__ import annotations

import pytest

from benchmarks.statespace import philosophers
from circuit_breaker.net import Arc, Net, NetTransition
from circuit_breaker.net.pnml import PetriNet, to_pnml


@pytest.fixture
def table(here):
    """A file with three philosophers."""
    net = philosophers(3)
    initial = {place: 1 for place in net.places if place.startswith(("think", "fork"))}
    (here / "table.pnml").write_text(to_pnml(PetriNet(net, initial, name="table")))
    return "table.pnml"


@pytest.fixture
def endless(here):
    """A file with a net that has no bound."""
    net = Net(("idle", "made"), (NetTransition("make", (Arc("idle"),), (Arc("idle"), Arc("made"))),))
    (here / "endless.pnml").write_text(to_pnml(PetriNet(net, {"idle": 1})))
    return "endless.pnml"


def test_a_net_is_counted(cb, table):
    """Programs read markings, edges, deadlocks, bounds, dead transitions and what is unbounded, all exact."""
    found = cb("statespace", table, "--json").document

    assert (27, 63, 2) == (found["markings"], found["edges"], found["deadlocks"])
    assert {1} == set(found["bounds"].values())
    assert ([], [], True) == (found["dead_transitions"], found["unbounded"], found["decided"])
    assert ["take_left2", "take_left1", "take_left0"] == found["deadlock_markings"][0]["path"]


def test_people_read_the_same(cb, table):
    """Sizes, deadlocks and the way to them."""
    shown = cb("statespace", table, "--show", 1).out

    assert "table: 15 places, 15 transitions" in shown
    assert "27 markings, 63 edges, at most 1 token in a place" in shown
    assert "2 deadlocks\n    left0, left1, left2: take_left2 → take_left1 → take_left0\n" in shown


def test_a_net_without_a_bound_is_decided(cb, endless):
    """There is no number of markings, but the places and the steps that fill them."""
    found = cb("statespace", endless, "--json").document

    assert (None, None, ["made"], True) == (
        found["markings"], found["deadlocks"], found["unbounded"], found["decided"],
    )  # fmt: skip
    assert {"first": [], "repeat": ["make"], "grows": ["made"]} == found["pumping"]
    assert {"idle": 1, "made": None} == found["bounds"]
    assert "unbounded: made\n    again and again: make" in cb("statespace", endless).out


@pytest.mark.parametrize(("option", "why"), [("--limit", "within 1 markings"), ("--time", "within the time given")])
def test_what_is_not_decided_says_so(cb, table, option, why):
    """The code is 2, the answers are null, and what is known so far is told apart from them."""
    found = cb("statespace", table, option, 1 if option == "--limit" else 0, "--json", code=2).document

    assert why in found["not_decided"]
    assert [None] * 6 == [
        found[key] for key in ("markings", "edges", "deadlocks", "bounds", "dead_transitions", "unbounded")
    ]
    assert 1 <= found["found"]["markings"] < 27
    assert why in cb("statespace", table, option, 1 if option == "--limit" else 0, code=2).out


def test_a_transition_that_never_fires_is_named(cb, here):
    """Also for people."""
    net = Net(("a",), (NetTransition("never", (Arc("a"),)),))
    (here / "dead.pnml").write_text(to_pnml(PetriNet(net)))

    assert "never fire: never" in cb("statespace", "dead.pnml").out


@pytest.mark.parametrize("text", ["", "<pnml/>", "<!DOCTYPE x><pnml/>", '<pnml><net id="a"><place/></net></pnml>'])
def test_a_file_that_is_wrong_is_refused(cb, here, text):
    """The code is 3, and the error has the place."""
    (here / "wrong.pnml").write_text(text)

    error = cb("statespace", "wrong.pnml", "--json", code=3).error

    assert "invalid_document" == error["code"]
    assert error["faults"][0]["line"]


def test_a_file_that_is_not_there_is_refused(cb):
    """With the code for bad input: 2 would mean that nothing was decided."""
    assert "'none.pnml' cannot be read: No such file or directory" in cb("statespace", "none.pnml", code=3).err


@pytest.mark.parametrize("name", ["work.py", "work.yaml"])
def test_a_workflow_is_no_net(cb, here, name):
    """What is no PNML by its name is refused as that, not as broken XML."""
    (here / name).write_text("a: 1\n")

    assert f"'{name}' is no net in PNML" in cb("statespace", name, code=3).err


def test_of_an_unbounded_net_with_a_reset_the_rest_is_not_decided(cb, here):
    """That it is unbounded is certain; bounds and dead transitions are not, so the code is 2."""
    filling = NetTransition("t", (Arc("a"),), (Arc("a"), Arc("b"), Arc("c")), resets=("b",))
    (here / "reset.pnml").write_text(to_pnml(PetriNet(Net(("a", "b", "c"), (filling,)), {"a": 1})))

    found = cb("statespace", "reset.pnml", "--json", code=2).document

    assert (["c"], False, None) == (found["unbounded"], found["decided"], found["bounds"])
    assert "unbounded; what else holds is not decided" == found["not_decided"]
