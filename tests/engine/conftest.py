"""What the tests of the engine share: an engine on a journal in memory, and a clock that they move."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from circuit_breaker import Engine, Workflow, connect
from circuit_breaker.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def open_engine(clock: ManualClock) -> AsyncIterator[Callable[..., Any]]:
    """Opens engines that are closed when the test ends."""
    async with AsyncExitStack() as stack:

        async def opened(*workflows: Workflow, **options: Any) -> Engine:
            options = {"storage": connect("memory://"), "clock": clock, **options}
            return await stack.enter_async_context(Engine(*workflows, **options))

        yield opened
