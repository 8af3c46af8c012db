"""What goes wrong in SQLite, as errors of ours that name the file and a remedy."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from circuit_breaker.errors import (
    StorageCorrupt,
    StorageError,
    StorageForeign,
    StorageFull,
    StorageLocked,
)

__all__ = ["is_busy", "translated", "translation"]

PRIMARY = 0xFF
SCARCE = 1 << 20
FAULTS: dict[int, tuple[type[StorageError], str, str]] = {
    sqlite3.SQLITE_BUSY: (StorageLocked, "is locked by another process", "end it, or raise ?busy_timeout="),
    sqlite3.SQLITE_LOCKED: (StorageLocked, "is locked by another process", "end it, or raise ?busy_timeout="),
    sqlite3.SQLITE_FULL: (
        StorageFull,
        "has no room left on its disk",
        "free some space; the journal goes on by itself",
    ),
    sqlite3.SQLITE_NOTADB: (StorageForeign, "is no SQLite database", "name another file"),
    sqlite3.SQLITE_CORRUPT: (StorageCorrupt, "is damaged", "restore a backup, or try `sqlite3 FILE .recover`"),
    sqlite3.SQLITE_READONLY: (StorageError, "cannot be written", "check the rights of the file and its directory"),
    sqlite3.SQLITE_CANTOPEN: (StorageError, "cannot be opened", "its directory must exist and be writable"),
    sqlite3.SQLITE_PERM: (StorageError, "may not be used", "check the rights of the file"),
}


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock."""
    return _primary(error) == sqlite3.SQLITE_BUSY


def _primary(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & PRIMARY
    return code


def translated(error: sqlite3.Error, path: Path) -> StorageError:
    """The error as one of ours."""
    code = _primary(error)
    if code == sqlite3.SQLITE_IOERR and _room(path) < SCARCE:
        code = sqlite3.SQLITE_FULL
    kind, what, remedy = FAULTS.get(code, (StorageError, "failed", "see what SQLite says"))
    return kind(f"'{path}' {what} (SQLite: {error})", remedy=remedy)


def _room(path: Path) -> int:
    """Free bytes on the disk of the file; plenty where that cannot be told."""
    try:
        return shutil.disk_usage(path.parent).free
    except OSError:
        return SCARCE


@contextmanager
def translation(path: Path) -> Iterator[None]:
    """Turns the errors of SQLite inside of it into ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, path) from error
