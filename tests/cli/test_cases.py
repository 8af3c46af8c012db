"""Cases from the command line: begun, changed, looked at."""

from __future__ import annotations

import csv
import io

import pytest
import yaml

ORDER = '{"name": "Ann", "amount": 12}'


@pytest.fixture
def packed(cb):
    """A case that waits, packed."""
    cb("run", "orders.py:orders", "--id", "o1", "--data", ORDER, "--by", "shop")
    cb("signal", "o1", "payment", "-w", "orders.py:orders", "--by", "bank")
    return "o1"


def test_run_goes_on_until_the_case_rests(cb):
    """``run`` starts a case, tells what happens line by line, and says how it stands and what to type."""
    done = cb("run", "orders.py:orders", "--id", "o1", "--data", ORDER)

    assert "○ orders  starts in new" in done.out
    assert "case o1 is waiting in new" in done.out
    assert "circuit-breaker explain o1" in done.out


def test_a_signal_lets_the_case_go_on(cb, packed):
    """``signal`` sends a signal, and the case runs on: paid, packed, with what the action brought."""
    case = cb("show", packed, "--json").document

    assert ("packed", "waiting") == (case["state"], case["status"])
    assert "to Ann" == case["tokens"][0]["results"]["label"]["label"]
    assert ["shop", "bank"] == [event["by"] for event in case["history"] if event.get("by")]


def test_progress_of_an_action_is_told(cb):
    """What an action reports while it works is printed."""
    cb("start", "orders.py:orders", "--id", "o1", "--data", ORDER)
    done = cb("signal", "o1", "payment", "-w", "orders.py:orders")

    assert "pack  50% half a label" in done.out
    assert "pack  printing" in done.out


def test_start_prints_the_id_and_fires_nothing(cb):
    """``start`` prints the id of a new case, which has had one event."""
    case = cb("start", "orders.py:plain", "--data", '{"amount": 12}').out.strip()

    assert 1 == cb("show", case, "--json").document["sequence"]
    assert "new" == cb("start", "orders.py:plain", "--json").document["state"]


def test_fire_runs_on_unless_told_not_to(cb):
    """``fire`` fires a transition and what follows by itself; with --no-run nothing follows."""
    for case in ("a", "b"):
        cb("start", "orders.py:plain", "--id", case, "--data", '{"amount": 12}')

    assert "sent" == cb("fire", "a", "pay", "--json").document["state"]
    assert "paid" == cb("fire", "b", "pay", "--no-run", "--json").document["state"]


