"""Liveness: which programs have a journal open, told by locks that the kernel drops when a process ends.

Each open journal holds an exclusive ``flock`` on a small file beside the database. However its process ends, the lock
goes with it, so that nobody waits for a heartbeat to be missed. Locks of this kind exist on POSIX systems only. They
belong to the open file, which a forked process shares, such as one of a pool; so it closes its copy at once. A program
that is started has none.
"""

from __future__ import annotations

import os
import re
import secrets
import threading
from contextlib import suppress
from pathlib import Path

from circuit_breaker.errors import StorageError

try:
    import fcntl
except ImportError:  # pragma: no cover - only where there is no POSIX
    fcntl = None  # type: ignore[assignment]

__all__ = ["Presence"]

_HELD: set[Presence] = set()
"""What this process holds."""

_FORKING = threading.RLock()
"""Held while a lock is taken or given up, so that no process is forked between that and its note in :data:`_HELD`."""

WORKER = re.compile(r"\d+-[0-9a-f]{16}")


class Presence:
    """That this program has the database open; it ends with :meth:`leave`, or with the process.

    Attributes:
        worker: The name of this program among all that have the database open.
    """

    def __init__(self, database: Path) -> None:
        """Takes a new name and its lock.

        Raises:
            StorageError: The file cannot be made, or the system knows no such locks.
        """
        if fcntl is None:
            raise StorageError(
                "a SQLite journal needs the file locks of a POSIX system",
                remedy="use memory://, or a database server",
            )
        self._database = database
        self.worker = f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with _FORKING:
                self._lock: int | None = self._take()
                _HELD.add(self)
        except OSError as error:
            raise StorageError(
                f"cannot make '{self._file(self.worker)}': {error.strerror}", remedy="the directory must be writable"
            ) from error

    def _take(self) -> int:
        """The lock on our file, surely the file that others see: one may have swept it away before it was locked."""
        while True:
            lock = os.open(self._file(self.worker), os.O_CREAT | os.O_RDWR, 0o644)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.fstat(lock).st_nlink:
                return lock
            os.close(lock)

    def _file(self, worker: str) -> Path:
        return self._database.with_name(f"{self._database.name}-worker-{worker}")

    def alive(self, worker: str) -> bool:
        """Whether the program of that name has the database open still; the file of a dead one is removed.

        Raises:
            StorageError: Its file is there, but cannot be opened.
        """
        if worker == self.worker:
            return True
        if not WORKER.fullmatch(worker):
            return False
        file = self._file(worker)
        try:
            probe = os.open(file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise StorageError(
                f"cannot tell whether worker '{worker}' lives: '{file}': {error.strerror}",
                remedy="check the rights of the file, and how many files may be open",
            ) from error
        try:
            fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
            with suppress(OSError):
                file.unlink()
        except BlockingIOError:
            return True
        finally:
            os.close(probe)
        return False

    def sweep(self) -> None:
        """Removes what dead programs left, as far as we may."""
        prefix = f"{self._database.name}-worker-"
        for file in self._database.parent.iterdir():
            if file.name.startswith(prefix):
                with suppress(StorageError):
                    self.alive(file.name.removeprefix(prefix))

    def leave(self) -> None:
        """Gives up the name; a forked process, whose it is not, gives up nothing."""
        with _FORKING:
            if self._lock is not None:
                self._file(self.worker).unlink(missing_ok=True)
                self.let_go()

    def let_go(self) -> None:
        """Closes what this process has of the lock; without another process that has it, the name is free."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        _HELD.discard(self)


def _in_child() -> None:
    """Lets a forked process hold none of the locks of its parent, whose death they tell."""
    for presence in tuple(_HELD):
        presence.let_go()
    _FORKING.release()


if fcntl is not None:
    os.register_at_fork(before=_FORKING.acquire, after_in_parent=_FORKING.release, after_in_child=_in_child)
