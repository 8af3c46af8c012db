"""Tools that work on data."""

from __future__ import annotations

import os
import time

import pytest

from circuit_breaker.errors import ToolNotFound
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.toolbox import (
    AgentTools,
    CustomTool,
    DataAnalysisTool,
    Folder,
    ReportGeneratorTool,
    SearchTool,
)
from circuit_breaker.llm.tools import run_tool_call

CSV = "city,price,rooms\nRome,100,2\nOslo,300,3\nRome,200,\nParis,,1\n"


def analysed(operation, **arguments):
    return DataAnalysisTool().execute(operation, csv=CSV, **arguments)


def test_a_table_is_described():
    """K7: every column with its kind, what is missing, and its figures."""
    columns = analysed("describe")["columns"]

    assert ("number", 1, 200.0) == tuple(columns["price"][name] for name in ("type", "missing", "mean"))
    assert {"Rome": 2, "Oslo": 1, "Paris": 1} == columns["city"]["most_frequent"]


def test_a_table_is_filtered():
    """K7: rows for which a comparison holds; what is missing never does."""
    assert [{"city": "Oslo", "price": 300, "rooms": 3}] == analysed(
        "filter", column="price", comparison=">", value=200
    )["rows"]
    assert 2 == analysed("filter", column="city", comparison="contains", value="RO")["matching"]
    assert 0 == analysed("filter", column="city", comparison="<", value=5)["matching"]
    assert 2 == analysed("filter", column="city", comparison="!=", value="Rome")["matching"]


def test_a_table_is_grouped():
    """K7: one figure for each value of a column."""
    assert {"Rome": 150.0, "Oslo": 300.0} == analysed("group", by="city", column="price")["groups"]
    assert {"Rome": 2, "Oslo": 1, "Paris": 1} == analysed("group", by="city", aggregate="count")["groups"]


def test_two_columns_are_held_against_each_other():
    """K7: over the rows that have both."""
    assert {"of_rows": 4, "rows": 2, "correlation": pytest.approx(1.0)} == analysed(
        "correlate", column="price", by="rooms"
    )


def test_rows_are_a_table_too():
    """A list of objects does in place of CSV, and rows may lack a column."""
    rows = [{"a": 1, "b": None}, {"a": 2}, {"a": True}]

    assert "text" == DataAnalysisTool().execute("describe", rows=rows)["columns"]["a"]["type"]
    assert 1 == DataAnalysisTool().execute("filter", rows=rows[:2], column="a", value=2)["matching"]
    assert 0 == DataAnalysisTool().execute("filter", rows=rows, column="b", comparison=">", value=0)["matching"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"operation": "describe"}, "give rows or csv"),
        ({"operation": "filter", "csv": CSV}, "needs 'column'"),
        ({"operation": "filter", "csv": CSV, "column": "prise"}, "did you mean 'price'"),
        ({"operation": "group", "csv": CSV, "by": "price", "column": "city"}, "no column of numbers: 'Rome'"),
        ({"operation": "correlate", "csv": "a,b\n1,\n,2\n", "column": "a", "by": "b"}, "fewer than two rows"),
        ({"operation": "describe", "csv": "a,a\n1,2"}, "column twice"),
        ({"operation": "describe", "csv": "a\n1,2"}, "more values than names in line 2"),
        ({"operation": "describe", "csv": "a"}, "no rows"),
        ({"operation": "describe", "csv": 'a\n"x" y'}, "cannot be read: line 2"),
        ({"operation": "group", "csv": "a,b\nx,\n", "by": "a", "column": "b"}, "no column of numbers"),
    ],
)
def test_a_table_that_is_wrong_is_told(arguments, reason):
    """The message names what is missing or wrong."""
    with pytest.raises(ValueError, match=reason):
        DataAnalysisTool().execute(**arguments)


def test_other_separators_are_read():
    """Semicolons, tabs and numbers that are none, such as nan, are read as people mean them."""
    columns = DataAnalysisTool().execute("describe", csv="a;b\n1;nan\n2.5;x")["columns"]
    assert ("number", "text") == (columns["a"]["type"], columns["b"]["type"])


def test_a_report_is_markdown():
    """K7: sections with texts, items and tables; nothing in a cell is read as Markdown."""
    sections = [
        {"heading": "Figures", "text": "As *measured*.", "table": [{"city": "a|b", "price": 1.5}, {"city": None}]},
        {"heading": "Next", "items": ["one\ntwo", 3]},
    ]
    report = ReportGeneratorTool().execute("All <b>", sections, summary="Short.")["report"]

    assert report.startswith(
        "# All \\<b\\>\n\nShort.\n\n## Figures\n\nAs *measured*.\n\n| city | price |\n| --- | --- |\n"
    )
    assert "| a\\|b | 1.5 |\n|  |  |\n" in report
    assert "- one two\n- 3\n" in report


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "nets.md").write_text("Petri nets have places and transitions. " * 3)
    (tmp_path / "docs" / "deep" / "tokens.txt").write_text("A token lies in a place of a net.")
    (tmp_path / "docs" / "picture.png").write_bytes(b"net net net")
    (tmp_path / "docs" / ".hidden.md").write_text("net net net")
    (tmp_path / "secret.md").write_text("net password")
    return tmp_path / "docs"


