"""Processes that a program has left behind: found by a mark in their environment, wherever they have gone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["MARK", "kill_group", "kill_stragglers"]

MARK: Final = "CIRCUIT_BREAKER_PROCESS"
"""The variable by which the processes of one execution are known; its value is different for each."""

_PROCESSES: Final = Path("/proc")
_ROUNDS: Final = 5


def kill_group(leader: int, number: signal.Signals) -> None:
    """Sends a signal to every process of a group; there may be none any more."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def kill_stragglers(mark: str) -> None:
    """Kills every process that has the mark, also those in sessions of their own. Only Linux tells which they are."""
    for _ in range(_ROUNDS):
        found = list(_marked(f"{MARK}={mark}".encode()))
        for process in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        if not found:
            return


def _marked(entry: bytes) -> Iterator[int]:
    for file in _PROCESSES.glob("[0-9]*/environ"):
        with suppress(OSError):
            if entry in file.read_bytes().split(b"\0"):
                yield int(file.parent.name)
