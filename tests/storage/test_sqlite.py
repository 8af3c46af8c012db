"""The journal in a SQLite file: the contract, and what is its own: files, faults, snapshots, locks."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import subprocess
import threading
from pathlib import Path

import pytest

from circuit_breaker.errors import (
    DataInvalid,
    StorageClosed,
    StorageCorrupt,
    StorageError,
    StorageForeign,
    StorageFull,
    StorageLocked,
    StorageNewer,
    VersionConflict,
)
from circuit_breaker.storage import connect, sqlite
from circuit_breaker.storage.sqlite_faults import translated
from circuit_breaker.storage.sqlite_schema import MIGRATIONS, open_connection, prepare
from circuit_breaker.workflow.events import SignalReceived
from tests.storage.cases import NOON, followed, grow, last, moved, started
from tests.storage.contract import JournalContract


class TestSqlite(JournalContract):
    """The journal in a SQLite file keeps the contract."""

    @pytest.fixture
    def place(self, tmp_path):
        return lambda tenant="": connect(tmp_path / "work.db", tenant=tenant)


class TestSqliteInItsThread(TestSqlite):
    """It keeps the contract as well when the disk is slow and every commit is left to the writer thread."""

    @pytest.fixture(autouse=True)
    def slow_disk(self, monkeypatch):
        monkeypatch.setattr(sqlite, "INLINE_AT_MOST", -1.0)


class TestSqliteByTenant(JournalContract):
    """ZA37: it keeps the contract with a database of its own for each tenant."""

    @pytest.fixture
    def place(self, tmp_path):
        return lambda tenant="": connect(f"sqlite:///{tmp_path}/{{tenant}}.db", tenant=tenant or "nobody")


@pytest.fixture
def file(tmp_path):
    return tmp_path / "work.db"


async def filled(file: Path, steps: int = 0):
    """A journal file with one case."""
    async with connect(file) as journal:
        case = started("a")
        await journal.append(case, case.history)
        return await grow(journal, case, steps)


def sql(file: Path, *statements: str) -> list[tuple]:
    """The rows of the last statement, run by a program that is not ours."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        return [connection.execute(statement).fetchall() for statement in statements][-1]
    finally:
        connection.close()


async def test_closing_leaves_one_file(file):
    """After the last journal closed there is the database, and neither a log nor the file of a worker."""
    await filled(file, 3)

    assert [file] == list(file.parent.iterdir())


async def test_commits_are_on_disk_before_they_are_acknowledged(file):
    """The file is in write-ahead mode, and every connection waits for the disk unless the URL says otherwise."""
    await filled(file)
    assert [("wal",)] == sql(file, "PRAGMA journal_mode")
    for url, level in ((f"sqlite:///{file}", 2), (f"sqlite:///{file}?synchronous=normal", 1)):
        async with connect(url) as journal:
            connection = journal._open.files.writer._connection  # the setting shows nowhere else
            assert [(level,)] == connection.execute("PRAGMA synchronous").fetchall()


async def test_size_grows_with_the_change(file):
    """800 steps that each add 1 KB take less than 3 MB, although the case grows to 800 KB."""
    async with connect(file) as journal:
        case = started("a")
        await journal.append(case, case.history)
        for step in range(800):
            case = moved(case, "abc"[step % 3], **{f"key{step}": "x" * 1024})
            await journal.append(case, last(case))

    assert file.stat().st_size < 3_000_000
    async with connect(file) as journal:
        assert case == await journal.load("a")


async def test_a_load_replays_only_the_events_since_the_last_snapshot(file):
    """However long the history, what is read to load a case is bounded."""
    case = await filled(file, 1000)
    async with connect(file) as journal:
        loaded = await journal.load("a")

    assert case == loaded
    assert 1001 - loaded.history.offset <= 200


async def test_snapshots_are_due_by_what_the_file_says(file):
    """A journal that is opened anew for every few events writes snapshots as one that stays open."""
    case = await filled(file)
    for _ in range(30):
        async with connect(file) as journal:
            case = await grow(journal, case, 10)

    async with connect(file) as journal:
        loaded = await journal.load("a")
    assert case == loaded
    assert loaded.history.offset >= 101


