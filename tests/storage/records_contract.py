"""What every store of records keeps, and what every feed of events holds, whatever it is made of.

A backend's test module derives from these as from :class:`tests.storage.contract.JournalContract`, and gives the same
fixture ``place``.
"""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.engine.ports import Entry
from circuit_breaker.errors import DataInvalid, StorageClosed, VersionConflict
from tests.storage.cases import grow, last, moved, started
from tests.storage.contract import IN_PLACE, ODD_IDS

kinds = (f"kind{number}" for number in itertools.count())
names = st.sampled_from("abc")
changes = st.lists(
    st.one_of(
        st.tuples(st.just("put"), names, st.integers(0, 9), st.dictionaries(names, names, max_size=2)),
        st.tuples(st.just("delete"), names, st.none(), st.none()),
    ),
    max_size=30,
)


class RecordsContract:
    """Tests of records that each backend inherits."""

    @pytest.fixture
    async def records(self, place):
        async with place() as journal:
            yield journal.records

    async def test_what_was_put_is_had_back(self, records):
        """A record comes back with its version, document and keys; an unknown one is None."""
        document = {"name": "Ünï 🦊", "deep": [{"n": 1.5, "none": None, "yes": True}]}

        assert 1 == await records.put("function", "a", document, keys={"owner": "ann"})
        found = await records.get("function", "a")

        assert ("function", "a", 1, document, {"owner": "ann"}) == (
            found.kind, found.id, found.version, found.document, found.keys,
        )  # fmt: skip
        assert await records.get("function", "b") is None
        assert await records.get("other", "a") is None

    async def test_a_document_cannot_be_changed_in_place(self, records):
        """What was read is a fact: neither it nor what it was made from changes what is kept."""
        document = {"list": [1]}
        await records.put("k", "a", document)
        document["list"].append(2)

        with pytest.raises(TypeError):
            (await records.get("k", "a")).document["list"] = []
        assert {"list": [1]} == (await records.get("k", "a")).document

    async def test_each_put_is_a_version_more(self, records):
        """The version counts; a document in place of another leaves nothing of that."""
        await records.put("k", "a", {"x": 1}, keys={"color": "red"})

        assert 2 == await records.put("k", "a", {"y": 2})
        assert {"y": 2} == (await records.get("k", "a")).document
        assert [] == await records.find("k", keys={"color": "red"})

    @pytest.mark.parametrize("expected", [0, 1, 3])
    async def test_another_version_than_expected_is_a_conflict(self, records, expected):
        """Whoever expects another version is told, and nothing changes."""
        await records.put("k", "a", {"n": 1})
        await records.put("k", "a", {"n": 2}, expected=1)

        with pytest.raises(VersionConflict, match="k 'a'"):
            await records.put("k", "a", {"n": 3}, expected=expected)
        with pytest.raises(VersionConflict, match="k 'a'"):
            await records.delete("k", "a", expected=expected)
        assert {"n": 2} == (await records.get("k", "a")).document

    async def test_what_does_not_exist_has_no_version(self, records):
        """To expect a version of what is not there is a conflict; to expect nothing is not."""
        with pytest.raises(VersionConflict, match="does not exist"):
            await records.put("k", "a", {}, expected=2)
        assert 1 == await records.put("k", "a", {}, expected=0)

    async def test_what_was_deleted_is_gone(self, records):
        """It is not found any more, by no key, and begins again with version 1."""
        await records.put("k", "a", {}, keys={"color": "red"})

        assert await records.delete("k", "a", expected=1)
        assert not await records.delete("k", "a")
        assert await records.get("k", "a") is None
        assert [] == await records.find("k") == await records.find("k", keys={"color": "red"})
        assert 1 == await records.put("k", "a", {})

    async def test_one_of_many_wins(self, place):
        """Of those that go on from the same version, in several journals, exactly one wins."""
        async with place() as one, place() as other:
            await one.records.put("k", "a", {"n": 0})
            puts = [
                journal.records.put("k", "a", {"n": number}, expected=1)
                for number, journal in enumerate((one, other) * 5)
            ]
            outcomes = await asyncio.gather(*puts, return_exceptions=True)

            assert [2] == [outcome for outcome in outcomes if not isinstance(outcome, VersionConflict)]
            assert 2 == (await other.records.get("k", "a")).version

    async def test_records_are_listed_in_the_order_of_their_ids(self, records):
        """A kind is listed a page at a time, whatever the order in which it was written."""
        for name in "dbeac":
            await records.put("k", name, {"name": name})
        await records.put("other", "b2", {})

        assert ["a", "b", "c"] == [record.id for record in await records.find("k", limit=3)]
        assert ["d", "e"] == [record.id for record in await records.find("k", after="c")]
        assert [] == await records.find("k", limit=0)

    async def test_records_are_found_by_their_keys(self, records):
        """Those that have every key asked for are listed, in order and in pages; an unknown key finds nothing."""
        for number in range(20):
            keys = {"even": str(number % 2 == 0), "third": str(number % 3 == 0)}
            await records.put("k", f"{number:02}", {}, keys=keys)

        async def found(**asked):
            return " ".join(record.id for record in await records.find("k", **asked))

        assert "00 02 04" == await found(keys={"even": "True"}, limit=3)
        assert "16 18" == await found(keys={"even": "True"}, after="14")
        assert "00 06 12 18" == await found(keys={"even": "True", "third": "True"})
        assert "12" == await found(keys={"third": "True", "even": "True"}, after="06", limit=1)
        assert await found(keys={"even": "maybe"}) == await found(keys={"odd": "True"}) == ""

    @pytest.mark.parametrize("text", ODD_IDS, ids=ascii)
    async def test_any_text_is_an_id_and_a_key(self, records, text):
        """Quotes, wildcards and the whole alphabet are just letters."""
        await records.put(text, text, {text: text}, keys={text: text})
        await records.put(text, "plain", {}, keys={"plain": "plain"})

        assert {text: text} == (await records.get(text, text)).document
        assert [text] == [record.id for record in await records.find(text, keys={text: text})]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"document": {"a": {1, 2}}}, "a.*no JSON"),
            ({"document": [1]}, "no mapping"),
            ({"document": {"a": float("nan")}}, "no JSON number"),
            ({"id": ""}, "id of a record"),
            ({"kind": "x" * 501}, "kind of a record"),
            ({"keys": {"a": 1}}, "key 'a'"),
            ({"keys": {"": "a"}}, "name of a key"),
            ({"id": "\ud800"}, "Unicode"),
        ],
        ids=str,
    )
    async def test_what_cannot_be_kept_is_refused(self, records, changes, words):
        """A document that is no JSON, or a name that is no text, is an error that says so; nothing is kept."""
        given = {"kind": "k", "id": "a", "document": {}} | changes

        with pytest.raises(DataInvalid, match=words):
            await records.put(**given)
        assert [] == await records.find("k")

    async def test_a_closed_journal_has_no_records(self, place):
        """Before it is opened and after it was closed, everything is refused."""
        journal = place()
        async with journal:
            records = journal.records
        for ask in (records.get("k", "a"), records.find("k"), records.put("k", "a", {}), records.delete("k", "a")):
            with pytest.raises(StorageClosed):
                await ask

    async def test_records_survive_and_tenants_do_not_see_them(self, place):
        """ZA37: records are there when the journal is opened again, and are no other tenant's."""
        async with place(tenant="acme") as journal:
            await journal.records.put("k", "a", {"owner": "acme"}, keys={"x": "y"})
        async with place(tenant="acme") as acme, place(tenant="zeta") as zeta:
            await zeta.records.put("k", "a", {"owner": "zeta"}, keys={"x": "y"})

            assert {"owner": "acme"} == (await acme.records.get("k", "a")).document
            assert [{"owner": "zeta"}] == [record.document for record in await zeta.records.find("k", keys={"x": "y"})]
            assert await zeta.records.delete("k", "a")
            assert await acme.records.get("k", "a") is not None

    async def test_a_cancelled_put_is_whole_or_absent(self, records):
        """Who stops waiting leaves either the document and its keys, or neither."""
        async with asyncio.TaskGroup() as group:
            task = group.create_task(records.put("k", "a", {}, keys={"x": "y"}))
            await asyncio.sleep(0)
            task.cancel()
        await records.put("k", "b", {})

        found = {record.id for record in await records.find("k", keys={"x": "y"})}
        assert found == {record.id for record in await records.find("k")} - {"b"}

    @IN_PLACE
    @given(steps=changes)
    async def test_any_changes_in_any_order(self, records, steps):
        """Whatever was put and deleted, lists and keys give what a dictionary would."""
        kind, expected = next(kinds), {}
        for what, name, number, keys in steps:
            if what == "put":
                version = await records.put(kind, name, {"n": number}, keys=keys)
                expected[name] = (version, {"n": number}, keys)
            else:
                assert (name in expected) == await records.delete(kind, name)
                expected.pop(name, None)

        found = {r.id: (r.version, r.document, r.keys) for r in await records.find(kind)}
        assert dict(sorted(expected.items())) == found
        for key, value in itertools.product("abc", repeat=2):
            having = [name for name, (_, _, keys) in sorted(expected.items()) if keys.get(key) == value]
            assert having == [record.id for record in await records.find(kind, keys={key: value})]
            both = {"a": value} | {key: value}
            having = [name for name, (_, _, keys) in sorted(expected.items()) if both.items() <= keys.items()]
            assert having == [record.id for record in await records.find(kind, keys=both)]


