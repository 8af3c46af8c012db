"""How lines for people are printed."""

from __future__ import annotations

from io import StringIO

import pytest

from circuit_breaker.cli.output import Output
from circuit_breaker.cli.visible import Line, SafeConsole

LONG = "  mend: let the join wait for whichever branches are under way, or for all of them"


def printed(text, *, terminal, width=40, json=False):
    """What a line looks like where it is printed."""
    file = StringIO()
    console = SafeConsole(file=file, width=width, force_terminal=terminal, color_system=None)
    Output(json=json, console=console).line(Line(text))
    return file.getvalue().splitlines()


def test_a_long_line_is_broken_between_words():
    """On a terminal what does not fit goes on in lines that are set in a little more, with no space at the end."""
    assert [
        "  mend: let the join wait for",
        "      whichever branches are under way,",
        "      or for all of them",
    ] == printed(LONG, terminal=True)


@pytest.mark.parametrize(("terminal", "width"), [(False, 40), (True, 200), (True, 12)])
def test_other_lines_stay_whole(terminal, width):
    """Programs that read a pipe find it in one line; so does who has room, or far too little."""
    assert [LONG] == printed(LONG, terminal=terminal, width=width)


def test_programs_get_no_lines():
    """With --json there is nothing but documents."""
    assert [] == printed(LONG, terminal=True, json=True)
