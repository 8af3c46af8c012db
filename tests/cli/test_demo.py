"""The demo: what it makes of each kind of text, and that it goes on where it was."""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from circuit_breaker import Engine, Workflow, connect, flow, states
from circuit_breaker.cli.demo.analysis import PACE, Clarity, Completeness, WordCount
from circuit_breaker.cli.demo.board import Board
from circuit_breaker.cli.demo.command import Performance
from circuit_breaker.cli.demo.journey import review_all, review_page
from circuit_breaker.cli.demo.pages import find_pages, included_pages
from circuit_breaker.cli.demo.review import document_review
from circuit_breaker.cli.output import Output
from circuit_breaker.errors import Refused, WorkflowNotFound
from tests.cli.drafts import write_drafts

PLAIN = "we say it in short words " * 12
SECTIONS = "# A page\n\n## Introduction\n\n{0}\n\n## Background\n\n{0}\n\n## Conclusion\n\nDone.\n"


@pytest.fixture
def demo(cb, here):
    """Runs the demo over texts, each under its name, and gives what it says of each."""

    def run(texts: dict[str, str], *options: str) -> dict:
        (here / "pages").mkdir(exist_ok=True)
        for name, text in texts.items():
            (here / "pages" / name).write_text(text)
        done = cb("demo", "pages", "--db", "demo.db", "--pace", "0", "--json", *options)
        return {each["file"]: each for each in done.document["files"]}

    return run


@pytest.mark.parametrize(
    ("text", "state", "completeness"),
    [
        (SECTIONS.format(PLAIN), "approved", 100),
        (SECTIONS.format(PLAIN + "urgent"), "approved", 100),
        (SECTIONS.format(PLAIN).replace("## Conclusion", ""), "approved", 67),
        (PLAIN * 2, "approved", 67),
        ("too short", "rejected_for_good", 67),
        (SECTIONS.format("documentation implementation " * 30), "rejected_for_good", 100),
    ],
    ids=["good", "urgent", "nearly complete", "without sections", "short", "unclear"],
)
def test_a_text_gets_what_it_deserves(demo, text, state, completeness):
    """What is good is approved; what is incomplete is revised; what stays short or unclear is rejected for good."""
    found = demo({"a.md": text})["a.md"]

    assert (state, "completed", completeness) == (found["state"], found["status"], found["completeness"])


@pytest.mark.parametrize("text", ["", " \n\n"])
def test_an_empty_text_is_left_out(cb, here, text):
    """Where there is no text there is nothing to review, and the demo says so instead of getting stuck."""
    (here / "a.md").write_text(text)
    done = cb("demo", "a.md", "--db", "demo.db")

    assert "'a.md' is left out: there is nothing in it" in done.err
    assert "there is nothing to review" in done.out


async def test_a_draft_without_a_text_is_not_submitted():
    """The rules refuse an empty draft, whoever starts it: it is stuck, and explain says why."""
    async with Engine(document_review, storage=connect("memory://")) as engine:
        data = {"title": "Plan", "content": "", "author": "ann", "priority": 3, "revisions": 0}
        case = await engine.run(await engine.start(document_review, data=data))

    assert ("draft", "stuck") == (case.state, case.status)
    assert "data.content is present" in str(engine.explain(case))


@pytest.mark.timeout(20)
def test_a_pipe_among_the_paths_is_left_out(cb, here):
    """What is no ordinary file is not even opened, for that could last for ever."""
    os.mkfifo(here / "pipe.md")
    (here / "a.md").write_text(PLAIN)
    document = cb("demo", "pipe.md", "a.md", "--db", "demo.db", "--pace", "0", "--json").document

    assert [{"file": "pipe.md", "reason": "no ordinary file"}] == document["skipped"]
    assert ["a.md"] == [each["file"] for each in document["files"]]


