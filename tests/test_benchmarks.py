"""The benchmarks compare fairly, and say so when there is nobody to compare with."""

from __future__ import annotations

import io
import json
import types

import pytest
from rich.console import Console

from benchmarks import environment
from benchmarks.registry import Benchmark, Peer, Row, _tagged, benchmark, chosen, rows
from benchmarks.table import line, table
from benchmarks.timing import megabytes, microseconds, per_second

PEER = Peer("transitions", "step")


@pytest.mark.parametrize(("unit", "ratio"), [("µs", 4.0), ("MB", 4.0), ("steps/s", 0.25)])
def test_a_ratio_above_one_means_that_we_are_better(unit, ratio):
    """Less is better, except in a unit that counts something a second."""
    assert ratio == Benchmark("a", unit, lambda: 2.0).ratio(2.0, 8.0)


def test_a_benchmark_has_a_row_for_each_peer_and_is_measured_once():
    """Our figure is taken once and stands beside that of every peer."""
    measured = iter([2.0])
    found = Benchmark("a", "µs", lambda: next(measured), (PEER, Peer("langgraph", "step_sync")))

    assert [
        Row("a", 2.0, "µs", "transitions step", 8.0, 4.0),
        Row("a", 2.0, "µs", "langgraph step_sync", 8.0, 4.0),
    ] == list(rows(found, lambda _: 8.0))


def test_without_the_peers_their_columns_are_empty():
    """A peer that is not installed leaves its figure and the ratio empty."""
    assert [Row("a", 2.0, "µs", "transitions step")] == list(
        rows(Benchmark("a", "µs", lambda: 2.0, (PEER,)), lambda _: None)
    )


def test_a_benchmark_without_peers_has_one_row():
    """A figure that has no peer stands alone."""
    assert [Row("a", 2.0, "MB")] == list(rows(Benchmark("a", "MB", lambda: 2.0), lambda _: 8.0))


def test_a_tagged_function_is_found_where_it_was_defined():
    """The decorator returns the function; a module offers those of its own, under their names with hyphens."""

    @benchmark("µs", PEER)
    def one_step() -> float:
        return 1.0

    home, other = types.ModuleType(__name__), types.ModuleType("other")
    home.one_step = other.one_step = one_step

    assert ["one-step"] == [found.name for found in _tagged(home)]
    assert not list(_tagged(other))


def test_benchmarks_are_chosen_by_how_their_names_begin():
    """No name means all; an unknown one is an error that lists the names there are."""
    known = [Benchmark(name, "µs", lambda: 1.0) for name in ("rule-of-fields", "rule-of-text", "step")]

    assert tuple(known) == chosen(known, [])
    assert tuple(known[:2]) == chosen(known, ["rule"])
    with pytest.raises(LookupError, match=r"'rul3'; there are: rule-of-fields, rule-of-text, step"):
        chosen(known, ["rul3"])


def test_a_row_is_one_json_object():
    """A script reads name, value, unit, peer, peer_value and ratio."""
    document = {"name": "a", "value": 2.0, "unit": "µs", "peer": "b c", "peer_value": 8.0, "ratio": 4.0}

    assert document == json.loads(line(Row("a", 2.0, "µs", "b c", 8.0, 4.0)))


def test_a_table_shows_figures_and_ratio():
    """People read rounded figures; what was not measured stays empty."""
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(table([Row("a", 31_234.4, "steps/s", "b c", 8.126, 3843.8), Row("d", 0.12345, "µs")]))
    text = console.export_text()

    assert "31,234" in text
    assert "8.13" in text
    assert "3843.8" in text
    assert "0.123" in text


def test_a_peer_without_its_environment_has_no_figure(monkeypatch, tmp_path):
    """A peer is measured only where it is installed."""
    monkeypatch.setattr(environment, "PYTHON", tmp_path / "python")

    assert not environment.installed()
    assert environment.measure(PEER) is None


def test_a_peer_of_the_standard_library_is_always_measured():
    """SQLite itself needs no environment."""
    assert environment.measure(Peer("raw-sqlite", "group")) > 0


def test_a_peer_that_fails_says_why():
    """The error names the peer and repeats what its script said."""
    with pytest.raises(RuntimeError, match=r"raw-sqlite nothing failed:\nusage: .*commit\|group"):
        environment.measure(Peer("raw-sqlite", "nothing"))


def test_clocks_count_steps(tmp_path):
    """A figure is per step, and a size is the sum of all files below a directory."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 2_000_000)

    assert microseconds(lambda: None, seconds=0.001) > 0
    assert per_second(lambda: 10) > 0
    assert megabytes(tmp_path) == 2.0
