"""A journal in a SQLite file: write-ahead log, group commit, snapshots.

Every append of one turn of the event loop shares one transaction, and so one write to the disk. While the writer thread
is busy with a batch, the next one gathers. A commit that is expected to be short is made on the loop's own thread at
once, because the way to another thread and back takes longer than the commit.
"""

from __future__ import annotations

import asyncio
import copy
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import attrs

from circuit_breaker.engine.ports import EVERY_CASE, CaseQuery, CaseSummary, Entry
from circuit_breaker.errors import DataInvalid, StorageClosed, StorageError
from circuit_breaker.storage.address import Address
from circuit_breaker.storage.conflict import expected_version
from circuit_breaker.storage.sqlite_columns import to_microseconds
from circuit_breaker.storage.sqlite_files import Files
from circuit_breaker.storage.sqlite_reader import Reader
from circuit_breaker.storage.sqlite_records import SqliteRecords
from circuit_breaker.storage.sqlite_streams import SqliteStreams, StreamUnit
from circuit_breaker.storage.sqlite_writer import Unit, Verdicts, Writer
from circuit_breaker.workflow.case import Case, Status
from circuit_breaker.workflow.events import Event, encode_event

__all__ = ["SqliteJournal"]

T = TypeVar("T")
INLINE_AT_MOST = 0.001  # seconds of waiting for the disk, as a moving average
WORK = 0.000_02  # seconds that an append costs on whichever thread
SMOOTHING = 0.2
SHORT_PAGE = 200
LEVELS = ("FULL", "NORMAL", "EXTRA")


@attrs.frozen(eq=False)
class _Open:
    """An open journal: its files, its loop and its two threads."""

    loop: asyncio.AbstractEventLoop
    files: Files
    writing: ThreadPoolExecutor
    listing: ThreadPoolExecutor

    def close(self) -> None:
        """Closes the files when nobody reads any more; called on the writer's thread, when all is written."""
        self.listing.shutdown()
        self.files.close()


