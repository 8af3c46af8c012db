"""What is recommended to be typed next can be typed: complete, quoted, and in words of the command line."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

import circuit_breaker
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.remedies import deciding, remedy_of
from circuit_breaker.errors import CaseError, NotEnabled

ORDER = '{"name": "Ann", "amount": 12}'
JOURNAL = "sqlite:///my work.db"
STEPS = """\
circuit_breaker: 1
name: steps
states: [one, two, three]
transitions:
- {name: wrap it, from: one, to: two, steps: [{action: wrap}], manual: true}
- {name: end, from: two, to: three, manual: true}
"""


def commands(text):
    """The commands that a text recommends, as their words."""
    return [shlex.split(found)[1:] for found in re.findall(r"circuit-breaker [^`\n]+", text)]


def test_a_hint_names_the_journal_and_the_definition(cb):
    """Where functions are used, the definition is repeated as it was typed; what is printed works as it is."""
    run = ["run", "orders.py:orders", "--id", "o 1", "--data", ORDER, "--storage", JOURNAL]
    (explain,) = commands(cb(*run).out)

    assert ["explain", "o 1", "--storage", JOURNAL, "-w", "orders.py:orders"] == explain
    assert "it waits for the signal 'payment'" in cb(*explain).out
    explain_again, fire = commands(cb("signal", "o 1", "payment", *explain[2:]).out)[:2]
    assert explain == explain_again
    assert "completed" in cb(*fire).out


def test_a_hint_names_modules_too(cb, here):
    """What a document needs to be understood is repeated with --import."""
    (here / "my steps.yaml").write_text(STEPS)
    out = cb("run", "my steps.yaml", "--import", "orders.py", "--id", "a").out
    _, fire = commands(out)

    assert ["fire", "a", "wrap it", "-w", "my steps.yaml", "--import", "orders.py"] == fire
    assert "one → two" in cb(*fire).out


def test_a_hint_is_short_where_the_journal_knows_all(cb):
    """Where the journal keeps the whole definition, a hint names none."""
    out = cb("run", "orders.py:plain", "--id", "a").out

    assert [["explain", "a"], ["fire", "a", "pay"]] == commands(out)


def test_the_next_page_is_a_whole_command(cb):
    """A list that goes on says what to type for its next page, filters included."""
    for case in ("a", "b", "c"):
        cb("start", "orders.py:plain", "--id", case, "--storage", JOURNAL)
    filters = ["--status", "waiting", "-w", "plain", "--limit", "1", "--storage", JOURNAL]
    (following,) = commands(cb("cases", *filters).err)

    assert ["b"] == [line.split()[0] for line in cb(*following).out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("arguments", "remedy", "code"),
    [
        (["show", "zz"], ["cases"], 4),
        (["explain", "zz"], ["cases"], 4),
        (["fire", "o1", "pay"], ["signal", "o1", "payment"], 1),
        (["fire", "o1", "send"], ["explain", "o1"], 1),
    ],
)
def test_remedies_are_commands(cb, arguments, remedy, code):
    """Where an error tells a programmer what to call, somebody at the keyboard reads what to type."""
    named = ["--storage", JOURNAL, "-w", "orders.py:orders"] if arguments[0] != "show" else ["--storage", JOURNAL]
    cb("start", "orders.py:orders", "--id", "o1", "--storage", JOURNAL)
    (command,) = commands(cb(*arguments, *named, code=code).err)
    error = cb(*arguments, *named, "--json", code=code).error

    assert remedy == command[: len(remedy)]
    assert ["--storage", JOURNAL] == command[len(remedy) : len(remedy) + 2]
    assert [command] == commands(error["remedy"])
    assert "engine." not in error["remedy"]


def test_a_timer_is_waited_for_by_the_worker(cb):
    """A transition that is not due yet is left to ``work``."""
    cb("run", "orders.py:orders", "--id", "o1", "--data", ORDER)
    cb("signal", "o1", "payment", "-w", "orders.py:orders")

    assert (
        "`circuit-breaker work -w orders.py:orders`" in cb("fire", "o1", "lose", "-w", "orders.py:orders", code=1).err
    )


def written_remedies():
    """Every remedy that the package spells out."""
    for path in Path(circuit_breaker.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.keyword) and node.arg == "remedy":
                parts = [part for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
                yield from (part.value for part in parts if isinstance(part.value, str))


def test_no_remedy_speaks_of_an_engine():
    """Whatever remedy there is in the package, none tells somebody at the keyboard to call a method of an engine."""
    remedies = [
        remedy_of(CaseError("x", remedy=text), Onward("sqlite:///x.db"), case="a") for text in written_remedies()
    ]
    calls = re.compile(r"engine\.\w+\(|await engine|case\.tokens|again=True")

    assert len(remedies) > 50
    assert [] == [remedy for remedy in remedies if calls.search(remedy)]


def test_a_remedy_without_a_case_says_where_it_belongs():
    """Where the case is not known, its place is named."""
    error = NotEnabled("x waits", remedy="send it with engine.signal(...)")

    assert "send it with `circuit-breaker signal CASE NAME`" == remedy_of(error, Onward())


def test_how_to_decide_names_the_modules_that_know_the_agents():
    """A call that a person decides with is told as a command, with the modules of definitions and no documents."""
    onward = Onward(workflows=("shop.py:desk", "order.yaml", "model.bpmn:p"), modules=("tools",))
    told = deciding("approval needed for refund: `agents.approve('x 1', ...)`", onward)

    assert "approval needed for refund: `circuit-breaker agents approve 'x 1' --import tools --import shop.py`" == told
