"""What every journal keeps, whatever it is made of.

A backend's test module derives a class from :class:`JournalContract` and gives the fixture ``place``: a callable that
returns another, unopened journal on the same database each time it is called, for the tenant given as ``tenant=``.
"""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from circuit_breaker.engine.ports import CaseQuery, CaseSummary
from circuit_breaker.errors import StorageClosed, StorageError, VersionConflict
from circuit_breaker.workflow.events import TransitionFired
from circuit_breaker.workflow.evolution import evolve
from tests.storage.cases import NOON, at_status, followed, grow, last, moved, started, walk, walks

ODD_IDS = [
    "'; DROP TABLE cases; --",
    "ünïcödé-🦊",
    '"',
    "%_*?[",
    "a b\n\tc",
    "../../etc/passwd",
    "x" * 500,
    "null\0byte",
]
IN_PLACE = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)
numbers = itertools.count()


class JournalContract:
    """Tests that each backend inherits."""

    @pytest.fixture
    async def journal(self, place):
        async with place() as journal:
            yield journal

    async def test_what_was_appended_is_loaded(self, journal):
        """A case comes back as its events left it, with the status that the engine gave it."""
        case = at_status(moved(started("a", title="Plan"), "reviewed", score=9), "waiting")
        await journal.append(case, case.history)

        loaded = await journal.load("a")

        assert case == loaded
        assert "waiting" == loaded.status
        assert {"title": "Plan", "score": 9} == loaded.data

    async def test_an_unknown_case_is_none(self, journal):
        """Loading what was never begun gives None, and it has no events."""
        assert await journal.load("nobody") is None
        assert [] == await journal.events("nobody")

    async def test_how_many_events_a_case_has_had_is_known_at_once(self, journal):
        """The number of events tells whether a copy is up to date; an unknown case has had none."""
        case = started("a")
        await journal.append(case, case.history)
        assert (0, 1) == (await journal.sequence("nobody"), await journal.sequence("a"))
        await grow(journal, case, 9)
        assert 10 == await journal.sequence("a")

    async def test_events_come_back_in_order_and_in_pages(self, journal):
        """Events are read from after a number, as many as asked for."""
        case = started("a")
        await journal.append(case, case.history)
        case = await grow(journal, case, 9)

        assert list(case.history) == await journal.events("a")
        assert list(case.history[4:7]) == await journal.events("a", after=4, limit=3)
        assert list(case.history[8:]) == await journal.events("a", after=8)
        assert [] == await journal.events("a", after=10)
        assert [] == await journal.events("a", limit=0)

    async def test_a_case_is_started_once(self, journal):
        """The second start of an id is a conflict that says so, and changes nothing."""
        first, second = started("a", owner="ann"), started("a", owner="bob")
        await journal.append(first, first.history)

        with pytest.raises(VersionConflict, match="case 'a' exists already, with 1 event"):
            await journal.append(second, second.history)
        assert "ann" == (await journal.load("a")).data["owner"]

    @pytest.mark.parametrize("held", [0, 1, 3])
    async def test_another_number_of_events_than_expected_is_a_conflict(self, journal, held):
        """An append that expects two events fails where there are none, fewer or more; nothing of it stays."""
        case = started("a")
        if held:
            await journal.append(case, case.history)
            await grow(journal, case, held - 1)
        ahead = moved(moved(moved(started("a"))))

        with pytest.raises(VersionConflict, match=f"has {held} events in the journal, and not 2"):
            await journal.append(ahead, last(ahead, 2))
        assert held == len(await journal.events("a"))

    async def test_events_that_did_not_lead_to_the_case_are_refused(self, journal):
        """The journal is given exactly the events that end in the case."""
        case = moved(moved(started("a")))

        with pytest.raises(StorageError, match="case 'a'"):
            await journal.append(case, case.history[:2])
        assert await journal.load("a") is None

    async def test_two_journals_on_one_case(self, place):
        """Of two that go on from the same event one wins, and the other is told."""
        async with place() as one, place() as other:
            case = started("a")
            await one.append(case, case.history)
            ways = [moved(await journal.load("a"), state) for journal, state in ((one, "left"), (other, "right"))]
            appends = (journal.append(way, last(way)) for journal, way in zip((one, other), ways, strict=True))
            outcomes = await asyncio.gather(*appends, return_exceptions=True)

            lost = [outcome for outcome in outcomes if outcome is not None]
            assert [VersionConflict] == [type(outcome) for outcome in lost]
            assert ways[outcomes.index(None)] == await one.load("a") == await other.load("a")

    async def test_two_journals_take_turns(self, place):
        """What one journal wrote the other knows at once, also of cases that it wrote before itself."""
        async with place() as one, place() as other:
            case = started("a")
            await one.append(case, case.history)
            for journal in (other, one, one, other, one):
                case = await grow(journal, case, 2)

            assert case == await other.load("a")
            new = started("b")
            await other.append(new, new.history)
            new = started("c")
            await one.append(new, new.history)
            assert ["a", "b", "c"] == [summary.id for summary in await one.find()]

    async def test_one_conflict_fails_only_its_own_append(self, journal):
        """Appends that are written together are judged one by one."""
        cases = [started(f"c{number}") for number in range(20)]
        await asyncio.gather(*(journal.append(case, case.history) for case in cases))
        steps = [moved(case) if number != 7 else moved(moved(case)) for number, case in enumerate(cases)]

        outcomes = await asyncio.gather(*(journal.append(step, last(step)) for step in steps), return_exceptions=True)

        assert [7] == [number for number, outcome in enumerate(outcomes) if isinstance(outcome, VersionConflict)]
        assert [2] * 7 + [1] + [2] * 12 == [(await journal.load(case.id)).sequence for case in cases]

    async def test_appends_of_one_case_keep_their_order(self, journal):
        """Several appends of one case may wait at once; they are written in the order of asking."""
        cases = [started("a")]
        for step in range(30):
            cases.append(at_status(moved(cases[-1], "xyz"[step % 3]), "waiting" if step % 5 else "running"))

        await asyncio.gather(*(journal.append(case, last(case)) for case in cases))

        assert cases[-1] == await journal.load("a")
        assert list(cases[-1].history) == await journal.events("a")

    async def test_a_hundred_writers(self, journal):
        """A hundred coroutines at once each find their own case as they left it."""

        async def work(number):
            case = started(f"case{number}")
            await journal.append(case, case.history)
            return await grow(journal, case, 12)

        cases = await asyncio.gather(*map(work, range(100)))

        assert cases == [await journal.load(case.id) for case in cases]
        assert 100 == len(await journal.find(CaseQuery(limit=1000)))

    async def test_a_cancelled_append_is_whole_or_absent(self, journal):
        """Who stops waiting leaves either all of his events or none, and does not disturb the others."""
        cases = [started(f"c{number}") for number in range(10)]
        await asyncio.gather(*(journal.append(case, case.history) for case in cases))
        steps = [moved(moved(case)) for case in cases]
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(journal.append(step, last(step, 2))) for step in steps]
            await asyncio.sleep(0)
            for task in tasks[::3]:
                task.cancel()

        assert {1, 3} >= {(await journal.load(case.id)).sequence for case in cases}
        left = [step for number, step in enumerate(steps) if number % 3]
        assert left == [await journal.load(step.id) for step in left]

    async def test_everything_is_there_when_it_is_opened_again(self, place):
        """Closing writes what waits; the next journal finds it."""
        case = moved(started("a"))
        async with asyncio.TaskGroup() as group:
            async with place() as journal:
                task = group.create_task(journal.append(case, case.history))
                await asyncio.sleep(0)
            await task

        async with place() as journal:
            assert case == await journal.load("a")

    async def test_a_closed_journal_says_so(self, place):
        """After closing, and before opening, every method fails with the same error."""
        journal, case = place(), started("a")
        for _ in range(2):
            with pytest.raises(StorageClosed, match="async with"):
                await journal.append(case, case.history)
            for ask in (journal.load("a"), journal.events("a"), journal.find(), journal.count(), journal.next_due()):
                with pytest.raises(StorageClosed):
                    await ask
            with pytest.raises(StorageClosed):
                _ = journal.worker
            async with journal:
                pass

    async def test_a_journal_is_opened_once_at_a_time(self, journal):
        """Opening what is open is an error that says what to do; it stays open."""
        with pytest.raises(StorageError, match="open already"):
            await journal.__aenter__()
        assert {} == await journal.count()

    @pytest.mark.parametrize("case_id", ODD_IDS, ids=ascii)
    async def test_any_text_is_an_id(self, journal, case_id):
        """Quotes, wildcards, paths and the whole alphabet are just letters of an id."""
        case = moved(started(case_id, workflow=case_id, state=case_id), f"to {case_id}")
        await journal.append(case, case.history)
        neighbour = started("plain")
        await journal.append(neighbour, neighbour.history)

        assert case == await journal.load(case_id)
        assert case_id in [
            summary.id for summary in await journal.find(CaseQuery(state=f"to {case_id}", workflow=case_id))
        ]
        assert 2 == sum((await journal.count()).values())

    async def test_a_summary_says_what_a_list_shows(self, journal):
        """A list tells all that can be known without reading the cases."""
        case = at_status(moved(started("a"), "reviewed"), "waiting")
        due = NOON + timedelta(days=1, microseconds=1)
        await journal.append(case, case.history, due=due)

        expected = CaseSummary(
            id="a",
            workflow="document",
            definition="v1",
            status="waiting",
            states=("reviewed",),
            sequence=2,
            started_at=NOON,
            updated_at=NOON + timedelta(seconds=1),
            due=due,
        )
        assert [expected] == await journal.find()

    async def _fill(self, journal):
        statuses = itertools.cycle(["running", "waiting", "completed"])
        for number, status in zip(range(12), statuses, strict=False):
            workflow = "order" if number % 4 == 0 else "document"
            case = at_status(started(f"c{number:02}", workflow=workflow, state=f"s{number % 2}"), status)
            await journal.append(case, case.history)

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({}, "00 01 02 03 04 05 06 07 08 09 10 11"),
            ({"limit": 3}, "00 01 02"),
            ({"after": "c09"}, "10 11"),
            ({"after": "c02", "limit": 2}, "03 04"),
            ({"status": "waiting"}, "01 04 07 10"),
            ({"status": ["waiting", "running", "waiting"], "limit": 4}, "00 01 03 04"),
            ({"status": []}, ""),
            ({"status": "stuck"}, ""),
            ({"workflow": "order"}, "00 04 08"),
            ({"workflow": "order", "status": "waiting"}, "04"),
            ({"state": "s1"}, "01 03 05 07 09 11"),
            ({"state": "s1", "status": "waiting", "after": "c01"}, "07"),
            ({"state": "s"}, ""),
        ],
        ids=str,
    )
    async def test_cases_are_found_by_what_they_are(self, journal, asked, expected):
        """Lists are filtered by workflow, status and state, ordered by id, and paged by the last id seen."""
        await self._fill(journal)

        assert expected == " ".join(summary.id[1:] for summary in await journal.find(CaseQuery(**asked)))

    @pytest.mark.parametrize("name", ["draft", 'a"draft', ",", "[", "é"])
    async def test_a_case_in_several_states_is_found_by_each(self, journal, name):
        """A state is compared as a whole, never as a part of a text."""
        case = started("a", state="one")
        children = (("t2", 'x"draft'), ("t3", name))
        case = followed(case, TransitionFired, consumed=(("t1", "one"),), produced=children)
        await journal.append(case, case.history)

        assert ["a"] == [summary.id for summary in await journal.find(CaseQuery(state=name))]
        assert ["a"] == [summary.id for summary in await journal.find(CaseQuery(state='x"draft'))]
        assert [] == await journal.find(CaseQuery(state="one"))
        assert [] == await journal.find(CaseQuery(state="raft"))

    async def test_cases_are_counted(self, journal):
        """There is a number for each status that occurs, of all workflows or of one."""
        await self._fill(journal)

        assert {"running": 4, "waiting": 4, "completed": 4} == await journal.count()
        assert {"running": 1, "waiting": 1, "completed": 1} == await journal.count(workflow="order")
        assert {} == await journal.count(workflow="other")

    async def test_timers_are_found_when_they_are_due(self, journal):
        """Cases whose time has come are found, the earliest first; a later append moves or ends the timer."""
        cases = {name: started(name) for name in "abcd"}
        for name, hours in zip("abcd", (3, 1, 2, 9), strict=True):
            await journal.append(cases[name], cases[name].history, due=NOON + timedelta(hours=hours))

        assert NOON + timedelta(hours=1) == await journal.next_due()
        assert ["b", "c", "a"] == [s.id for s in await journal.due(NOON + timedelta(hours=3))]
        assert ["b"] == [s.id for s in await journal.due(NOON + timedelta(hours=3), limit=1)]
        assert [] == await journal.due(NOON)

        gone, closed = moved(cases["b"]), at_status(moved(cases["c"]), "cancelled")
        await journal.append(gone, last(gone))
        await journal.append(closed, last(closed), due=NOON)
        assert ["a"] == [s.id for s in await journal.due(NOON + timedelta(hours=3))]
        assert NOON + timedelta(hours=3) == await journal.next_due()
        known = {(await journal.load("a")).definition}
        assert ["a"] == [s.id for s in await journal.due(NOON + timedelta(hours=3), definitions=known)]
        assert NOON + timedelta(hours=3) == await journal.next_due(definitions=known)
        assert ([], None) == (
            await journal.due(NOON + timedelta(hours=3), definitions=["other"]),
            await journal.next_due(definitions=()),
        )

    async def test_without_a_timer_nothing_is_due(self, journal):
        """There is no next time where no case waits for one."""
        case = started("a")
        await journal.append(case, case.history)

        assert await journal.next_due() is None

    async def test_a_worker_lives_while_its_journal_is_open(self, place):
        """Others see at once that a journal was opened and closed; each opening has a name of its own."""
        async with place() as watcher:
            async with place() as journal:
                first = journal.worker
                assert await watcher.alive(first)
                assert await watcher.alive(watcher.worker)
                assert first != watcher.worker
            assert not await watcher.alive(first)
            async with journal:
                assert first != journal.worker
            assert not await watcher.alive("never/../heard-of")
            assert not await watcher.alive("")

    async def test_definitions_are_kept(self, place):
        """The text of a definition is there for who comes later, by its version."""
        async with place() as journal:
            await journal.keep_definition("document", "v1", b"name: document")
            await journal.keep_definition("document", "v1", b"name: document\n")
            assert await journal.definition("v2") is None

        async with place() as journal:
            assert b"name: document\n" == await journal.definition("v1")

    async def test_definitions_and_events_are_written_at_once(self, journal):
        """Keeping a definition and appending do not disturb each other, in whichever order they are asked for."""

        async def keep(number):
            await journal.keep_definition("document", f"v{number}", b"%d" % number)

        async def start(number):
            case = started(f"c{number}")
            await journal.append(case, case.history)
            await grow(journal, case, 3)

        await asyncio.gather(*(work(number) for number in range(10) for work in (keep, start)))

        assert {"running": 10} == await journal.count()
        assert [b"%d" % number for number in range(10)] == [await journal.definition(f"v{n}") for n in range(10)]

    async def test_what_is_being_read_while_it_closes_is_read(self, place):
        """Who asked for a list before the journal closed still gets it."""
        async with asyncio.TaskGroup() as group, place() as journal:
            case = started("a")
            await journal.append(case, case.history)
            task = group.create_task(journal.find())
            await asyncio.sleep(0)
        assert ["a"] == [summary.id for summary in task.result()]

    async def test_tenants_do_not_see_each_other(self, place):
        """ZA37: the tenant is part of every key: the same ids live side by side, and nothing shows through."""
        async with place() as plain, place(tenant="acme") as acme, place(tenant="zeta") as zeta:
            for journal, owner in ((acme, "ann"), (zeta, "zoe")):
                case = started("a", owner=owner)
                await journal.append(case, case.history, due=NOON)
                await journal.keep_definition("document", "v1", owner.encode())
            case = await acme.load("a")
            await grow(acme, case, 5)

            assert ("ann", 6) == ((await acme.load("a")).data["owner"], len(await acme.events("a")))
            assert ("zoe", 1) == ((await zeta.load("a")).data["owner"], len(await zeta.events("a")))
            assert (b"ann", b"zoe") == (await acme.definition("v1"), await zeta.definition("v1"))
            assert (None, [], {}, [], None, None) == (
                await plain.load("a"),
                await plain.events("a"),
                await plain.count(),
                await plain.find(),
                await plain.next_due(),
                await plain.definition("v1"),
            )

    async def test_tenants_work_at_once(self, place):
        """Y5: tenants that write at the same moment through journals of their own do not disturb each other."""

        async def work(tenant):
            async with place(tenant=tenant) as journal:
                case = started("same")
                await journal.append(case, case.history)
                case = await grow(journal, case, 20)
                return case == await journal.load("same") and {"running": 1} == await journal.count()

        assert [True] * 5 == await asyncio.gather(*map(work, ["a", "b", "c", "d", ""]))

    async def test_a_long_case_comes_back_whole(self, journal):
        """Hundreds of events later a case is what its events made of it, and its history can be read to the start."""
        case = started("a")
        await journal.append(case, case.history)
        case = await grow(journal, case, 450)

        loaded = await journal.load("a")

        assert case == loaded
        assert case.started_at == loaded.started_at
        assert 451 == len(loaded.history)
        assert list(case.history) == await journal.events("a")
        assert moved(case) == moved(loaded)

    @IN_PLACE
    @given(choices=walks, sizes=st.lists(st.integers(1, 7), max_size=20))
    async def test_any_events_in_any_batches(self, journal, choices, sizes):
        """However the events of a case were cut into appends, it loads to the same case as in memory."""
        cases = walk(f"walk{next(numbers)}", choices)
        position = 0
        for size in [*sizes, len(cases)]:
            reached = cases[min(position + size, len(cases)) - 1]
            if reached.sequence > position:
                await journal.append(reached, reached.history[position:])
            position = reached.sequence

        assert cases[-1] == await journal.load(cases[-1].id)
        replayed = None
        for event in await journal.events(cases[-1].id):
            replayed = evolve(replayed, event)
        assert cases[-1] == replayed
