"""Patience: how long a provider is waited for, and how often it is asked again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import attrs

from circuit_breaker.attempts import repeated
from circuit_breaker.errors import LLMError

__all__ = ["PATIENCE", "SECONDS", "Pace", "Patience", "Retries", "Timeouts", "persisted"]

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Timeouts:
    """Seconds; None where there is no limit.

    Attributes:
        connect: For finding and connecting to a host.
        first_byte: Until an answer begins.
        idle: Between two pieces of an answer.
        total: For all of it.
    """

    connect: float = 10.0
    first_byte: float | None = 120.0
    idle: float | None = 60.0
    total: float | None = 600.0

    @property
    def beginning(self) -> float | None:
        """Seconds until an answer has to have begun."""
        return _least(self.first_byte, self.total)

    def pace(self) -> Pace:
        """How an answer has to come that is asked for now."""
        clock = asyncio.get_running_loop().time
        return Pace(clock, self.idle, None if self.total is None else clock() + self.total)


@attrs.frozen
class Pace:
    """How an answer has to come.

    Attributes:
        clock: That of the event loop, in seconds.
        idle: The most seconds between two pieces, or None.
        deadline: When it has to have ended, by that clock, or None.
    """

    clock: Callable[[], float]
    idle: float | None
    deadline: float | None

    def until(self) -> float | None:
        """When the next piece has to have come, by that clock; None where there is no limit."""
        return _least(None if self.idle is None else self.clock() + self.idle, self.deadline)


def _least(one: float | None, other: float | None) -> float | None:
    """The lesser of two limits; None where there is neither."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


@attrs.frozen(kw_only=True)
class Retries:
    """How often a provider asks again by itself, before anything of an answer was delivered.

    Attributes:
        most: Attempts after the first.
        pause: Seconds between them, unless the vendor wants longer.
        longest: Seconds that the vendor may want; if it wants more, the error is raised at once.
        charged: Whether a call that failed, but may have to be paid all the same, is made again as well.
    """

    most: int = 3
    pause: float = 2.0
    longest: float = 60.0
    charged: bool = True

    def again(self, error: Exception, attempt: int) -> bool:
        """Whether there is another attempt after this one, counted from 1."""
        if not isinstance(error, LLMError) or not error.again or attempt > self.most:
            return False
        if error.charged and not self.charged:
            return False
        return (error.retry_after or 0.0) <= self.longest

    def wait(self, error: Exception, attempt: int) -> float:
        """Seconds until the next attempt."""
        del attempt
        return max(self.pause, getattr(error, "retry_after", None) or 0.0)


@attrs.frozen(kw_only=True)
class Patience:
    """How long and how often.

    Attributes:
        timeouts: Seconds; those of the connections unless given.
        retries: How often a whole answer is asked for again.
        repairs: How often a model is asked to mend an answer that does not fit the form it was asked for.
    """

    timeouts: Timeouts | None = None
    retries: Retries = Retries()
    repairs: int = 2


async def persisted(attempt: Callable[[int], Awaitable[T]], retries: Retries) -> T:
    """What the first attempt gives that succeeds; an attempt is given its number, counted from 1.

    Raises:
        LLMError: What the last attempt raised.
    """
    try:
        return await attempt(1)  # nearly always all that is needed, and much quicker than what comes
    except LLMError as error:
        if not retries.again(error, 1):
            raise
        pause = retries.wait(error, 1)
    await asyncio.sleep(pause)
    return await repeated(
        lambda number: attempt(number + 1),
        again=lambda error, number: retries.again(error, number + 1),
        pause=lambda error, number: retries.wait(error, number + 1),
        tell=_silent,
    )


async def _silent(error: Exception, attempt: int, seconds: float) -> None:
    """Nobody is told of an attempt that failed: the last error is raised."""
    del error, attempt, seconds


SECONDS: Final = Timeouts()
PATIENCE: Final = Patience()
