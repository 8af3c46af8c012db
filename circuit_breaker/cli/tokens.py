"""Tokens of a case, as they are shown on a terminal: where they are and what they carry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from circuit_breaker.cli.telling import STATUS_STYLES
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.token import Token

__all__ = ["case_panel"]

LONGEST = 160


def case_panel(case: Case) -> RenderableType:
    """The case: its status, its tokens with their data, and what is going on."""
    title = Text.assemble((case.workflow, "bold"), "  ", (case.status, STATUS_STYLES[case.status]))
    parts: list[RenderableType] = [_facts(case), *(_token_tree(token) for token in case.marking), *_goings_on(case)]
    return Panel(Group(*parts), title=title, title_align="left", border_style="dim", padding=(0, 1))


def _facts(case: Case) -> Table:
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim")
    facts.add_column(overflow="fold")
    facts.add_row("case", Text(case.id, style="bold"))
    facts.add_row("version", case.definition)
    facts.add_row("started", f"{case.started_at:%Y-%m-%d %H:%M:%S} UTC")
    facts.add_row("changed", f"{case.updated_at:%Y-%m-%d %H:%M:%S} UTC, event {case.sequence}")
    return facts


def _token_tree(token: Token) -> Tree:
    tree = Tree(Text.assemble(("● ", "cyan"), (token.state, "bold"), (f"  {token.id}", "dim")), guide_style="dim")
    for part in ("data", "metadata", "results"):
        values: Mapping[str, Any] = getattr(token, part)
        if values:
            branch = tree.add(Text(part, style="dim"))
            for name, value in values.items():
                branch.add(Text.assemble(f"{name}  ", (_short(value), "cyan")))
    return tree


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}… ({len(text):,} characters)"


def _goings_on(case: Case) -> Iterator[Text]:
    for pending in case.pending:
        doubt = "in doubt" if pending.doubt else "in progress"
        since = f" since {pending.since:%Y-%m-%d %H:%M:%S} UTC" if pending.since else ""
        yield Text.assemble(("· ", "magenta"), f"{pending.transition}: {doubt}{since}")
    for block in case.blocked:
        yield Text.assemble(("✗ ", "yellow"), f"{block.transition}: {block.kind}: {block.reason}")
    for signal in case.signals:
        yield Text.assemble(("→ ", "cyan"), f"signal {signal.name} has come")
