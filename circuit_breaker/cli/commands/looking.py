"""Commands that only look: ``cases``, ``show``, ``history`` and ``explain``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, get_args

import click
from rich.table import Table
from rich.text import Text

from circuit_breaker.cli.options import definitions_option, output_options, storage_option
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.records import summary_record
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.telling import STATUS_STYLES, tell
from circuit_breaker.cli.tokens import case_panel
from circuit_breaker.engine.ports import CaseSummary
from circuit_breaker.errors import CaseNotFound
from circuit_breaker.workflow.case import CLOSED, Case, Status
from circuit_breaker.workflow.explain import Explanation, Reason
from circuit_breaker.workflow.history import History

__all__ = ["cases", "explain", "history", "show"]


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
    found = asyncio.run(_cases(session, limit=limit + 1, **filters))
    page = found[:limit]
    if output.json:
        for summary in page:
            output.record(summary_record(summary))
        return
    output.say(_cases_table(page) if page else "no cases")
    if len(found) > limit:
        output.note(f"there are more: --after {page[-1].id}")


async def _cases(session: Session, **filters: Any) -> list[CaseSummary]:
    async with session.engine() as engine:
        return await engine.cases(**filters)


def _cases_table(page: Iterable[CaseSummary]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("case", "workflow", "status", "state"):
        table.add_column(name, overflow="fold", no_wrap=name in ("case", "status"))
    table.add_column("events", justify="right")
    table.add_column("changed (UTC)", no_wrap=True)
    for summary in page:
        table.add_row(
            Text(summary.id, style="bold"),
            Text(summary.workflow),
            Text(summary.status, style=STATUS_STYLES[summary.status]),
            Text(" + ".join(summary.states)),
            str(summary.sequence),
            _moment(summary.updated_at),
        )
    return table


def _moment(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@click.command(short_help="Show a case: its tokens, data and history.")
@click.argument("case")
@click.option(
    "--events", "most", default=50, show_default=True, type=click.IntRange(0), help="The most events to show."
)
@storage_option
@output_options
@with_session
def show(session: Session, *, case: str, most: int) -> None:
    """Show CASE: where its tokens are, what they carry, what is going on, and what happened."""
    output = session.output
    found, events = asyncio.run(_read(session, case))
    if output.json:
        shown = events.to_documents()[max(0, len(events) - most) :]
        output.document(found.to_document() | {"history": shown})
        return
    output.say(case_panel(found))
    if most:
        output.say(_history_table(events, most))


async def _read(session: Session, case_id: str) -> tuple[Case, History]:
    """The case and its history, read from the journal alone: no definition is needed."""
    async with session.engine() as engine:
        loaded = await engine.storage.load(case_id)
        if loaded is None:
            raise CaseNotFound(f"there is no case '{case_id}'", remedy="see `circuit-breaker cases`")
        return loaded, await engine.history(case_id)


def _history_table(events: History, most: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", title_justify="left", title_style="")
    table.add_column("#", justify="right", style="dim")
    table.add_column("time (UTC)", style="dim", no_wrap=True)
    table.add_column("by", style="dim")
    table.add_column("what", no_wrap=True)
    table.add_column("", overflow="fold")
    left_out = max(0, len(events) - most)
    if left_out:
        table.add_row("", "", "", Text(f"... {left_out} earlier", style="dim"), "")
    for event in events[left_out:]:
        told = tell(event)
        what = Text.assemble((told.mark, told.style), " ", (told.what, "bold"))
        table.add_row(str(event.sequence), event.at.strftime("%H:%M:%S.%f")[:-3], event.by, what, Text(told.detail))
    return table


@click.command(short_help="Print the history of a case as JSON, YAML or CSV.")
@click.argument("case")
@click.option("--format", "form", type=click.Choice(["json", "yaml", "csv"]), default="json", show_default=True)
@storage_option
@output_options
@with_session
def history(session: Session, *, case: str, form: str) -> None:
    """Print every event of CASE. With --json one object a line, otherwise one document in the --format."""
    output = session.output
    _, events = asyncio.run(_read(session, case))
    if not output.json:
        output.text(events.export(form))
        return
    for document in events.to_documents():
        output.record(document)


@click.command(short_help="Say of every transition whether it can fire, and why not.")
@click.argument("case")
@click.option("--role", "roles", multiple=True, help="Judge with these roles; may be repeated.")
@definitions_option
@storage_option
@output_options
@with_session
def explain(session: Session, *, case: str, roles: Sequence[str]) -> None:
    """Say of every transition of CASE whether it can fire, and if not, exactly why, and what would change that."""
    output = session.output
    explanation = asyncio.run(_explain(session, case, roles or None))
    if output.json:
        output.document(explanation.to_document())
        return
    output.say(
        Text.assemble(
            "case ", (explanation.case, "bold"), " is ", (explanation.status, STATUS_STYLES[explanation.status]),
            " in ", (explanation.state or "no state", "bold"),
        ),
        soft_wrap=True,
    )  # fmt: skip
    if explanation.message:
        output.say(Text(f"  {explanation.message}", style="italic"))
    if explanation.status in CLOSED:
        output.say(Text("  nothing can happen to it any more", style="dim"))
        return
    for reason in explanation.reasons:
        _say_reason(output, reason)


async def _explain(session: Session, case_id: str, roles: Sequence[str] | None) -> Explanation:
    async with session.engine() as engine:
        return engine.explain(await session.case(engine, case_id), roles=roles)


def _say_reason(output: Output, reason: Reason) -> None:
    first, *others = reason.lines()
    output.say(Text(first, style="green" if reason.enabled else ""), soft_wrap=True)
    for line in others:
        output.say(Text(line, style="" if "✗" in line else "dim"), soft_wrap=True)