@pytest.mark.parametrize("pace", ["nan", "inf", "-1", "61", "soon"])
def test_a_pace_that_is_none_is_a_wrong_command(cb, here, pace):
    """The pace is a number of seconds from 0 to 60, and nothing else."""
    assert "--pace" in cb("demo", "--pace", pace, "--db", "demo.db", code=2).err


def test_a_name_that_is_no_text_is_written_out(cb, here):
    """A file name with bytes that are no UTF-8 is reviewed like any other, and JSON stays JSON."""
    (here / "pages").mkdir()
    Path(os.fsdecode(os.fsencode(here / "pages") + b"/caf\xe9.md")).write_text(PLAIN)
    done = cb("demo", "pages", "--db", "demo.db", "--pace", "0", "--json")

    done.out.encode()
    (found,) = done.document["files"]
    assert (r"caf\xe9.md", "completed") == (found["file"], found["status"])
    assert r"caf\xe9.md: approved" in cb("demo", "pages", "--db", "other.db", "--pace", "0").out


def test_a_reviewer_is_never_the_author(demo, cb):
    """Whoever wrote a page neither reviews nor signs it."""
    found = demo({"a.md": "author: rita\n\nurgent\n\n" + PLAIN * 2, "b.md": "author: alex\n\nurgent\n\n" + PLAIN * 2})
    data = [
        cb("show", each["case"], "--storage", "sqlite:///demo.db", "--json").document["tokens"][0]["data"]
        for each in found.values()
    ]

    assert [("rita", "ravi", "alex"), ("alex", "rita", "amira")] == [
        (each["author"], each["reviewer"], each["approver"]) for each in data
    ]


def test_a_second_run_has_nothing_to_do(demo, cb):
    """Run again, it says so, adds no event, and shows the same."""
    first = demo({"a.md": PLAIN, "b.md": "short"})

    assert first == demo({})
    assert "2 files reviewed before, and nothing left to do" in cb("demo", "pages", "--db", "demo.db").out


def test_a_changed_or_new_file_is_reviewed_anew(demo, cb, here):
    """A file whose content changed is another case; the others are not touched."""
    first = demo({"a.md": PLAIN, "b.md": "short"})
    (here / "pages" / "b.md").write_text("no longer so short")
    done = cb("demo", "pages", "--db", "demo.db", "--pace", "0")
    second = demo({})

    assert "going on where it was: 1 reviewed before, 0 under way, 1 new" in done.out
    assert first["a.md"] == second["a.md"]
    assert first["b.md"]["case"] != second["b.md"]["case"]


def test_fresh_begins_anew_but_only_over_demos(demo, cb):
    """``--fresh`` forgets earlier demos; a journal with other cases in it is left as it is."""
    demo({"a.md": PLAIN})
    assert ["a.md"] == list(demo({}, "--fresh"))
    cb("start", "orders.py:plain", "--storage", "sqlite:///demo.db")

    assert "cases of other workflows" in cb("demo", "pages", "--db", "demo.db", "--fresh", code=5).err.replace(
        "(s)", "s"
    )


