"""The quick way, which judges all values of a path at once, finds what the plain way finds."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest

from circuit_breaker.rules import all_of, any_of, cel, field
from circuit_breaker.rules.analysis import Domain, Undecided, Witness
from circuit_breaker.rules.analysis.atoms import keyed
from circuit_breaker.rules.analysis.grid import Grid
from circuit_breaker.rules.analysis.judged import Part
from circuit_breaker.rules.analysis.search import Space
from circuit_breaker.rules.analysis.ternary import ANYTHING, FALSE, TRUE, UNKNOWN, answer_of
from circuit_breaker.rules.verdict import MISSING
from tests.rules.analysis import oracle
from tests.sampling import share

NOTHING = cel("true") & cel("false")
DOMAINS = [
    {},
    {"data.a": Domain.of("number"), "data.c": Domain.of("object", "null")},
    {"data.a": Domain.among("x", 1), "data.b": Domain.of("integer", "missing"), "data.c.d": Domain.of("text")},
]


def answered(demands, token):
    return all(answer_of(rule.tree.holds, rule.tree.fails, token) & mask for rule, mask in demands)


def asked(random):
    """Up to four rules, and what is wanted of each."""
    rules = [oracle.rule(random, random.randint(0, 2), crossing=False) for _ in range(random.randint(1, 4))]
    return [(rule, random.randint(1, ANYTHING - 1)) for rule in rules]


@pytest.mark.parametrize("seed", range(20))
def test_both_ways_agree(seed):
    """Of random demands on rules: where both ways decide they say the same, and a token that is found answers so."""
    random, quick = Random(seed), 0  # noqa: S311 - the same cases each time
    for _ in range(share(400)):
        demands, domains = asked(random), keyed(random.choice(DOMAINS))
        grid = Grid(domains)
        others = [oracle.rule(random, 1, crossing=False) for _ in range(random.choice((0, 0, 3)))]
        for rule in (*others, *(rule for rule, _ in demands)):
            grid.form(rule)
        if any(grid.judged(rule) is None for rule, _ in demands):
            continue
        found = grid.find(demands)
        plain = Space.of([rule for rule, _ in demands], domains=domains).find(*demands)
        assert isinstance(plain, Undecided) or (found is None) == (plain is None), demands
        assert not isinstance(found, Undecided), demands
        assert found is None or answered(demands, found), demands
        quick += 1
    assert quick > share(400) / 4


@pytest.mark.parametrize("seed", range(5))
def test_an_axis_says_of_each_value_what_the_rule_says(seed):
    """Each value at a path is in the set of those for which a rule answers as it answers when asked about it."""
    random, asked = Random(seed), 0  # noqa: S311 - the same cases each time
    for _ in range(share(200)):
        rules = [oracle.leaf(random, crossing=False) for _ in range(3)]
        grid = Grid()
        for rule in rules:
            grid.form(rule)
        for rule in rules:
            if isinstance(part := grid.judged(rule), Part):
                assert placed(grid.axis(part.key), part) == answers(grid.axis(part.key), part, rule), rule
                asked += 1
    assert asked > share(200)


def placed(axis, part):
    """For each value of an axis the answers in the sets of which it is."""
    masks = (TRUE, FALSE, UNKNOWN)
    return [sum(mask for mask in masks if part.values(mask) >> bit & 1) for bit in range(axis.every.bit_length())]


def answers(axis, part, rule):
    """For each value of an axis what the rule answers when it is asked."""
    tokens = (token_of(part, axis.plainest(1 << bit)) for bit in range(axis.every.bit_length()))
    return [answer_of(rule.tree.holds, rule.tree.fails, token) for token in tokens]


def token_of(part, whole):
    """A token with that at the key with which the path of a rule begins."""
    return Witness(data={} if whole is MISSING or not part.key else {part.key[1]: whole})


def test_many_constants_of_one_path_are_all_told_apart():
    """Between two neighbours of 200 thresholds there is a fraction, and beyond the last one nothing is less."""
    grid = Grid()
    for number in range(200):
        grid.form(field("score") >= number)
    between = [(field("score") > 17, TRUE), (field("score") < 18, TRUE)]

    found = grid.find(between)
    assert isinstance(found, Witness)
    assert 17 < found.data["score"] < 18
    assert grid.find([*between, (field("score").is_a("integer"), TRUE)]) is None
    assert grid.find([(field("score") >= 199, TRUE), (field("score") < 3, TRUE)]) is None


def test_a_rule_that_comes_late_cuts_the_axis_anew():
    """A constant that no rule had named before is told apart all the same."""
    grid = Grid()
    assert isinstance(grid.find([(field("score") >= 5, TRUE)]), Witness)

    late = field("score") == 7.25
    assert {"score": 7.25} == grid.find([(late, TRUE), (field("score") >= 5, TRUE)]).data


@pytest.mark.parametrize(
    "rule",
    [field("a") < field("b"), field("a").contains("x"), field("a").length(minimum=2), cel("size(data.a) > 1")],
    ids=str,
)
def test_what_does_not_fit_is_said_to_be_so(rule):
    """Rules that compare paths, or look into texts and lists, are left to the plain way."""
    assert Grid().judged(rule) is None


def test_two_paths_below_one_key_depend_on_each_other():
    """Where one key holds two paths they are left to the plain way, for both are missing where the key is."""
    grid = Grid()
    one, other = field("order.total") > 1, field("order.kind") == "x"
    assert grid.judged(one) is not None
    grid.form(other)
    assert [None, None] == [grid.judged(one), grid.judged(other)]


def test_a_choice_among_several_paths_is_taken_back_where_it_leads_nowhere():
    """Every token that meets some of many rules is found, or that there is none."""
    fields = [field(name) for name in "abcd"]
    either = [any_of(*(each == number for each in fields)) for number in range(4)]
    grid = Grid()

    found = grid.find([(rule, TRUE) for rule in either])
    assert isinstance(found, Witness)
    assert {0, 1, 2, 3} == set(found.data.values())
    assert grid.find([(rule, TRUE) for rule in (*either, any_of(*(each == 4 for each in fields)))]) is None


def test_what_would_take_too_long_is_not_decided():
    """Where there are too many choices the answer is that it is not decided."""
    fields = [field(f"f{number}") for number in range(9)]
    either = [any_of(*(each == number for each in fields)) for number in range(10)]

    found = Grid(budget=50).find([(rule, TRUE) for rule in either])
    assert isinstance(found, Undecided)
    assert "50 combinations" in found.reason


def test_a_choice_between_two_rules_follows_its_condition():
    """``c ? a : b`` is judged for all values at once, and for several paths by its condition."""
    grid = Grid()
    one, several = cel("data.a > 1 ? data.a < 3 : data.a == 0"), cel("data.a > 1 ? data.b == 1 : data.b == 2")
    for wanted, other in product((TRUE, FALSE, UNKNOWN, TRUE | UNKNOWN, TRUE | FALSE), repeat=2):
        demands = [(one, wanted), (several, other)]
        found = grid.find(demands)
        plain = Space.of([one, several]).find(*demands)
        assert (found is None) == (plain is None)
    assert grid.find([(all_of(one, several), TRUE), (field("a") == 0, TRUE)]).data == {"a": 0, "b": 2}
    assert grid.find([(several, TRUE), (~several, TRUE)]) is None


def test_the_state_of_a_token_is_a_path_of_its_own():
    """A state is a text that is not empty, and is told apart from data."""
    grid = Grid()
    inside, data = cel("state in ['draft', 'done']"), field("x") == 1

    found = grid.find([(inside, TRUE), (data, TRUE)])
    assert found.state in ("draft", "done")
    assert {"x": 1} == found.data
    assert grid.find([(cel("state == ''"), TRUE)]) is None


def test_what_is_assumed_above_a_path_holds_for_it():
    """Where an object must be there what lies in it may be missing, and no other kind of value stands in its place."""
    domains = keyed({"data.order": Domain.among({"total": 3}, {}), "data.order.total": Domain.of("number", "missing")})
    grid = Grid(domains)
    total = field("order.total") > 2

    assert {"order": {"total": 3}} == grid.find([(total, TRUE)]).data
    assert {"order": {}} == grid.find([(total, UNKNOWN)]).data
    assert grid.find([(total, FALSE)]) is None
