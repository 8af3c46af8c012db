"""One attempt after another."""

from __future__ import annotations

import asyncio

import pytest

from circuit_breaker.attempts import repeated


class Script:
    """Attempts that raise what they are told to, and then give their number; what was asked and told is kept."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.told: list[tuple[str, int, float]] = []

    async def __call__(self, number: int) -> int:
        if self.errors:
            raise self.errors.pop(0)
        return number

    async def tell(self, error: Exception, number: int, wait: float) -> None:
        self.told.append((str(error), number, wait))

    async def run(self, most: int) -> int:
        return await repeated(
            self, again=lambda _, number: number < most, pause=lambda _, number: number / 1000, tell=self.tell
        )


async def test_attempts_go_on_until_one_succeeds():
    """Each failure is told with its number and the pause that follows; the first success is the answer."""
    script = Script(ValueError("a"), ValueError("b"))

    assert 3 == await script.run(most=5)
    assert [("a", 1, 0.001), ("b", 2, 0.002)] == script.told


async def test_the_last_error_is_raised():
    """When there is no reason for another attempt, its own error comes out."""
    script = Script(ValueError("a"), ValueError("b"), ValueError("c"))

    with pytest.raises(ValueError, match="b"):
        await script.run(most=2)


async def test_a_cancellation_is_no_failure():
    """Whoever is cancelled makes no other attempt."""
    script = Script(asyncio.CancelledError())

    with pytest.raises(asyncio.CancelledError):
        await script.run(most=5)
    assert [] == script.told
