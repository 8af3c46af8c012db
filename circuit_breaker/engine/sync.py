"""A synchronous face of the engine, for plain scripts: the same methods, without ``await``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from circuit_breaker.engine.cancellation import cancelled_from_outside
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.sync_subscription import SyncSubscription
from circuit_breaker.errors import ActionError, StorageClosed, StorageError
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow

if TYPE_CHECKING:
    from circuit_breaker.workflow.explain import Explanation

__all__ = ["SyncEngine"]

T = TypeVar("T")


def _ended() -> StorageClosed:
    return StorageClosed(
        "the engine was closed before this call had ended",
        remedy="open it and look at the case: what was written down stays, and run() takes up what was interrupted",
    )


class _Calls:
    """The calls of other threads, each a task on the loop of the engine."""

    def __init__(self) -> None:
        self.closing = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.closing.set()
        for task in self._tasks:
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def close(self) -> None:
        """Lets the calls under way end; from any thread."""
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self.closing.set)

    def begin(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """What will come back; from any thread."""
        answer: Future[T] = Future()
        try:
            self._loop.call_soon_threadsafe(self._begin, work, answer)
        except RuntimeError:  # the loop has ended already
            work.close()
            answer.set_exception(_ended())
        return answer

    def _begin(self, work: Coroutine[Any, Any, T], answer: Future[T]) -> None:
        if self.closing.is_set():
            work.close()
            answer.set_exception(_ended())
            return
        task = self._group.create_task(self._carry_out(work, answer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, work: Coroutine[Any, Any, T], answer: Future[T]) -> None:
        try:
            answer.set_result(await work)
        except BaseException as error:  # noqa: BLE001 - it is handed over to whoever waits
            answer.set_exception(_ended() if self.closing.is_set() and cancelled_from_outside() else error)


class SyncEngine:
    """An engine on an event loop in a thread of its own. Takes the arguments of :class:`Engine`; use it with ``with``.

    Every method of the engine is a plain call here; several threads may call at the same time.
    """

    def __init__(self, *workflows: Workflow, **options: Any) -> None:
        self._engine = Engine(*workflows, **options)
        self._calls: _Calls | None = None
        self._thread: threading.Thread | None = None

    def open(self) -> Self:
        """Opens the engine; for where a ``with`` statement does not fit. Close it with :meth:`close`."""
        return self.__enter__()

    def close(self) -> None:
        """Closes the engine; calls of other threads end with :class:`StorageClosed`. Closing it again does nothing."""
        self.__exit__()

    def __enter__(self) -> Self:
        if self._thread is not None and self._thread.is_alive():
            raise StorageError("the engine is open already", remedy="open it once, or make another one")
        opened: Future[_Calls] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._live(opened)), name="circuit_breaker", daemon=True
        )
        self._thread.start()
        try:
            self._calls = opened.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    async def _live(self, opened: Future[_Calls]) -> None:
        try:
            async with self._engine, _Calls() as calls:
                opened.set_result(calls)
                await calls.closing.wait()
        except BaseException as error:
            if opened.done():
                raise
            opened.set_exception(error)

    def __exit__(self, *exc: object) -> None:
        if self._calls is not None:
            self._calls.close()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
            self._calls = None

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        calls = self._calls
        if calls is None or self._thread is threading.current_thread():
            work.close()
            if calls is None:
                raise StorageClosed("the engine is not open", remedy="use `with SyncEngine(...) as engine:`")
            raise ActionError(
                "a call from the engine's own thread would wait for itself",
                code="deadlock",
                remedy="await the methods of engine.engine there, or make the function a plain one",
            )
        answer = calls.begin(work)
        while True:
            try:
                return answer.result(timeout=1.0)
            except TimeoutError:
                if answer.done():
                    raise
                if self._thread is None or not self._thread.is_alive():
                    work.close()
                    raise _ended() from None

    @property
    def engine(self) -> Engine:
        """The engine itself."""
        return self._engine

    @property
    def workflows(self) -> Mapping[str, Workflow]:
        """See :attr:`Engine.workflows`."""
        return self._engine.workflows

    def workflow(self, case_or_name: Case | str) -> Workflow:
        """See :meth:`Engine.workflow`."""
        return self._engine.workflow(case_or_name)

    def explain(self, case: Case | str, **options: Any) -> Explanation:
        """See :meth:`Engine.explain`; with an id, of the case as it is now."""
        return self._engine.explain(self._wait(self._engine.get(case)) if isinstance(case, str) else case, **options)

    def on(self, listener: Callable[[Any], Any], *types: type, size: int = 1000) -> SyncSubscription:
        """See :meth:`Engine.on`. A plain listener is called in a thread, an async one on the loop of the engine."""
        return SyncSubscription(self._there(partial(self._engine.on, listener, *types, size=size)), self._wait)

    @contextmanager
    def subscribe(
        self, *, case: Case | str | None = None, types: tuple[type, ...] = (), size: int = 1000
    ) -> Iterator[SyncSubscription]:
        """See :meth:`Engine.subscribe`: ``with engine.subscribe() as events: for event in events: ...``.

        The iteration waits for the next event, and ends when the engine is closed.
        """
        subscribed = self._engine.subscribe(case=case, types=types, size=size)
        subscription = self._there(subscribed.__enter__)
        try:
            yield SyncSubscription(subscription, self._wait)
        finally:
            with suppress(StorageClosed):  # a closed engine has ended it already
                self._there(partial(subscribed.__exit__, None, None, None))

    def wind_down(self) -> None:
        """See :meth:`Engine.wind_down`."""
        self._there(self._engine.wind_down)

    def _there(self, call: Callable[[], T]) -> T:
        """What the call gives on the thread of the engine."""
        if self._thread is threading.current_thread():
            return call()

        async def called() -> T:
            return call()

        return self._wait(called())


def _plain(name: str) -> Callable[..., Any]:
    awaited = getattr(Engine, name)

    def call(self: SyncEngine, *arguments: Any, **options: Any) -> Any:
        return self._wait(awaited(self._engine, *arguments, **options))

    call.__name__ = name
    call.__qualname__ = f"SyncEngine.{name}"
    call.__doc__ = f"See :meth:`Engine.{name}`."
    return call


for _name in (
    "add_token", "add_workflow", "cancel", "cases", "change_token", "diff_policy", "fire", "get", "history", "migrate",
    "recover", "register_plugin", "resolve", "run", "signal", "start", "stopped", "work",
):  # fmt: skip
    setattr(SyncEngine, _name, _plain(_name))
