"""The journal in memory."""

from __future__ import annotations

from functools import partial

import pytest

from circuit_breaker.storage import connect
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from tests.storage.cases import started
from tests.storage.contract import JournalContract


class TestMemory(JournalContract):
    """Y1: the journal in memory keeps the contract."""

    @pytest.fixture
    def place(self):
        return partial(MemoryJournal, MemoryStore())


async def test_each_connection_to_memory_begins_empty():
    """Y1: ``memory://`` shares nothing with another ``memory://``."""
    async with connect("memory://") as one, connect("memory://") as other:
        case = started("a")
        await one.append(case, case.history)

        assert await other.load("a") is None
