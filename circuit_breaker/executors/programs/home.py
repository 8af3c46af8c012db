"""The directory that a program gets for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from circuit_breaker.engine.invocation import inline, threaded

__all__ = ["home_below"]


@asynccontextmanager
async def home_below(scratch: Path | None) -> AsyncIterator[Path]:
    """A fresh directory for a program, which is removed with all that is in it, whatever its permissions."""
    made = TemporaryDirectory(prefix="circuit-breaker-", dir=scratch, ignore_cleanup_errors=True)
    try:
        yield Path(made.name)
    finally:
        await (inline if _emptied(made.name) else threaded)(made.cleanup)


def _emptied(directory: str) -> bool:
    """Whether it was empty, and so is gone already."""
    try:
        Path(directory).rmdir()
    except OSError:
        return False
    return True
