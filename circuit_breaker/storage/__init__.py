"""Storage: the journals that keep cases behind :func:`connect`, and the ledgers of budgets behind :func:`budgets`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import StorageError, nearest
from circuit_breaker.storage.address import Address

if TYPE_CHECKING:
    from circuit_breaker.storage.sqlite_budgets import SqliteBudgets

__all__ = ["Address", "budgets", "connect"]

BACKENDS: Mapping[str, tuple[str, str]] = {
    "memory": ("circuit_breaker.storage.memory", "MemoryJournal"),
    "sqlite": ("circuit_breaker.storage.sqlite", "SqliteJournal"),
}


def connect(url: str | os.PathLike[str], *, tenant: str = "") -> Journal:
    """The journal at a URL; it is opened by ``async with``, or by the engine that it is given to.

    ``memory://`` keeps nothing. ``sqlite:///work.db`` and ``sqlite:////var/work.db`` are files, relative and absolute,
    and so is a path that ends in ``.db``. Options follow a question mark: ``tenant``, and for SQLite ``synchronous``
    (``FULL``, ``NORMAL`` or ``EXTRA``) and ``busy_timeout`` (seconds to wait for another process). A ``{tenant}`` in
    the path gives each tenant a file of its own.

    Args:
        url: Where the journal lies.
        tenant: Whose cases these are; no journal shows the cases of another tenant.

    Raises:
        StorageError: There is no such storage, or an option is wrong.
    """
    address = Address.parse(url, tenant=tenant)
    if address.scheme not in BACKENDS:
        hint = nearest(address.scheme, BACKENDS)
        raise StorageError(f"no storage is called '{address.scheme}:'", remedy=hint)
    module, name = BACKENDS[address.scheme]
    opener: Callable[[Address], Journal] = getattr(import_module(module), name).at
    return opener(address)


def budgets(url: str | os.PathLike[str], *, tenant: str = "") -> SqliteBudgets:
    """The ledger of budgets at a URL, for ``LLMConfig(ledger=budgets("sqlite:///work.db"), budgets=[...])``.

    It may be the file of a journal: ``budgets`` takes what :func:`connect` takes. All processes that use the file share
    what may be spent, and what was spent outlives them.

    Args:
        url: Where it lies: ``sqlite:///work.db``, or a path that ends in ``.db``.
        tenant: For a ``{tenant}`` in the path.

    Raises:
        StorageError: No budgets can be kept there, or an option is wrong.
    """
    address = Address.parse(url, tenant=tenant)
    if address.scheme != "sqlite":
        raise StorageError(f"no budgets can be kept in '{address.scheme}:'", remedy="write e.g. sqlite:///work.db")
    module = import_module("circuit_breaker.storage.sqlite_budgets")
    ledger: SqliteBudgets = module.SqliteBudgets.at(address)
    return ledger
