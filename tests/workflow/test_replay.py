"""Events that cannot have happened, and documents that are none: said, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.errors import DataInvalid, StorageCorrupt
from circuit_breaker.workflow import firing, standing
from circuit_breaker.workflow.events import ActionRetried, StepFinished, TransitionFired, thawed_hook
from circuit_breaker.workflow.evolution import evolve
from circuit_breaker.workflow.snapshot import decode_case, encode_case
from tests.workflow.running import START, begin, fire

a, b, c = states("a", "b", "c")
workflow = Workflow("w", flow(a >> b).transition("go").manual(), flow(b >> c).transition("pay").on_signal("paid"))


def move(case: Any) -> Any:
    return evolve(case, TransitionFired("c", 2, START, consumed=(("nobody", "a"),)))


@pytest.mark.parametrize(
    ("replay", "message"),
    [
        (lambda case: evolve(None, TransitionFired("c", 1, START)), "does not begin with its start"),
        (move, "moves token 'nobody' from 'a', where it is not"),
        (lambda case: evolve(case, StepFinished("c", 2, START, key="k", name="n")), "action 'k' that never started"),
        (lambda case: decode_case(b"{}"), "not a case"),
        (lambda case: decode_case(b"[" * 9), "not a case"),
    ],
)
def test_a_journal_that_cannot_be(replay: Callable[[Any], Any], message: str) -> None:
    """A journal whose events do not follow from one another is damaged, and the error says where."""
    with pytest.raises(StorageCorrupt, match=message):
        replay(begin(workflow))


def test_a_retry_of_another_action_changes_none() -> None:
    """An event about an action that is not in progress leaves the others as they are."""
    case = begin(workflow)
    assert case.pending == evolve(case, ActionRetried("c", 2, START, key="k", attempt=2)).pending


def test_only_data_is_rebuilt() -> None:
    """A decoder of ours knows our data and nothing else."""
    assert {"x": 1} == thawed_hook(type(begin(workflow).data), {"x": 1})
    with pytest.raises(TypeError, match="cannot read"):
        thawed_hook(set, [1])


def test_a_case_without_its_history_is_the_same_case() -> None:
    """A snapshot that is read back equals the case it was made of, and hashes like it; something else does not."""
    case = fire(workflow, begin(workflow, x=1), "go")
    assert (case, hash(case)) == (decode_case(encode_case(case)), hash(decode_case(encode_case(case))))
    assert case != case.id


def test_a_token_that_was_added_has_entered_its_state() -> None:
    """The times of a case know of tokens that came later."""
    later = START + timedelta(hours=1)
    case = firing.add_token(workflow, begin(workflow), at=later, by="", data=None, state="b")
    assert {"a": START, "b": later} == case.timestamps


def test_a_closed_case_stays_as_it_is() -> None:
    """What has ended is not given another status."""
    ended = begin(Workflow("w", flow(a >> b).transition("go")))
    assert ended is standing.settle(workflow, ended)
    assert "completed" == standing.status(workflow, ended)


def test_the_data_of_a_signal_is_a_mapping() -> None:
    """A signal adds to the data, so what comes with it must be something that can be added."""
    with pytest.raises(DataInvalid, match="the data of signal 'paid' is no mapping: 5"):
        firing.signal(workflow, begin(workflow), "paid", at=START, by="", data=5)


def test_a_refusal_that_leads_on_stamps_the_state_it_leads_to() -> None:
    """A state that records when it was entered does so after a refusal as well."""
    stamped = c.stamps("refused_at")
    made = flow(a >> b).transition("go").policy(rules=field("x") > 1).otherwise(stamped).manual()
    _, refusal = firing.select(Workflow("w", made), begin(Workflow("w", made), x=0), "go", at=START)
    assert refusal is not None
    assert START.isoformat() == refusal.metadata["refused_at"]


def test_there_are_three_forms_of_a_history() -> None:
    """Another form is refused with those there are."""
    with pytest.raises(ValueError, match=r"no form 'xml'.*json"):
        begin(workflow).history.export("xml")


def test_a_field_is_true_or_false() -> None:
    """field(...).is_true() and .is_false() hold for nothing but true and false."""
    case = begin(workflow, yes=True, one=1, no=False)
    judged = [field(name).is_true().test(case.token) for name in ("yes", "one", "no", "gone")]
    assert [True, False, False, False] == judged
    assert [True, False] == [field(name).is_false().test(case.token) for name in ("no", "gone")]
