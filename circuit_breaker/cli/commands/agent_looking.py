"""Commands that look at executions of agents: ``agents executions`` and ``replay``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import click

from circuit_breaker.agents.execution import STATUSES, AgentExecution
from circuit_breaker.agents.telling import money
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.agent_events import EventTeller, taken_text
from circuit_breaker.cli.agent_options import context_option, context_pairs, execution_argument, execution_record
from circuit_breaker.cli.agent_watch import report
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.options import import_option, output_options, storage_option
from circuit_breaker.cli.output import WIDE, table_of
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line

__all__ = ["LOOKING"]

STYLES: Final = {
    "completed": "green",
    "failed": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
}


@click.command(short_help="List executions.")
@click.argument("agent", metavar="[AGENT]", default="", shell_complete=agent_ids)
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--conversation", default="", metavar="ID", help="Only those of this conversation.")
@context_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to list.")
@click.option("--after", default="", metavar="EXECUTION", help="Begin after this one: the next page.")
@import_option
@storage_option
@output_options
@with_session
def executions(session: Session, *, agent: str, contexts: Sequence[str], **filters: Any) -> None:
    """List executions, of one agent or of all, in the order of time. With --json one object a line.

    One whose process has ended before it was over is interrupted; `agents resume` goes on with it.
    """
    found, left = complete(_executions(Agency(session), agent, contexts, **filters))
    output = session.output
    if output.json:
        for each in found:
            output.record({**execution_record(each), "interrupted": each.id in left})
        return
    titles = ("execution", "agent", "status", "taken", "seconds", "asked for (UTC)")
    table = table_of(*(titles if output.console.width >= WIDE else titles[:4]), whole=("execution",))
    for each in found:
        status = "interrupted" if each.id in left else each.status
        waits = f", waits for {each.waiting_for}" if each.waiting_for and each.id not in left else ""
        cells = (
            Line(each.id, style="bold"),
            Line(each.agent_id),
            Line(f"{status}{waits}", style=STYLES.get(status, "")),
            _taken(each),
            "" if each.seconds is None else f"{each.seconds:.3f}",
            each.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        table.add_row(*cells[: len(table.columns)])
    output.say(table if found else "no executions")


def _taken(execution: AgentExecution) -> str:
    return taken_text(execution.usage, money(execution.dollars, execution.unpriced_calls))


async def _executions(
    agency: Agency,
    agent: str,
    contexts: Sequence[str],
    **filters: Any,
) -> tuple[list[AgentExecution], set[str]]:
    """The executions, and the ids of those whose process is gone."""
    context = context_pairs(contexts)
    async with agency.archive() as archive:
        executions = await archive.store.executions(agent=agent, context=context, **filters)
        return executions, await archive.store.left(executions)


@click.command(short_help="Show again what an execution did.")
@execution_argument
@click.option("--after", default=0, metavar="N", type=click.IntRange(0), help="Only events above this number.")
@click.option("-f", "--follow", is_flag=True, help="Go on until it is over.")
@import_option
@storage_option
@output_options
@with_session
def replay(session: Session, *, execution: str, after: int, follow: bool) -> None:
    """Show the events of an execution as they were shown live, without the text of answers that broke off.

    With --json all events are printed as they are kept, one a line.
    """
    complete(_replay(Agency(session), execution, after, follow=follow))


async def _replay(agency: Agency, execution_id: str, after: int, *, follow: bool) -> None:
    output, teller = agency.output, EventTeller(agency.output, last=after)
    async with agency.archive() as archive:
        async with archive.events.subscribe_raw(execution_id, after=after):  # which refuses a number beyond the last
            teller.recall(await archive.events.read(execution_id, after=after))
        if follow:
            async with archive.events.subscribe_raw(execution_id, after=teller.last) as documents:
                await teller.follow(documents)
        teller.rest()
        if teller.last == after and not output.json:
            output.note(f"no events above {after}")
        report(output, await archive.store.execution(execution_id))


LOOKING: Final = (executions, replay)
"""The commands of this file."""
