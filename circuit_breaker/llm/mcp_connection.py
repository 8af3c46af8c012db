"""A connection to an MCP server, held by a task of its own, and made again when it is lost.

The SDK's cancel scopes must be left by the task that entered them. So one task enters and leaves the session, whoever
opens and closes the connection; calls are made in the tasks of their callers, and are cancelled with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Final, Self

from circuit_breaker.errors import CircuitBreakerError, ServiceFailed, ServiceUnavailable, words_of
from circuit_breaker.lazy import Later

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Connection"]

_CLOSED: Final = -32000  # the SDK's number for a connection that is closed
_ENDED: Final = "Session terminated"

exceptions: Any = Later("mcp.shared.exceptions")


class Connection:
    """A session with a server, as an async context manager.

    Args:
        name: The server, for messages.
        connect: Opens a session.
        seconds: How long opening may take.
    """

    def __init__(
        self, name: str, connect: Callable[[], AbstractAsyncContextManager[Client]], *, seconds: float
    ) -> None:
        self._name = name
        self._connect = connect
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._group = asyncio.TaskGroup()
        self._held: _Held | None = None
        self._open = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._open = True
        try:
            await self._client()
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        self._open = False
        if self._held is not None:
            self._held.leave()
        await self._group.__aexit__(None, None, None)

    async def ask(self, call: Callable[[Client], Any], *, again: bool = False) -> Any:
        """What the server answers.

        Args:
            call: Asks it.
            again: Whether it may be asked again when the connection was lost meanwhile.

        Raises:
            ServiceUnavailable: It cannot be reached, or the connection was lost before it answered.
            ServiceFailed: It answered with an error.
        """
        client = await self._client()
        try:
            return await call(client)
        except Exception as error:
            if not _lost(error):
                raise self._failed(error) from error
            self._forget(client)
            if not again:
                raise ServiceUnavailable(
                    f"the connection to the MCP server '{self._name}' was lost, and it may have done its work or not",
                    remedy="call it again if that does no harm",
                ) from error
        return await self.ask(call)

    async def _client(self) -> Client:
        """The session; a new one where there is none, or where it was lost."""
        async with self._turn:
            if not self._open:
                raise ServiceUnavailable(
                    f"the connection to the MCP server '{self._name}' is closed", remedy="use it inside of its block"
                )
            if self._held is None or self._held.ended:
                held = _Held(self._connect)
                self._group.create_task(held.run(), name=f"MCP server {self._name}")
                self._held = held
                await self._opened(held)
            return await self._held.client

    async def _opened(self, held: _Held) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await asyncio.shield(held.client)
        except BaseException as error:
            held.leave()
            self._held = None
            if isinstance(error, Exception):
                raise self._failed(error) from error
            raise

    def _forget(self, client: Client) -> None:
        if self._held is not None and self._held.is_of(client):
            self._held.leave()
            self._held = None

    def _failed(self, error: Exception) -> CircuitBreakerError:
        own = _own(error)
        if own is not None:
            return own
        found = _first(error)
        if isinstance(found, exceptions.MCPError) and not _lost(found):
            return ServiceFailed(f"the MCP server '{self._name}' answered: {words_of(found)[:500]}")
        what = "took too long to begin" if isinstance(found, TimeoutError) else words_of(found)[:500]
        return ServiceUnavailable(
            f"the MCP server '{self._name}' cannot be used: {what or type(found).__name__}",
            remedy="check that it is up, and that its command or address is right",
        )


class _Held:
    """One session, entered and left by one task."""

    def __init__(self, connect: Callable[[], AbstractAsyncContextManager[Client]]) -> None:
        self._connect = connect
        self._leave = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None
        self.client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self.ended = False

    def leave(self) -> None:
        """Has the session closed; one that is still being opened is given up."""
        self._leave.set()
        if not self.client.done() and self._task is not None:
            self._task.cancel()

    def is_of(self, client: Client) -> bool:
        return self.client.done() and not self.client.cancelled() and self.client.result() is client

    async def run(self) -> None:
        """Holds the session until it is to be left. Never raises: whoever waits for the session is told."""
        self._task = asyncio.current_task()
        try:
            async with self._connect() as client:
                self.client.set_result(client)
                await self._leave.wait()
        except asyncio.CancelledError:
            self.client.cancel()
        except Exception as error:  # noqa: BLE001 - a session that breaks is opened again when it is next needed
            if not self.client.done():
                self.client.set_exception(error)
                self.client.exception()  # whoever waited may be gone
        finally:
            self.ended = True


def _first(error: BaseException) -> BaseException:
    """The error that a group of tasks was ended by."""
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _own(error: BaseException | None) -> CircuitBreakerError | None:
    """The error of ours that it came to by way of the SDK, such as an address that may not be called."""
    while error is not None and not isinstance(error, CircuitBreakerError):
        error = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error.__cause__ or error.__context__
    return error


def _lost(error: BaseException) -> bool:
    """Whether the connection is gone, so that only a new one can help."""
    found = _first(error)
    if isinstance(found, exceptions.MCPError):
        return bool(found.code == _CLOSED or found.message == _ENDED)
    return type(found).__name__ in {"ClosedResourceError", "BrokenResourceError", "EndOfStream"}
