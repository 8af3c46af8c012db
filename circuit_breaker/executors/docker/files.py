"""Files that go into a container and come out of it, as tar archives; what comes out is not trusted."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Final, cast

from circuit_breaker.errors import OutputInvalid, OutputTooLarge

__all__ = ["entries", "packed", "read_file"]

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
def entries(pieces: Iterable[bytes], path: PurePosixPath) -> Iterator[tarfile.TarFile]:
    """The entries of an archive that comes in pieces.

    Raises:
        OutputInvalid: It breaks off, or is none.
    """
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
    with entries(pieces, path) as tar:
        entry = tar.next()
        content = None if entry is None or not entry.isreg() else tar.extractfile(entry)
        if entry is None or content is None:
            raise OutputInvalid(f"'{path}' is no plain file", remedy="write the output to a file, not to a link")
        if entry.size > limit:
            raise OutputTooLarge(
                f"'{path}' is longer than {limit} bytes", remedy="allow more with max_output, or copy it as an artifact"
            )
        return content.read()
