"""Tools that work on data: tables, reports, a folder of texts, and whatever a function of the user's does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from circuit_breaker.llm.toolbox.folder import Folder
from circuit_breaker.llm.toolbox.inputs import CSV, ROWS
from circuit_breaker.llm.toolbox.ranking import Ranking, snippet
from circuit_breaker.llm.toolbox.report import markdown
from circuit_breaker.llm.toolbox.table import AGGREGATES, COMPARISONS, Table
from circuit_breaker.llm.tools.base import Tool

__all__ = ["CustomTool", "DataAnalysisTool", "ReportGeneratorTool", "SearchTool"]

_SHOWN = 100
_COLUMN = {"type": "string", "required": False}


class DataAnalysisTool(Tool):
    """``data_analysis``: a table described, filtered, grouped, or two of its columns held against each other."""

    def __init__(self) -> None:
        super().__init__(
            "data_analysis",
            "Analyses a table of rows or CSV. Operations: describe (figures of every column), filter (rows for "
            "which column comparison value holds), group (aggregate of a column by another), correlate (two).",
            {
                "operation": {"type": "string", "enum": ["describe", "filter", "group", "correlate"]},
                "rows": ROWS | {"required": False, "description": "The table as a list of objects"},
                "csv": CSV | {"required": False, "description": "The table as CSV with a line of names first"},
                "column": _COLUMN | {"description": "The column that it is about"},
                "by": _COLUMN | {"description": "For group: the column to group by; for correlate: the other one"},
                "comparison": {"type": "string", "enum": [*COMPARISONS], "default": "=="},
                "value": {"required": False, "description": "For filter: what to compare with"},
                "aggregate": {"type": "string", "enum": [*AGGREGATES], "default": "mean"},
            },
        )

    def execute(self, operation: str, **arguments: Any) -> dict[str, Any]:
        """What the operation gives, with the number of rows.

        Raises:
            ValueError: There is no table, or a column that the operation needs is missing or of another kind.
        """
        table = _table_of(arguments)
        result: Any
        match operation:
            case "describe":
                result = {"columns": table.describe()}
            case "filter":
                kept = table.where(
                    _named(arguments, "column"), arguments.get("comparison", "=="), arguments.get("value")
                )
                result = {"matching": len(kept.rows), "rows": [dict(row) for row in kept.rows[:_SHOWN]]}
            case "group":
                aggregate = arguments.get("aggregate", "mean")
                by = _named(arguments, "by")
                column = by if aggregate == "count" else _named(arguments, "column")
                result = {"groups": table.group(by, column, aggregate)}
            case _:
                result = table.correlate(_named(arguments, "column"), _named(arguments, "by"))
        return {"of_rows": len(table.rows), **result}


def _table_of(arguments: Mapping[str, Any]) -> Table:
    if arguments.get("csv"):
        return Table.from_csv(arguments["csv"])
    if arguments.get("rows"):
        return Table.of(arguments["rows"])
    raise ValueError("there is no table: give rows or csv")


def _named(arguments: Mapping[str, Any], name: str) -> str:
    if not arguments.get(name):
        raise ValueError(f"this operation needs {name!r}: name a column")
    return str(arguments[name])


class ReportGeneratorTool(Tool):
    """``report_generator``: a report in Markdown, of sections with texts, lists and tables."""

    def __init__(self) -> None:
        section = {
            "type": "object",
            "properties": {
                "heading": {"type": "string", "maxLength": 500},
                "text": {"type": "string", "maxLength": 100_000},
                "items": {"type": "array", "items": {"type": ["string", "number"]}, "maxItems": 1000},
                "table": {"type": "array", "items": {"type": "object"}, "maxItems": 1000},
            },
            "required": ["heading"],
            "additionalProperties": False,
        }
        super().__init__(
            "report_generator",
            "Writes a report in Markdown from a title and sections, each with a heading, a text, items or a table.",
            {
                "title": {"type": "string", "maxLength": 500, "description": "What the report is called"},
                "sections": {"type": "array", "items": section, "maxItems": 100, "description": "In order"},
                "summary": {"type": "string", "maxLength": 100_000, "default": "", "description": "Stands first"},
            },
        )

    def execute(self, title: str, sections: list[dict[str, Any]], summary: str = "") -> dict[str, Any]:
        """``{"format": "markdown", "report": text}``."""
        return {"format": "markdown", "report": markdown(title, sections, summary=summary)}


class SearchTool(Tool):
    """``search``: the texts of a folder, or those given, that are about something (BM25).

    The model names no files: what is not in the folder, links out of it included, cannot be found.

    Args:
        folder: Where the texts are, or what may be read of them.
        documents: Texts by name, in place of or beside a folder.
        name: What the model calls it, so that several folders can be searched.
    """

    def __init__(
        self,
        folder: str | Path | Folder | None = None,
        *,
        documents: Mapping[str, str] | None = None,
        name: str = "search",
    ) -> None:
        super().__init__(
            name,
            "Searches the documents that are here for words, and gives the best with a part of their text.",
            {
                "query": {"type": "string", "minLength": 1, "maxLength": 1000, "description": "Words to look for"},
                "limit": {"type": "integer", "minimum": 1, "maximum": 20, "default": 5, "description": "How many"},
            },
        )
        self._folder = folder if isinstance(folder, Folder) or folder is None else Folder(path=Path(folder))
        self._documents = dict(documents or {})
        self._files: dict[str, tuple[int, int]] | None = None
        self._texts: dict[str, str] = {}
        self._ranking = Ranking.of([])
        self._turn = threading.Lock()

    def execute(self, query: str, limit: int = 5) -> dict[str, Any]:
        """``{"query", "results": [{"document", "score", "text"}], "searched"}``.

        Raises:
            ValueError: There is neither a folder nor a document.
            NotADirectoryError: The folder is not there.
        """
        if self._folder is None and not self._documents:
            raise ValueError("there is nothing to search: SearchTool(folder=...) or SearchTool(documents={...})")
        with self._turn:  # calls come from several threads
            self._read()
            texts, ranking = self._texts, self._ranking
        names = list(texts)
        results = [
            {"document": names[at], "score": round(score, 4), "text": snippet(texts[names[at]], query, 600)}
            for at, score in ranking.best(query, limit)
        ]
        return {"query": query, "results": results, "searched": len(names)}

    def _read(self) -> None:
        """Reads what is new in the folder since the last time."""
        files = self._folder.files() if self._folder else {}
        if files == self._files:
            return
        before, known = self._files or {}, self._texts
        kept = {name: known[name] for name, told in files.items() if name in known and before.get(name) == told}
        read = {name: kept[name] if name in kept else self._folder.text(name) for name in files if self._folder}
        self._files, self._texts = files, {**read, **self._documents}
        self._ranking = Ranking.of(self._texts.values())


class CustomTool(Tool):
    """A tool made of a function and a schema written by hand; see also :func:`circuit_breaker.llm.tool`.

    Args:
        function: Does the work; plain or async, given the arguments by name.
        name: What the model calls it.
        description: What it is for.
        parameters: As for :class:`circuit_breaker.llm.Tool`.
        **options: As for :class:`circuit_breaker.llm.Tool`.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        name: str = "custom_tool",
        description: str = "Does what the user of the library wrote it for",
        parameters: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(name, description, parameters, **options)
        self.execute = function  # type: ignore[method-assign]  # the function is what it does
