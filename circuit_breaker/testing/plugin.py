"""The plugin for pytest: fixtures with which a workflow is tested without a disk, a network, containers or waiting.

It is there when the package is installed. No fixture needs a plugin for asyncio::

    async def test_a_clear_text_is_reviewed(cb_engine, cb_scripted):
        clarity = cb_scripted(ClarityExecutor, {"score": 90})
        async with cb_engine(document) as engine:
            case = await engine.run(await engine.start("document", data={"title": "Plan"}))
        assert "reviewed" == case.state
        assert [{"text": "..."}] == clarity.asked()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import pytest

from circuit_breaker import testing
from circuit_breaker.lazy import Later

if TYPE_CHECKING:
    from circuit_breaker import engine, storage
else:
    engine, storage = Later("circuit_breaker.engine"), Later("circuit_breaker.storage")

__all__ = ["cb_clock", "cb_engine", "cb_executors", "cb_scripted"]

# Pytest loads this module for every project that has us installed: nothing is imported before it is used.


@pytest.fixture
def cb_clock() -> testing.ManualClock:
    """A clock that stands still until the test moves it: ``await cb_clock.advance("2h")``."""
    return testing.ManualClock()


@pytest.fixture
def cb_executors() -> dict[Any, Any]:
    """What stands in for executors in the engines of this test, by name or by class."""
    return {}


@pytest.fixture
def cb_scripted(cb_executors: dict[Any, Any]) -> Callable[..., type[testing.Scripted]]:
    """Like :func:`circuit_breaker.testing.scripted`; what it makes stands in for that executor in ``cb_engine``.

    The first argument is the executor class, or the name by which definitions ask for one.
    """

    def make(stands_for: Any, /, *turns: Any, **options: Any) -> type[testing.Scripted]:
        real = None if isinstance(stands_for, str) else stands_for
        named = {"name": stands_for} if isinstance(stands_for, str) else {}
        cb_executors[stands_for] = made = testing.scripted(real, *turns, **{**named, **options})
        return made

    return make


@pytest.fixture
def cb_engine(cb_clock: testing.ManualClock, cb_executors: dict[Any, Any]) -> Callable[..., engine.Engine]:
    """A function that makes engines which are in memory and go by ``cb_clock``, for ``async with ... as engine``.

    It takes what :class:`circuit_breaker.Engine` takes; ``executors`` are added to those of ``cb_scripted``.
    """

    def make(*workflows: Any, executors: Mapping[Any, Any] | None = None, **options: Any) -> engine.Engine:
        cb_executors.update(executors or {})
        settings = {
            "storage": options.pop("storage", None) or storage.connect("memory://"),
            "clock": cb_clock,
            **options,
        }
        return engine.Engine(*workflows, executors=cb_executors, **settings)

    return make
