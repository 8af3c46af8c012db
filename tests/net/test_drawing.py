"""The value of a drawing, and its Mermaid and Graphviz forms."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from circuit_breaker.errors import DefinitionError
from circuit_breaker.net.drawing import Drawing, Edge, Node, dot, mermaid, svg, terminal
from tests.net.drawings import any_drawing, parallel, review


def test_all_faults_of_a_drawing_are_told_at_once() -> None:
    """Ids that are there twice and edges that lead nowhere are reported together, with the nearest right name."""
    with pytest.raises(DefinitionError) as caught:
        Drawing("d", [Node("draft", "a"), Node("draft", "b")], [Edge("draft", "x"), Edge("drat", "drat")])
    assert [
        "node 'draft': is there twice (give it another id)",
        "edge 'draft' -> 'x': no node 'x' (known: draft, draft)",
        "edge 'drat' -> 'drat': no node 'drat' (did you mean 'draft'?)",
    ] == [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("wrong", [{"kind": "circle"}, {"marks": -1}])
def test_a_node_of_no_kind_or_with_less_than_no_token_is_refused(wrong: dict[str, object]) -> None:
    """A node is a place or a transition, and holds no negative number of tokens."""
    with pytest.raises(ValueError, match=r"kind|marks"):
        Node("a", "a", **wrong)


@pytest.mark.parametrize("wrong", [{"kind": "double"}, {"weight": 0}])
def test_an_edge_of_no_kind_or_without_weight_is_refused(wrong: dict[str, object]) -> None:
    """An edge is of one of four kinds and moves at least one token."""
    with pytest.raises(ValueError, match=r"kind|weight"):
        Edge("a", "b", **wrong)


def test_mermaid_has_a_round_place_a_box_and_an_arrow() -> None:
    """The smallest workflow reads as expected, line by line."""
    nodes = [Node("a", "draft", initial=True, marks=1), Node("b", "end", final=True), Node("t", "submit", "transition")]
    lines = mermaid(Drawing("small", nodes, [Edge("a", "t"), Edge("t", "b", weight=2, label="x")])).splitlines()
    assert ["---", 'title: "small"', "---", "flowchart LR"] == lines[:4]
    assert [
        '    n0(["draft ●"]):::initial',
        '    n1(["end"]):::final',
        '    n2["submit"]:::transition',
        "    n0 --> n2",
        '    n2 -->|"2× x"| n1',
    ] == lines[4:9]


def test_mermaid_shows_each_kind_of_arc_differently() -> None:
    """Read, inhibitor and reset arcs have lines of their own."""
    text = mermaid(parallel())
    assert [1, 1, 1] == [text.count(line) for line in ("-.->", "--o", "--x")]


def test_mermaid_marks_what_is_emphasised() -> None:
    """Emphasised nodes get a class and emphasised edges a style, by their number."""
    nodes = [Node("a", "a", emphasis=True, marks=3), Node("b", "b", note="why")]
    text = mermaid(Drawing("", nodes, [Edge("a", "b"), Edge("b", "a", emphasis=True)]))
    assert text.startswith("flowchart LR\n")
    assert "    class n0 emphasis\n" in text
    assert re.search(r"    linkStyle 1 stroke:", text)
    assert 'n0(["a ●×3"])' in text
    assert 'n1(["b<br/>why"])' in text


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ('say "hi"', "say #34;hi#34;"),
        ("<b>&", "#60;b#62;#38;"),
        ("#35;", "#35;35#59;"),
        ("`code`", "#96;code#96;"),
        ("snake_case _it_", "snake_case #95;it#95;"),
        ("1. first", "1#46; first"),
        ("- item", "#45; item"),
        ("a\nb\x1b[0m", "a<br/>b #91;0m"),
        ("été 日本", "été 日本"),
    ],
)
def test_mermaid_text_is_never_syntax(label: str, shown: str) -> None:
    """Quotes, markup, entities, markdown and control characters are written as codes."""
    assert f'n0(["{shown}"])' in mermaid(Drawing("", [Node("a", label)], []))


@given(any_drawing())
def test_mermaid_has_one_line_for_each_node_and_edge_whatever_the_text(drawing: Drawing) -> None:
    """No text can break out of its quotes or add a line."""
    body = mermaid(drawing).partition("flowchart LR\n")[2].splitlines()
    nodes = [line for line in body if re.fullmatch(r'    n\d+(\(\["[^"`]*"\]\)|\["[^"`]*"\]):::\w+', line)]
    edges = [line for line in body if re.fullmatch(r'    n\d+ \S+?(\|"[^"`]*"\|)? n\d+', line)]
    assert (len(drawing.nodes), len(drawing.edges)) == (len(nodes), len(edges))


def test_dot_shows_each_kind_of_arc_and_place_differently() -> None:
    """Inhibitor arcs end in a circle, reset arcs in a double head, read arcs are dashed; ends have two outlines."""
    text = dot(parallel())
    assert [1, 1, 1] == [
        text.count(part) for part in ('"odot"', '"normalnormal"', '[style="dashed", arrowhead="none"]')
    ]
    assert '[label="end", shape="box", style="rounded,filled", peripheries="2"]' in text


def test_dot_escapes_what_graphviz_would_read() -> None:
    """Quotes, backslashes, entities and line breaks in a label come out as they are."""
    nodes = [Node("a", 'a"\\N&lt;\nb\x00', emphasis=True), Node("t", "t", "transition")]
    text = dot(Drawing("", nodes, [Edge("a", "t", label="x", emphasis=True)]))
    assert 'label="a\\"\\\\N&amp;lt;\\nb "' in text
    assert 'n0 -> n1 [label="x", color="#c2410c", penwidth="2.5"];' in text


@given(any_drawing())
def test_dot_has_one_line_for_each_node_and_edge_whatever_the_text(drawing: Drawing) -> None:
    """No text can break out of its quotes, in which only escaped quotes and backslashes stand."""
    text = r'"(?:[^"\\\n]|\\["\\n])*"'
    attributes = rf"\[\w+={text}(?:, \w+={text})*\]"
    lines = dot(drawing).splitlines()
    assert re.fullmatch(rf"digraph {text} {{", lines[0])
    nodes = [line for line in lines if re.fullmatch(rf"    n\d+ {attributes};", line)]
    edges = [line for line in lines if re.fullmatch(rf"    n\d+ -> n\d+(?: {attributes})?;", line)]
    assert (len(drawing.nodes), len(drawing.edges)) == (len(nodes), len(edges))


@pytest.mark.parametrize("draw", [mermaid, dot, svg, terminal])
def test_a_drawing_always_gives_the_same_text(draw: object) -> None:
    """Two equal drawings give equal texts in each language."""
    assert callable(draw)
    assert draw(review()) == draw(review())
