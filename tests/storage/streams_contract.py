"""What every store of streams does, whatever it is made of; see :mod:`tests.storage.records_contract`."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.engine.streams import Gone, Put
from circuit_breaker.errors import DataInvalid, StorageClosed, VersionConflict
from tests.storage.contract import IN_PLACE

streams_of_a_test = (f"stream{number}" for number in itertools.count())
appends = st.lists(
    st.tuples(st.sampled_from("ab"), st.lists(st.binary(max_size=9), min_size=1, max_size=5)), max_size=9
)


class StreamsContract:
    """Tests of streams that each backend inherits."""

    @pytest.fixture
    async def journal(self, place):
        async with place() as opened:
            yield opened

    async def test_documents_come_back_as_the_same_bytes(self, journal):
        """What was appended is read in order, byte for byte, from any number."""
        documents = [b"{}", b"\x00\xff\n", "Ünï 🦊".encode(), b""]
        await journal.streams.append("a", documents[:1], after=0)
        await journal.streams.append("a", documents[1:], after=1)

        assert await journal.streams.read("a") == documents
        assert await journal.streams.read("a", after=2, limit=1) == documents[2:3]
        assert await journal.streams.read("a", after=9) == []
        assert await journal.streams.length("a") == 4

    async def test_an_unknown_stream_is_empty(self, journal):
        """Nobody has to make a stream before it is read."""
        assert await journal.streams.read("nothing") == []
        assert await journal.streams.length("nothing") == 0
        assert await journal.streams.drop("nothing") is False

    async def test_only_one_can_append_behind_a_number(self, journal):
        """Of two that append behind the same number one is refused, and nothing of it is written."""
        both = [journal.streams.append("a", [name], after=0, put=[Put("k", "r", {"by": name.decode()})])
                for name in (b"x", b"y")]  # fmt: skip
        first, second = await asyncio.gather(*both, return_exceptions=True)

        assert (first, type(second)) == (None, VersionConflict)
        assert await journal.streams.read("a") == [b"x"]
        assert (await journal.records.get("k", "r")).document == {"by": "x"}

    async def test_a_record_is_removed_in_the_same_step(self, journal):
        """What an append removes is gone when it returns, and stays where the append is refused."""
        await journal.records.put("k", "r", {"n": 1}, keys={"state": "new"})
        with pytest.raises(VersionConflict):
            await journal.streams.append("a", [b"1"], after=5, put=[Gone("k", "r")])
        assert (await journal.records.get("k", "r")).document == {"n": 1}

        await journal.streams.append("a", [b"1"], after=0, put=[Gone("k", "r"), Gone("k", "none")])

        assert await journal.records.get("k", "r") is None
        assert await journal.records.find("k", keys={"state": "new"}) == []

    @pytest.mark.parametrize("change", [Put("k", "r", {"n": 2}, expected=2), Gone("k", "r", expected=0),
                                        Put("k", "new", {}, expected=1)], ids=repr)  # fmt: skip
    async def test_a_record_in_another_version_than_expected_refuses_all(self, journal, change):
        """Where a record is not in the version that an append expects, nothing of it is written, and others are."""
        await journal.records.put("k", "r", {"n": 1}, keys={"state": "new"})
        outcomes = await asyncio.gather(
            journal.streams.append("a", [b"1"], after=0, put=[Put("k", "s", {}), change]),
            journal.streams.append("b", [b"1"], after=0, put=[Put("k", "t", {})]),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [VersionConflict, type(None)]
        assert [await journal.streams.length(name) for name in "ab"] == [0, 1]
        assert [(one.id, one.version) for one in await journal.records.find("k")] == [("r", 1), ("t", 1)]
        await journal.streams.append("a", [b"1"], after=0, put=[Put("k", "s", {})])

    async def test_records_in_the_versions_expected_change_together(self, journal):
        """An append expects the versions that were there before it, 0 for none, also of what it changes twice."""
        await journal.records.put("k", "r", {"n": 1})
        changes = [Gone("k", "r", expected=1), Put("k", "s", {"n": 1}, expected=0), Put("k", "s", {"n": 2}, expected=0)]
        await journal.streams.append("a", [], after=0, put=changes)

        assert [(one.id, one.document) for one in await journal.records.find("k")] == [("s", {"n": 2})]

    async def test_one_of_many_appends_to_a_record_wins(self, place):
        """Of appends to many streams that expect one version of a record, by several journals, just one is written."""
        async with place() as one, place() as other:
            appends = [
                journal.streams.append(f"s{number}", [b"1"], after=0, put=[Put("k", "r", {"n": number}, expected=0)])
                for number, journal in enumerate((one, other) * 4)
            ]
            outcomes = await asyncio.gather(*appends, return_exceptions=True)
            lengths = [await other.streams.length(f"s{number}") for number in range(8)]

            assert [type(outcome) for outcome in outcomes].count(VersionConflict) == 7
            assert sum(lengths) == 1 == (await one.records.get("k", "r")).version

    async def test_a_strange_name_hurts_nobody_else(self, journal):
        """A record to remove that can be none is refused by itself; what others append in the same turn is written."""
        outcomes = await asyncio.gather(
            journal.streams.append("a", [b"1"], after=0),
            journal.streams.append("b", [b"1"], after=0, put=[Gone("k", "\ud800")]),
            journal.streams.append("c", [b"1"], after=0, put=[Gone("", "r")]),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [type(None), DataInvalid, DataInvalid]
        assert [await journal.streams.length(name) for name in "abc"] == [1, 0, 0]

    async def test_a_record_is_put_in_the_same_step(self, journal):
        """The records of an append are there when it returns, in place of those before, and found by their keys."""
        await journal.streams.append("a", [b"1"], after=0, put=[Put("k", "r", {"n": 1}, {"state": "new"})])
        await journal.streams.append("a", [], after=1, put=[Put("k", "r", {"n": 2}, {"state": "old"})])

        assert [(one.version, one.document) for one in await journal.records.find("k", keys={"state": "old"})] == [
            (2, {"n": 2})
        ]
        assert await journal.records.find("k", keys={"state": "new"}) == []

    async def test_a_record_that_is_none_writes_nothing(self, journal):
        """Where one of the records is no JSON, the documents are not written either."""
        with pytest.raises(DataInvalid, match="no JSON"):
            await journal.streams.append("a", [b"1"], after=0, put=[Put("k", "r", {"n": object()})])
        assert await journal.streams.length("a") == 0

    async def test_a_dropped_stream_can_begin_again(self, journal):
        """Once dropped, nothing of a stream is left, and its numbers begin again."""
        await journal.streams.append("a", [b"1", b"2"], after=0)

        assert await journal.streams.drop("a") is True
        assert await journal.streams.read("a") == []
        await journal.streams.append("a", [b"3"], after=0)
        assert await journal.streams.read("a") == [b"3"]

    async def test_tenants_do_not_see_each_other(self, place):
        """The streams of one tenant are not those of another, whatever they are called."""
        async with place(tenant="acme") as acme, place(tenant="zeta") as zeta:
            await acme.streams.append("a", [b"1"], after=0)

            assert await zeta.streams.read("a") == []

    async def test_they_survive_closing(self, place):
        """What was appended is there when the storage is opened again."""
        async with place() as journal:
            await journal.streams.append("a", [b"1"], after=0)
        async with place() as journal:
            assert await journal.streams.read("a") == [b"1"]

    async def test_two_who_opened_it_see_what_the_other_wrote(self, place):
        """Two processes append to one stream in turn, and each learns that the other was quicker."""
        async with place() as one, place() as other:
            await one.streams.append("a", [b"1"], after=0)
            await other.streams.append("a", [b"2"], after=1)
            with pytest.raises(VersionConflict, match="2 documents, and not 1"):
                await one.streams.append("a", [b"3"], after=1)
            await one.streams.append("a", [b"3"], after=2)

            assert await other.streams.read("a") == [b"1", b"2", b"3"]

    @pytest.mark.parametrize(
        ("stream", "documents", "after"),
        [("", [b"1"], 0), ("a\n", [b"1"], 0), ("a", [], 0), ("a", ["1"], 0), ("a", [b"1"], -1)],
    )
    async def test_what_cannot_be_appended(self, journal, stream, documents, after):
        """A name, a document or a number that is none is refused with what to do."""
        with pytest.raises(DataInvalid, match=r"\(.*\)$"):
            await journal.streams.append(stream, documents, after=after)

    async def test_a_closed_storage_says_so(self, place):
        """Whoever appends or reads when the storage is closed is told."""
        async with place() as journal:
            streams = journal.streams
        with pytest.raises(StorageClosed):
            await streams.append("a", [b"1"], after=0)
        with pytest.raises(StorageClosed):
            await streams.read("a", limit=1)

    @IN_PLACE
    @given(appends=appends, data=st.data())
    async def test_any_appends_read_from_anywhere(self, place, appends, data):
        """However it was appended, every page of a stream is that part of all its documents."""
        names = {name: next(streams_of_a_test) for name in "ab"}
        kept = {name: [] for name in "ab"}
        async with place() as journal:
            for name, documents in appends:
                await journal.streams.append(names[name], documents, after=len(kept[name]))
                kept[name] += documents
            for name, documents in kept.items():
                after, limit = data.draw(st.integers(0, 20)), data.draw(st.one_of(st.none(), st.integers(0, 9)))
                page = documents[after:] if limit is None else documents[after : after + limit]
                assert await journal.streams.read(names[name], after=after, limit=limit) == page