async def test_a_great_snapshot_is_not_written_for_small_changes(file):
    """While the events since the last snapshot weigh less than it does, no other is written."""
    async with connect(file) as journal:
        case = started("a", text="x" * 200_000)
        await journal.append(case, case.history)
        case = await grow(journal, case, 450)

    ((sequence, size),) = sql(file, "SELECT sequence, length(document) FROM snapshots")
    assert 101 >= sequence
    assert 200_000 < size


async def test_a_foreign_database_is_refused(file):
    """The tables of another program are left as they are."""
    sql(file, "CREATE TABLE theirs (a)")

    with pytest.raises(StorageForeign, match="database of another program") as raised:
        await connect(file).__aenter__()
    assert str(file) in str(raised.value)
    assert [("theirs",)] == sql(file, "SELECT name FROM sqlite_schema")


@pytest.mark.parametrize("content", [b"name: document\n" * 100, b"SQLite format 3\0" + b"junk" * 1000])
async def test_a_file_that_is_no_database_is_refused(file, content):
    """A text is not taken for a journal, and not touched."""
    file.write_bytes(content)

    with pytest.raises(StorageForeign, match=r"work\.db"):
        await connect(file).__aenter__()
    assert content == file.read_bytes()


async def test_a_newer_file_is_refused(file):
    """A file of a later release is refused with the remedy, before anything is read from it."""
    await filled(file)
    sql(file, "PRAGMA user_version = 99")

    with pytest.raises(StorageNewer, match=r"schema is number 99.*upgrade"):
        await connect(file).__aenter__()


async def test_a_damaged_file_says_so(file):
    """Damage in the middle of the file is an error that names it, not a wrong answer."""
    await filled(file, 1000)
    half = file.stat().st_size // 2  # behind the schema
    with file.open("r+b") as raw:
        raw.seek(half)
        raw.write(b"\xff" * half)

    async with connect(file) as journal:
        with pytest.raises(StorageCorrupt, match=r"work\.db"):
            await journal.events("a")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        ("DELETE FROM journal WHERE sequence = 5", "of the events 1 to 10 .*, 5 can be found"),
        ("DELETE FROM journal WHERE sequence = 10", "of the events 1 to 10 .*, 0 can be found"),
        ("UPDATE journal SET document = '{}' WHERE sequence = 3", "not an event"),
    ],
)
async def test_a_journal_with_a_hole_says_so(file, damage, what):
    """Events that are missing or no events are found when the case is loaded; the error names the file."""
    await filled(file, 9)
    sql(file, damage)

    async with connect(file) as journal:
        with pytest.raises(StorageCorrupt, match=what) as raised:
            await journal.load("a")
    assert str(file) in str(raised.value)


async def test_a_directory_that_does_not_exist_is_an_error(tmp_path):
    """The error names the file and what must exist."""
    with pytest.raises(StorageError, match="its directory must exist"):
        await connect(tmp_path / "missing" / "work.db").__aenter__()


async def test_a_lock_of_another_program_is_waited_for(file):
    """While another program writes, appends wait without blocking the loop, and go on when it is done."""
    case = await filled(file)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    async with connect(file) as journal, asyncio.TaskGroup() as group:
        case = moved(case)
        task = group.create_task(journal.append(case, last(case)))
        for _ in range(20):
            await asyncio.sleep(0.005)
        assert not task.done()
        assert 1 == (await journal.load("a")).sequence
        other.execute("ROLLBACK")
        other.close()
        await task
        assert case == await journal.load("a")


async def test_a_lock_that_stays_is_an_error(file):
    """After the busy timeout the append fails, says which file is locked, and may be tried again."""
    case = await filled(file)
    other = sqlite3.connect(file, isolation_level=None)
    async with connect(f"sqlite:///{file}?busy_timeout=0.05") as journal:
        other.execute("BEGIN IMMEDIATE")
        case = moved(case)
        with pytest.raises(StorageLocked, match=r"work\.db' was locked by another process for 0\.05 seconds"):
            await journal.append(case, last(case))
        with pytest.raises(StorageLocked):
            await journal.keep_definition("document", "v1", b"")
        other.execute("ROLLBACK")
        other.close()
        await journal.append(case, last(case))
        assert case == await journal.load("a")


async def test_opening_waits_for_the_lock_as_well(tmp_path):
    """A new file that another program holds is an error after the busy timeout."""
    file = tmp_path / "new.db"
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StorageLocked, match=r"new\.db"):
        await connect(f"sqlite:///{file}?busy_timeout=0.05").__aenter__()
    other.close()


