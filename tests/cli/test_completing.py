"""What a shell offers when the tab key is pressed."""

from __future__ import annotations

import sqlite3

import pytest
from click.shell_completion import BashComplete

from circuit_breaker.cli.program import program


@pytest.fixture
def offered(cb, monkeypatch):
    """What is offered behind these words, of which the last is not complete; an entry is its kind and its text."""

    def complete(*words: str) -> list[tuple[str, str]]:
        completer = BashComplete(program, {}, "circuit-breaker", "_CIRCUIT_BREAKER_COMPLETE")
        *whole, last = words
        return [(item.type, item.value) for item in completer.get_completions(whole, last)]

    return complete


@pytest.mark.parametrize(
    "words", [("run", ""), ("check", "or"), ("draw", "x"), ("fire", "-w", "o"), ("run", "a", "--import", "o")]
)
def test_definitions_and_modules_are_files(offered, words):
    """Where a definition or a module is named, the shell offers its files."""
    assert [("file", words[-1])] == offered(*words)


@pytest.mark.parametrize("words", [("show",), ("fire",), ("explain",), ("draw", "orders.py:plain", "--case")])
def test_cases_are_offered_by_their_ids(cb, offered, words):
    """Where a case is named, the ids in the journal that begin so are offered."""
    for case in ("order-1", "order-2", "other", "order 3"):
        cb("start", "orders.py:plain", "--id", case)

    assert [("plain", "order-1"), ("plain", "order-2")] == offered(*words, "ord")
    assert [("plain", "other")] == offered(*words, "other")
    assert 3 == len(offered(*words, ""))


def test_cases_come_from_the_journal_that_is_named(cb, offered, monkeypatch):
    """--storage says which journal, and so does the variable."""
    cb("start", "orders.py:plain", "--id", "a", "--storage", "sqlite:///x.db")
    assert [] == offered("show", "")
    assert [("plain", "a")] == offered("show", "--storage", "sqlite:///x.db", "")
    monkeypatch.setenv("CIRCUIT_BREAKER_STORAGE", "sqlite:///x.db")

    assert [("plain", "a")] == offered("show", "")


def test_there_are_not_too_many(cb, offered, monkeypatch):
    """Of many cases the first are offered."""
    monkeypatch.setattr("circuit_breaker.cli.completing.MOST", 2)
    for case in ("a", "b", "c"):
        cb("start", "orders.py:plain", "--id", case)

    assert 2 == len(offered("show", ""))


@pytest.mark.parametrize("storage", ["sqlite:///none.db", "sqlite:///foreign.db", "nonsense", "postgres://nowhere/x"])
def test_what_cannot_be_read_offers_nothing(here, offered, storage):
    """Without a journal, or with a foreign one, nothing is offered, said or made."""
    with sqlite3.connect(here / "foreign.db") as database:
        database.execute("create table theirs (a)")
    database.close()

    assert [] == offered("show", "--storage", storage, "")
    assert not (here / "none.db").exists()


def test_the_help_of_completion_reads_well(cb):
    """The three lines stand as they were written."""
    text = cb("completion", "--help").out

    assert "\\b" not in text
    assert '  bash:  eval "$(circuit-breaker completion bash)"    in ~/.bashrc\n  zsh:' in text
