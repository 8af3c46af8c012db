"""The directory that a program gets for itself."""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from circuit_breaker.engine.invocation import inline, threaded

__all__ = ["home_below"]

PREFIX: Final = "circuit-breaker-"

YOUNG: Final = 60.0
"""Seconds that a directory is left alone, since it may be about to be locked."""

_SWEPT: Final[set[str]] = set()


@asynccontextmanager
async def home_below(scratch: Path | None) -> AsyncIterator[Path]:
    """A fresh directory for a program, which is removed with all that is in it, whatever its permissions.

    It is locked for as long as this process lives. What processes that were killed have left there is removed at the
    first use.
    """
    place = str(scratch or tempfile.gettempdir())
    if place not in _SWEPT:
        _SWEPT.add(place)
        await threaded(sweep, Path(place))
    made = TemporaryDirectory(prefix=PREFIX, dir=scratch, ignore_cleanup_errors=True)
    try:
        with _locked(made.name):
            yield Path(made.name)
    finally:
        await (inline if _emptied(made.name) else threaded)(made.cleanup)


def sweep(place: Path) -> None:
    """Removes the directories of this account whose processes are gone."""
    with suppress(OSError):
        for left in list(place.glob(f"{PREFIX}*")):
            with suppress(OSError), _locked(str(left)) as ours:
                if ours and time.time() - left.lstat().st_mtime > YOUNG:
                    TemporaryDirectory._rmtree(str(left), ignore_errors=True)  # type: ignore[attr-defined]


@contextmanager
def _locked(directory: str) -> Iterator[bool]:
    """Whether the directory is of this account, and was locked by nobody else; it is locked for the block."""
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield os.fstat(opened).st_uid == os.geteuid() and _taken(opened)
    finally:
        os.close(opened)


def _taken(opened: int) -> bool:
    with suppress(OSError):
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def _emptied(directory: str) -> bool:
    """Whether it was empty, and so is gone already."""
    try:
        Path(directory).rmdir()
    except OSError:
        return False
    return True
