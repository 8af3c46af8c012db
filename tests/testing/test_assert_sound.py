"""The helper of test suites that proves a workflow sound."""

from __future__ import annotations

import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.testing import assert_sound
from circuit_breaker.workflow.verification import never

a, b, c = states("a", "b", "c")
SOUND = Workflow("sound", flow(a >> b).transition("go").manual())
GAP = Workflow("gap", flow(a >> b).transition("go").guard(field("score") > 8))
WARNED = Workflow(
    "warned",
    flow(a >> b).transition("high").guard(field("score") >= 8),
    flow(a >> c).transition("low").guard(field("score") < 8),
)


def test_a_sound_workflow_passes():
    """What was proved comes back."""
    assert assert_sound(SOUND).sound


def test_an_unsound_one_fails_with_the_way():
    """The failure shows the shortest way, with its data, and how to mend it."""
    with pytest.raises(AssertionError, match=r"(?s)gap is not sound.*\{'score': 8\}.*mend: add flow\(a >> b\)"):
        assert_sound(GAP)


def test_properties_and_warnings_count():
    """A property that does not hold fails it; a warning does where one is strict."""
    with pytest.raises(AssertionError, match="never\\(b\\) does not hold"):
        assert_sound(SOUND, never(b))
    assert assert_sound(WARNED).warnings
    with pytest.raises(AssertionError, match="gap-unknown"):
        assert_sound(WARNED, strict=True)


def test_what_is_not_decided_fails():
    """A limit that is too low is no proof."""
    with pytest.raises(AssertionError, match="not decided within 1 markings"):
        assert_sound(SOUND, limit=1)