def test_its_own_pages_are_the_default(cb, here, monkeypatch):
    """Without a path the project's own pages are reviewed, with the journal under the user's state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(here / "state"))
    done = cb("demo", "--pace", "0")

    assert len(list(included_pages().iterdir())) == len(find_pages([included_pages()]).pages)
    assert "why-a-net.md: approved" in done.out
    assert (here / "state" / "circuit-breaker" / "demo.db").exists()
    assert "circuit-breaker show " in done.out


def test_files_that_are_no_text_are_left_out(cb, here):
    """What cannot be read is named with the reason; hidden and other files are passed over; doubles count once."""
    pages = here / "pages"
    (pages / ".hidden").mkdir(parents=True)
    (pages / ".hidden" / "x.md").write_text(PLAIN)
    (pages / "code.py").write_text(PLAIN)
    (pages / "latin.txt").write_bytes(b"caf\xe9")
    (pages / "big.rst").write_text("x" * 1_000_001)
    (pages / "a.md").write_text(PLAIN)
    (pages / "link.md").symlink_to("a.md")
    document = cb("demo", "pages", "pages/a.md", "--db", "demo.db", "--pace", "0", "--json").document

    assert ["a.md"] == [each["file"] for each in document["files"]]
    assert {"latin.txt": "no text in UTF-8", "big.rst": "1,000,001 bytes are too many; the most is 1,000,000"} == {
        each["file"]: each["reason"] for each in document["skipped"]
    }
    assert "'latin.txt' is left out" in cb("demo", "pages/latin.txt", "--db", "demo.db").err


def test_a_directory_without_texts_is_a_wrong_command(cb, here):
    """Where there is nothing to review, the command says so."""
    (here / "empty").mkdir()

    assert "there are no text files" in cb("demo", "empty", code=2).err


@pytest.mark.parametrize("count", [3, 30])
async def test_a_table_is_drawn_while_it_works(here, count):
    """On a terminal the table changes while the review goes on, and stands there at the end."""
    write_drafts(here / "pages", count)
    screen = StringIO()
    console = Console(force_terminal=True, file=screen, width=120, height=20)
    PACE.set(0.02)
    found = find_pages([here / "pages"])
    await Performance(Output(console=console), found, here / "demo.db", at_once=4).give(fresh=False)

    for part in ("Reviewing", "completeness ≥80", f"of {count} reviewed", "approved"):
        assert part in screen.getvalue()
    assert (count == 30) == ("more" in screen.getvalue())


def frame(board, width):
    """What a terminal of that width shows of a board."""
    screen = StringIO()
    Console(file=screen, width=width, height=20).print(board)
    return screen.getvalue()


async def test_the_board_follows_what_happens(here):
    """Each event changes the row of its page: its state, its scores, and where there is room what is going on."""
    write_drafts(here / "pages", 1)
    (page,) = find_pages([here / "pages"]).pages
    board = Board([page], {})
    async with Engine(document_review, storage=connect("memory://")) as engine:
        with engine.subscribe() as events:
            await review_page(engine, page)
            await engine.start(document_review, id="another", data=page.data)
        frames = [frame(board, 140)]
        while (notice := await events.take()) is not None:
            board.see(notice)
            frames.append(frame(board, 140))

    assert "waiting" in frames[0]
    assert any("measure_completeness" in text for text in frames)
    assert "1 of 1 reviewed" in frames[-1]


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_the_board_fits_into_the_terminal(here, width):
    """On a narrow terminal file names are shortened and less is said; no column is cut off."""
    write_drafts(here / "pages", 2)
    (here / "pages" / f"{'a-long-name-' * 5}.md").write_text("x")
    head, *lines = frame(Board(find_pages([here / "pages"]).pages, {}), width).splitlines()

    assert max(map(len, [head, *lines])) <= width
    assert head.rstrip().endswith("events" if width > 95 else "completeness ≥80" if width > 75 else "completeness")
    assert "a-long-n" in lines[0] or "a-long" in lines[0]


async def test_a_terminal_sees_that_nothing_is_left_to_do(here):
    """Run again on a terminal, the finished table is shown at once."""
    write_drafts(here / "pages", 2)
    screen = StringIO()
    output = Output(console=Console(force_terminal=True, file=screen, width=120, height=20))
    for _ in range(2):
        await Performance(output, find_pages([here / "pages"]), here / "demo.db", at_once=4).give(fresh=False)

    assert "nothing left to do" in screen.getvalue()


async def test_an_error_takes_the_table_away_and_is_told_as_itself(here):
    """A page whose case belongs to another workflow stops the demo, on a terminal too, with the reason alone."""
    write_drafts(here / "pages", 1)
    found = find_pages([here / "pages"])
    a, b = states("a", "b")
    other = Workflow("other", flow(a >> b).transition("t").manual())
    async with Engine(other, storage=connect("sqlite:///demo.db")) as engine:
        await engine.start(other, id=found.pages[0].case)
    output = Output(console=Console(force_terminal=True, file=StringIO(), width=120, height=20))

    with pytest.raises(WorkflowNotFound, match="'other'"):
        await Performance(output, found, here / "demo.db", at_once=4).give(fresh=False)


async def test_two_demos_at_once_share_the_work(here):
    """Two processes over one journal bring every page to its end, and do no action twice."""
    write_drafts(here / "pages", 6)
    pages = find_pages([here / "pages"]).pages
    PACE.set(0.01)
    async with connect("sqlite:///demo.db") as journal, AsyncExitStack() as stack:
        engines = [
            await stack.enter_async_context(Engine(document_review, storage=connect("sqlite:///demo.db"))) for _ in "ab"
        ]
        journeys = [review_all(engine, pages, at_once=3, arrived=lambda page, case: None) for engine in engines]
        await asyncio.gather(*journeys)
        histories = [await journal.events(page.case) for page in pages]

    assert {"CaseCompleted"} == {events[-1].type for events in histories}
    keys = [event.key for events in histories for event in events if event.type == "TransitionFired" and event.key]
    assert sorted(set(keys)) == sorted(keys)


async def test_what_goes_wrong_is_told_as_itself(here):
    """An error in the middle of the journey reaches the caller without a wrapping."""
    write_drafts(here / "pages", 2)

    def arrived(page, case):
        raise ZeroDivisionError(page.name)

    async with Engine(document_review, storage=connect("memory://")) as engine:
        with pytest.raises(ZeroDivisionError, match="page-00"):
            await review_all(engine, find_pages([here / "pages"]).pages, at_once=1, arrived=arrived)


async def test_the_rules_bind_people_too():
    """A reviewer who is the author is refused, whoever tells the engine so; the verdict names the rule."""
    async with Engine(document_review, storage=connect("memory://")) as engine:
        data = {"title": "Plan", "content": "We should.", "author": "ann", "priority": 3, "revisions": 0}
        case = await engine.run(await engine.start(document_review, data=data))
        assert "human_review" == case.state
        with pytest.raises(Refused) as refused:
            await engine.fire(case, "accept", by="ann", roles=["reviewer"], data={"reviewer": "ann"})

    assert "other_reviewer" == refused.value.verdict.name


async def test_a_refused_join_keeps_what_its_branches_found():
    """Low scores lead to a person, who sees the results of both branches."""
    async with Engine(document_review, storage=connect("memory://")) as engine:
        data = {"title": "Plan", "content": "We should.", "author": "ann", "priority": 3, "revisions": 0}
        case = await engine.run(await engine.start(document_review, data=data))

    assert {"words", "clarity", "completeness"} == set(case.token.results)


TEXTS = st.text(st.sampled_from("abcdefghijklm \n'-#ÄÖé0"), max_size=200)


@given(TEXTS)
def test_scores_stay_within_their_bounds(text):
    """Of any text there is a count, a clarity from 0 to 100 and a completeness in thirds."""
    count, clarity, completeness = (
        kind(text=text).execute_internal({"text": text}) for kind in (WordCount, Clarity, Completeness)
    )

    assert 0 <= count["count"] <= len(text)
    assert 0 <= clarity["score"] <= 100
    assert completeness["score"] in (0, 33, 67, 100)


def test_clarity_is_the_share_of_short_words():
    """Clarity is 100 less the percentage of words of more than eight letters."""
    assert 75.0 == Clarity(text="one two three wonderful").execute_sync()["score"]
    assert 100.0 == Clarity(text="one two three eightltr").execute_sync()["score"]


def test_completeness_looks_for_headings():
    """A section counts where its name is a heading, in Markdown, in reStructuredText or alone on a line."""
    text = "# 1. Introduction\n\nBackground\n==========\n\nthe conclusion is elsewhere\n"

    assert ["conclusion"] == Completeness(text=text).execute_sync()["missing"]
