"""What is left of the processes of a test."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from pathlib import Path

import attrs
import pytest

TRACE = "TRACE"


@attrs.frozen
class Trace:
    """A variable for the programs of one test, by which their processes are found again."""

    value: str = attrs.field(factory=lambda: uuid.uuid4().hex)

    @property
    def variables(self) -> Mapping[str, str]:
        """Given to a program as its environment."""
        return {TRACE: self.value}

    def left(self) -> list[str]:
        """The processes, zombies included, that are there still, as ``pid state name``."""
        marked = [file.parent for file in Path("/proc").glob("[0-9]*/environ") if self._has(file)]
        return [status for folder in marked if (status := _status(folder))]

    def _has(self, file: Path) -> bool:
        try:
            return f"{TRACE}={self.value}".encode() in file.read_bytes()
        except OSError:
            return False


def _status(folder: Path) -> str:
    try:
        return (folder / "stat").read_text().split(") ")[0]
    except OSError:
        return ""


def children() -> set[str]:
    """The children of this process, zombies included."""
    return {pid for file in Path("/proc/self/task").glob("*/children") for pid in file.read_text().split()}


@pytest.fixture
def trace():
    """A trace of which nothing may be left, and no zombie either."""
    before, trace = children(), Trace()
    yield trace
    assert [] == trace.left()
    assert children() <= before
