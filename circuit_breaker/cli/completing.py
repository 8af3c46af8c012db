"""Completing: what a shell offers for an argument when the tab key is pressed."""

from __future__ import annotations

import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from functools import partial

import click
from click.shell_completion import CompletionItem

from circuit_breaker.cli.onward import DEFAULT_STORAGE
from circuit_breaker.engine.ports import CaseQuery, Journal
from circuit_breaker.storage import connect
from circuit_breaker.storage.address import Address

__all__ = ["agents", "cases", "executions", "files"]

MOST = 50
Find = Callable[[Journal, str], Awaitable[list[str]]]
PATIENCE = 1.0
"""Seconds after which nothing is offered: nobody waits for the tab key."""


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The files of the directory: definitions, and modules that hold definitions."""
    del ctx, param
    return [CompletionItem(incomplete, type="file")]


def cases(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of cases that begin so, a page of them at most; none where the journal cannot be read at once."""
    del param
    return _offered(ctx, incomplete, _cases)


def agents(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of agents that begin so, a page of them at most; none where the journal cannot be read at once."""
    del param
    return _offered(ctx, incomplete, partial(_records, "agent"))


def executions(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The ids of executions of agents that begin so, a page of them at most."""
    del param
    return _offered(ctx, incomplete, partial(_records, "agent_execution"))


def _offered(ctx: click.Context, prefix: str, find: Find) -> list[CompletionItem]:
    storage = ctx.params.get("storage") or os.environ.get("CIRCUIT_BREAKER_STORAGE") or DEFAULT_STORAGE
    try:
        ids = asyncio.run(_ids(storage, prefix, find))
    except Exception:  # noqa: BLE001 - the boundary of the command line: a shell that completes shows no errors
        return []
    return [CompletionItem(one) for one in ids if shlex.quote(one) == one]


async def _ids(storage: str, prefix: str, find: Find) -> list[str]:
    address = Address.parse(storage)
    if address.scheme == "sqlite" and not address.file.exists():
        return []
    async with asyncio.timeout(PATIENCE), connect(storage) as journal:
        return [one for one in await find(journal, prefix) if one.startswith(prefix)]


async def _cases(journal: Journal, prefix: str) -> list[str]:
    found = await journal.find(CaseQuery(after=prefix, limit=MOST))
    known = [prefix] if prefix and await journal.sequence(prefix) else []
    return [*known, *(summary.id for summary in found)]


async def _records(kind: str, journal: Journal, prefix: str) -> list[str]:
    known = await journal.records.get(kind, prefix) if prefix else None
    found = await journal.records.find(kind, after=prefix, limit=MOST)
    return [*([prefix] if known is not None else []), *(record.id for record in found)]
