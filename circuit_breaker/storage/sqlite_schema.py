"""The tables of a SQLite journal, and how an older file becomes a present one.

``journal`` holds the events of all cases in the order of writing, so that a commit touches the end of the table and
not a page for each case. The row of a case in ``cases`` knows its last event (``head``), and each event the one before
(``previous``); every 64th is also found in ``marks``, so that each page of a long history is near one. ``number`` is
short for tenant and id together; ``grown`` counts the bytes since the last snapshot. The documents are JSON in UTF-8,
the times microseconds since 1970 in UTC.

``records`` are kept beside the cases; each key of one has a row in ``record_keys``, so that those with a key are read
off in the order of their ids. ``budget_accounts`` hold what was spent and what is reserved, dollars as decimal text; a
lease in ``budget_leases`` whose time is over has no end any more, and what it held counts as spent until it is settled.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from circuit_breaker.errors import StorageError, StorageForeign, StorageNewer
from circuit_breaker.storage.sqlite_faults import is_busy, translation

__all__ = ["MIGRATIONS", "open_connection", "prepare", "roll_back"]

APPLICATION = int.from_bytes(b"CBrk")

Migration = Sequence[str]
"""The statements that lead from one version of the schema to the next."""

MIGRATIONS: Sequence[Migration] = (
    (
        """
        CREATE TABLE cases (
            number INTEGER PRIMARY KEY,
            tenant TEXT NOT NULL,
            id TEXT NOT NULL,
            workflow TEXT NOT NULL,
            definition TEXT NOT NULL,
            status TEXT NOT NULL,
            states TEXT NOT NULL,
            sequence INTEGER NOT NULL,
            started INTEGER NOT NULL,
            updated INTEGER NOT NULL,
            due INTEGER,
            head INTEGER NOT NULL,
            grown INTEGER NOT NULL,
            UNIQUE (tenant, id)
        )
        """,
        "CREATE INDEX cases_by_status ON cases (tenant, status, id, workflow)",
        "CREATE INDEX cases_by_due ON cases (tenant, due, id) WHERE due IS NOT NULL",
        """
        CREATE TABLE journal (
            position INTEGER PRIMARY KEY,
            number INTEGER NOT NULL REFERENCES cases,
            sequence INTEGER NOT NULL,
            previous INTEGER NOT NULL,
            document BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE marks (
            number INTEGER NOT NULL REFERENCES cases,
            sequence INTEGER NOT NULL,
            position INTEGER NOT NULL REFERENCES journal,
            PRIMARY KEY (number, sequence)
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE snapshots (
            number INTEGER PRIMARY KEY REFERENCES cases,
            sequence INTEGER NOT NULL,
            document BLOB NOT NULL
        )
        """,
        """
        CREATE TABLE definitions (
            tenant TEXT NOT NULL,
            version TEXT NOT NULL,
            workflow TEXT NOT NULL,
            document BLOB NOT NULL,
            PRIMARY KEY (tenant, version)
        ) WITHOUT ROWID
        """,
    ),
    (
        """
        CREATE TABLE records (
            number INTEGER PRIMARY KEY,
            tenant TEXT NOT NULL,
            kind TEXT NOT NULL,
            id TEXT NOT NULL,
            version INTEGER NOT NULL,
            keys BLOB NOT NULL,
            document BLOB NOT NULL,
            UNIQUE (tenant, kind, id)
        )
        """,
        """
        CREATE TABLE record_keys (
            tenant TEXT NOT NULL,
            kind TEXT NOT NULL,
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            id TEXT NOT NULL,
            number INTEGER NOT NULL REFERENCES records,
            PRIMARY KEY (tenant, kind, name, value, id)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX record_keys_by_number ON record_keys (number)",
    ),
    (
        """
        CREATE TABLE budget_accounts (
            account TEXT PRIMARY KEY,
            dollars TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            held_dollars TEXT NOT NULL,
            held_tokens INTEGER NOT NULL
        ) WITHOUT ROWID
        """,
        """
        CREATE TABLE budget_leases (
            lease TEXT NOT NULL,
            account TEXT NOT NULL,
            dollars TEXT NOT NULL,
            tokens INTEGER NOT NULL,
            expires REAL,
            PRIMARY KEY (lease, account)
        ) WITHOUT ROWID
        """,
        "CREATE INDEX budget_leases_by_end ON budget_leases (expires) WHERE expires IS NOT NULL",
    ),
    (
        """
        CREATE TABLE streams (
            number INTEGER PRIMARY KEY AUTOINCREMENT,
            tenant TEXT NOT NULL,
            name TEXT NOT NULL,
            length INTEGER NOT NULL,
            UNIQUE (tenant, name)
        )
        """,
        """
        CREATE TABLE stream_pieces (
            number INTEGER NOT NULL REFERENCES streams,
            first INTEGER NOT NULL,
            documents BLOB NOT NULL,
            PRIMARY KEY (number, first)
        ) WITHOUT ROWID
        """,
    ),
)


def open_connection(
    path: Path, *, busy_timeout: float = 0.0, patience: float = 0.0, synchronous: str = "FULL"
) -> sqlite3.Connection:
    """A connection in which transactions begin and end only where we say so. It may be used by one thread at a time.

    Args:
        path: The file.
        busy_timeout: Seconds that each statement waits for a lock.
        patience: Seconds that the opening itself waits; a file that others open or close is locked for a moment.
        synchronous: The level of SQLite's setting of that name.
    """
    connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA busy_timeout = {round(busy_timeout * 1000)}")
    return connection


def prepare(path: Path, *, busy_timeout: float, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Makes the file a journal of the present version, when it is new or older.

    Raises:
        StorageForeign: It holds something else.
        StorageNewer: It was written by a later release.
        StorageLocked: Another process kept it locked for ``busy_timeout`` seconds.
        StorageError: It cannot be opened or written.
    """
    with translation(path):
        connection = sqlite3.connect(path, timeout=busy_timeout, isolation_level=None)
        try:
            connection.execute("BEGIN")
            version = _version(connection, path, len(migrations))
            connection.execute("COMMIT")
            if version < len(migrations):
                _turn_to_wal(connection, path, time.monotonic() + busy_timeout)
                _migrate(connection, path, migrations)
        finally:
            connection.close()


def _version(connection: sqlite3.Connection, path: Path, newest: int) -> int:
    """The version of the schema in the file, 0 for a new one; asked in a transaction, so that it is consistent."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (objects,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if application != APPLICATION and (application or version or objects):
        raise StorageForeign(f"'{path}' is the database of another program", remedy="name another file")
    if version > newest:
        raise StorageNewer(
            f"'{path}' was written by a later release: its schema is number {version}, ours {newest}",
            remedy="upgrade circuit-breaker-sdk",
        )
    return int(version)


def _turn_to_wal(connection: sqlite3.Connection, path: Path, deadline: float) -> None:
    """Switches to the write-ahead log, which readers do not block; SQLite itself does not wait for its turn here."""
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if not is_busy(error) or time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StorageError(f"'{path}' cannot have a write-ahead log", remedy="put it on a local disk")
        return


def _migrate(connection: sqlite3.Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """Applies what the file lacks, all or nothing; another process may have done so while we waited."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for statements in migrations[_version(connection, path, len(migrations)) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {len(migrations)}")
        connection.execute("COMMIT")
    except BaseException:
        roll_back(connection)
        raise


def roll_back(connection: sqlite3.Connection) -> None:
    """Ends the transaction, where SQLite has not done so by itself."""
    if connection.in_transaction:
        connection.execute("ROLLBACK")
