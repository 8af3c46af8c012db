"""What an open SQLite journal holds: its name among the workers, and its connections."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import attrs

from circuit_breaker.storage.liveness import Presence
from circuit_breaker.storage.sqlite_faults import translation
from circuit_breaker.storage.sqlite_reader import Reader
from circuit_breaker.storage.sqlite_schema import open_connection, prepare
from circuit_breaker.storage.sqlite_writer import Writer

__all__ = ["Files"]


@attrs.frozen(eq=False)
class Files:
    """A writer, a reader on the loop's thread, and a lister on a thread of its own for long lists.

    Attributes:
        close: Closes everything; the name is given up last, so that nobody takes us for dead while we write.
    """

    presence: Presence
    writer: Writer
    reader: Reader
    lister: Reader
    close: Callable[[], None]

    @classmethod
    def open(cls, path: Path, tenant: str, *, synchronous: str, patience: float) -> Files:
        """Opens everything, or nothing; the file is made or brought up to date when need be.

        Args:
            path: The file.
            tenant: Whose cases these are.
            synchronous: The level of SQLite's setting of that name.
            patience: Seconds to wait while another process holds a lock.

        Raises:
            StorageError: It cannot be opened, or holds something else.
        """
        prepare(path, busy_timeout=patience)
        with ExitStack() as stack, translation(path):
            presence = Presence(path)
            stack.callback(presence.leave)
            presence.sweep()
            connections = []
            for busy_timeout in (0.0, patience, patience):  # the writer waits by itself, so that the loop need not
                connection = open_connection(
                    path, busy_timeout=busy_timeout, patience=patience, synchronous=synchronous
                )
                stack.callback(connection.close)
                connections.append(connection)
            writing, reading, listing = connections
            return cls(
                presence,
                Writer(writing, path, tenant=tenant),
                Reader(reading, path, tenant=tenant),
                Reader(listing, path, tenant=tenant),
                stack.pop_all().close,
            )
