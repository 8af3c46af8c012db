"""What is plainly sound never gets stuck, whatever its cases are played with."""

from __future__ import annotations

import random

import pytest

from tests.sampling import share
from tests.workflow.verification.blocks import block_workflow, played, unjudged

SEEDS = share(1_600)
PLAYS = 12
STUCK = ("stuck", "failed")


def contradicted(seed):
    """The states in which cases of a sound workflow got stuck."""
    workflow = block_workflow(seed)
    if workflow is None or workflow.verify(mend=False, limit=4_000).verdict != "sound":
        return []
    chance = random.Random(seed)  # noqa: S311 - no secret
    cases = [played(workflow, chance) for _ in range(PLAYS)]
    return [(seed, case.state) for case in cases if case.status in STUCK and not unjudged(workflow, case)]


@pytest.mark.parametrize("part", range(4))
def test_cases_of_sound_workflows_do_not_get_stuck(part):
    """With guards on joins, counters, failures and rules on several fields; without any condition."""
    assert [] == [wrong for seed in range(part, SEEDS, 4) for wrong in contradicted(seed)]