async def test_a_reader_of_an_old_style_file_is_waited_for(file):
    """Switching to the write-ahead log waits for those who read, and gives up after the busy timeout."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    with pytest.raises(StorageLocked, match=r"work\.db"):
        prepare(file, busy_timeout=0.05)
    other.execute("COMMIT")
    other.close()

    prepare(file, busy_timeout=0.05)
    assert [("wal",)] == sql(file, "PRAGMA journal_mode")


def test_a_lock_of_a_moment_does_not_stop_an_opening(file):
    """A connection that later waits for no lock waits for one all the same while it is opened."""
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN EXCLUSIVE")
    release = threading.Timer(0.05, other.close)
    release.start()
    opened = open_connection(file, patience=10.0)
    release.join()

    assert [(0,)] == opened.execute("PRAGMA busy_timeout").fetchall()
    opened.close()


def test_a_place_without_a_log_is_refused():
    """Where SQLite cannot keep a write-ahead log, nothing could be promised."""
    with pytest.raises(StorageError, match=r"write-ahead log.*local disk"):
        prepare(Path(":memory:"), busy_timeout=0.0)


async def test_many_open_a_new_file_at_once(file):
    """Whoever comes first makes the tables, and the others find them."""
    journals = [connect(file) for _ in range(8)]
    await asyncio.gather(*(journal.__aenter__() for journal in journals))

    assert [len(MIGRATIONS)] == [version for (version,) in sql(file, "PRAGMA user_version")]
    await asyncio.gather(*(journal.__aexit__() for journal in journals))


async def test_an_opening_that_is_cancelled_leaves_nothing_open(file):
    """Who gives up while the file is opened leaves no worker that others would take for alive."""
    journal = connect(file)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(journal.__aenter__())
        await asyncio.sleep(0)
        task.cancel()
    with pytest.raises(StorageClosed):
        _ = journal.worker
    async with connect(file) as watcher:
        mine = [f"work.db-worker-{watcher.worker}"]
        for _ in range(5000):
            if mine == [each.name for each in file.parent.glob("*-worker-*")]:
                break
            await asyncio.sleep(0.001)
        assert mine == [each.name for each in file.parent.glob("*-worker-*")]


async def test_what_is_no_json_is_refused(file):
    """Half of a surrogate pair cannot be written in UTF-8: the append is refused, the journal goes on."""
    case = await filled(file)
    async with connect(file) as journal:
        broken = followed(case, SignalReceived, name="\ud800")
        with pytest.raises(DataInvalid, match="case 'a'"):
            await journal.append(broken, last(broken))
        case = await grow(journal, case, 1)
        assert case == await journal.load("a")


async def test_a_fault_of_the_writer_is_told_to_all_who_wait(file, monkeypatch):
    """Whatever breaks while a batch is written, nobody waits for ever, and nothing of it stays."""
    await filled(file)
    cases = [started(f"c{number}") for number in range(3)]

    def broken(*_):
        raise MemoryError

    async with connect(file) as journal:
        faults = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context["exception"]))
        with monkeypatch.context() as patch:
            patch.setattr(journal._open.files.writer, "_write_cases", broken)
            outcomes = await asyncio.gather(*(journal.append(c, c.history) for c in cases), return_exceptions=True)

        assert [StorageError] * 3 == [type(outcome) for outcome in outcomes]
        assert [MemoryError] == [type(fault) for fault in faults]
        await asyncio.gather(*(journal.append(case, case.history) for case in cases))
        assert {"running": 4} == await journal.count()


@pytest.fixture
def small_disk(tmp_path):
    """A directory on a disk of 1 MB."""
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    directory = tmp_path / "disk"
    directory.mkdir()
    if not mount or not unmount:
        pytest.skip("needs mount")
    command = [mount, "-t", "tmpfs", "-o", "size=1m", "none", str(directory)]
    made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        pytest.skip(f"cannot make a small disk: {made.stderr.decode()}")
    yield directory
    subprocess.run([unmount, "-l", str(directory)], check=True)


async def test_a_full_disk_is_an_error_until_there_is_room(small_disk):
    """On a full disk an append fails and leaves the case as it was; when space is freed the journal goes on."""
    file, ballast = small_disk / "work.db", small_disk / "ballast"
    case = await filled(file)
    ballast.write_bytes(b"x" * 400_000)
    async with connect(file) as journal:
        full = None
        while full is None:
            bigger = moved(case, text="x" * 10_000)
            try:
                await journal.append(bigger, last(bigger))
                case = bigger
            except StorageFull as error:
                full = error
        assert f"'{file}' has no room left" in str(full)
        assert case == await journal.load("a")
        ballast.unlink()
        case = moved(case)
        await journal.append(case, last(case))
        assert case == await journal.load("a")
    async with connect(file) as journal:
        assert case == await journal.load("a")


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (sqlite3.SQLITE_FULL, StorageFull),
        (sqlite3.SQLITE_IOERR_WRITE, StorageError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, StorageLocked),
        (sqlite3.SQLITE_CORRUPT_INDEX, StorageCorrupt),
        (sqlite3.SQLITE_NOTADB, StorageForeign),
        (sqlite3.SQLITE_READONLY_DIRECTORY, StorageError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, StorageError),
    ],
)
def test_each_fault_of_sqlite_is_one_of_ours(file, code, kind):
    """The extended codes of SQLite lead to the class of their family; the message names the file."""
    error = sqlite3.OperationalError("something")
    error.sqlite_errorcode = code

    found = translated(error, file)

    assert kind is type(found)
    assert str(file) in str(found)


def test_an_error_of_a_full_disk_is_told_by_the_disk(file, monkeypatch):
    """Where SQLite only says that writing failed, the free space tells whether the disk is full."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE
    usage = shutil.disk_usage(file.parent)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))

    assert StorageFull is type(translated(error, file))


