"""Budgets in a SQLite file, shared by all processes that use it: what was spent, and what is reserved for how long.

A reservation and its settlement are one transaction each, and those that wait at the same time share one. A process
that is killed leaves its reservations behind. They end by themselves, and count as spent until somebody settles them.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Self

from circuit_breaker.errors import StorageClosed
from circuit_breaker.storage import sqlite_accounts as statements
from circuit_breaker.storage.address import Address
from circuit_breaker.storage.sqlite_accounts import Claim, Standing, Unsettled
from circuit_breaker.storage.sqlite_faults import translation
from circuit_breaker.storage.sqlite_schema import open_connection, prepare, roll_back

__all__ = ["SqliteBudgets"]

Work = Callable[[sqlite3.Connection], Any]


class SqliteBudgets:
    """A ledger of budgets in a SQLite file, which may be that of a journal; an async context manager.

    It may be entered by several users of one event loop; the last one closes it. It has the methods of
    ``circuit_breaker.llm.router.Ledger``.

    Args:
        path: The file; it is made when it does not exist.
        busy_timeout: Seconds to wait while another process writes.
    """

    def __init__(self, path: str | Path, *, busy_timeout: float = 5.0) -> None:
        self.path = Path(path)
        self._patience = busy_timeout
        self._users = 0
        self._opening = asyncio.Lock()
        self._connection: sqlite3.Connection | None = None
        self._thread: ThreadPoolExecutor | None = None
        self._waiting: list[tuple[Work, asyncio.Future[Any]]] = []
        self._writing = False

    @classmethod
    def at(cls, address: Address) -> SqliteBudgets:
        """The ledger at an address."""
        address.check_options("busy_timeout")
        return cls(address.file, busy_timeout=address.seconds("busy_timeout", 5.0))

    def __repr__(self) -> str:
        return f"SqliteBudgets({str(self.path)!r})"

    async def __aenter__(self) -> Self:
        async with self._opening:
            if not self._users:
                await self._start()
            self._users += 1
        return self

    async def _start(self) -> None:
        thread = ThreadPoolExecutor(1, "sqlite-budgets")
        try:
            self._connection = await asyncio.get_running_loop().run_in_executor(thread, self._open)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        self._thread = thread

    def _open(self) -> sqlite3.Connection:
        prepare(self.path, busy_timeout=self._patience)
        with translation(self.path):
            return open_connection(self.path, busy_timeout=self._patience, patience=self._patience)

    async def __aexit__(self, *exc: object) -> None:
        self._users -= 1
        if self._users:
            return
        thread, self._thread = self._thread, None
        connection, self._connection = self._connection, None
        if thread is not None and connection is not None:
            await asyncio.shield(asyncio.get_running_loop().run_in_executor(thread, connection.close))
            thread.shutdown(wait=False)

    async def reserve(
        self, lease: str, claims: Sequence[Claim], *, dollars: Decimal, tokens: int, now: float, expires: float
    ) -> str | None:
        """Reserves in all accounts or in none.

        Args:
            lease: A name for the reservation that nobody else uses.
            claims: Accounts, each with the US dollars and the tokens that it may hold, None for no limit.
            dollars: US dollars, as much in each account.
            tokens: Tokens, as many in each account.
            now: Seconds since 1970.
            expires: When the reservation ends by itself; what it holds counts as spent then.

        Returns:
            None; or, when nothing was reserved, the first account that has not enough left.

        Raises:
            StorageError: The file cannot be written.
        """
        lacking: str | None = await self._do(
            partial(statements.reserve, lease, tuple(claims), dollars=dollars, tokens=tokens, now=now, expires=expires)
        )
        return lacking

    async def settle(self, lease: str, *, dollars: Decimal, tokens: int, now: float) -> None:
        """Ends a reservation and counts what was really spent, once; also after the reservation has ended by itself."""
        await self._do(partial(statements.settle, lease, dollars=dollars, tokens=tokens, now=now))

    async def renew(self, lease: str, *, expires: float) -> None:
        """Lets a reservation last longer."""
        await self._do(partial(statements.renew, lease, expires=expires))

    async def standing(self, account: str, *, now: float) -> Standing:
        """US dollars and tokens spent in an account, then US dollars and tokens reserved."""
        found: Standing = await self._do(partial(statements.standing, account, now=now))
        return found

    async def unsettled(self, *, now: float) -> list[Unsettled]:
        """The leases that ended by themselves, with their accounts and what counts as spent; each may be settled."""
        found: list[Unsettled] = await self._do(partial(statements.unsettled, now=now))
        return found

    async def accounts(self, *, now: float) -> dict[str, Standing]:
        """How all accounts stand, by name."""
        found: dict[str, Standing] = await self._do(partial(statements.accounts, now=now))
        return found

    async def _do(self, work: Work) -> Any:
        """What the work gives, once it is on the disk. A cancelled call is carried out all the same."""
        if self._thread is None:
            raise StorageClosed(f"the budgets in '{self.path}' are not open", remedy="use them inside `async with`")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((work, done))
        if not self._writing:
            self._writing = True
            self._hand_over(loop)
        return await done

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Lets the thread do all that waits."""
        batch, self._waiting = self._waiting, []
        if self._thread is None:
            for _, done in batch:
                done.cancel()
            return
        self._writing = bool(batch)
        if not batch:
            return
        written = loop.run_in_executor(self._thread, self._write, [work for work, _ in batch])
        written.add_done_callback(partial(self._written, loop, batch))

    def _written(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[tuple[Work, asyncio.Future[Any]]],
        written: asyncio.Future[list[Any]],
    ) -> None:
        error = asyncio.CancelledError() if written.cancelled() else written.exception()
        for number, (_, done) in enumerate(batch):
            if done.done():
                continue
            if error is not None:
                done.set_exception(error)
            else:
                done.set_result(written.result()[number])
        self._hand_over(loop)

    def _write(self, works: list[Work]) -> list[Any]:
        connection = self._connection
        if connection is None:
            raise StorageClosed(f"the budgets in '{self.path}' are closed")
        with translation(self.path):
            connection.execute("BEGIN IMMEDIATE")
            try:
                answers = [work(connection) for work in works]
                connection.execute("COMMIT")
            except BaseException:
                roll_back(connection)
                raise
        return answers
