"""Nothing that comes from outside can steer a terminal or deceive its reader."""

from __future__ import annotations

import json
import shlex
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import cli
from circuit_breaker.cli.onward import Onward, quoted
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.visible import Line, SafeConsole, json_text, visible
from circuit_breaker.errors import DataInvalid

EVIL = "\x1b[2J\r\x9b31m\u202eevil\x07[red]\n"
SHOWN = r"\x1b[2J\r\u009b31m\u202eevil\x07[red]\n"


def harmless(text: str) -> bool:
    """Whether a terminal shows the text as it is."""
    return text == visible(text, keep="\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain — ✓ 日本 é", "plain — ✓ 日本 é"),
        (EVIL, SHOWN),
        ("a\tb\u200bc\u2028d\U000e0041", r"a\tb\u200bc\u2028d\U000e0041"),
        ("caf\udce9 \ud800", r"caf\xe9 \ud800"),
        ("\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f52c", "\u0645\u06cc\u200c\u062e \U0001f469\u200d\U0001f52c"),
    ],
)
def test_what_steers_a_terminal_is_written_out(text, shown):
    """Control characters, bidirectional overrides, invisible and half characters are shown as escapes."""
    assert shown == visible(text)


@given(st.text(st.characters(exclude_categories=())))
def test_what_is_shown_is_printable_and_stays_so(text):
    """Whatever the text, it can be encoded, holds no control character, and is shown the same once more."""
    shown = visible(text)

    shown.encode()
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in shown)
    assert shown == visible(shown)


@given(st.text(st.characters(exclude_categories=("Cs",))))
def test_json_is_safe_to_print_and_means_the_same(text):
    """JSON for programs escapes what could steer a terminal, and reads back as what it was."""
    written = json_text({text: [text]})

    assert harmless(written)
    assert {text: [text]} == json.loads(written)


def test_half_characters_do_not_spoil_json():
    """A name with bytes that are no UTF-8 is written out, for strict readers take no half characters."""
    assert '"caf\\\\xe9"' == json_text("caf\udce9")


def test_a_line_and_a_console_show_what_they_are_given():
    """Markup is no markup in them, and every part of a line is made visible."""
    screen = StringIO()
    console = SafeConsole(file=screen, force_terminal=True, width=200, color_system=None)
    console.print(EVIL)
    console.print(Line.assemble((EVIL, "bold"), EVIL).append(EVIL))

    assert SHOWN.replace(r"\n", "\n") in screen.getvalue()
    assert SHOWN * 3 in screen.getvalue().replace("\x1b[1m", "").replace("\x1b[0m", "")


def test_errors_warnings_and_notes_are_made_visible():
    """A message keeps the breaks of its lines, and nothing else that a terminal obeys."""
    screen = StringIO()
    output = Output(errors=SafeConsole(file=screen, width=200))
    output.fail(DataInvalid(f"two\nlines {EVIL}", remedy=EVIL))
    output.warn(EVIL)
    output.note(EVIL)

    assert harmless(screen.getvalue())
    assert 4 == screen.getvalue().count(r"\u202eevil\x07[red]")


def test_every_command_shows_outside_text_harmlessly(cb, here):
    """Ids, names, data, messages and reasons with control characters reach people as escapes, from every command."""
    (here / "evil.yaml").write_text(
        json.dumps(
            {"circuit_breaker": 1, "name": "w", "states": [{"name": "a", "message": EVIL}, "b"]}
            | {"transitions": [{"name": "go", "from": "a", "to": "b", "manual": True, "guard": "data.x == 1"}]}
        )
    )
    case, data = EVIL.strip(), json.dumps({EVIL: EVIL, "x": EVIL})
    texts = [cb("run", "evil.yaml", "--id", case, "--by", EVIL, "--data", data)]
    texts += [cb(name, case) for name in ("show", "explain")]
    texts += [
        cb("cases"),
        cb("show", f"{case}?", code=4),
        cb("fire", case, EVIL, code=4),
        cb("fire", case, "go", code=1),
    ]
    texts += [cb("cancel", case, "--reason", EVIL, "--by", EVIL), cb("show", case), cb("fire", case, "go", code=1)]
    texts += [cb(EVIL, code=2), cb("check", f"{EVIL}.yaml", code=4)]

    assert [] == [done for done in texts if not harmless(done.out) or not harmless(done.err)]
    assert [] == [done for done in texts if r"\u202eevil\x07[red]" not in done.out + done.err]


def test_programs_get_an_id_as_it_is(cb, here):
    """What is printed into a pipe is exact; only a terminal gets it written out."""
    assert "a\x1bb\n" == cb("start", "orders.py:plain", "--id", "a\x1bb").out


def test_only_one_module_makes_text_for_people():
    """No other module of the command line makes texts of rich by itself, so that none is forgotten."""
    makers = ("Text(", "Text.assemble(", "Text.from_markup", "Console(")
    modules = [path for path in Path(cli.__file__).parent.rglob("*.py") if path.name not in ("visible.py", "output.py")]

    assert [] == [(path.name, maker) for path in modules for maker in makers if f" {maker}" in path.read_text()]


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=5))
def test_a_quoted_word_is_harmless(word):
    """A word in a recommended command can be shown, and an ordinary one is read by a shell as it was."""
    assert harmless(quoted(word))
    if visible(word) == word:
        assert [word] == shlex.split(quoted(word))


@pytest.mark.parametrize("word", ["a b", "it's", "$HOME", "a\x1bb", "x\u202e'\\y", "tab\there"])
def test_a_shell_reads_a_quoted_word_as_it_was(word):
    """Pasted into a shell, the word is the same again, even where it has characters that nobody sees."""
    out = subprocess.run(["bash", "-c", f"printf %s {quoted(word)}"], check=True, capture_output=True, text=True).stdout

    assert word == out


def test_a_word_that_looks_like_an_option_stands_behind_two_dashes():
    """An id that begins with a dash is no option."""
    onward = Onward("sqlite:///x y.db", ("a.py:w",), ("m",))

    assert "circuit-breaker fire --storage 'sqlite:///x y.db' -w a.py:w --import m -- -x go" == onward.command(
        "fire", "-x", "go"
    )
