"""Random workflows: what is proved agrees with what the engine does, played to the end."""

from __future__ import annotations

import os

import pytest

from tests.workflow.verification.oracle import guarded_workflow, outcome, random_workflow, truth

SEEDS = int(os.environ.get("CB_RANDOM_WORKFLOWS", "16000"))
GUARDED = SEEDS // 20
SCORES = [half / 2 for half in range(-1, 22)]
NEVER = {"dead-transition", "shadowed", "contradictory"}
CIRCLES = {"endless", "livelock", "never-ends"}
STUCK = {"stuck", "starved-join", "left-behind", "trap"}


def disagreement(seed: int) -> str:
    """How the proof and the truth differ for one workflow; empty where they agree."""
    workflow = random_workflow(seed)
    real = None if workflow is None else truth(workflow)
    if real is None or not real.whole:
        return ""
    found = workflow.verify(mend=False, limit=3000)
    stuck = [finding for finding in found.errors if finding.code in STUCK]
    told = (
        found.faultless == real.sound and found.verdict != "not decided",
        all(finding.certain for finding in found.findings),
        bool(real.stuck) == bool(stuck),
        all(frozenset(finding.counterexample.states.items()) in real.stuck for finding in stuck),
        real.rests == all(finding.code != "endless" for finding in found.errors),
        {finding.about for finding in found.errors if finding.code in ("dead-transition", "shadowed")} <= real.dead,
        real.most <= max(found.bounds.values()),
    )
    return "" if all(told) else f"seed {seed}: {told}\n{real}\n{found}"


@pytest.mark.parametrize("part", range(8))
def test_the_proof_agrees_with_the_engine(part):
    """Verdict, stuck cases, dead transitions and restless circles are those of every case that is played."""
    assert [] == [wrong for seed in range(part, SEEDS, 8) if (wrong := disagreement(seed))]


def guarded_disagreement(seed: int) -> str:
    """The same for a workflow with rules on a score, played with every score that they can tell apart."""
    workflow = guarded_workflow(seed)
    played = [] if workflow is None else [outcome(workflow, score) for score in SCORES]
    ends = {end for end, _ in played}
    if workflow is None or "many" in ends:
        return ""
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
    assert [] == [wrong for seed in range(part, GUARDED, 4) if (wrong := guarded_disagreement(seed))]
