"""Tokens of a case, as they are shown on a terminal: where they are and what they carry."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from circuit_breaker.cli.onward import Onward, quoted
from circuit_breaker.cli.telling import STATUS_STYLES
from circuit_breaker.cli.visible import Line
from circuit_breaker.workflow.case import Case, Pending
from circuit_breaker.workflow.token import Token

__all__ = ["case_panel", "resolving"]

LONGEST = 160


def case_panel(case: Case, *, stopped: Collection[str], onward: Onward) -> RenderableType:
    """The case: its status, its tokens with their data, and what is going on.

    Args:
        case: The case.
        stopped: The workers that have stopped.
        onward: What a command that goes on with the case has to name.
    """
    title = Line.assemble((case.workflow, "bold"), "  ", (case.status, STATUS_STYLES[case.status]))
    going_on = _goings_on(case, stopped, onward)
    parts: list[RenderableType] = [_facts(case), *(_token_tree(token) for token in case.marking), *going_on]
    return Panel(Group(*parts), title=title, title_align="left", border_style="dim", padding=(0, 1), expand=False)


def _facts(case: Case) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("case", Line(case.id, style="bold"))
    facts.add_row("version", case.definition)
    facts.add_row("started", f"{case.started_at:%Y-%m-%d %H:%M:%S} UTC")
    facts.add_row("changed", f"{case.updated_at:%Y-%m-%d %H:%M:%S} UTC, event {case.sequence}")
    return facts


def _token_tree(token: Token) -> Tree:
    tree = Tree(Line.assemble(("● ", "cyan"), (token.state, "bold"), (f"  {token.id}", "dim")), guide_style="dim")
    for part in ("data", "metadata", "results"):
        values: Mapping[str, Any] = getattr(token, part)
        if values:
            branch = tree.add(Line(part, style="dim"))
            for name, value in values.items():
                branch.add(Line.assemble(f"{name}  ", (_short(value), "cyan")))
    return tree


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}… ({len(text):,} characters)"


def _goings_on(case: Case, stopped: Collection[str], onward: Onward) -> Iterator[Text]:
    for pending in case.pending:
        since = f" since {pending.since:%Y-%m-%d %H:%M:%S} UTC" if pending.since else ""
        state, following = _progress(case, pending, stopped, onward)
        yield Line.assemble(("· ", "magenta"), f"{pending.transition}: {state.format(since=since)}")
        if following:
            yield Line(f"  {following}", "dim", overflow="fold")
    for block in case.blocked:
        yield Line.assemble(("✗ ", "yellow"), f"{block.transition}: {block.kind}: {block.reason}")
    for signal in case.signals:
        yield Line.assemble(("→ ", "cyan"), f"signal {signal.name} has come")


def _progress(case: Case, pending: Pending, stopped: Collection[str], onward: Onward) -> tuple[str, str]:
    """How an action stands, and what to type where it does not go on by itself."""
    if pending.doubt:
        return "in doubt{since}", resolving(case, pending, onward)
    if pending.worker in stopped:
        following = f"it is taken up again by: {onward.going_on(case.id)}"
        return "in progress{since}, but interrupted: its worker has stopped", following
    return "in progress{since}", ""


def resolving(case: Case, pending: Pending, onward: Onward) -> str:
    """What to type when nobody knows what became of an action."""
    alike = [other for other in case.pending if other.doubt and other.transition == pending.transition]
    options = "--again" if len(alike) == 1 else f"--key {quoted(pending.key)} --again"
    command = onward.command("resolve", case.id, pending.transition, options=options)
    return f"if it is to be done again (otherwise --outcome JSON or --failed REASON): {command}"
