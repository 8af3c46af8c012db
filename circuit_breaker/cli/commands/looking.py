"""Commands that only look: ``cases``, ``show`` and ``history``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, get_args

import click
from rich.console import RenderableType
from rich.table import Table

from circuit_breaker.cli.onward import quoted
from circuit_breaker.cli.options import case_argument, output_options, storage_option
from circuit_breaker.cli.output import WIDE, table_of
from circuit_breaker.cli.records import summary_record
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.telling import STATUS_STYLES, tell
from circuit_breaker.cli.tokens import case_panel
from circuit_breaker.cli.visible import Line
from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.errors import CaseNotFound
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.history import History

__all__ = ["cases", "history", "show"]


@click.command(short_help="List the cases of a journal.")
@click.option("--status", "statuses", multiple=True, type=click.Choice(get_args(Status)), help="May be repeated.")
@click.option("--state", help="Only cases with a token in this state.")
@click.option("-w", "--workflow", "name", metavar="NAME", help="Only cases of the workflow of this name.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to list.")
@click.option("--after", default="", metavar="CASE", help="Begin after this case: the next page.")
@storage_option
@output_options
@with_session
def cases(
    session: Session, *, statuses: Sequence[Status], state: str | None, name: str | None, limit: int, after: str
) -> None:
    """List cases, ordered by id, a page at a time. With --json one object a line."""
    output = session.output
    filters = {"workflow": name, "status": statuses or None, "state": state, "after": after}
    found = complete(_cases(session, limit=limit + 1, **filters))
    page = found[:limit]
    if output.json:
        for summary in page:
            output.record(summary_record(summary))
        return
    output.say(_cases_table(page, wide=output.console.width >= WIDE) if page else "no cases")
    if len(found) > limit:
        given = [*(("--status", status) for status in statuses), ("--state", state), ("-w", name)]
        following = _next_page(session, [*given, ("--limit", str(limit)), ("--after", page[-1].id)])
        output.note(f"there are more: {following}")


def _next_page(session: Session, given: Iterable[tuple[str, str | None]]) -> str:
    options = " ".join(f"{option} {quoted(value)}" for option, value in given if value is not None)
    return session.onward.command("cases", options=options)


async def _cases(session: Session, **filters: Any) -> list[CaseSummary]:
    async with session.engine() as engine:
        return await engine.cases(**filters)


def _cases_table(page: Iterable[CaseSummary], *, wide: bool) -> Table:
    table = table_of("case", "workflow", "status", "state", whole=("case", "status"))
    if wide:
        table.add_column("events", justify="right")
        table.add_column("changed (UTC)", no_wrap=True)
    for summary in page:
        cells = (
            Line(summary.id, style="bold"),
            Line(summary.workflow),
            Line(summary.status, style=STATUS_STYLES[summary.status]),
            Line(" + ".join(summary.states)),
            str(summary.sequence),
            _moment(summary.updated_at),
        )
        table.add_row(*cells[: len(table.columns)])
    return table


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@click.command(short_help="Show a case: its tokens, data and history.")
@case_argument
@click.option(
    "--events", "most", default=50, show_default=True, type=click.IntRange(0), help="The most events to show."
)
@storage_option
@output_options
@with_session
def show(session: Session, *, case: str, most: int) -> None:
    """Show CASE: where its tokens are, what they carry, what is going on, and what happened."""
    output = session.output
    found, events, panel = complete(_shown(session, case))
    if output.json:
        shown = events.to_documents()[max(0, len(events) - most) :]
        output.document(found.to_document() | {"history": shown})
        return
    output.say(panel)
    if most:
        output.say(_history_table(events, most))


async def _shown(session: Session, case_id: str) -> tuple[Case, History, RenderableType]:
    """The case, its history and how it is shown, from the journal alone: no definition is needed."""
    async with session.engine() as engine:
        loaded = await engine.storage.load(case_id)
        if loaded is None:
            raise CaseNotFound(f"there is no case '{case_id}'", remedy="see engine.cases()")
        onward = await session.onward_from(engine, loaded)
        panel = case_panel(loaded, stopped=await engine.stopped(loaded), onward=onward)
        return loaded, await engine.history(case_id), panel


async def _history(session: Session, case_id: str) -> History:
    async with session.engine() as engine:
        return await engine.history(case_id)


def _history_table(events: History, most: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left", title_style="")
    table.add_column("#", justify="right", style="dim")
    table.add_column("time (UTC)", style="dim", no_wrap=True)
    table.add_column("by", style="dim")
    table.add_column("what", no_wrap=True)
    table.add_column("", overflow="fold")
    left_out = max(0, len(events) - most)
    if left_out:
        table.add_row("", "", "", Line(f"... {left_out} earlier", style="dim"), "")
    for event in events[left_out:]:
        told = tell(event)
        what = Line.assemble((told.mark, told.style), " ", (told.what, "bold"))
        moment = event.at.strftime("%H:%M:%S.%f")[:-3]
        table.add_row(str(event.sequence), moment, Line(event.by), what, Line(told.detail))
    return table


@click.command(short_help="Print the history of a case as JSON, YAML or CSV.")
@case_argument
@click.option("--format", "form", type=click.Choice(["json", "yaml", "csv"]), default="json", show_default=True)
@storage_option
@output_options
@with_session
def history(session: Session, *, case: str, form: str) -> None:
    """Print every event of CASE. With --json one object a line, otherwise one document in the --format."""
    output = session.output
    events = complete(_history(session, case))
    if not output.json:
        output.text(events.export(form))
        return
    for document in events.to_documents():
        output.record(document)
