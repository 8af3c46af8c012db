"""The command ``demo``: the review of documents over real files, from where it was when it was killed."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import attrs
import click
from rich.live import Live

from circuit_breaker.cli.demo.analysis import PACE
from circuit_breaker.cli.demo.board import STYLES, Board, outcome_of, scores_of
from circuit_breaker.cli.demo.journey import review_all
from circuit_breaker.cli.demo.pages import Page, Pages, find_pages, included_pages
from circuit_breaker.cli.demo.review import document_review
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.options import Seconds, output_options
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.engine.bus import Subscription
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.running import only
from circuit_breaker.errors import StorageForeign
from circuit_breaker.storage import connect
from circuit_breaker.workflow.case import Case

__all__ = ["demo"]

LONGEST_TABLE = 40
DEFINITION = "circuit_breaker.cli.demo.review:document_review"
MINE = '{"title": "Plan", "content": "We should.", "author": "ann", "priority": 3, "revisions": 0}'


@click.command(short_help="Watch a workflow review real files; kill it, and start it again.")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--db", type=click.Path(dir_okay=False, path_type=Path), help="Keep the journal in this file.")
@click.option("--at-once", default=4, show_default=True, type=click.IntRange(1, 1000), help="How many files at a time.")
@click.option(
    "--pace",
    default=0.3,
    show_default=True,
    metavar="SECONDS",
    type=Seconds(0, 60),
    help="The least time that a measurement takes, so that one can watch.",
)
@click.option("--fresh", is_flag=True, help="Forget earlier demos in this journal, and begin anew.")
@output_options
@click.pass_obj
def demo(output: Output, *, paths: Sequence[Path], db: Path | None, at_once: int, pace: float, fresh: bool) -> None:
    """Review text files (.md, .rst, .txt) at PATHS, or the project's own pages, from draft to approval.

    Each file is measured for real: its words, its clarity (the share of short words) and its completeness
    (introduction, background, conclusion). What scores low goes to a reviewer; what is declined goes back to its
    author. These people are played by a script, so that the demo ends by itself.

    Everything that happens is written to a journal in SQLite. Kill the demo at any moment, with kill -9 if you like,
    and start it again: it goes on where it was.
    """
    found = find_pages(paths or [included_pages()])
    if not found.pages and not found.skipped:
        raise click.UsageError("there are no text files (.md, .rst, .txt) at these paths")
    file = (db or _default_journal()).expanduser().absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    PACE.set(pace)
    performance = Performance(output, found, file, at_once)
    complete(performance.give(fresh=fresh))


def _default_journal() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "circuit-breaker" / "demo.db"


@attrs.frozen
class Performance:
    """One run of the demo."""

    output: Output
    found: Pages
    file: Path
    at_once: int

    @property
    def url(self) -> str:
        """The URL of the journal."""
        return f"sqlite:///{quote(os.fsencode(self.file))}"

    async def give(self, *, fresh: bool) -> None:
        """Reviews every page, shows it, and sums up."""
        if fresh and self.file.exists():
            await self._forget()
        began = time.monotonic()
        async with Engine(document_review, storage=connect(self.file)) as engine:
            known = await _known(engine, self.found.pages)
            board = Board(self.found.pages, known)
            self._greet(board, len(known))
            await self._review(engine, board, known)
            self._sum_up(board, time.monotonic() - began)

    async def _forget(self) -> None:
        """Removes the journal, if there is nothing but demos in it.

        Raises:
            StorageForeign: There are cases of other workflows in it.
        """
        async with Engine(storage=connect(self.file)) as engine:
            total = sum((await engine.storage.count()).values())
            ours = sum((await engine.storage.count(workflow=document_review.name)).values())
        if total != ours:
            raise StorageForeign(
                f"'{self.file}' holds {total - ours} case(s) of other workflows", remedy="name another file with --db"
            )
        for suffix in ("", "-wal", "-shm"):
            self.file.with_name(self.file.name + suffix).unlink(missing_ok=True)

    def _greet(self, board: Board, known: int) -> None:
        for name, reason in self.found.skipped:
            self.output.warn(f"'{name}' is left out: {reason}")
        total = len(board.rows)
        if not total:
            self.output.say(Line("there is nothing to review", style="cyan"))
            return
        if board.arrived == total:
            self.output.say(Line(f"{_files(total)} reviewed before, and nothing left to do", style="cyan"))
            return
        self.output.say(Line.assemble(("Reviewing ", "bold"), _files(total), f", {self.at_once} at a time"))
        if known:
            underway = known - board.arrived
            line = f"going on where it was: {board.arrived} reviewed before, {underway} under way, {total - known} new"
            self.output.say(Line(line, style="cyan"), soft_wrap=True)
        self.output.say()

    async def _review(self, engine: Engine, board: Board, known: dict[str, Case]) -> None:
        ahead = [page for page in self.found.pages if page.case not in known or not known[page.case].closed]
        if not self.output.live:
            await review_all(engine, ahead, at_once=self.at_once, arrived=self._arrived(board))
            return
        try:
            await self._review_live(engine, board, ahead)
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    async def _review_live(self, engine: Engine, board: Board, ahead: Sequence[Page]) -> None:
        async with asyncio.TaskGroup() as group:
            with (
                Live(board, console=self.output.console, refresh_per_second=12, transient=True),
                engine.subscribe(size=10_000) as events,
            ):
                group.create_task(_watch(events, board))
                await review_all(engine, ahead, at_once=self.at_once, arrived=board.arrive)

    def _arrived(self, board: Board) -> Callable[[Page, Case], None]:
        def arrived(page: Page, case: Case) -> None:
            board.arrive(page, case)
            scores = ", ".join(f"{name} {value:g}" for name, value in scores_of(case).items() if value is not None)
            measured = f" ({scores})" if scores else ""
            self.output.say(Line(f"{page.name}: {outcome_of(case)}{measured}"), soft_wrap=True)

        return arrived

    def _sum_up(self, board: Board, seconds: float) -> None:
        if self.output.json:
            self.output.document(self._record(board, seconds))
            return
        say = self.output.say
        if self.output.live and board.rows:
            say(board.table(LONGEST_TABLE, width=self.output.console.width))
            say()
        for outcome, count in board.counts().most_common():
            say(Line.assemble((f"{count:>5}  ", "bold"), (outcome.replace("_", " "), STYLES.get(outcome, "yellow"))))
        cases = [row.case for row in board.rows.values() if row.case is not None]
        events = sum(case.sequence for case in cases)
        say(Line(f"{events:>5}  events, in {seconds:.1f} s"))
        say()
        self._point_on(cases)

    def _point_on(self, cases: Sequence[Case]) -> None:
        say = self.output.say
        say(Line.assemble("The journal is ", (str(self.file), "bold")), soft_wrap=True)
        if not cases:
            return
        longest = max(cases, key=lambda case: case.sequence)
        onward = Onward(self.url)
        say()
        say(Line("What happened to a page, and the definition that it followed:", style="dim"))
        say(Line(f"  {onward.command('show', longest.id)}"), soft_wrap=True)
        say(Line(f"  {Onward().command('draw', DEFINITION)}"), soft_wrap=True)
        say(Line("The people were played by a script. To be the reviewer yourself, and to ask why:", style="dim"))
        run = Onward().command("run", DEFINITION, options=f"--id mine --data '{MINE}'")
        say(Line(f"  {run}"), soft_wrap=True)
        say(Line(f"  {Onward().command('explain', 'mine')}"), soft_wrap=True)
        say()
        say(Line("Run the demo again with --fresh to begin anew.", style="dim"))

    def _record(self, board: Board, seconds: float) -> dict[str, Any]:
        rows = [(row.page, row.case) for row in board.rows.values() if row.case is not None]
        return {
            "journal": self.url,
            "seconds": round(seconds, 3),
            "events": sum(case.sequence for _, case in rows),
            "counts": dict(board.counts()),
            "skipped": [{"file": name, "reason": reason} for name, reason in self.found.skipped],
            "files": [
                {"file": page.name, "case": case.id, "state": case.state, "status": case.status}
                | {"events": case.sequence, **scores_of(case)}
                for page, case in rows
            ],
        }


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


async def _known(engine: Engine, pages: Sequence[Page]) -> dict[str, Case]:
    """The cases that were begun before, by id."""
    loaded = [await engine.storage.load(page.case) for page in pages]
    return {case.id: case for case in loaded if case is not None}


async def _watch(events: Subscription, board: Board) -> None:
    while (notice := await events.take()) is not None:
        board.see(notice)
