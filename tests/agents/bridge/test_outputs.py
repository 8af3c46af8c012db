"""Where answers go on a token, for any mapping."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import Token, Workflow, field, flow
from circuit_breaker.agents import AgentExecution
from circuit_breaker.agents.bridge.outputs import answer_document, change_of
from circuit_breaker.data import Data, freeze
from circuit_breaker.errors import OutcomeInvalid
from tests.agents.bridge.office import INPUTS, office, reviewed, said, submitted

NOW = datetime(2030, 1, 1, tzinfo=UTC)
NAMES = st.text("abc", min_size=1, max_size=2)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(tuple)
JSON = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=5)


def ended(output: Any, **members: Any) -> AgentExecution:
    given: dict[str, Any] = {"id": "e", "agent_id": "a", "agent_version": "1", "created_at": NOW, "ended_at": NOW}
    return AgentExecution(**given, status="completed", output=output, final_response="said", **members)


def apart(paths: list[tuple[str, ...]]) -> list[tuple[str, ...]]:
    """Those of which none leads through another."""
    return [one for one in paths if not any(other != one and one[: len(other)] == other for other in paths)]


@given(st.lists(st.tuples(st.sampled_from(["data", "metadata"]), PATHS), max_size=4, unique=True), JSON)
def test_what_is_written_is_read_again(places, value):
    """Each path has the value then, whatever was missing on the way, and what is beside it stays."""
    paths = apart([(space, *steps) for space, steps in places])
    mapping = {".".join(path): "x" for path in paths}
    token = Token("t", "s", Data(freeze({"z": {"kept": 1}})), Data(freeze({"z": 2})))
    change = change_of(ended({"x": value}), mapping, token)
    after = token.updated(data=change.data, metadata=change.metadata)
    assert all(field(path).read(after) == value for path in mapping)
    assert (1, 2) == (after.data["z"]["kept"], after.metadata["z"])


def test_a_path_keeps_what_lies_beside_it():
    """Two paths into one object both count, and its other members stay."""
    token = Token("t", "s", Data(freeze({"review": {"old": 1}, "list": [1, 2]})))
    change = change_of(ended({"x": 5}), {"data.review.a": "x", "data.review.b": "x", "data.list.1": "x"}, token)
    assert {"review": {"old": 1, "a": 5, "b": 5}, "list": [1, 5]} == change.data


def test_a_path_through_something_else_is_one_clear_error():
    """An output cannot go below a number."""
    with pytest.raises(OutcomeInvalid, match=r"'data.n.x' leads through something that has no 'x'"):
        change_of(ended({"x": 5}), {"data.n.x": "x"}, Token("t", "s", Data({"n": 1})))


def test_a_field_of_the_answer_may_lie_deep():
    """N2: an output is found by its path; and final_response is there where the answer has none of that name."""
    change = change_of(ended({"a": [{"b": 7}]}), {"data.x": "a.0.b", "data.y": "final_response"}, Token("t", "s"))
    assert {"x": 7, "y": "said"} == change.data


def test_an_answer_that_is_no_object_is_kept_whole():
    """Without a mapping it is called output."""
    assert {"output": [1, 2]} == change_of(ended([1, 2]), None, Token("t", "s")).data


def test_what_is_kept_tells_who_answered_and_what_it_cost():
    """The document in the results has the answer, the signature and the price."""
    document = answer_document(ended({"x": 1}, dollars=Decimal("0.10"), model="m"))
    assert {"x": 1} == document["output"]
    assert ("a", "e", NOW.isoformat(), "m", "0.10") == tuple(
        document[name] for name in ("agent_id", "execution_id", "timestamp", "model", "dollars")
    )


@attrs.frozen
class Review:
    score: float = 0.0
    by: str = ""


@attrs.frozen
class Document:
    content: str
    review: Review = Review()


async def test_typed_data_takes_outputs():
    """N2: where the workflow declares a class, the outputs are put into its fields."""
    outputs = {"data.review.score": "confidence_score", "data.review.by": "agent_id"}
    inputs = {**INPUTS, "document_type": "metadata.kind"}
    review = flow(submitted >> reviewed).transition("ai_review")
    review = review.agent("content-reviewer", input_mapping=inputs, output_mapping=outputs)
    async with office(Workflow("w", review, data=Document), says=[said()]) as at:
        case = await at.engine.run(await at.engine.start("w", data=Document("A text."), metadata={"kind": "blog"}))
    assert Document("A text.", Review(0.9, "content-reviewer")) == case.data
