"""Artifacts of a container put down on this machine, where containers may change directories at the same time.

So every directory is entered step by step from one that is held open, and none through a symbolic link.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import Final

from circuit_breaker.errors import OutputInvalid, OutputTooLarge
from circuit_breaker.executors.docker.files import entries

__all__ = ["Delivery"]

_ENTER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_FILES: Final = 10_000
_PIECE: Final = 256 * 1024
_TRIES: Final = 20


@contextmanager
def _entered(start: int | None, parts: Iterable[str], whole: object) -> Iterator[int]:
    """The directory that the steps lead to, held open; they begin at an open one, or at the root."""
    place = os.open("/", _ENTER) if start is None else os.dup(start)
    try:
        for part in parts:
            try:
                below = os.open(part, _ENTER, dir_fd=place)
            except OSError as error:
                raise OutputInvalid(
                    f"'{part}' of '{whole}' is no directory any more: {error.strerror}",
                    remedy="let no container change the directories that artifacts are copied to",
                ) from error
            os.close(place)
            place = below
        yield place
    finally:
        os.close(place)


def _discard(folder: int, name: str) -> None:
    """Removes a file, a link or a directory; one that is gone is no error."""
    with suppress(FileNotFoundError):
        try:
            os.unlink(name, dir_fd=folder)
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(name, ignore_errors=True, dir_fd=folder)


class Delivery:
    """A directory that artifacts are gathered in, and that appears whole or not at all.

    Nothing that was there before is touched, except what the same work has put there when it was done before.
    """

    def __init__(self, gathered: int, limit: int) -> None:
        self._gathered = gathered
        self._left = limit
        self._limit = limit

    @classmethod
    @contextmanager
    def to(cls, target: Path, name: str, *, limit: int) -> Iterator[Delivery]:
        """A delivery that is there, as ``target/name``, when the block has ended without an error.

        Args:
            target: A directory; symbolic links have been followed, so there is none on the way.
            name: Of the directory in it, the same for the same work.
            limit: Bytes of all artifacts together.

        Raises:
            OutputInvalid: Somebody has changed the way to the target.
        """
        with _entered(None, target.parts[1:], target) as folder:
            staged = f".incoming-{secrets.token_hex(8)}"
            os.mkdir(staged, dir_fd=folder)
            try:
                with _entered(folder, [staged], target) as gathered:
                    yield cls(gathered, limit)
                _settle(folder, staged, name)
            finally:
                _discard(folder, staged)

    def take(self, pieces: Iterable[bytes], path: PurePosixPath) -> None:
        """Adds the file or directory of an archive, under the name of the path.

        Raises:
            OutputInvalid: It holds something else than files and directories, or a name that leads out of it.
            OutputTooLarge: It holds more bytes than are left, or too many files.
        """
        with entries(pieces, path) as tar:
            for number, entry in enumerate(tar, start=1):
                parts = _parts(entry, path)
                self._left -= entry.size
                if self._left < 0 or number > _MOST_FILES:
                    most = f"{self._limit} bytes" if self._left < 0 else f"{_MOST_FILES} files"
                    raise OutputTooLarge(f"the artifacts hold more than {most} with '{path}'", remedy="copy out less")
                with _entered(self._gathered, parts[:-1], path) as parent:
                    _put(tar, entry, parent, parts[-1])


def _put(tar: tarfile.TarFile, entry: tarfile.TarInfo, parent: int, name: str) -> None:
    if entry.isdir():
        with suppress(FileExistsError):  # what is no directory is found out by whoever enters it
            os.mkdir(name, dir_fd=parent)
        return
    content = tar.extractfile(entry)
    assert content is not None  # noqa: S101 - a plain file has one
    with os.fdopen(os.open(name, _WRITE, 0o666, dir_fd=parent), "wb") as file:
        shutil.copyfileobj(content, file, _PIECE)


def _parts(entry: tarfile.TarInfo, path: PurePosixPath) -> tuple[str, ...]:
    name = PurePosixPath(entry.name)
    if not (entry.isreg() or entry.isdir()):
        raise OutputInvalid(f"'{name}' in '{path}' is no plain file or directory", remedy="copy out files, not links")
    if name.is_absolute() or ".." in name.parts or name.parts[:1] != (path.name,):
        raise OutputInvalid(f"'{name}' leads out of '{path}'", remedy="copy out files, not links")
    return name.parts


def _settle(folder: int, staged: str, name: str) -> None:
    """Gives a directory its name; what the same work left there before goes, whoever else does the same now."""
    for _ in range(_TRIES):
        with suppress(OSError):
            os.rename(staged, name, src_dir_fd=folder, dst_dir_fd=folder)
            return
        aside = f"{staged}-before"
        with suppress(FileNotFoundError):
            os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
        _discard(folder, aside)
    raise OutputInvalid(f"'{name}' cannot be put where the artifacts go", remedy="look who else writes there")
