"""The command that says what agents have taken: ``agents cost``."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from typing import Any

import click

from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.options import import_option, output_options, storage_option
from circuit_breaker.cli.output import table_of
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line

__all__ = ["cost"]

GROUPS = ("agent", "model", "day")


@click.command(short_help="Say what was spent.")
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(GROUPS),
    help="For each agent, model or day; may be repeated. For each agent, unless given.",
)
@click.option("--agent", default="", metavar="AGENT", shell_complete=agent_ids, help="Only of this one.")
@import_option
@storage_option
@output_options
@with_session
def cost(session: Session, *, by: Sequence[str], agent: str) -> None:
    """Say what executions have taken: tokens, and US dollars where prices are known. With --json one object a line."""
    chosen = tuple(dict.fromkeys(by)) or ("agent",)
    rows = complete(_costs(Agency(session), chosen, agent))
    if session.output.json:
        for row in rows:
            session.output.record(row)
        return
    table = table_of(*chosen, "executions", "input", "output", "$", "unpriced calls")
    for row in rows:
        counts = ("executions", "input_tokens", "output_tokens", "dollars", "unpriced_calls")
        table.add_row(*(Line(row[name] or "none") for name in chosen), *(str(row[name]) for name in counts))
    session.output.say(table if rows else "no executions")


async def _costs(agency: Agency, by: Sequence[str], agent: str) -> list[dict[str, Any]]:
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    async with agency.archive() as archive:
        async for execution in archive.store.every(agent=agent):
            group = _group(execution)
            named = {name: group[name] for name in by}
            _add(rows.setdefault(tuple(named.values()), {**named, **_NOTHING}), execution)
    return [{**rows[key], "dollars": f"{rows[key]['dollars']:f}"} for key in sorted(rows)]


_NOTHING = {"executions": 0, "input_tokens": 0, "output_tokens": 0, "dollars": Decimal(0), "unpriced_calls": 0}


def _group(execution: AgentExecution) -> dict[str, str]:
    model = f"{execution.provider}/{execution.model}" if execution.provider else execution.model
    day = execution.created_at.astimezone(UTC).date().isoformat()
    return {"agent": execution.agent_id, "model": model, "day": day}


def _add(row: dict[str, Any], execution: AgentExecution) -> None:
    row["executions"] += 1
    row["dollars"] += execution.dollars
    row["unpriced_calls"] += execution.unpriced_calls
    for name in ("input_tokens", "output_tokens"):
        row[name] += int(execution.usage.get(name, 0))
