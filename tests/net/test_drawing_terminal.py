"""The picture for a terminal."""

from __future__ import annotations

import re
import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.net.columns import cut, cut_between_words
from circuit_breaker.net.drawing import Drawing, Edge, Node, terminal
from circuit_breaker.net.graph import cells
from tests.net.drawings import any_drawing, chain, net, parallel, review


def picture(drawing: Drawing, **options: int) -> str:
    return "\n" + terminal(drawing, **options)


def expected(text: str) -> str:
    return textwrap.dedent(text).replace("|", "")


def test_a_loop_reads_from_its_start_with_branches_and_a_way_back() -> None:
    """Each transition is one line, branches leave one place, and what was drawn above is marked."""
    assert picture(review()) == expected(
        """
        |Document review · 5 states, 5 transitions

        |▸ ● draft ────── submit ────▶ ○ pending
        |  ○ pending ──── review ────▶ ○ reviewed

        |  ○ reviewed ─┬─ approve ───▶ ◎ approved
        |              └─ reject ────▶ ○ rejected

        |  ○ rejected ─── revise ────▶ ● draft ↺

        |  ▸ start   ● with a token   ○ empty   ◎ end   ↺ drawn above
        """
    )


def test_splits_joins_and_the_other_arcs_are_drawn_with_branches() -> None:
    """A split fans out, a join gathers, and dotted lines say what is read, forbidden or cleared."""
    assert picture(parallel()) == expected(
        """
        |Parallel review · 7 states, 4 transitions

        |▸ ○ start ─────────────── begin ───────┬─▶ ○ legal
        |                                       └─▶ ○ technical

        |  ○ legal ─────────────── check law ─────▶ ○ legal done

        |  ○ technical ─────────┬─ check facts ───▶ ○ technical done
        |  ○ legal done (read) ┄┘

        |  ○ legal done ────────┬─ finish ──────┬─▶ ◎ end
        |  ○ technical done ────┤               └┄▷ ○ hold (cleared)
        |  ○ hold (unless) ┄┄┄┄┄┘

        |  ▸ start   ○ empty   ◎ end
        """
    )


def test_a_split_stands_inside_of_a_branch() -> None:
    """Branches go on beside the lines of a split, and end with the last one."""
    flows = [("one", ["a"], ["b", "c"]), ("two", ["a"], ["c"]), ("three", ["a"], ["b", "c"])]
    lines = terminal(net("", [Node(name, name) for name in "abc"], flows)).splitlines()[2:7]
    assert [
        "  ○ a ─┬─ one ───┬─▶ ○ b",
        "       │         └─▶ ○ c",
        "       ├─ two ─────▶ ○ c",
        "       └─ three ─┬─▶ ○ b",
        "                 └─▶ ○ c",
    ] == lines


def test_tokens_are_counted_and_weights_written_on_the_line() -> None:
    """More than one token has its number beside the place, a weight stands on its arc."""
    nodes = [Node("a", "a", marks=3), Node("t", "t", "transition"), Node("b", "b", marks=2, final=True)]
    text = terminal(Drawing("", nodes, [Edge("a", "t", weight=2), Edge("t", "b", weight=5)]))
    assert "  ● a ×3 ─ 2× ── t ─── 5× ▶ ◉ b ×2" == text.splitlines()[2]


def test_edges_between_places_are_transitions_of_their_own() -> None:
    """A graph of states alone, with the names on its edges, reads the same way; without a name there is an arrow."""
    nodes = [Node("a", "a"), Node("b", "b")]
    text = terminal(Drawing("", nodes, [Edge("a", "b", label="go", emphasis=True), Edge("b", "a")]))
    assert ["  ○ a ─── [go] ───▶ ○ b", "  ○ b ─── → ──────▶ ○ a ↺"] == text.splitlines()[2:4]


def test_what_has_no_arcs_is_shown_as_well() -> None:
    """A lonely place has a line of its own; a transition that takes or gives nothing shows that."""
    nodes = [Node("a", "alone", marks=1), Node("t", "tick", "transition"), Node("b", "b"), Node("u", "u", "transition")]
    lines = terminal(Drawing("", nodes, [Edge("t", "b"), Edge("b", "u")])).splitlines()
    assert ["            ─ tick ───▶ ○ b", "  ● alone", "  ○ b ─────── u ──────▶ ∅"] == lines[2:5]


def test_transitions_joined_to_transitions_are_boxes() -> None:
    """An edge between transitions, which no net has, is still drawn."""
    nodes = [Node("t", "one", "transition"), Node("u", "two", "transition")]
    assert "□ two" in terminal(Drawing("", nodes, [Edge("t", "u")]))


@pytest.mark.parametrize("width", [40, 60])
def test_what_is_too_long_ends_in_an_ellipsis(width: int) -> None:
    """Labels give way to the width, notes first."""
    nodes = [Node("a", "a" * 50), Node("t", "t" * 50, "transition", note="note"), Node("b", "b" * 50)]
    lines = terminal(Drawing("title " * 20, nodes, [Edge("a", "t"), Edge("t", "b")]), width=width).splitlines()
    assert width == len(lines[2])
    assert 3 == lines[2].count("…")
    assert "note" not in lines[2]


