"""Stopping: a command that a signal asks to end ends in good order, with the journal closed."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from circuit_breaker.cli.exits import Terminated
from circuit_breaker.cli.output import Output
from circuit_breaker.engine.engine import Engine

__all__ = ["complete", "winding_down"]

Result = TypeVar("Result")


def complete(main: Coroutine[Any, Any, Result]) -> Result:
    """What the coroutine returns.

    Raises:
        Terminated: SIGTERM came meanwhile; what the coroutine had opened is closed.
    """
    asked: list[int] = []

    async def stoppable() -> Result:
        task = asyncio.current_task()

        def stop() -> None:
            asked.append(signal.SIGTERM)
            if task is not None:
                task.cancel()

        _on(signal.SIGTERM, stop)
        return await main

    try:
        return asyncio.run(stoppable())
    except asyncio.CancelledError:
        if asked:
            raise Terminated from None
        raise


@asynccontextmanager
async def winding_down(engine: Engine, output: Output, *, grace: float) -> AsyncIterator[None]:
    """Lets :meth:`Engine.work` inside of the ``async with`` block end well when SIGTERM or SIGINT comes.

    No action begins any more, and those in progress end first. What still goes on after the grace, or at a second
    signal, is given up: the journal has it as begun, and whoever works next takes it up again.

    Args:
        engine: The engine.
        output: Where it is told.
        grace: Seconds to wait for actions in progress.

    Raises:
        KeyboardInterrupt: SIGINT came.
        Terminated: SIGTERM came.
    """
    loop = asyncio.get_running_loop()
    asked: list[int] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as limit:

            def ask(number: int) -> None:
                asked.append(number)
                if len(asked) == 1:
                    output.note(f"stopping: what is in progress may end within {grace:g} s; once more to stop at once")
                    engine.wind_down()
                if not ended:
                    limit.reschedule(loop.time() + (grace if len(asked) == 1 else 0))

            ended: list[bool] = []
            for number in (signal.SIGINT, signal.SIGTERM):
                _on(number, partial(ask, number))
            yield
            ended.append(True)
    if asked:
        raise KeyboardInterrupt if asked[0] == signal.SIGINT else Terminated


def _on(number: int, call: Callable[[], object]) -> None:
    """Calls this when the signal comes, where signals can be heard: in the main thread of a POSIX system."""
    with suppress(NotImplementedError, RuntimeError, ValueError):
        asyncio.get_running_loop().add_signal_handler(number, call)
