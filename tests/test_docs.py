"""What the documentation shows is run, and does what it says."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.documents import Block, Document, blocks

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted(path for path in (ROOT / "docs").rglob("*.md") if "_build" not in path.parts)]
MOST_SKIPPED = 5


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a document in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "120")

    def run(path: Path) -> None:
        Document(path, tmp_path).run()

    return run


@pytest.fixture
def run_text(run, tmp_path):
    """Runs the text of a document."""

    def run_text(text: str) -> None:
        path = tmp_path / "page.md"
        path.write_text(text)
        run(path)

    return run_text


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_block_of_the_document_runs(path, run):
    """Every block of Python and every command in the documentation does what the page says."""
    run(path)


def test_few_blocks_are_left_out():
    """What is not run is rare and gives its reason."""
    skipped = [block for path in DOCUMENTS for block in blocks(path.read_text()) if block.skipped]

    assert len(skipped) <= MOST_SKIPPED
    assert all(block.detail.strip() for block in skipped)


def test_blocks_are_found_with_language_line_and_order():
    """A block knows its language, the line of its text, and what the comment above it asks."""
    text = "# A\n\n```python\na = 1\n```\n\n<!-- skip: no network -->\n  ```console\n  $ ls\n  ```\n\n```\nplain\n```\n"

    assert [Block("python", "a = 1\n", 4), Block("console", "$ ls\n", 9, "skip", "no network")] == list(blocks(text))


def test_blocks_share_names_and_may_await(run_text):
    """The blocks of a document share one namespace and one event loop."""
    run_text(
        "```python\nimport asyncio\nevent = asyncio.Event()\nawait asyncio.sleep(0)\n```\n"
        "```python\nevent.set()\nawait event.wait()\nassert event.is_set()\n```\n"
    )


def test_a_wrong_claim_fails_at_its_line(run_text):
    """An assertion of a page that does not hold is an error at the line of the page."""
    with pytest.raises(AssertionError) as wrong:
        run_text("# A\n\n```python\na = 1\nassert a == 2\n```\n")

    assert ("page.md", 5) == (wrong.traceback[-1].path.name, wrong.traceback[-1].lineno + 1)


def test_a_session_must_print_what_it_shows(run_text):
    """A session shares the names of the page, and fails when it prints something else."""
    run_text("```python\na = 1\n```\n```pycon\n>>> a + 1\n2\n```\n")
    with pytest.raises(doctest.DocTestFailure):
        run_text("```pycon\n>>> 1 + 1\n3\n```\n")


def test_a_block_can_be_a_file_that_a_command_reads(run_text):
    """A named block is written to a file, and commands run beside it; their output must match."""
    page = "<!-- file: hello.py -->\n```python\nprint('hello', 'you')\n```\n\n```console\n$ python hello.py\n{}\n```\n"

    run_text(page.format("hello ..."))
    with pytest.raises(AssertionError, match=r"page\.md:7: \$ python hello\.py"):
        run_text(page.format("good bye"))


def test_an_exit_code_must_be_announced(run_text):
    """A command that fails is an error, unless the page says so."""
    command = "```console\n$ python -c 'raise SystemExit(3)'\n```\n"

    run_text(f"<!-- exit: 3 -->\n{command}")
    with pytest.raises(AssertionError, match=r"\$ python -c"):
        run_text(command)


@pytest.mark.parametrize("page", ["```python no-run\n1 / 0\n```\n", "<!-- skip: wrong -->\n```python\n1 / 0\n```\n"])
def test_a_block_can_be_left_out(page, run_text):
    """What is marked is not run."""
    run_text(page)
