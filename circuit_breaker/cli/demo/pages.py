"""Pages: the text files that the demo reviews."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Page", "Pages", "find_pages", "included_pages"]

SUFFIXES = (".md", ".rst", ".txt")
LARGEST = 1_000_000
AUTHOR = "ann"
URGENT = re.compile(r"\b(urgent|security|breaking change|crash(es|ed)?|kill(ed|s)?)\b", re.IGNORECASE)
_TITLE = re.compile(r"^#* *(\w.*?)[ #]*$", re.MULTILINE)
_AUTHOR = re.compile(r"^author: *(\w[\w .-]*?) *$", re.MULTILINE | re.IGNORECASE)
_UNSAFE = re.compile(r"[^a-z0-9]+")


@attrs.frozen
class Page:
    r"""One text file.

    Attributes:
        path: Where it lies, absolute.
        name: How it is shown: relative to the directory that was given, bytes that are no UTF-8 as ``\xe9``.
        text: What is in it.
    """

    path: Path
    name: str
    text: str = attrs.field(repr=False)

    @property
    def case(self) -> str:
        """The id of its case: the same as long as neither the place nor the content of the file changes."""
        digest = hashlib.sha256(b"\0".join((os.fsencode(self.path), self.text.encode()))).hexdigest()
        return f"{_UNSAFE.sub('-', self.path.stem.lower()).strip('-')[:40] or 'page'}-{digest[:10]}"

    @property
    def data(self) -> dict[str, Any]:
        """What the review begins with."""
        title, author = _TITLE.search(self.text), _AUTHOR.search(self.text)
        return {
            "path": _readable(self.path),
            "title": title[1] if title else _readable(self.path.stem),
            "content": self.text,
            "author": author[1] if author else AUTHOR,
            "priority": 8 if URGENT.search(self.text) else 3,
            "revisions": 0,
        }


@attrs.frozen
class Pages:
    """What was found.

    Attributes:
        pages: The files that can be reviewed, without doubles.
        skipped: The others, each with the reason.
    """

    pages: tuple[Page, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()


def included_pages() -> Path:
    """The directory of the project's own pages, which come with the package."""
    return Path(str(files("circuit_breaker.cli.demo") / "pages"))


def find_pages(paths: Iterable[Path]) -> Pages:
    """The text files at these paths, and in the directories among them; in directories only what ends as text does."""
    found: dict[Path, Page] = {}
    skipped: dict[Path, tuple[str, str]] = {}
    for file, name in (each for path in paths for each in _files(path)):
        place = file.resolve()
        if place not in found and place not in skipped:
            read = _read(place, name := _readable(name))
            if isinstance(read, Page):
                found[place] = read
            else:
                skipped[place] = (name, read)
    return Pages(tuple(found.values()), tuple(skipped.values()))


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """Each file with the name under which it is shown."""
    if not path.is_dir():
        yield path, path.name
        return
    for file in sorted(path.rglob("*")):
        inner = file.relative_to(path)
        if file.suffix.lower() in SUFFIXES and file.is_file() and not any(part.startswith(".") for part in inner.parts):
            yield file, str(inner)


def _readable(name: str | os.PathLike[str]) -> str:
    """The name as text: what is no UTF-8 in it is written out."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _read(file: Path, name: str) -> Page | str:
    """The page, or why there is none. What is no ordinary file, such as a pipe, is not even opened."""
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            return "no ordinary file"
        if status.st_size > LARGEST:
            return f"{status.st_size:,} bytes are too many; the most is {LARGEST:,}"
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        return error.strerror or str(error)
    except UnicodeDecodeError:
        return "no text in UTF-8"
    return Page(file, name, text) if text.strip() else "there is nothing in it"
