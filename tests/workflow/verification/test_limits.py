"""Whatever is asked, the search ends within its limits, and says so."""

import time
import tracemalloc

import pytest

from circuit_breaker import State, Workflow, field, flow, states
from circuit_breaker.net.structure import Arc, Net, NetTransition
from circuit_breaker.workflow.verification import always_followed_by, verify_net

MANY = 10**9


def within(seconds: float):
    """What is asked whether the time is up."""
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() >= end


def test_a_thousand_million_tokens_are_not_counted_one_by_one():
    """A net that begins with very many tokens is not decided, in a few megabytes."""
    net = Net(("a", "b"), (NetTransition("t", (Arc("a"),), (Arc("b"),)),))
    tracemalloc.start()
    try:
        found = verify_net(net, {"a": MANY}, limit=500)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert ("not decided", True) == (found.verdict, peak < 20_000_000)


@pytest.mark.parametrize(("taken", "verdict"), [(MANY, "sound"), (MANY - 1, "not decided")])
def test_a_weight_of_a_thousand_million_is_reckoned_with(taken, verdict):
    """Arcs of great weight are numbers; a way with so many tokens is told, and not gone through."""
    a, b, c = states("a", "b", "c")
    workflow = Workflow("w", flow(a >> b * MANY).transition("split"), flow(b * taken >> c).transition("join"))
    found = workflow.verify(mend=False, limit=100)
    assert (verdict, MANY) == (found.verdict, found.bounds["b"])
    assert all(not finding.certain for finding in found.errors)


def test_too_many_ways_to_take_tokens_of_several_sorts_are_not_listed():
    """A join of very many tokens that data tell apart is answered without trying every choice of them."""
    a, b, c, d = states("a", "b", "c", "d")
    sort = flow(b >> c).transition("sort").action(lambda token: {}).policy(rules=field("x") > 3)
    workflow = Workflow("w", flow(a >> b * 2).transition("split"), sort, flow(b * MANY >> d).transition("join"))
    assert workflow.verify(mend=False, limit=200).verdict in ("not sound", "not decided")


def test_no_time_is_no_answer():
    """Where the time is up before anything was looked at, that is what is said."""
    a, b = states("a", "b")
    found = Workflow("w", flow(a >> b).transition("t")).verify(enough=lambda _: True)
    assert ("not decided", 0) == (found.verdict, found.markings)
    assert "not decided within the time given, after 0 markings" == found.headline
    assert not found.safe


def test_what_is_not_decided_is_said_once_and_bounds_nothing():
    """The reason is not told twice; the most tokens that were seen are no bounds."""
    flows = [flow(State(f"s{n}") >> State(f"s{n + 1}")).transition(f"t{n}").manual() for n in range(50)]
    found = Workflow("long", *flows, initial="s0").verify(limit=10)
    assert "not decided within 10 markings" == found.headline
    assert ({}, 1, 0) == (found.bounds, found.at_least["s3"], found.at_least["s50"])
    assert not found.safe
    assert ({}, found.at_least) == (found.to_document()["bounds"], found.to_document()["at_least"])


def test_a_property_is_not_refuted_by_what_was_not_looked_at():
    """From where the search did not go on a case may still go on, so that nothing is said to have failed."""
    flows = [flow(State(f"s{n}") >> State(f"s{n + 1}")).transition(f"t{n}").manual() for n in range(50)]
    long = Workflow("long", *flows, initial="s0")
    found = long.verify(always_followed_by("s0", "s40"), limit=10)
    assert ("not decided", ()) == (found.verdict, found.findings)
    assert long.verify(always_followed_by("s0", "s40")).sound


def test_what_is_without_a_bound_is_told_beside_what_was_seen():
    """A state that fills without end has none; one transition that does it happens, several happen."""
    a, b, c = states("a", "b", "c")
    one = Workflow(
        "one", flow(a >> (a, b)).transition("add").manual(), flow(a >> c).transition("end").manual()
    ).verify()
    assert {"b": None} == one.bounds
    assert one.findings[0].text.endswith("each time that 'add' happens")


def test_the_time_given_is_kept_with_what_is_told():
    """A search that runs out of time ends soon after: what was found is gone over as long again at the most."""
    pairs = [states(f"a{n}", f"b{n}", f"c{n}") for n in range(14)]
    begin, end = states("begin", "end")
    flows = [
        flow(one >> other).transition(f"{one}-{other}").manual()
        for chain in pairs
        for one, other in ((chain[0], chain[1]), (chain[1], chain[2]), (chain[1], chain[0]))
    ]
    split = flow(begin >> tuple(chain[0] for chain in pairs)).transition("split")
    workflow = Workflow("w", split, *flows, flow(tuple(chain[2] for chain in pairs) >> end).transition("join"))
    started = time.process_time()
    found = workflow.verify(enough=within(1.0))
    assert ("not decided", True) == (found.verdict, time.process_time() - started < 12)
