"""Lineage: what tokens that join can differ in is never more than what was said, whatever a case does before."""

from __future__ import annotations

import random

import pytest

from circuit_breaker import BaseExecutor, Workflow
from circuit_breaker.workflow import choosing, firing, standing
from circuit_breaker.workflow.change import Change
from circuit_breaker.workflow.verification.lineage import SPLIT, Lineage
from tests.sampling import share
from tests.workflow.verification.oracle import AT, random_workflow

SEEDS = share(12_000)
STEPS = 40
MOST_TOKENS = 8


class Writing(BaseExecutor):
    """An executor that is never run."""

    async def execute_internal(self, context):
        return {}


def writing_workflow(seed):
    """A random workflow, of which some transitions write under one of two names."""
    plain = random_workflow(seed)
    if plain is None or not any(len(t.sources) > 1 for t in plain.transitions):
        return None
    chance = random.Random(seed)  # noqa: S311 - no secret
    flows = [
        each.execute(Writing, result=chance.choice("xy")) if chance.random() < 0.4 else each for each in plain.flows
    ]
    return Workflow(plain.name, *flows, initial=plain.initial)


def fired(workflow, case, choice, value):
    """The case after a transition, of which the action answers with a value that is no other's."""
    if not choice.transition.steps:
        return standing.apply(workflow, case, firing.fired(case, choice, at=AT))
    started = firing.begin(case, choice, at=AT, worker="w")
    case = standing.apply(workflow, case, started)
    change = Change(results={step.result: value for step in choice.transition.steps})
    ended, _ = firing.finish(workflow, case, case.pending[-1], at=AT, change=change)
    return standing.apply(workflow, case, ended)


def beyond(workflow, case, lineage):
    """What tokens that could join now differ in, or clash in, though it was said that they cannot."""
    for transition in (each for each in workflow.transitions if sum(arc.weight for arc in each.net.takes) > 1):
        for choice in choosing.choices(workflow, case, transition):
            if not lineage.joins(transition):
                yield f"{transition.id} joins"
                continue
            results = [token.results for token in choice.binding]
            keys = {key for each in results for key in each}
            differ = {f"results.{key}" for key in keys if len({each.get(key) for each in results}) > 1}
            clashes = set(getattr(choice.conflict, "conflicts", ()))
            splits = {SPLIT} if len({token.fork and token.fork.id for token in choice.binding}) > 1 else set()
            wrong = (differ | splits) - lineage.differ(transition) | clashes - lineage.clashing(transition)
            yield from (f"{transition.id}: {path}" for path in wrong)


def wrong_of(workflow, seed):
    """What is wrong for one workflow, played at random; nothing where it is right."""
    lineage, chance = Lineage(workflow), random.Random(seed)  # noqa: S311 - no secret
    case = workflow.start("c", at=AT)
    for value in range(STEPS):
        if wrong := [*beyond(workflow, case, lineage)]:
            return [seed, *wrong]
        ways = [
            choice
            for transition in ([] if case.closed or len(case.marking) > MOST_TOKENS else workflow.transitions)
            for choice in choosing.choices(workflow, case, transition)
            if choice.conflict is None
        ]
        if not ways:
            break
        case = fired(workflow, case, chance.choice(ways), value)
    return []


@pytest.mark.parametrize("part", range(4))
def test_tokens_differ_in_no_more_than_is_said(part):
    """In random workflows, played at random, with answers that all differ."""
    made = {seed: workflow for seed in range(part, SEEDS, 4) if (workflow := writing_workflow(seed)) is not None}
    assert [] == [wrong for seed, workflow in made.items() if (wrong := wrong_of(workflow, seed))]
    assert len(made) > SEEDS / 4 / 4