class FeedContract:
    """Tests of the feed that each backend inherits."""

    @pytest.fixture
    async def journal(self, place):
        async with place() as journal:
            yield journal

    async def test_the_feed_has_every_event_in_the_order_of_writing(self, journal):
        """Events of all cases come as they were written, each with the workflow of its case."""
        one, other = started("a", workflow="order"), started("b")
        await journal.append(one, one.history)
        await journal.append(other, other.history)
        one = moved(moved(one))
        await journal.append(one, last(one, 2))

        entries = await journal.feed()

        assert [("a", 1), ("b", 1), ("a", 2), ("a", 3)] == [(e.event.case, e.event.sequence) for e in entries]
        assert ["order", "document", "order", "order"] == [entry.workflow for entry in entries]
        assert [*one.history] == [entry.event for entry in entries if entry.event.case == "a"]

    async def test_the_feed_is_read_in_pages(self, journal):
        """Whoever goes on after the last position that he saw misses nothing and sees nothing twice."""
        case = started("a")
        await journal.append(case, case.history)
        await grow(journal, case, 9)
        seen: list[Entry] = []
        while page := await journal.feed(seen[-1].position if seen else 0, limit=3):
            assert len(page) <= 3
            seen += page

        assert list(range(1, 11)) == [entry.event.sequence for entry in seen]
        assert seen == sorted(seen, key=lambda entry: entry.position)

    async def test_what_is_to_come_lies_beyond_the_position(self, journal):
        """The position separates what was written from what will be; there is one for an empty journal too."""
        beginning = await journal.position()
        case = started("a")
        await journal.append(case, case.history)
        position = await journal.position()
        await grow(journal, case, 2)

        assert [1, 2, 3] == [entry.event.sequence for entry in await journal.feed(beginning)]
        assert [2, 3] == [entry.event.sequence for entry in await journal.feed(position)]
        assert [] == await journal.feed(await journal.position())

    async def test_several_writers_at_once_hide_nothing(self, place):
        """While several journals write, a reader that follows the last position sees every event, once and in order."""
        writers, steps = 4, 25
        async with place() as reader:
            seen: list[Entry] = []

            async def write(name):
                async with place() as journal:
                    case = started(name)
                    await journal.append(case, case.history)
                    await grow(journal, case, steps)

            async def follow():
                while len(seen) < writers * (steps + 1):
                    seen.extend(await reader.feed(seen[-1].position if seen else 0, limit=7))
                    await asyncio.sleep(0)

            async with asyncio.timeout(30), asyncio.TaskGroup() as group:
                group.create_task(follow())
                for name in "abcd"[:writers]:
                    group.create_task(write(name))

        for name in "abcd"[:writers]:
            assert list(range(1, steps + 2)) == [e.event.sequence for e in seen if e.event.case == name]

    async def test_a_feed_shows_only_its_own_tenant(self, place):
        """ZA37: events of other tenants are not in the feed, although positions may have gaps because of them."""
        async with place(tenant="acme") as acme, place(tenant="zeta") as zeta:
            for journal, name in ((acme, "a"), (zeta, "z"), (acme, "b")):
                case = started(name)
                await journal.append(case, case.history)

            assert ["a", "b"] == [entry.event.case for entry in await acme.feed()]
            assert ["z"] == [entry.event.case for entry in await zeta.feed()]

    async def test_a_closed_journal_has_no_feed(self, place):
        """Before it is opened everything is refused."""
        journal = place()
        for ask in (journal.feed(), journal.position()):
            with pytest.raises(StorageClosed):
                await ask