async def test_a_table_that_is_gone_is_an_error(file):
    """A fault while a definition is kept names the file."""
    async with connect(file) as journal:
        sql(file, "DROP TABLE definitions")
        with pytest.raises(StorageError, match=r"work\.db' failed .*no such table"):
            await journal.keep_definition("document", "v1", b"")


def test_an_unreadable_disk_is_not_called_full(tmp_path):
    """An input or output error is called a full disk only where the disk says that it is full."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_SHMSIZE

    assert StorageError is type(translated(error, tmp_path / "gone" / "work.db"))


async def test_an_older_file_is_brought_up_to_date(file):
    """A file of one schema becomes one of the next when it is opened, once, and keeps its cases."""
    case = await filled(file, 3)
    later = [*MIGRATIONS, ["ALTER TABLE cases ADD COLUMN colour TEXT", "UPDATE cases SET colour = 'red'"]]
    for _ in range(2):
        prepare(file, busy_timeout=1.0, migrations=later)

    assert [("red", 4)] == sql(file, "SELECT colour, sequence FROM cases")
    with pytest.raises(StorageNewer):
        await connect(file).__aenter__()
    sql(file, "ALTER TABLE cases DROP COLUMN colour", f"PRAGMA user_version = {len(MIGRATIONS)}")
    async with connect(file) as journal:
        assert case == await journal.load("a")


async def test_a_migration_that_fails_changes_nothing(file):
    """The statements of a migration are applied all or not at all."""
    await filled(file)
    later = [*MIGRATIONS, ["CREATE TABLE new (a)", "no statement"]]

    with pytest.raises(StorageError, match="syntax error"):
        prepare(file, busy_timeout=1.0, migrations=later)
    assert [(0,)] == sql(file, "SELECT count(*) FROM sqlite_schema WHERE name = 'new'")
    await filled(file.with_name("other.db"))
    async with connect(file) as journal:
        assert {"running": 1} == await journal.count()


async def test_a_case_that_another_connection_started_is_known(file):
    """Numbers of cases are never given twice, whoever began the last one."""
    async with connect(file) as one, connect(file, tenant="acme") as other:
        for number in range(6):
            case = started(f"c{number}")
            await (one, other)[number % 2].append(case, case.history, due=NOON)
        with pytest.raises(VersionConflict):
            await one.append(started("c0"), started("c0").history)

    assert [(1, ""), (2, "acme"), (3, ""), (4, "acme"), (5, ""), (6, "acme")] == sorted(
        sql(file, "SELECT number, tenant FROM cases")
    )


async def test_a_journal_shows_its_file_and_tenant(file):
    """The text of a journal says where it lies."""
    assert f"SqliteJournal('{file}')" == repr(connect(file))
    assert f"SqliteJournal('{file}', tenant='acme')" == repr(connect(file, tenant="acme"))
