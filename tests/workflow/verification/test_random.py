"""Random workflows: what is proved agrees with what the engine does, played to the end."""

from __future__ import annotations

import os

import pytest

from tests.workflow.verification.oracle import random_workflow, truth

SEEDS = int(os.environ.get("CB_RANDOM_WORKFLOWS", "16000"))
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
        found.verdict == ("sound" if real.sound else "not sound"),
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