class SqliteJournal:
    """The port :class:`circuit_breaker.engine.ports.Journal` in a SQLite file.

    Args:
        path: The file; it is made when it does not exist.
        tenant: Whose cases these are.
        synchronous: ``FULL`` (what was acknowledged is on disk), ``EXTRA``, or ``NORMAL`` (a power failure may lose the
            last commits, a crash of the process does not).
        busy_timeout: Seconds to wait while another process writes.
    """

    def __init__(self, path: Path, *, tenant: str = "", synchronous: str = "FULL", busy_timeout: float = 5.0) -> None:
        self.path = path
        self._tenant = tenant
        self._synchronous = synchronous
        self._patience = busy_timeout
        self._open: _Open | None = None
        self._waiting: list[Unit | StreamUnit] = []
        self._jobs = 0
        self._pace = 0.0

    @classmethod
    def at(cls, address: Address) -> SqliteJournal:
        """The journal of an address.

        Raises:
            StorageError: The address names no file, or an option is wrong.
        """
        address.check_options("synchronous", "busy_timeout")
        synchronous = address.option("synchronous", "FULL").upper()
        if synchronous not in LEVELS:
            raise StorageError(f"no synchronous={synchronous}", remedy=f"one of: {', '.join(LEVELS)}")
        return cls(
            address.file,
            tenant=address.tenant,
            synchronous=synchronous,
            busy_timeout=address.seconds("busy_timeout", 5.0),
        )

    def __repr__(self) -> str:
        return f"SqliteJournal({str(self.path)!r}{f', tenant={self._tenant!r}' if self._tenant else ''})"

    @property
    def worker(self) -> str:
        """The name of this process among all that use the file; new each time it is opened."""
        return self._opened().files.presence.worker

    def _opened(self) -> _Open:
        if self._open is None:
            raise StorageClosed(f"the journal '{self.path}' is not open", remedy="use it inside `async with`")
        return self._open

    async def __aenter__(self) -> Self:
        if self._open is not None:
            raise StorageError(f"the journal '{self.path}' is open already", remedy="connect a second one")
        loop = asyncio.get_running_loop()
        writing, listing = (ThreadPoolExecutor(1, f"sqlite-{name}") for name in ("writer", "lister"))
        opening = loop.run_in_executor(
            writing,
            partial(Files.open, self.path, self._tenant, synchronous=self._synchronous, patience=self._patience),
        )
        try:
            files = await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(_close_again)
            writing.shutdown(wait=False)
            raise
        self._open = _Open(loop, files, writing, listing)
        return self

    async def __aexit__(self, *exc: object) -> None:
        here = self._opened()
        self._open = None
        if self._waiting:
            self._hand_over(here, self._take())
        closed = here.loop.run_in_executor(here.writing, here.close)
        here.writing.shutdown(wait=False)
        await asyncio.shield(closed)

    async def append(self, case: Case, events: Sequence[Event], *, due: datetime | None = None) -> None:
        """Adds events to a case; see the port. A cancelled append is written as a whole or not at all."""
        here = self._open or self._opened()
        try:
            documents = [encode_event(event) for event in events]
        except (UnicodeEncodeError, TypeError) as error:
            raise DataInvalid(
                f"an event of case '{case.id}' is no JSON: {error}", remedy="use text that is Unicode"
            ) from error
        unit = Unit(
            case,
            expected_version(case, events),
            documents,
            to_microseconds(due) if due is not None and not case.closed else None,
            here.loop.create_future(),
        )
        await self._written(unit)

    async def _written(self, unit: Unit | StreamUnit) -> None:
        """Returns when the unit is on disk; the first of a turn of the loop writes for all that come in it."""
        self._opened()
        self._waiting.append(unit)
        if len(self._waiting) == 1:
            try:
                await asyncio.sleep(0)
            finally:
                self._flush()
        await unit.told

    def _take(self) -> list[Unit | StreamUnit]:
        batch, self._waiting = self._waiting, []
        return batch

    def _flush(self) -> None:
        """Writes what waits; on this thread where that is quick."""
        if self._jobs or not self._waiting or self._open is None:
            return
        here, batch = self._open, self._take()
        if self._pace > INLINE_AT_MOST:
            self._hand_over(here, batch)
        else:
            self._settle(here, batch, partial(self._write, here.files.writer, batch, 0.0))

    def _hand_over(self, here: _Open, batch: list[Unit | StreamUnit]) -> None:
        """Gives the batch to the writer thread."""
        self._jobs += 1
        written = here.loop.run_in_executor(here.writing, self._write_patiently, here.files.writer, batch)
        written.add_done_callback(partial(self._told_all, here, batch))

    def _told_all(self, here: _Open, batch: list[Unit | StreamUnit], written: asyncio.Future[Verdicts | None]) -> None:
        """Tells those who wait, and lets them append again before the next batch begins."""
        try:
            self._settle(here, batch, written.result)
        finally:
            self._job_done(here)

    def _job_done(self, here: _Open, *_: object) -> None:
        """Lets the next batch begin when the writer thread has nothing to do any more."""
        self._jobs -= 1
        here.loop.call_soon(self._flush)

    def _write(self, writer: Writer, batch: list[Unit | StreamUnit], patience: float) -> Verdicts | None:
        began = time.perf_counter()
        verdicts = writer.write(batch, patience=patience)
        waited = time.perf_counter() - began - WORK * len(batch)
        self._pace += SMOOTHING * (waited - self._pace)
        return verdicts

    def _write_patiently(self, writer: Writer, batch: list[Unit | StreamUnit]) -> Verdicts:
        verdicts = self._write(writer, batch, self._patience)
        if verdicts is None:
            raise writer.locked(self._patience)
        return verdicts

    def _settle(self, here: _Open, batch: list[Unit | StreamUnit], write: Callable[[], Verdicts | None]) -> None:
        """Tells all in the batch what became of it; where it could not even begin, the thread shall wait for that."""
        verdicts: Verdicts | None = [StorageError("the writer of the journal broke off")] * len(batch)
        try:
            verdicts = write()
        except StorageError as error:
            verdicts = [copy.copy(error) for _ in batch]
        except Exception as error:  # noqa: BLE001 -- whatever it is, all who wait are told
            here.loop.call_exception_handler({"message": f"the writer of {self} broke off", "exception": error})
        finally:
            if verdicts is None:
                self._hand_over(here, batch)
            else:
                _tell(batch, verdicts)

    async def load(self, case_id: str) -> Case | None:
        """The case as its events left it; only the events since its last snapshot are in memory."""
        return self._opened().files.reader.load(case_id)

    async def sequence(self, case_id: str) -> int:
        """How many events the case has had; 0 for an unknown case."""
        return self._opened().files.reader.sequence(case_id)

    async def events(self, case_id: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """The events of a case whose number is above ``after``; see the port."""
        here = self._opened()
        if limit is not None and limit <= SHORT_PAGE:
            return here.files.reader.events(case_id, after=after, limit=limit)
        return await self._listed(lambda lister: lister.events(case_id, after=after, limit=limit))

    async def find(self, query: CaseQuery = EVERY_CASE) -> list[CaseSummary]:
        """A page of the cases that fit, ordered by id; see the port."""
        return await self._listed(lambda lister: lister.find(query))

    async def count(self, *, workflow: str | None = None) -> dict[Status, int]:
        """How many cases there are of each status."""
        return await self._listed(lambda lister: lister.count(workflow))

    async def feed(self, after: int = 0, *, limit: int = 100) -> list[Entry]:
        """The events of all cases with a position above ``after``; see the port."""
        return await self._listed(lambda lister: lister.feed(after, limit))

    async def position(self) -> int:
        """The position of the last event that was written."""
        return self._opened().files.reader.position()

    async def due(
        self, moment: datetime, *, limit: int = 100, definitions: Collection[str] | None = None
    ) -> list[CaseSummary]:
        """The open cases whose next timer fires at or before the moment, the earliest first; see the port."""
        return self._opened().files.reader.due(moment, limit, definitions)

    async def next_due(self, *, definitions: Collection[str] | None = None) -> datetime | None:
        """When the earliest timer of all cases fires, or None; see the port."""
        return self._opened().files.reader.next_due(definitions)

    async def alive(self, worker: str) -> bool:
        """Whether the process of that name still has the file open; exact, also right after it was killed."""
        return self._opened().files.presence.alive(worker)

    async def keep_definition(self, workflow: str, version: str, document: bytes) -> None:
        """Keeps the text of a definition."""
        here = self._opened()
        keep = partial(here.files.writer.keep_definition, workflow, version, document, patience=self._patience)
        await self._written_alone(here, keep)

    async def _written_alone(self, here: _Open, write: Callable[[], T]) -> T:
        """What is written in a transaction of its own gives, on the thread of the writer."""
        self._jobs += 1
        written = here.loop.run_in_executor(here.writing, write)
        written.add_done_callback(partial(self._job_done, here))
        return await asyncio.shield(written)

    @property
    def records(self) -> SqliteRecords:
        """The documents that are kept in the file beside the cases."""
        return SqliteRecords(self._tenant, self._transacted, self._read_rows, self._listed)

    @property
    def streams(self) -> SqliteStreams:
        """The streams that are kept in the file beside the cases."""
        return SqliteStreams(self._tenant, self._written, self._dropped, self._read_rows, self._listed)

    async def _dropped(self, stream: str) -> bool:
        here = self._opened()
        return await self._transacted(lambda _: here.files.writer.streams.drop(stream))

    async def _transacted(self, work: Callable[[sqlite3.Connection], T]) -> T:
        here = self._opened()
        return await self._written_alone(here, partial(here.files.writer.transact, work, patience=self._patience))

    def _read_rows(self, query: str, parameters: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._opened().files.reader.rows(query, parameters)

    async def definition(self, version: str) -> bytes | None:
        """The text of a definition that was kept, or None."""
        return self._opened().files.reader.definition(version)

    async def _listed(self, read: Callable[[Reader], T]) -> T:
        here = self._opened()
        return await here.loop.run_in_executor(here.listing, read, here.files.lister)


def _close_again(opening: asyncio.Future[Files]) -> None:
    """Closes what was opened for somebody who did not wait."""
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()


def _tell(batch: list[Unit | StreamUnit], verdicts: Verdicts) -> None:
    for unit, verdict in zip(batch, verdicts, strict=True):
        if unit.told.done():
            continue
        if verdict is None:
            unit.told.set_result(None)
        else:
            unit.told.set_exception(verdict)
