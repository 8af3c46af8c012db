"""Why, from the command line: ``explain`` and ``diff-policy``."""

from __future__ import annotations

import pytest

STRICTER = """
from circuit_breaker import Workflow, field, flow, states

new, paid, sent = states("new", "paid", "sent")
plain = Workflow(
    "plain",
    flow(new >> paid).transition("pay").guard(field("amount") > 50).manual(),
    flow(paid >> sent).transition("send"),
)
"""


@pytest.fixture
def decided(cb, here):
    """Two cases of the plain workflow, of which one was refused; and a stricter version of it."""
    (here / "stricter.py").write_text(STRICTER)
    for case, amount in (("a", 7), ("b", 20)):
        cb("start", "orders.py:plain", "--id", case, "--data", f'{{"amount": {amount}}}')
        cb("fire", case, "pay", "--by", "ann", code=1 if amount == 7 else 0)


def test_explain_says_what_it_would_take(cb, decided):
    """``explain`` tells what cannot fire, why, what would change that, and how often it was refused."""
    out = cb("explain", "a").out
    assert "data.amount > 10 — saw 7, wanted > 10" in out
    assert "it would with data.amount = 11" in out
    assert "it was refused once, at " in out
    assert "it would after 'pay' with data.amount" in out or "it would after 'pay'" in out


def test_what_can_fire_comes_first(cb):
    """What can happen now is told before what cannot."""
    cb("run", "orders.py:orders", "--id", "o1", "--data", '{"name": "Ann", "amount": 12}')
    cb("signal", "o1", "payment", "-w", "orders.py:orders")
    lines = [line for line in cb("explain", "o1", "-w", "orders.py:orders").out.splitlines() if line[0] in "✓✗"]
    assert sorted(lines, key=lambda line: line[0] != "✓") == lines
    assert lines[0].startswith("✓")


def test_explain_of_one_transition(cb, decided):
    """``--transition`` asks for one transition only; a misspelt one is not found."""
    document = cb("explain", "a", "-t", "pay", "--json").document
    assert ["pay"] == [each["id"] for each in document["transitions"]]
    assert ("circuit-breaker.explanation/1", 1) == (document["form"], document["transitions"][0]["refusals"]["count"])
    assert "pay" in cb("explain", "a", "-t", "pya", code=4).err


def test_diff_policy_tells_what_would_be_otherwise(cb, decided):
    """``diff-policy`` exits with 1 where a past decision would be otherwise, and says which and why."""
    done = cb("diff-policy", "orders.py:plain", "stricter.py:plain", code=1)
    assert "b #2 pay fired at" in done.out
    assert "by ann, and would be refused" in done.out
    assert "data.amount > 50 — saw 20, wanted > 50" in done.out
    document = cb("diff-policy", "orders.py:plain", "stricter.py:plain", "--json", code=1).document
    assert {"cases": 2, "fired_to_refused": 1, "same_refused": 1}.items() <= document["counts"].items()


def test_diff_policy_of_what_decides_the_same(cb, decided):
    """Where nothing would be otherwise the exit code is 0; with --case only that case is looked at."""
    cb("diff-policy", "orders.py:plain", "orders.py:plain")
    assert "1 case;" in cb("diff-policy", "orders.py:plain", "stricter.py:plain", "--case", "a").out


def test_diff_policy_of_what_cannot_be_compared(cb, decided):
    """Workflows of different names are bad input, and so is a document with faults: exit code 3."""
    assert "not versions of one workflow" in cb("diff-policy", "orders.py:plain", "orders.py:orders", code=3).err


def test_diff_policy_says_what_it_left_out(cb, decided):
    """Decisions of other versions are counted, and what cannot be judged comes with its reason."""
    done = cb("diff-policy", "stricter.py:plain", "orders.py:plain")
    assert "left out, since they were made under other versions" in done.out
