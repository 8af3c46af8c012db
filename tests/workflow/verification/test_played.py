"""What is plainly sound never gets stuck, whatever its cases are played with."""

from __future__ import annotations

import random

import pytest

from tests.sampling import share
from tests.workflow.verification.blocks import block_workflow, people, played, unjudged

SEEDS = share(1_600)
PLAYS = 12
STUCK = ("stuck", "failed")


def contradicted(seed):
    """The states in which cases of a sound workflow got stuck, or wait for what nobody can do; None where it is not."""
    workflow = block_workflow(seed)
    if workflow is None or workflow.verify(mend=False, limit=4_000).verdict != "sound":
        return None
    chance = random.Random(seed)  # noqa: S311 - no secret
    cases = [played(workflow, chance) for _ in range(PLAYS)]
    helpless = [case for case in cases if case.status in STUCK or waits_in_vain(workflow, case)]
    return [(seed, case.state) for case in helpless if not unjudged(workflow, case)]


def waits_in_vain(workflow, case):
    return case.status == "waiting" and not people(workflow, case)


@pytest.mark.parametrize("part", range(4))
def test_cases_of_sound_workflows_do_not_get_stuck(part):
    """With guards on joins, counters, failures, rules on several fields, and people; without any condition."""
    tried = [found for seed in range(part, SEEDS, 4) if (found := contradicted(seed)) is not None]
    assert [] == [wrong for found in tried for wrong in found]
    assert len(tried) > SEEDS // 40  # about a quarter of them are sound
