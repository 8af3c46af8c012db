"""Records and feeds of every backend."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import attrs
import pytest

from circuit_breaker.engine.records import Records
from circuit_breaker.engine.streams import Put
from circuit_breaker.storage import connect, sqlite_records
from circuit_breaker.storage.memory import MemoryJournal, MemoryStore
from circuit_breaker.storage.sqlite_records import BY_KEY, WITH_KEY
from circuit_breaker.storage.sqlite_schema import MIGRATIONS, prepare
from tests.storage.records_contract import FeedContract, RecordsContract

ROOT = Path(__file__).parents[2]


class TestMemoryRecords(RecordsContract, FeedContract):
    """The journal in memory keeps records and has a feed."""

    @pytest.fixture
    def place(self):
        return partial(MemoryJournal, MemoryStore())


class TestSqliteRecords(RecordsContract, FeedContract):
    """The journal in a SQLite file keeps records and has a feed."""

    @pytest.fixture
    def place(self, tmp_path):
        return partial(connect, tmp_path / "work.db")


async def test_a_file_for_each_tenant(tmp_path):
    """Where each tenant has a file of its own, each has its own records and its own feed."""
    url = f"sqlite:///{tmp_path}/{{tenant}}.db"
    async with connect(url, tenant="acme") as acme, connect(url, tenant="zeta") as zeta:
        await acme.records.put("k", "a", {})

        assert await zeta.records.get("k", "a") is None
        assert {"acme.db", "zeta.db"} <= {path.name for path in tmp_path.iterdir()}


async def test_a_key_is_an_index_lookup(tmp_path):
    """What is found by keys is read off an index, without sorting and without looking at other records."""
    async with connect(tmp_path / "work.db") as journal:
        records: Records = journal.records
        query = f"EXPLAIN QUERY PLAN {BY_KEY}{WITH_KEY} ORDER BY record_keys.id LIMIT ?"
        plan = [row[3] for row in records.read(query, ("", "k", "a", "b", "", "c", "d", 10))]

    assert not [line for line in plan if "SCAN" in line or "TEMP B-TREE" in line]
    assert "SEARCH record_keys USING PRIMARY KEY" in plan[0]


@pytest.mark.parametrize("names", [("all", "rare"), ("rare", "all"), ("all", "half", "rare"), ("all", "half")])
async def test_several_keys_cost_what_the_rarest_of_them_has(tmp_path, names):
    """Whichever is named first, the key that the fewest records have is looked up, and the others are compared."""
    async with connect(f"sqlite:///{tmp_path}/work.db?synchronous=NORMAL") as journal:
        keys = [{"all": "1"} | ({"half": "1"} if at % 2 else {}) | ({"rare": "1"} if at % 100 == 1 else {})
                for at in range(300)]  # fmt: skip
        put = [Put("k", f"{at:03}", {}, known) for at, known in enumerate(keys)]
        await journal.streams.append("s", [], after=0, put=put)
        asked = []

        class Noted:
            def rows(self, query, parameters):
                asked.append(parameters)
                return journal.records.read(query, parameters)

        async def noted(ask):
            return ask(Noted())

        records = attrs.evolve(journal.records, list_out=noted)
        found = await records.find("k", keys=dict.fromkeys(names, "1"))

    rarest = "rare" if "rare" in names else "half"
    assert [record.id for record in found] == [f"{at:03}" for at, known in enumerate(keys) if rarest in known][:100]
    assert asked[-1][2:4] == (rarest, "1")


async def test_keys_that_many_records_have_find_the_same(tmp_path, monkeypatch):
    """Where no key is rare, those records are found that have all of them, in order and in pages."""
    monkeypatch.setattr(sqlite_records, "COUNTED", (2, 4))
    async with connect(tmp_path / "work.db") as journal:
        for at in range(20):
            await journal.records.put("k", f"{at:02}", {}, keys={"even": str(at % 2 == 0), "third": str(at % 3 == 0)})
        found = await journal.records.find("k", keys={"even": "True", "third": "True"}, after="00", limit=2)

    assert ["06", "12"] == [record.id for record in found]


async def test_a_file_of_the_first_schema_gets_records(tmp_path):
    """A file that was written before there were records keeps its cases, and keeps records from now on."""
    file = tmp_path / "work.db"
    prepare(file, busy_timeout=1.0, migrations=MIGRATIONS[:1])
    async with connect(file) as journal:
        assert 1 == await journal.records.put("k", "a", {})


def begun(count, command):
    return [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) for _ in range(count)]


@pytest.mark.crash
async def test_processes_that_write_at_once_hide_no_event(tmp_path):
    """While other processes write and are killed, whoever follows the feed sees each case grow by one, without gaps."""
    file = tmp_path / "work.db"
    command = [sys.executable, "-m", "tests.storage.appender", str(file)]
    position, grown = 0, {}
    async with connect(file) as journal:
        for _ in range(3):
            children = begun(2, command)
            try:
                aim = position + 400
                while position < aim:
                    for entry in await journal.feed(position, limit=50):
                        case, sequence = entry.event.case, entry.event.sequence
                        assert grown.get(case, 0) + 1 == sequence
                        assert position < entry.position
                        grown[case], position = sequence, entry.position
            finally:
                for child in children:
                    child.kill()
                    child.wait()
    assert min(grown.values()) > 1
