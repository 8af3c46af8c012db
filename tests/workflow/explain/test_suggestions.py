"""Suggestions over random cases: each is proved by making its changes, and none could be smaller."""

from __future__ import annotations

import itertools
import random
from functools import lru_cache

import attrs
import pytest

from circuit_breaker.data import freeze_mapping
from circuit_breaker.workflow import firing
from circuit_breaker.workflow.explain import explain
from tests.sampling import share
from tests.workflow.explain.random_cases import ROLES, START, World, atoms, random_case, random_workflow, weight

BATCHES = 20
EACH = share(500)
CASES = 4
SMALL = share(200)
GIVEN = share(1000)
MOST = 2
ORDER = ("token", "action", "empty", "value", "signal", "time", "role", "again")


@lru_cache(maxsize=1)
def workflow_of(seed):
    return random_workflow(random.Random(seed))  # noqa: S311


def asked(seed):
    """A workflow, a world, and what is said about every transition."""
    dice = random.Random(seed)  # noqa: S311 - a test that can be repeated
    workflow = workflow_of(seed // CASES)
    case = random_case(dice, workflow)
    roles = frozenset(dice.sample(ROLES, dice.choice((0, 1))))
    told = explain(workflow, case, at=START, roles=roles)
    return workflow, World(case, START, roles), told


def changed(world, suggestion):
    """The world after all changes of a suggestion."""
    for need in suggestion.to_document()["needs"]:
        world = world.after(need)
    return world


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_suggestion_lets_its_transition_fire(batch):
    """What explain calls enabled can fire, what it does not cannot, and every suggestion that is certain works."""
    for seed in range(batch * 500, batch * 500 + EACH):
        workflow, world, told = asked(seed)
        for transition, reason in zip(workflow.transitions, told.reasons, strict=True):
            assert reason.enabled == world.can_fire(workflow, transition), (seed, transition.id)
            if reason.suggestion is not None and reason.suggestion.certain:
                after = changed(world, reason.suggestion)
                assert after.can_fire(workflow, transition), (seed, transition.id, reason.suggestion)


def test_what_is_to_be_given_is_accepted_from_whoever_fires():
    """Data that a suggestion says to give lets a transition fire by hand, with nothing else changed on its tokens."""
    for seed in range(GIVEN):
        workflow, world, told = asked(seed)
        for transition, reason in zip(workflow.transitions, told.reasons, strict=True):
            if reason.suggestion is not None and reason.suggestion.give:
                after = changed(world, attrs.evolve(reason.suggestion, needs=others(reason.suggestion)))
                data, roles = freeze_mapping(reason.suggestion.give), after.roles
                _, refusal = firing.select(
                    workflow, after.case, transition.name, roles=roles, at=after.at, by="ann", data=data
                )
                assert refusal is None, (seed, transition.id, reason.suggestion)


def others(suggestion):
    """The needs beside the data that is given."""
    return tuple(need for need in suggestion.needs if not (need.kind == "value" and need.path.startswith("data.")))


def enough(world, workflow, transition, suggestion, size):
    """So many changes that let the transition fire, or None."""
    likes = {need["state"]: need["like"] for need in suggestion.to_document()["needs"] if need["kind"] == "token"}
    for needs in itertools.combinations(list(atoms(world, workflow, transition, likes=likes)), size):
        after = world
        if weight(needs) > size:
            continue
        for need in sorted(needs, key=lambda each: ORDER.index(each["kind"])):
            after = after.after(need)
        if after.can_fire(workflow, transition):
            return needs
    return None


def test_no_suggestion_could_be_smaller():
    """Of all ways to change a small case, none with fewer changes than the suggestion lets the transition fire."""
    for seed in range(SMALL):
        workflow, world, told = asked(seed)
        for transition, reason in zip(workflow.transitions, told.reasons, strict=True):
            if reason.suggestion is not None and reason.suggestion.minimal:
                fewer = min(sum(need.weight for need in reason.suggestion.needs), MOST + 1) - 1
                found = enough(world, workflow, transition, reason.suggestion, fewer)
                assert found is None, (seed, transition.id, reason.suggestion)