def test_a_folder_is_searched(folder):
    """K7: the texts that say most about the query, best first, with a part of them."""
    found = SearchTool(folder).execute("places of nets")

    assert ["nets.md", "deep/tokens.txt"] == [each["document"] for each in found["results"]]
    assert found["results"][0]["text"].startswith("Petri nets")
    assert (2, []) == (found["searched"], SearchTool(folder).execute("zebra")["results"])


def test_what_is_new_in_the_folder_is_found(folder):
    """A search sees the folder as it is, and reads again only what has changed."""
    search = SearchTool(folder)
    search.execute("zebra")
    (folder / "new.md").write_text("A zebra.")
    (folder / "nets.md").unlink()

    assert ["new.md"] == [each["document"] for each in search.execute("zebras")["results"]]


def test_nothing_outside_of_the_folder_is_read(folder):
    """Links out of the folder, to files and to folders, are not followed, not even ones made a moment ago."""
    (folder / "link.md").symlink_to(folder.parent / "secret.md")
    (folder / "up").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe.md")
    guarded = Folder(path=folder)

    assert 2 == SearchTool(folder).execute("password")["searched"]
    assert {"nets.md", "deep/tokens.txt"} == set(guarded.files())
    assert "" == guarded.text("link.md") == guarded.text("gone.md")


def test_a_folder_is_read_within_limits(folder):
    """Large files, too many files and too much in all are left out."""
    assert ["deep/tokens.txt"] == list(Folder(path=folder, most_bytes=40).files())
    assert 1 == len(Folder(path=folder, most_files=1).files())
    assert 1 == len(Folder(path=folder, most_in_all=130).files())


def test_documents_are_searched_without_a_folder():
    """Texts may be given in place of a folder; with neither there is nothing to search."""
    assert "a" == SearchTool(documents={"a": "zebra", "b": "lion"}).execute("zebra")["results"][0]["document"]
    with pytest.raises(ValueError, match="nothing to search"):
        SearchTool().execute("zebra")
    with pytest.raises(NotADirectoryError, match="no folder"):
        SearchTool("/no/such/folder").execute("zebra")


def test_a_long_text_is_shown_where_it_matters():
    """The part of a text that is shown holds the words that were looked for."""
    text = f"{'lion ' * 1000}the zebra sleeps {'lion ' * 1000}"
    shown = SearchTool(documents={"a": text, "b": "x"}).execute("zebra sleeps")["results"][0]["text"]

    assert "zebra sleeps" in shown
    assert shown.startswith("… ")
    assert shown.endswith(" …")
    assert len(shown) < 700


def test_searching_is_quick():
    """A thousand texts are searched in milliseconds."""
    search = SearchTool(documents={str(at): f"word{at} common text " * 50 for at in range(1000)})
    search.execute("common")
    started = time.perf_counter()
    assert "77" == search.execute("word77 common")["results"][0]["document"]
    assert time.perf_counter() - started < 5


async def test_a_custom_tool_is_a_function_with_a_schema():
    """K7: ``CustomTool`` makes a tool of a function, plain or async."""
    double = CustomTool(lambda n: {"n": n * 2}, name="double", parameters={"n": "integer"})
    tools = AgentTools.default_toolset().add_tool(double)

    assert '{"n": 4}' == (await run_tool_call(ToolCall(id="1", name="double", arguments='{"n": 2}'), tools)).content


def test_there_is_a_default_toolset(folder):
    """K6: every tool of the toolbox, and a search where there is a folder."""
    assert AgentTools.names() == AgentTools.default_toolset().names
    assert "search" in AgentTools.default_toolset(folder)
    assert all(definition.description for definition in AgentTools.default_toolset().definitions())


def test_tools_are_had_by_name():
    """K9: a definition of an agent lists tools by name."""
    assert ("mortgage_calculator", "roi_calculator") == AgentTools.named("mortgage_calculator", "roi_calculator").names
    with pytest.raises(ToolNotFound, match=r"'statistical_analyser', 'x'.*did you mean 'statistical_analyzer'"):
        AgentTools.named("statistical_analyser", "calculator", "x")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("calculator", '{"expression": "1 +"}'),
        ("mortgage_calculator", '{"price": -1, "annual_rate": 5, "years": 30}'),
        ("statistical_analyzer", '{"values": []}'),
        ("sentiment", '{"text": ""}'),
        ("data_analysis", '{"operation": "drop"}'),
    ],
)
async def test_wrong_arguments_are_results(name, arguments):
    """No tool of the toolbox lets bad input through or raises it."""
    result = await run_tool_call(ToolCall(id="1", name=name, arguments=arguments), AgentTools.default_toolset())

    assert result.is_error


@pytest.mark.parametrize(
    ("csv", "fault"),
    [
        (",".join(f"c{at}" for at in range(60_000)) + "\n" + "1\n" * 300_000, "columns"),
        (",".join(f"c{at}" for at in range(1000)) + "\n" + "1\n" * 300_000, "cells"),
    ],
)
def test_a_table_has_only_so_many_cells(csv, fault):
    """A short text that would be a huge table is refused before it is one."""
    began = time.perf_counter()
    with pytest.raises(ValueError, match=fault):
        DataAnalysisTool().execute("describe", csv=csv)

    assert time.perf_counter() - began < 10
