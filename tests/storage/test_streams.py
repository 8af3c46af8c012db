"""Streams of every backend."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest

from circuit_breaker.storage import connect
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.storage.sqlite_schema import MIGRATIONS, prepare
from tests.storage.streams_contract import StreamsContract


class TestMemoryStreams(StreamsContract):
    """The journal in memory keeps streams."""

    @pytest.fixture
    def place(self):
        return partial(MemoryJournal, MemoryStore())


class TestSqliteStreams(StreamsContract):
    """The journal in a SQLite file keeps streams."""

    @pytest.fixture
    def place(self, tmp_path):
        return partial(connect, tmp_path / "work.db")


async def test_those_who_append_together_share_one_transaction(tmp_path, monkeypatch):
    """A hundred streams that append in one turn of the loop are written at once."""
    async with connect(tmp_path / "work.db") as journal:
        batches = []
        writer = journal._opened().files.writer
        write = writer.write
        monkeypatch.setattr(
            writer, "write", lambda units, **given: (batches.append(len(units)), write(units, **given))[1]
        )
        await asyncio.gather(*(journal.streams.append(f"s{number}", [b"1"], after=0) for number in range(100)))

    assert batches == [100]


async def test_a_file_of_an_earlier_schema_gets_streams(tmp_path):
    """A file that was written before there were streams keeps what it has, and keeps streams from now on."""
    path = tmp_path / "old.db"
    prepare(path, busy_timeout=1.0, migrations=MIGRATIONS[:3])

    async with connect(path) as journal:
        await journal.streams.append("a", [b"1"], after=0)
        assert await journal.streams.length("a") == 1
