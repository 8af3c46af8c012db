"""Files that go into a container and come out of it, as tar archives; what comes out is not trusted."""

from __future__ import annotations

import io
import shutil
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, cast

from circuit_breaker.errors import OutputInvalid, OutputTooLarge

__all__ = ["copied", "packed", "read_file"]

_MOST_FILES: Final = 10_000
_PIECE: Final = 256 * 1024
_EVERYBODY: Final = 0o1777
_READABLE: Final = 0o644


def packed(directories: Iterable[str], files: Mapping[str, bytes]) -> bytes:
    """A tar archive of directories that everybody may write to, and of files that everybody may read."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in directories:
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, _EVERYBODY
            tar.addfile(entry)
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), _READABLE
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


class _Pieces:
    """Pieces of bytes as a file that tarfile can read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = b""

    def read(self, count: int) -> bytes:
        found = bytearray(self._rest)
        while len(found) < count and (piece := next(self._pieces, b"")):
            found += piece
        self._rest = bytes(found[count:])
        return bytes(found[:count])


@contextmanager
def _opened(pieces: Iterable[bytes], path: PurePosixPath) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(fileobj=cast("IO[bytes]", _Pieces(pieces)), mode="r|") as tar:
            yield tar
    except tarfile.TarError as error:
        raise OutputInvalid(f"'{path}' did not come out of the container whole: {error}") from error


def read_file(pieces: Iterable[bytes], path: PurePosixPath, *, limit: int) -> bytes:
    """The content of the one file in an archive.

    Raises:
        OutputInvalid: It is no plain file.
        OutputTooLarge: It is longer than the limit.
    """
    with _opened(pieces, path) as tar:
        entry = tar.next()
        content = None if entry is None or not entry.isreg() else tar.extractfile(entry)
        if entry is None or content is None:
            raise OutputInvalid(f"'{path}' is no plain file", remedy="write the output to a file, not to a link")
        if entry.size > limit:
            raise OutputTooLarge(
                f"'{path}' is longer than {limit} bytes", remedy="allow more with max_output, or copy it as an artifact"
            )
        return content.read()


def copied(pieces: Iterable[bytes], path: PurePosixPath, target: Path, *, limit: int) -> tuple[Path, int]:
    """Where the file or directory of an archive is now, below ``target``, and its size in bytes.

    It appears there whole or not at all, in the place of one that was there before.

    Raises:
        OutputInvalid: It holds something else than files and directories, or a name that leads out of it.
        OutputTooLarge: It holds more than ``limit`` bytes, or too many files.
    """
    with tempfile.TemporaryDirectory(dir=target, prefix=".incoming-") as folder:
        root = Path(folder)
        with _opened(pieces, path) as tar:
            total = _unpacked(tar, root, path, limit)
        arrived, final = root / path.name, target / path.name
        if final.is_dir() and not final.is_symlink():
            shutil.rmtree(final)
        elif final.is_symlink() or arrived.is_dir():
            final.unlink(missing_ok=True)
        arrived.replace(final)
    return final, total


def _unpacked(tar: tarfile.TarFile, root: Path, path: PurePosixPath, limit: int) -> int:
    total = 0
    for number, entry in enumerate(tar, start=1):
        place = _place(entry, root, path)
        total += entry.size
        if total > limit or number > _MOST_FILES:
            most = f"{limit} bytes" if total > limit else f"{_MOST_FILES} files"
            raise OutputTooLarge(f"the artifacts hold more than {most} with '{path}'", remedy="copy out less of it")
        if entry.isdir():
            place.mkdir(exist_ok=True)
            continue
        content = tar.extractfile(entry)
        assert content is not None  # noqa: S101 - a plain file has one
        with place.open("xb") as file:
            shutil.copyfileobj(content, file, _PIECE)
    return total


def _place(entry: tarfile.TarInfo, root: Path, path: PurePosixPath) -> Path:
    name = PurePosixPath(entry.name)
    if not (entry.isreg() or entry.isdir()):
        raise OutputInvalid(f"'{name}' in '{path}' is no plain file or directory", remedy="copy out files, not links")
    if name.is_absolute() or ".." in name.parts or name.parts[:1] != (path.name,):
        raise OutputInvalid(f"'{name}' leads out of '{path}'", remedy="copy out files, not links")
    return root.joinpath(*name.parts)
