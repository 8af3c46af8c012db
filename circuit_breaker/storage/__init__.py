"""Storage: the journals that keep cases, behind one function, :func:`connect`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module

from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import StorageError, nearest
from circuit_breaker.storage.address import Address

__all__ = ["Address", "connect"]

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
