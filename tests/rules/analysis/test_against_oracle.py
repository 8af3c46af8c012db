"""What is proved agrees with trying every token of small sets of values."""

from __future__ import annotations

from random import Random

import pytest

from circuit_breaker.rules import all_of, any_of
from circuit_breaker.rules.analysis import Change, Undecided, Witness, compete, implies, satisfiable, smallest_change
from tests.rules.analysis import oracle
from tests.sampling import share

MOST_UNDECIDED = 0.02


@pytest.mark.parametrize("seed", range(20))
def test_a_rule_is_satisfiable_where_some_token_passes(seed):
    """Of 10,000 random rules: a witness passes, and no token passes a rule that is said to let none pass."""
    random, undecided = Random(seed), 0  # noqa: S311 - the same cases each time
    for _ in range(share(500)):
        rule = oracle.rule(random)
        found = satisfiable(rule)
        if isinstance(found, Witness):
            assert rule(found), rule
        elif found is None:
            assert not any(map(rule, oracle.tokens(rule.paths, oracle.FEW))), rule
        else:
            undecided += 1
    assert share(500) * MOST_UNDECIDED >= undecided


@pytest.mark.parametrize("seed", range(5))
def test_rules_of_one_field_are_always_decided(seed):
    """Rules that compare no fields with each other are decided, and a token of a wider set of values agrees."""
    random = Random(1000 + seed)  # noqa: S311 - the same cases each time
    for _ in range(share(300)):
        rule = all_of(*(oracle.leaf(random, crossing=False) for _ in range(4)))
        found = satisfiable(rule)
        assert not isinstance(found, Undecided), rule
        if found is None and len(rule.paths) < 3:
            assert not any(map(rule, oracle.tokens(rule.paths, oracle.VALUES))), rule


@pytest.mark.parametrize("seed", range(2))
def test_what_reads_an_object_and_what_is_in_it_are_told_apart(seed):
    """Of random rules about an object, its parts and another, none that lets a token pass is said to let none pass."""
    random, tokens, undecided = Random(5000 + seed), oracle.held_tokens(), 0  # noqa: S311 - the same cases each time
    for _ in range(share(1600)):
        rule = all_of(*(oracle.held_leaf(random) for _ in range(random.randint(2, 5))))
        found = satisfiable(rule)
        if found is None:
            assert not any(map(rule.tree.holds, tokens)), rule
        undecided += isinstance(found, Undecided)
    assert share(1600) * 0.25 >= undecided


@pytest.mark.parametrize("seed", range(5))
def test_one_rule_implies_another_where_no_token_passes_the_one_alone(seed):
    """Over random pairs an implication holds for every token, and a counterexample passes the first rule alone."""
    random = Random(2000 + seed)  # noqa: S311 - the same cases each time
    for _ in range(share(200)):
        rule, other = oracle.rule(random, 1), oracle.rule(random, 1)
        answer = implies(rule, other)
        if answer.holds is False:
            assert rule(answer.witness)
            assert not other(answer.witness)
        elif answer:
            tokens = oracle.tokens(rule.paths | other.paths, oracle.FEW)
            assert not any(rule(token) and not other(token) for token in tokens), (rule, other)


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_of_guards_holds_for_every_token(seed):
    """Over random guards: overlaps and gaps are real, and where none is named no token shows one."""
    random = Random(3000 + seed)  # noqa: S311 - the same cases each time
    for _ in range(share(40)):
        guards = {name: oracle.rule(random, 1) for name in ("one", "two", "three")}
        found, anyone = compete(guards), any_of(*guards.values())
        tokens = oracle.tokens(anyone.paths, oracle.FEW)
        assert all(guards[each.first](each.witness) and guards[each.second](each.witness) for each in found.overlapping)
        assert not any(anyone(gap.witness) for gap in found.gaps)
        assert all((gap.kind == "value") == anyone.tree.fails(gap.witness) for gap in found.gaps)
        assert not any(guards[name](token) for name in found.contradictory for token in tokens)
        for shadow in found.shadowed:
            assert not any(guards[shadow.name](t) and not any(guards[by](t) for by in shadow.by) for t in tokens)
        if found.complete:
            assert all(map(anyone, tokens)), guards
        if found.complete_when_known:
            assert not any(map(anyone.tree.fails, tokens)), guards


@pytest.mark.parametrize("seed", range(10))
def test_the_smallest_change_makes_the_rule_hold_and_no_smaller_one_does(seed):
    """Over random rules and tokens a change is applied and passes, and trying every smaller one finds none."""
    random = Random(4000 + seed)  # noqa: S311 - the same cases each time
    for _ in range(share(150)):
        rule = oracle.rule(random)
        present = {path.removeprefix("data."): random.choice(oracle.FEW) for path in sorted(rule.paths)}
        found = smallest_change(rule, oracle.token(present))
        fewest = oracle.fewest(rule, present, oracle.FEW)
        if isinstance(found, Change):
            new = {path.removeprefix("data."): value for path, value in found.values.items()}
            assert rule(oracle.token(present | new)), rule
            assert fewest is None or len(new) <= fewest, rule
        elif found is None:
            assert fewest is None, rule