@pytest.mark.parametrize("width", [30, 40, 50])
def test_names_that_begin_alike_can_be_told_apart(width: int) -> None:
    """A name is shortened in its middle, and its sign stays."""
    names = ["request_for_review_made", "request_for_review_lost", "request_for_review_kept"]
    nodes = [Node("s", "start_of_it_all", initial=True), *(Node(name, name) for name in names)]
    drawing = Drawing("", nodes, [Edge("s", name, label=f"the_way_to_{name}") for name in names])
    lines = terminal(drawing, width=width).splitlines()[2:5]
    assert lines[0].startswith("▸ ○ s")
    assert 3 == len({line.partition("▶")[2] for line in lines})
    assert all("▶ ○ r" in line for line in lines)


@given(st.text(), st.integers(0, 20), st.integers(0, 4))
def test_a_text_is_cut_to_its_cells(text: str, most: int, sign: int) -> None:
    """What fits stays whole; anything else has exactly one mark where it was cut, and never more cells than allowed."""
    shown = cut(text.replace("…", ""), most, sign=sign)
    assert cells(shown) <= max(most, 1)
    assert ("…" in shown) == (cells(text.replace("…", "")) > most)


@given(st.text("ab é漢", max_size=40), st.integers(1, 20))
def test_a_phrase_is_cut_between_its_words(text: str, most: int) -> None:
    """It ends after a word where one fits, and never has more cells than allowed."""
    phrase = " ".join(text.split())
    shown = cut_between_words(phrase, most)

    assert cells(shown) <= most
    assert ("…" in shown) == (cells(phrase) > most)
    if shown.endswith(" …"):
        assert phrase.startswith(shown[:-1])


def test_notes_stand_at_the_right_where_there_is_room() -> None:
    """A note follows its target, in a column of its own."""
    nodes = [Node("a", "a"), Node("t", "t", "transition", note="a guard"), Node("b", "b")]
    assert (
        "  ○ a ─── t ───▶ ○ b   a guard"
        == terminal(Drawing("", nodes, [Edge("a", "t"), Edge("t", "b")])).splitlines()[2]
    )


def test_colours_only_colour() -> None:
    """Without its escape sequences the coloured picture is the plain one."""
    nodes = [Node("a", "a", marks=1), Node("b", "b", final=True), Node("c", "c", emphasis=True)]
    drawing = Drawing("t", nodes, [Edge("a", "b", label="go"), Edge("a", "c", label="stay")])
    coloured = terminal(drawing, color=True)
    assert "\x1b[1;32m● a\x1b[0m" in coloured.replace("  ●", "●")
    assert terminal(drawing) == re.sub(r"\x1b\[[0-9;]*m", "", coloured)


def test_emphasis_is_colour_or_brackets() -> None:
    """An emphasised transition stands out with colours and without."""
    nodes = [Node("a", "a"), Node("t", "go", "transition", emphasis=True), Node("b", "b")]
    drawing = Drawing("", nodes, [Edge("a", "t"), Edge("t", "b")])
    assert "[go]" in terminal(drawing)
    assert "\x1b[1;33mgo\x1b[0m" in terminal(drawing, color=True)


def test_no_text_can_steer_the_terminal() -> None:
    """Escape sequences and line breaks in labels are blanks."""
    text = terminal(Drawing("\x1b]0;x\x07", [Node("a", "a\x1b[2J\r\nb\u202e")], []))
    assert "]0;x · 1 state, 0 transitions\n\n  ○ a [2J b\n\n  ○ empty\n" == text


def test_wide_and_combining_characters_keep_the_columns() -> None:
    """Lines are measured in cells, not in characters."""
    nodes = [Node("a", "日本"), Node("b", "e\u0301te"), Node("c", "abcd")]
    drawing = Drawing("", nodes, [Edge("a", "b", label="x"), Edge("b", "c", label="x"), Edge("c", "a", label="x")])
    lines = terminal(drawing).splitlines()[2:5]
    assert 1 == len({cells(line.partition("▶")[0]) for line in lines})


def test_an_empty_drawing_is_one_line() -> None:
    """Nothing to draw gives the heading alone."""
    assert "t · 0 states, 0 transitions\n" == terminal(Drawing("t", [], []))


@given(any_drawing(), st.integers(30, 120))
def test_no_line_is_wider_than_asked(drawing: Drawing, width: int) -> None:
    """Whatever the text, every line fits into the width and has only printable characters."""
    lines = terminal(drawing, width=width).splitlines()
    assert [] == [line for line in lines if cells(line) > width]
    assert [] == [line for line in lines if not line.isprintable()]


def test_every_transition_of_a_long_chain_is_there() -> None:
    """Nothing is left out, and the order is that of the chain."""
    text = terminal(chain(30, (28, 2)))
    found = re.findall(r"go (\d+)", text)
    assert [str(number) for number in range(29)] == found


@pytest.mark.parametrize(
    ("text", "most", "shown"),
    [
        ("hello world again", 12, "hello …"),
        ("hello world again", 13, "hello world …"),
        ("one two three four", 14, "one two …"),
        ("one two three four", 15, "one two three …"),
        ("unbelievably long", 9, "unbe…long"),
        ("fits", 4, "fits"),
    ],
)
def test_a_note_is_cut_between_words(text, most, shown):
    """As many whole words as there is room for; only a word that is too long alone is cut in its middle."""
    assert shown == cut_between_words(text, most)
    assert len(shown) <= most
