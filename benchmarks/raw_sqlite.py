"""What SQLite itself can do on this disk: the floor under every durable figure.

``python benchmarks/raw_sqlite.py commit`` writes one row a commit (write-ahead log, ``synchronous=FULL``). ``group``
has a hundred coroutines waiting: a writer thread puts all that wait into one commit, then lets them go on.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import tempfile
from contextlib import closing
from functools import partial

from benchmarks.timing import middle, per_second, report

INSERT = "INSERT INTO event (case_id, version, body) VALUES (?, ?, ?)"
Waiting = tuple[tuple[int, int, bytes], asyncio.Future[None]]
BODY = b'{"kind":"TransitionFired","transition":"submit","at":"2026-11-20T12:00:00+00:00","by":"ann"}'


def connect(file: str) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, case_id, version, body)")
    return connection


def commit(limit: int = 8000) -> float:
    def work() -> int:
        for version in range(limit):
            connection.execute(INSERT, ("a", version, BODY))
        return limit

    with tempfile.TemporaryDirectory() as folder, closing(connect(f"{folder}/raw.db")) as connection:
        return per_second(work)


def group(limit: int = 500, cases: int = 100) -> float:
    """Rows a second over ``cases`` coroutines that write ``limit`` rows each and wait for the disk after every one."""
    connection = connect("group.db")
    waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()

    def write(loop: asyncio.AbstractEventLoop) -> None:
        while first := waiting.get():
            batch = [first]
            while not waiting.empty() and (following := waiting.get()):
                batch.append(following)
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, [row for row, _ in batch])
            connection.execute("COMMIT")
            loop.call_soon_threadsafe(release, batch)

    async def case(name: int) -> None:
        loop = asyncio.get_running_loop()
        for version in range(limit):
            done = loop.create_future()
            waiting.put(((name, version, BODY), done))
            await done

    async def all_cases() -> int:
        async with asyncio.TaskGroup() as tasks:
            writer = tasks.create_task(asyncio.to_thread(write, asyncio.get_running_loop()))
            await asyncio.gather(*(case(name) for name in range(cases)))
            waiting.put(None)
            await writer
        return limit * cases

    return per_second(lambda: asyncio.run(all_cases()))


def release(batch: list[Waiting]) -> None:
    """Lets those go on whose rows are on the disk."""
    for _, done in batch:
        done.set_result(None)


if __name__ == "__main__":
    report("raw-sqlite", {"commit": ("commits/s", partial(middle, commit)), "group": ("rows/s", group)})
