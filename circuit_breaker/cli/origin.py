"""Origin: the place in the code of a user at which an error arose."""

from __future__ import annotations

import sysconfig
import traceback
from pathlib import Path

__all__ = ["origin_of"]

PACKAGE = Path(__file__).parents[1]


def origin_of(error: BaseException) -> tuple[str, int | None, int | None]:
    """File, line and column, each counted from 1: of the innermost call that is neither ours nor a library's.

    What is not known is an empty text or None.
    """
    if isinstance(error, SyntaxError) and error.filename and not error.filename.startswith("<"):
        return _shown(error.filename), error.lineno or None, error.offset or None
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_theirs(frame.filename)]
    if not frames:
        return "", None, None
    last = frames[-1]
    return _shown(last.filename), last.lineno, None if last.colno is None else last.colno + 1


def _is_theirs(filename: str) -> bool:
    if filename.startswith("<"):
        return False
    libraries = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    parents = Path(filename).resolve().parents
    return PACKAGE not in parents and not any(Path(library).resolve() in parents for library in libraries)


def _shown(filename: str) -> str:
    """The name as it is shortest: relative to the working directory if it lies there."""
    path, here = Path(filename).absolute(), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
