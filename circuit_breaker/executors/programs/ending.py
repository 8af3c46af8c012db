"""How a program ended, and what that means."""

from __future__ import annotations

import re
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Final

import attrs

from circuit_breaker.errors import OutOfMemory, ProgramFailed
from circuit_breaker.executors.programs.resources import Resources

__all__ = ["KILLED", "Ending", "oom_kills"]

KILLED: Final = frozenset({-signal.SIGKILL, 128 + signal.SIGKILL})
"""The exit codes of a program that was killed, itself or below a shell."""

_COUNTERS: Final = Path("/proc/vmstat")
_WANTS_MEMORY: Final = re.compile(
    r"MemoryError|bad_alloc|out of memory|cannot allocate memory|allocation failed", re.IGNORECASE
)
_USED_UP: Final = {
    signal.SIGXCPU: ("cpu_seconds", "seconds of processor time"),
    signal.SIGXFSZ: ("file_size", "bytes in one file"),
}


def oom_kills() -> int:
    """How often the kernel has ended a process for want of memory since the machine started; 0 if it does not say."""
    try:
        counters = _COUNTERS.read_bytes()
    except OSError:
        return 0
    found = re.search(rb"^oom_kill (\d+)$", counters, re.MULTILINE)
    return int(found[1]) if found else 0


@attrs.frozen(kw_only=True)
class Ending:
    """How a program ended.

    Attributes:
        name: The program.
        exit_code: What it ended with; negative for the number of the signal that ended it.
        duration: Seconds that it took.
        stderr: The end of its standard error, without secrets.
        resources: What it was allowed to use.
        starved: Whether it was killed while the kernel ended some process for want of memory.
    """

    name: str
    exit_code: int
    duration: float
    stderr: str
    resources: Resources
    starved: bool = False

    def check(self, accepted: Collection[int] = (0,)) -> None:
        """Does nothing if the exit code is one of these.

        Raises:
            OutOfMemory: The program ended because it got no more memory.
            ProgramFailed: It ended otherwise with an error.
        """
        if self.exit_code in accepted:
            return
        if self._ran_out_of_memory():
            limit = self.resources.memory
            allowed = f" more than {limit} bytes" if limit is not None else " more than there is"
            raise OutOfMemory(
                f"'{self.name}' needed{allowed} of memory",
                exit_code=self.exit_code,
                stderr=self.stderr,
                remedy="allow more with limits=, or give it less to do",
            )
        raise ProgramFailed(self._message(), exit_code=self.exit_code, stderr=self.stderr)

    def _ran_out_of_memory(self) -> bool:
        if self.starved and self.exit_code in KILLED:
            return True
        return self.resources.memory is not None and _WANTS_MEMORY.search(self.stderr) is not None

    def _message(self) -> str:
        said = f": {self.stderr.splitlines()[-1][-300:]}" if self.stderr.strip() else ""
        if self.exit_code >= 0:
            return f"'{self.name}' ended with exit code {self.exit_code}{said}"
        return f"'{self.name}' was ended by {self._signal()}{said}"

    def _signal(self) -> str:
        try:
            number = signal.Signals(-self.exit_code)
        except ValueError:
            return f"signal {-self.exit_code}"
        name, what = _USED_UP.get(number, ("", ""))
        limit = self.resources.given().get(name)
        return f"{number.name}" + (f", for it used more than {limit} {what}" if limit is not None else "")
