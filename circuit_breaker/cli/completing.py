"""Completing: what a shell offers for an argument when the tab key is pressed."""

from __future__ import annotations

import asyncio
import os
import shlex

import click
from click.shell_completion import CompletionItem

from circuit_breaker.cli.onward import DEFAULT_STORAGE
from circuit_breaker.engine.ports import CaseQuery
from circuit_breaker.storage import connect
from circuit_breaker.storage.address import Address

__all__ = ["cases", "files"]

MOST = 50
PATIENCE = 1.0
"""Seconds after which nothing is offered: nobody waits for the tab key."""


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The files of the directory: definitions, and modules that hold definitions."""
    del ctx, param
    return [CompletionItem(incomplete, type="file")]


def cases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of cases that begin so, a page of them at most; none where the journal cannot be read at once."""
    del param
    storage = ctx.params.get("storage") or os.environ.get("CIRCUIT_BREAKER_STORAGE") or DEFAULT_STORAGE
    try:
        ids = asyncio.run(_ids(storage, incomplete))
    except Exception:  # noqa: BLE001 - the boundary of the command line: a shell that completes shows no errors
        return []
    return [CompletionItem(case_id) for case_id in ids if shlex.quote(case_id) == case_id]


async def _ids(storage: str, prefix: str) -> list[str]:
    address = Address.parse(storage)
    if address.scheme == "sqlite" and not address.file.exists():
        return []
    async with asyncio.timeout(PATIENCE), connect(storage) as journal:
        found = await journal.find(CaseQuery(after=prefix, limit=MOST))
        known = [prefix] if prefix and await journal.sequence(prefix) else []
    return [*known, *(summary.id for summary in found if summary.id.startswith(prefix))]
