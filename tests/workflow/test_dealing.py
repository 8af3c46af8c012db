"""What a flow may say about single tokens and about what is still to come: deals, awaits, together, and merges."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from circuit_breaker import Workflow, field, flow, states
from circuit_breaker.errors import DocumentInvalid, NotEnabled, RuleInvalid, WorkflowInvalid
from circuit_breaker.workflow import dump_workflow, load_workflow
from circuit_breaker.workflow.merging import LAST, Collect
from circuit_breaker.workflow.patterns import sub_workflow
from tests.workflow.running import begin, fire

a, b, c, d = states("a", "b", "c", "d")


def dealing() -> Workflow:
    deals = flow(a >> (b, c)).transition("deal").deals("cards", to=b, item="card", by="dealt").counts("dealt")
    return Workflow("dealing", deals, flow(c >> a).transition("again").manual())


def test_every_firing_deals_the_next_item() -> None:
    """Only the token in the state that is named gets an item, each the next one, and none when the list is used up."""
    workflow = dealing()
    case = begin(workflow, cards=["ace", "king"])
    for _ in range(2):
        case = fire(workflow, case, "again")
    assert ["ace", "king", None] == [token.data.get("card") for token in case.marking.at("b")]
    assert "card" not in case.marking.at("c")[0].data


@pytest.mark.parametrize("data", [{}, {"cards": "ace"}, {"cards": {"0": "ace"}}])
def test_nothing_is_dealt_of_what_is_no_list(data: dict[str, Any]) -> None:
    """Where there is no list, the tokens go on without an item."""
    assert [data, data] == [token.data for token in begin(dealing(), **data).tokens]


def test_a_deal_goes_where_its_flow_leads_and_is_counted() -> None:
    """A state that the flow puts no token into, and a count that it does not keep, are two faults of one report."""
    with pytest.raises(WorkflowInvalid) as error:
        Workflow("w", flow(a >> b).transition("deal").deals("cards", to=c, item="card", by="dealt"))
    assert 2 == len(error.value.faults)


def test_a_path_that_cannot_be_read_is_refused() -> None:
    """Where the list or the collected value is, has to be a path."""
    with pytest.raises(RuleInvalid, match="no path"):
        flow(a >> b).deals("a..b", to=b, item="x", by="n")
    with pytest.raises(RuleInvalid, match="no path"):
        Collect("list", "a..b")


def test_the_last_token_may_keep_its_data() -> None:
    """With LAST the data of the last state goes on, whatever the others say."""
    joins = flow((c, b) >> d).transition("join").merge(LAST)
    split = flow(a >> (b, c)).transition("split")
    workflow = Workflow("w", split, flow(b >> b).transition("note").manual(), joins.manual())
    case = fire(workflow, fire(workflow, begin(workflow, x=1), "note", x=2), "join")
    assert {"x": 2} == case.data


@attrs.frozen
class Report:
    remark: str = ""
    remarks: list[str] = attrs.field(factory=list)


@pytest.mark.parametrize("schema", [None, Report])
def test_what_tokens_bring_is_collected(schema: Any) -> None:
    """With Collect the value of the first is added to a list of the last, also where data is typed."""
    joins = flow((b, c) >> c).transition("join").merge(Collect("remarks", "data.remark"))
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"),
                        joins.manual(), flow(b >> b).transition("say").manual(), data=schema)  # fmt: skip
    case = fire(workflow, fire(workflow, begin(workflow), "say", remark="late"), "join")
    found = case.marking.at("c")[0].data
    assert ["late"] == found["remarks"]


def test_a_token_that_brings_nothing_adds_nothing() -> None:
    """Where the value is missing, the list stays as it is."""
    joins = flow((b, c) >> d).transition("join").merge(Collect("list", "data.missing"))
    workflow = Workflow("w", flow(a >> (b, c)).transition("split"), joins)
    assert {"x": 1} == begin(workflow, x=1).data


def test_only_tokens_of_one_split_are_joined() -> None:
    """Tokens from different splits, or from none, are not joined together."""
    workflow = Workflow(
        "w",
        flow(a >> (b, c)).transition("split").manual(),
        flow((b, c) >> d).transition("join").together().manual(),
        flow(b >> ()).transition("drop").guard(field("round") == 2).manual(),
        flow(c >> a).transition("again").manual(),
    )
    case = fire(workflow, fire(workflow, begin(workflow), "split"), "again", round=2)
    case = fire(workflow, case, "split")
    assert [2] == [token.data["round"] for token in fire(workflow, case, "join").marking.at("d")]
    with pytest.raises(NotEnabled, match="do not come from the same split"):
        fire(workflow, fire(workflow, case, "drop"), "join")


def test_together_says_nothing_about_one_token() -> None:
    """A flow that takes one token has nothing to join."""
    with pytest.raises(WorkflowInvalid, match=r"has .together\(\), but takes only one token"):
        Workflow("w", flow(a >> b).transition("go").together())


def test_an_awaited_state_is_one_of_the_workflow() -> None:
    """A state that no transition enters cannot be awaited."""
    with pytest.raises(WorkflowInvalid, match=r"\.awaits\(\) names state 'd'"):
        Workflow("w", flow(a >> b).transition("go").awaits(d))


def everything() -> Workflow:
    deals = flow(a >> (b, c)).transition("deal").deals("cards", to=b, item="card", by="dealt").counts("dealt")
    return Workflow(
        "everything",
        deals,
        flow((b, c) >> d).transition("join").together().merge(Collect("list", "data.card")),
        flow((c, b) >> d).transition("keep").merge(LAST).awaits(a),
    )


def test_all_of_it_is_written_and_read() -> None:
    """Deals, awaits, together and both ways to merge come back from YAML, and from inside of another workflow."""
    workflow = everything()
    assert workflow.version == load_workflow(dump_workflow(workflow)).version
    start, end = states("start", "end")
    outer = Workflow("outer", *sub_workflow(workflow, prefix="in", source=start, into=end), initial="start")
    assert outer.version == load_workflow(dump_workflow(outer)).version
    assert "in/b" == outer.flows[1].dealt.to


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("keep: last", "keep: first", "is no way to merge"),
        ("collect: list", "collect: 5", "is no way to merge"),
        ("together: true", "together: 1", "is no boolean"),
        ("to: b\n", "to: x\n", "there is no state 'x'"),
        ("      item: card\n", "", "has no 'item'"),
        ("item: card\n", "item: 5\n", "is no text"),
        ("awaits: [a]", "awaits: []", "names no state"),
        ("value: data.card", "value: a..b", "no path"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(old: str, new: str, fault: str) -> None:
    """Each mistake in a document is one clear fault."""
    text = dump_workflow(everything())
    assert old in text, text
    with pytest.raises(DocumentInvalid, match=fault):
        load_workflow(text.replace(old, new))