def test_a_refusal_says_which_rule_said_no(cb):
    """A refused transition is told with what was seen and wanted, and the exit code is 1."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 7}')

    assert "data.amount > 10 — saw 7, wanted > 10" in cb("fire", "a", "pay", code=1).err
    error = cb("fire", "a", "pay", "--json", code=1).error
    assert ("refused", 7) == (error["code"], error["verdict"]["seen"])


def test_data_that_comes_with_a_firing_is_judged_and_kept(cb):
    """``fire --data`` adds to the data before the rules look at it."""
    cb("start", "orders.py:plain", "--id", "a")
    case = cb("fire", "a", "pay", "--data", '{"amount": 99}', "--json").document

    assert {"amount": 99} == case["tokens"][0]["data"]


def test_roles_are_given_on_the_command_line(cb, packed):
    """A transition for a role needs ``--role``; the hint that is printed has it."""
    done = cb("fire", packed, "send", "-w", "orders.py:orders", code=1)
    assert "wanted clerk" in done.err
    done = cb("signal", packed, "payment", "-w", "orders.py:orders")
    assert f"circuit-breaker fire {packed} send --role clerk" in done.out

    assert "completed" in cb("fire", packed, "send", "--role", "clerk", "-w", "orders.py:orders").out


def test_an_action_that_raises_is_a_refusal_with_its_reason(cb, packed):
    """Whatever an action raises, the command names it and ends with 1; the case stands where it stood."""
    done = cb("fire", packed, "squeeze", "-w", "orders.py:orders", code=1)

    assert "RuntimeError: the box is too small" in done.err
    assert "packed" == cb("show", packed, "--json").document["state"]


def test_cancel_ends_a_case(cb, packed):
    """``cancel`` records the reason and the person, and nothing can happen afterwards."""
    done = cb("cancel", packed, "--reason", "sold out", "--by", "ann", "-w", "orders.py:orders")

    assert "cancelled" in done.out
    assert "packed up" not in done.out + cb("explain", packed, "-w", "orders.py:orders").out
    assert "sold out" in cb("show", packed).out
    assert "nothing can happen" in cb("explain", packed, "-w", "orders.py:orders").out
    assert 1 == cb("fire", packed, "send", "-w", "orders.py:orders", code=1).code


def test_cases_are_listed_page_by_page(cb):
    """``cases`` filters, and ends a page with how to get the next."""
    for case in ("a", "b", "c"):
        cb("start", "orders.py:plain", "--id", case, "--data", '{"amount": 12}')
    cb("fire", "b", "pay")

    done = cb("cases", "--limit", "2")
    assert "--after b" in done.err
    assert ["c"] == [line.split()[0] for line in cb("cases", "--after", "b").out.splitlines()[1:]]
    assert ["b"] == [each["case"] for each in cb("cases", "--status", "completed", "--json").records]
    assert ["a", "c"] == [each["case"] for each in cb("cases", "--state", "new", "-w", "plain", "--json").records]
    assert "no cases" in cb("cases", "-w", "nothing").out


def test_a_list_of_cases_fits_into_a_narrow_terminal(cb, monkeypatch):
    """Where there is little room, where the cases are comes first; ids are whole."""
    cb("start", "orders.py:plain", "--id", "i" * 36)
    assert "changed (UTC)" in cb("cases").out
    monkeypatch.setenv("COLUMNS", "80")
    head, line = cb("cases").out.splitlines()

    assert ["case", "workflow", "status", "state"] == head.split()
    assert ["i" * 36, "plain", "waiting", "new"] == line.split()


def test_show_needs_no_definition(cb, packed, here):
    """``show`` reads the journal alone: tokens, data, results and history, long texts shortened."""
    cb("start", "orders.py:plain", "--id", "long", "--data", f'{{"text": "{"x" * 500}"}}')
    (here / "orders.py").unlink()
    done = cb("show", packed)

    for part in ("packed", '"Ann"', "to Ann", "● pack", "paid → packed", "payment"):
        assert part in done.out
    assert "(502 characters)" in cb("show", "long").out
    assert "... 3 earlier" in cb("show", packed, "--events", "2").out
    assert "time (UTC)" not in cb("show", packed, "--events", "0").out


def test_the_history_is_printed_in_three_forms(cb, packed):
    """``history`` prints one document as JSON, YAML or CSV, or with --json one event a line."""
    as_json = cb("history", packed).document
    as_lines = cb("history", packed, "--json").records
    as_yaml = yaml.safe_load(cb("history", packed, "--format", "yaml").out)
    as_csv = list(csv.DictReader(io.StringIO(cb("history", packed, "--format", "csv").out)))

    assert as_json == as_lines
    assert [event["type"] for event in as_json] == [event["type"] for event in as_yaml]
    assert [event["type"] for event in as_json] == [row["type"] for row in as_csv]


def test_explain_says_why_not(cb):
    """``explain`` names the failed condition and the change of data that would enable the transition."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 7}')

    text = cb("explain", "a").out
    assert "✗ pay: cannot fire" in text
    assert "it would with data.amount = 11" in text
    reasons = cb("explain", "a", "--json").document["transitions"]
    assert {"pay": False, "send": False} == {reason["transition"]: reason["enabled"] for reason in reasons}


def test_a_definition_is_found_in_the_journal(cb, here):
    """A case of a definition without functions needs no --workflow, even when its module is gone."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 12}')
    (here / "orders.py").unlink()

    assert "sent" == cb("fire", "a", "pay", "--json").document["state"]


def test_a_definition_with_functions_must_be_named(cb, packed):
    """Without --workflow a definition that uses functions is not known, and the error says what to give."""
    error = cb("explain", packed, "--json", code=4).error

    assert "workflow_not_found" == error["code"]
    assert "--workflow" in error["remedy"]
    assert "pack" in cb("explain", packed, "-w", "orders:orders").out


def test_a_case_keeps_the_version_that_it_began_with(cb, here):
    """When the file has changed since, the definition that the journal keeps is the one that counts."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 12}')
    text = (here / "orders.py").read_text().replace('"amount") > 10', '"amount") > 100')
    (here / "later.py").write_text(text)

    assert "sent" == cb("fire", "a", "pay", "-w", "later.py:plain", "--json").document["state"]


