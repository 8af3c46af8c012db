"""Board: how far every page is, as a table that changes while the review goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from circuit_breaker.cli.demo.pages import Page
from circuit_breaker.cli.telling import tell
from circuit_breaker.cli.visible import Line
from circuit_breaker.engine.bus import Notice, Progress
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import ActionStarted, CaseCompleted

__all__ = ["Board", "Row", "outcome_of", "scores_of"]

STYLES = {
    "approved": "bold green",
    "rejected_for_good": "bold red",
    "rejected": "red",
    "human_review": "yellow",
    "reviewed": "green",
}
MEASURED = (("words", "count", 50), ("clarity", "score", 70), ("completeness", "score", 80))
GAP = 2
STATE = 19
NARROW = 75
"""Columns of a terminal from which on there is room for what is wanted of each number."""
MEDIUM = 95
"""Columns of a terminal from which on there is room for the numbers of events."""
WIDE = 105
"""Columns of a terminal from which on there is room for what is going on."""


def scores_of(case: Case) -> dict[str, Any]:
    """What was measured of a page so far: ``words``, ``clarity`` and ``completeness``, or None for each."""
    results: dict[str, Any] = {}
    for token in case.marking:
        results |= token.results
    return {name: results.get(name, {}).get(key) for name, key, _ in MEASURED}


def outcome_of(case: Case) -> str:
    """Where the page is; with the status, unless it has arrived or is on its way."""
    return case.state if case.status in ("completed", "running") else f"{case.state} ({case.status})"


@attrs.define
class Row:
    """One page.

    Attributes:
        page: The page.
        case: Its case as it is known, or None before it begins.
        last: What happened last, in words.
        order: When something happened last, as a number that grows.
    """

    page: Page
    case: Case | None = None
    last: str = ""
    order: int = 0

    @property
    def arrived(self) -> bool:
        """Whether its review is over."""
        return self.case is not None and self.case.closed

    def cells(self) -> list[Text]:
        """What the table shows of it."""
        if self.case is None:
            return [Line(self.page.name, style="dim"), Line("waiting", style="dim"), *[Line("")] * 5]
        state = Line(outcome_of(self.case), style=STYLES.get(self.case.state, "cyan"))
        scores = scores_of(self.case)
        measured = [_measured(scores[name], least) for name, _, least in MEASURED]
        last = Line("" if self.arrived else self.last, style="dim")
        return [Line(self.page.name), state, *measured, Line(str(self.case.sequence), style="dim"), last]


def _measured(value: float | None, least: float) -> Text:
    if value is None:
        return Line("")
    return Line(f"{value:g}", style="green" if value >= least else "yellow")


class Board:
    """All pages; on a terminal it is drawn again and again while they change."""

    def __init__(self, pages: Iterable[Page], known: Mapping[str, Case]) -> None:
        self.rows = {page.case: Row(page, known.get(page.case)) for page in pages}
        self._moments = 0

    def see(self, notice: Notice) -> None:
        """Takes note of something that happened."""
        row = self.rows.get(notice.event.case)
        if row is None or notice.case is None or isinstance(notice.event, Progress):
            return
        row.case = notice.case
        self._moments += 1
        row.order = self._moments
        if not isinstance(notice.event, CaseCompleted):
            told = tell(notice.event)
            row.last = told.what if isinstance(notice.event, ActionStarted) else str(told)

    def arrive(self, page: Page, case: Case) -> None:
        """Takes note of a page at the end of its review."""
        self.rows[page.case].case = case

    def counts(self) -> Counter[str]:
        """How many pages there are of each outcome."""
        return Counter(outcome_of(row.case) for row in self.rows.values() if row.case is not None)

    @property
    def arrived(self) -> int:
        """How many reviews are over."""
        return sum(row.arrived for row in self.rows.values())

    def table(self, most: int, *, width: int, telling: bool = False) -> Table:
        """The pages, at most so many: those that something is going on with before the others.

        Args:
            most: How many to show.
            width: The columns of the terminal; a narrow one is told no numbers of events.
            telling: Whether to say what happened last to each, if there is room.
        """
        titles = [f"{name} ≥{least}" if width >= NARROW else name for name, _, least in MEASURED]
        numbers = [*titles, *(["events"] if width >= MEDIUM else [])]
        room = width - STATE - GAP - sum(len(title) + GAP for title in numbers)
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("file", overflow="ellipsis", no_wrap=True, max_width=max(8, min(32, room)))
        table.add_column("state", overflow="ellipsis", no_wrap=True, min_width=STATE, max_width=STATE)
        for title in numbers:
            table.add_column(title, justify="right", no_wrap=True, min_width=len(title))
        if telling and width >= WIDE:
            table.add_column("", overflow="ellipsis", no_wrap=True)
        shown = self._shown(most)
        for row in shown:
            table.add_row(*row.cells()[: len(table.columns)])
        if left_out := len(self.rows) - len(shown):
            table.add_row(Line(f"... and {left_out} more", style="dim"))
        return table

    def _shown(self, most: int) -> list[Row]:
        rows = list(self.rows.values())
        if len(rows) <= most:
            return rows
        going_on = sorted((row for row in rows if not row.arrived and row.case), key=lambda row: row.page.name)
        others = sorted((row for row in rows if row.arrived), key=lambda row: -row.order)
        return [*going_on, *others, *(row for row in rows if row.case is None)][:most]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        height = (options.height or console.height) - 6
        yield self.table(max(3, height), width=options.max_width, telling=True)
        yield Line("")
        yield Line(f"{self.arrived} of {len(self.rows)} reviewed", style="bold")
