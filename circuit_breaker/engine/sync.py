"""A synchronous face of the engine, for plain scripts: the same methods, without ``await``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeVar

from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import StorageClosed
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.explain import Explanation

__all__ = ["SyncEngine"]

T = TypeVar("T")


class SyncEngine:
    """An engine on an event loop in a thread of its own. Takes the arguments of :class:`Engine`; use it with ``with``.

    Every method of the engine that is awaited there is a plain call here; several threads may call at the same time.
    """

    def __init__(self, *workflows: Workflow, **options: Any) -> None:
        self._engine = Engine(*workflows, **options)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stop: asyncio.Event | None = None

    def open(self) -> Self:
        """Opens the engine; for where a ``with`` statement does not fit. Close it with :meth:`close`."""
        return self.__enter__()

    def close(self) -> None:
        """Closes the engine."""
        self.__exit__()

    def __enter__(self) -> Self:
        opened: list[BaseException | None] = []
        ready = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(opened, ready)), name="circuit_breaker", daemon=True
        )
        self._thread.start()
        ready.wait()
        if opened[0] is not None:
            self._thread.join()
            raise opened[0]
        return self

    async def _live(self, opened: list[BaseException | None], ready: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        try:
            async with self._engine:
                opened.append(None)
                ready.set()
                await self._stop.wait()
        except BaseException as error:
            if ready.is_set():
                raise
            opened.append(error)
            ready.set()
        finally:
            self._loop = None

    def __exit__(self, *exc: object) -> None:
        if self._loop is not None and self._stop is not None:
            self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join()

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise StorageClosed("the engine is not open", remedy="use `with SyncEngine(...) as engine:`")
        asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return asked.result(timeout=1.0)
            except TimeoutError:
                if asked.done():
                    raise
                if self._thread is None or not self._thread.is_alive():
                    raise StorageClosed("the engine has ended", remedy="open another one") from None

    @property
    def engine(self) -> Engine:
        """The engine itself."""
        return self._engine

    def explain(self, case: Case, **options: Any) -> Explanation:
        """See :meth:`Engine.explain`."""
        return self._engine.explain(case, **options)


def _plain(name: str) -> Callable[..., Any]:
    awaited = getattr(Engine, name)

    def call(self: SyncEngine, *arguments: Any, **options: Any) -> Any:
        return self._wait(awaited(self._engine, *arguments, **options))

    call.__name__ = name
    call.__qualname__ = f"SyncEngine.{name}"
    call.__doc__ = f"See :meth:`Engine.{name}`."
    return call


for _name in (
    "add_token", "add_workflow", "cancel", "cases", "fire", "get", "history", "migrate", "recover", "register_plugin",
    "resolve", "run", "signal", "start", "work",
):  # fmt: skip
    setattr(SyncEngine, _name, _plain(_name))