def test_the_storage_may_be_named_by_option_or_environment(cb, here, monkeypatch):
    """``--storage`` names the journal; so does CIRCUIT_BREAKER_STORAGE; hints repeat what is not the default."""
    done = cb("run", "orders.py:plain", "--id", "a", "--data", '{"amount": 12}', "--storage", "sqlite:///x.db")
    assert "circuit-breaker fire a pay --storage sqlite:///x.db" in done.out
    monkeypatch.setenv("CIRCUIT_BREAKER_STORAGE", "sqlite:///x.db")

    assert ["a"] == [each["case"] for each in cb("cases", "--json").records]


def test_work_takes_up_what_waits_to_be_done(cb):
    """``work --until-idle`` runs every case that can go on, and ends when there is nothing to do."""
    cb("start", "orders.py:plain", "--id", "a", "--data", '{"amount": 12}')
    cb("fire", "a", "pay", "--no-run")

    assert "a  ● send  paid → sent" in cb("work", "--until-idle").out
    assert {"completed": 1} == cb("work", "--until-idle", "--json").document["counts"]


def test_work_names_the_definitions_that_it_does_not_know(cb):
    """Cases of unknown definitions are left alone, with a warning on standard error."""
    cb("start", "orders.py:orders", "--id", "o1", "--data", ORDER)

    assert "the definition of workflow 'orders'" in cb("work", "--until-idle").err
    assert "" == cb("work", "--until-idle", "-w", "orders.py:orders").err


def test_timers_of_unknown_definitions_are_left_alone(cb):
    """A timer that is due but whose definition is not known neither fires nor keeps ``work`` from ending."""
    cb("start", "orders.py:timed", "--id", "a")
    done = cb("work", "--until-idle")

    assert "the definition of workflow 'timed'" in done.err
    assert 1 == cb("show", "a", "--json").document["sequence"]
    assert "a  ● remind  new → paid" in cb("work", "--until-idle", "-w", "orders.py:timed").out


def test_a_case_of_the_demo_needs_no_definition(cb, here):
    """The definition that comes with the package is known."""
    data = '{"title": "Plan", "content": "We should.", "author": "ann", "priority": 3, "revisions": 0}'
    cb("run", "circuit_breaker.cli.demo.review", "--id", "mine", "--data", data)
    fire = ["fire", "mine", "accept", "--role", "reviewer", "--data", '{"reviewer": "rita"}', "--json"]

    assert "approved" == cb(*fire).document["state"]


def test_show_tells_what_blocks_a_case_and_what_has_come(cb, here, packed):
    """A failed action and a signal that nothing has used are shown."""
    cb("signal", packed, "payment", "-w", "orders.py:orders")
    cb("fire", packed, "squeeze", "-w", "orders.py:orders", code=1)
    text = cb("show", packed).out

    assert "squeeze: failed: the box is too small" in text
    assert "signal payment has come" in text


def test_a_case_that_is_stuck_says_how_to_ask_why(cb):
    """A case that cannot go on ends the command with 1, and the hint is ``explain``."""
    done = cb("run", "orders.py:orders", "--id", "o1", "--data", '{"amount": 0}')
    done = cb("signal", "o1", "payment", "-w", "orders.py:orders", code=1)

    assert "case o1 is stuck in paid" in done.out
    assert "circuit-breaker explain o1" in done.out
    assert "✗ worth_sending: worth sending" in cb("explain", "o1", "-w", "orders.py:orders").out


def test_versions_that_do_not_match_are_named(cb, here):
    """When the named definition has another version, and the journal's uses functions, the error tells both."""
    cb("start", "orders.py:orders", "--id", "o1")
    (here / "later.py").write_text((here / "orders.py").read_text().replace('"1h"', '"2h"'))
    error = cb("explain", "o1", "-w", "later.py:orders", "--json", code=4).error

    assert "of those named 'orders' has version" in error["message"]
