"""The journal in a SQLite file."""

from __future__ import annotations

import pytest
from circuit_breaker.storage import connect
from tests.storage.contract import JournalContract


class TestSqlite(JournalContract):
    """The journal in a SQLite file keeps the contract."""

    @pytest.fixture
    def place(self, tmp_path):
        return lambda tenant="": connect(tmp_path / "work.db", tenant=tenant)
