"""Random workflows: what is proved agrees with what the engine does, played to the end."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pytest

from tests.workflow.verification.oracle import guarded_workflow, outcome, random_workflow, truth

SEEDS = int(os.environ.get("CB_RANDOM_WORKFLOWS", "16000"))
GUARDED = SEEDS // 20
ACTING = SEEDS // 8
SCORES = [half / 2 for half in range(-1, 22)]
NEVER = {"dead-transition", "shadowed", "contradictory"}
CIRCLES = {"endless", "livelock", "never-ends"}
STUCK = {"stuck", "starved-join", "left-behind", "trap"}


def disagreement(seed: int, *, acting: float = 0) -> str | None:
    """How the proof and the truth differ for one workflow; empty where they agree, None where it is not known."""
    workflow = random_workflow(seed, acting=acting)
    real = None if workflow is None else truth(workflow)
    if real is None or not real.whole:
        return None
    found = workflow.verify(mend=False, limit=3000)
    stuck = [finding for finding in found.errors if finding.code in STUCK]
    told = (
        found.faultless == real.sound and found.verdict != "not decided",
        all(finding.certain for finding in found.findings),
        bool(real.stuck) == bool(stuck),
        all(frozenset(finding.counterexample.states.items()) in real.stuck for finding in stuck),
        real.rests == all(finding.code != "endless" for finding in found.errors),
        {finding.about for finding in found.errors if finding.code in ("dead-transition", "shadowed")} <= real.dead,
        None in found.bounds.values() or real.most <= max(found.bounds.values()),
    )
    return "" if all(told) else f"seed {seed}: {told}\n{real}\n{found}"


def assert_agreement(found: Sequence[str | None]) -> None:
    """Nothing where proof and truth agree, and of a third of the workflows or more the truth is known."""
    known = [each for each in found if each is not None]
    assert [] == [each for each in known if each]
    assert len(known) >= len(found) / 3


@pytest.mark.parametrize("part", range(8))
def test_the_proof_agrees_with_the_engine(part):
    """Verdict, stuck cases, dead transitions and restless circles are those of every case that is played."""
    assert_agreement([disagreement(seed) for seed in range(part, SEEDS, 8)])


@pytest.mark.parametrize("part", range(4))
def test_the_proof_agrees_with_actions_that_take_time(part):
    """The same where any action may end whenever it does, and what it needed to begin may be gone by then."""
    assert_agreement([disagreement(seed, acting=0.5) for seed in range(part, ACTING, 4)])


def guarded_disagreement(seed: int) -> str | None:
    """The same for a workflow with rules on a score, played with every score that they can tell apart."""
    workflow = guarded_workflow(seed)
    played = [] if workflow is None else [outcome(workflow, score) for score in SCORES]
    ends = {end for end, _ in played}
    if workflow is None or "many" in ends:
        return None
    found = workflow.verify(mend=False, limit=5000)
    failing = [finding for finding in found.errors if finding.code not in NEVER]
    fired = frozenset().union(*(names for _, names in played))
    told = (
        (ends == {"completed"}) == (not failing),
        all(finding.certain for finding in failing),
        ("stuck" in ends) == any(finding.code not in CIRCLES for finding in failing),
        ("endless" in ends) >= any(finding.code == "endless" for finding in failing),
        fired.isdisjoint(finding.about for finding in found.errors if finding.code in NEVER),
    )
    return "" if all(told) else f"seed {seed}: {told}\n{ends}\n{found}"


@pytest.mark.parametrize("part", range(4))
def test_what_is_said_of_data_agrees_with_every_score(part):
    """A case gets stuck for some score just where that is found, with data for which it does."""
    assert_agreement([guarded_disagreement(seed) for seed in range(part, GUARDED, 4)])
