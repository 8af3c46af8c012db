"""One attempt after another, until one succeeds or there is no reason for another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

__all__ = ["repeated"]

T = TypeVar("T")


async def repeated(
    attempt: Callable[[int], Awaitable[T]],
    *,
    again: Callable[[Exception, int], bool],
    pause: Callable[[Exception, int], float],
    tell: Callable[[Exception, int, float], Awaitable[None]],
) -> T:
    """What the first attempt gives that succeeds.

    Args:
        attempt: Makes one attempt; it is given its number, counted from 1.
        again: Whether there is another attempt after this error, which ended the attempt of this number.
        pause: For how many seconds to wait before it.
        tell: Told of the error, the number and the seconds, before the wait.

    Raises:
        Exception: What the last attempt raised.
    """

    def goes_on(state: tenacity.RetryCallState) -> bool:
        error = _error(state)
        return error is not None and again(error, state.attempt_number)

    def waits(state: tenacity.RetryCallState) -> float:
        error = _error(state)
        return pause(error, state.attempt_number) if error is not None else 0.0

    async def tells(state: tenacity.RetryCallState) -> None:
        error = _error(state)
        if error is not None and state.next_action is not None:
            await tell(error, state.attempt_number, state.next_action.sleep)

    try:
        return await attempt(1)  # what succeeds at once needs none of what follows, which takes longer than a firing
    except Exception as error:  # noqa: BLE001 - it is raised again as the end of the first trial
        first = error
    trials = tenacity.AsyncRetrying(retry=goes_on, wait=waits, before_sleep=tells, sleep=asyncio.sleep, reraise=True)
    async for trial in trials:
        with trial:
            if trial.retry_state.attempt_number == 1:
                raise first
            return await attempt(trial.retry_state.attempt_number)
    raise AssertionError("tenacity made no attempt")


def _error(state: tenacity.RetryCallState) -> Exception | None:
    """What ended the attempt; None where it succeeded or was cancelled."""
    error = state.outcome.exception() if state.outcome is not None else None
    return error if isinstance(error, Exception) else None
