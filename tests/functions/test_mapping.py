"""How inputs are made of what happened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.data import Data, freeze_mapping
from circuit_breaker.errors import DataInvalid, FunctionInvalid, RuleInvalid
from circuit_breaker.functions import FieldMapping, FullData, MergedMapping, TemplateMapping
from circuit_breaker.functions.subject import as_condition, subject

TOKEN = subject(
    "t1",
    state="processing",
    data=freeze_mapping({"result": {"n": [1, 2]}, "event": "own", "title": "Plan"}),
    metadata={"source": "web"},
    results={"check": Data({"score": 9})},
    event={"type": "TransitionFired", "sequence": 2},
)


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        (FullData(), {"result": {"n": [1, 2]}, "event": "own", "title": "Plan"}),
        (FieldMapping({"result": "data"}), {"data": {"n": [1, 2]}}),
        (FieldMapping({"result.n.1": "second", "nothing": "x"}), {"second": 2}),
        (FieldMapping({"state": "s", "metadata.source": "from", "results.check.score": "score"}),
         {"s": "processing", "from": "web", "score": 9}),
        (FieldMapping({"event.type": "kind", "data.event": "own", "event": "all"}),
         {"kind": "TransitionFired", "own": "own", "all": {"type": "TransitionFired", "sequence": 2}}),
        (TemplateMapping("{title}: {result}"), 'Plan: {"n": [1, 2]}'),
        (TemplateMapping({"n": "{result.n}", "text": "{event.type|?} {nothing|none}", "k": [1, None, "{{event.x}}"]}),
         {"n": [1, 2], "text": "TransitionFired none", "k": [1, None, "{event.x}"]}),
        (MergedMapping([FieldMapping({"title": "title"}), TemplateMapping({"kind": "order", "title": "{title}!"})]),
         {"title": "Plan!", "kind": "order"}),
    ],
    ids=range(8),
)  # fmt: skip
def test_an_input_is_made(mapping, expected):
    """F5: all of the data, fields under other names, templates, and several of these merged."""
    assert expected == mapping.apply(TOKEN)


def test_an_input_can_be_changed_freely():
    """F5: what is given to a function is a copy: the data of the case stays as it is."""
    given = FullData().apply(TOKEN)
    given["result"]["n"].append(3)
    assert [1, 2] == TOKEN.data["result"]["n"]


@pytest.mark.parametrize(
    ("mapping", "words"),
    [
        (TemplateMapping("{nothing}"), "needs 'data.nothing', which is missing"),
        (MergedMapping([FullData(), TemplateMapping("text")]), "is no object"),
    ],
)
def test_an_input_that_cannot_be_made_says_why(mapping, words):
    """F5: a template without its value, and a merge of what is no object, are errors."""
    with pytest.raises(DataInvalid, match=words):
        mapping.apply(TOKEN)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: FieldMapping({}), "no {}"),
        (lambda: FieldMapping("data"), "no 'data'"),
        (lambda: FieldMapping({"a": 3}), "mapped to 3"),
        (lambda: FieldMapping({3: "a"}), "3 is no path"),
        (lambda: FieldMapping({"a..b": "a"}), "no path to a field"),
        (lambda: TemplateMapping("{"), "stands alone"),
        (lambda: MergedMapping([]), "give a list of mappings"),
        (lambda: MergedMapping("ab"), "give a list of mappings"),
    ],
    ids=range(8),
)
def test_a_wrong_mapping_is_refused_where_it_is_written(make, words):
    """F5: what is no mapping is refused at once."""
    with pytest.raises((FunctionInvalid, RuleInvalid), match=words):
        make()


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("event.type == 'TransitionFired'", True),
        ("event.sequence > 2", False),
        ("data.event == 'own' && metadata.event.sequence == 2", True),
        ("has(event.type) && 'event' == \"event\"", True),
        ("[1].exists(x, x == event.sequence - 1)", True),
        ("event.nothing == 1", False),
    ],
)
def test_a_condition_reads_the_event(text, passes):
    """F3: the event is a name of its own in CEL, beside data, metadata, state and results."""
    assert passes is as_condition(text).judge(TOKEN).passed


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L"]), min_size=1), st.integers(), min_size=1))
def test_fields_that_are_there_are_all_mapped(data):
    """F5: a field mapping has every field that is there, under its new name."""
    token = subject("t", state="s", data=data, metadata={}, results={}, event={})
    fields = {f"data.{key}": f"new {key}" for key in data}

    assert {f"new {key}": value for key, value in data.items()} == FieldMapping(fields).apply(token)
