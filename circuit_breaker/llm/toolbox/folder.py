"""The texts of a folder: what is inside of it, by regular files only, and no more of it than allowed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

__all__ = ["ENDINGS", "Folder"]

ENDINGS: Final = frozenset(
    ".adoc .c .cfg .cpp .css .csv .go .h .html .ini .java .js .json .log .md .py .rs .rst .sql .toml .ts .txt .xml "
    ".yaml .yml".split()
)
"""The endings of files that are read as text."""

# Not every system has these.
_GUARDED: Final[int] = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@attrs.frozen(kw_only=True)
class Folder:
    """A folder and what may be read of it. Links are not followed, and hidden files are left out.

    Attributes:
        path: Where it is.
        endings: The endings of the names of files that are read.
        most_files: How many files are read.
        most_bytes: How large a file may be; a larger one is left out.
        most_in_all: How many bytes are read of all files together.
    """

    path: Path = attrs.field(converter=Path)
    endings: frozenset[str] = attrs.field(default=ENDINGS, converter=frozenset)
    most_files: int = 5_000
    most_bytes: int = 1_000_000
    most_in_all: int = 50_000_000

    def files(self) -> dict[str, tuple[int, int]]:
        """For each file that is read, by its name inside of the folder, when it was changed and its size.

        Raises:
            NotADirectoryError: There is no such folder.
        """
        if not self.path.is_dir():
            raise NotADirectoryError(f"there is no folder {str(self.path)!r}")
        found: dict[str, tuple[int, int]] = {}
        left = self.most_in_all
        for entry in self._entries():
            told = entry.stat(follow_symlinks=False)
            if told.st_size > min(self.most_bytes, left):
                continue
            left -= told.st_size
            found[str(Path(entry.path).relative_to(self.path))] = (told.st_mtime_ns, told.st_size)
            if len(found) >= self.most_files:
                break
        return found

    def text(self, name: str) -> str:
        """The text of a file that :meth:`files` has told of; empty if it is there no more.

        It is opened without following a link, so that a file that has since become one is not read.
        """
        try:
            handle = os.open(self.path / name, os.O_RDONLY | _GUARDED)
        except OSError:
            return ""
        with open(handle, "rb") as file:  # noqa: PTH123 - it is open already
            return file.read(self.most_bytes).decode("utf-8", errors="replace")

    def _entries(self) -> Iterator[os.DirEntry[str]]:
        """The regular files in it and below it, always in the same order."""
        below = [str(self.path)]
        while below:
            try:
                with os.scandir(below.pop()) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
            except OSError:
                continue
            for entry in entries:
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    below.append(entry.path)
                elif entry.is_file(follow_symlinks=False) and Path(entry.name).suffix.lower() in self.endings:
                    yield entry
