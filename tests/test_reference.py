"""What the documentation takes from the code is what the code says, and it leaves nothing out."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import circuit_breaker
from circuit_breaker.rules.expression.functions import FUNCTIONS, TYPE_NAMES
from circuit_breaker.workflow.documents import workflow_schema

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"


@pytest.fixture(scope="module")
def refresh():
    """The script that writes what is taken from the code."""
    sys.path.insert(0, str(DOCS))
    try:
        yield importlib.import_module("refresh")
    finally:
        sys.path.remove(str(DOCS))
        sys.modules.pop("refresh", None)


def page(name: str) -> str:
    return (REFERENCE / name).read_text()


def test_nothing_from_the_code_is_stale(refresh):
    """Every picture, help text and table is what the code says today."""
    stale = [str(path.relative_to(ROOT)) for path, text in refresh.pages() if path.read_text() != text]

    assert [] == stale, "write them again: python docs/refresh.py"


def test_every_picture_is_shown():
    """No picture lies there that no page shows."""
    text = "\n".join(path.read_text() for path in [ROOT / "README.md", *DOCS.rglob("*.md")])

    assert [] == [path.name for path in (DOCS / "pictures").glob("*") if f"pictures/{path.name}" not in text]


def test_every_page_is_reached():
    """Every page is in the table of contents of its kind, and every kind has pages."""
    for index in DOCS.glob("*/index.md"):
        listed = set(re.findall(r"^[\w-]+$", index.read_text(), re.MULTILINE))
        assert {path.stem for path in index.parent.glob("*.md")} - {"index"} <= listed


def test_every_link_leads_somewhere():
    """A link from one page to another file of the project leads to a file that is there."""
    for path in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        prose = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", prose):
            assert (path.parent / target).exists(), f"{path.relative_to(ROOT)}: {target}"


PACKAGES = ["circuit_breaker"] + [
    f"circuit_breaker.{name}"
    for name in ("rules", "workflow", "engine", "executors", "functions", "storage", "testing")
]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_documented(package):
    """Every name that a public package offers is in the reference."""
    text = "\n".join(path.read_text() for path in REFERENCE.glob("*.md"))
    named = set(re.findall(r"[A-Za-z_]\w+", text))

    assert [] == [name for name in importlib.import_module(package).__all__ if name not in named | {"__version__"}]


def test_a_page_of_names_begins_with_them():
    """Where a page is written by the code, a table of its names comes first, which needs no program to be read."""
    written = [path.read_text() for path in REFERENCE.glob("*.md") if "{eval-rst}" in path.read_text()]

    assert 7 <= len(written)
    for text in written:
        assert re.search(r"<!-- from the code: (names|errors) -->", text.partition("{eval-rst}")[0]), text[:40]


def keys_of(text: str) -> set[str]:
    return set(re.findall(r"^\| `(\w+)`", text, re.MULTILINE))


@pytest.mark.parametrize(
    ("section", "part"),
    [("The document", None), ("States", "state"), ("Transitions", "transition"), ("Retry", "retry")],
)
def test_every_key_of_a_definition_is_documented(section, part):
    """The tables of the definition file have the keys of the schema, no more and no fewer."""
    schema = workflow_schema()
    schema = schema if part is None else schema["$defs"][part]
    text = page("definition-file.md").partition(f"\n## {section}\n")[2].partition("\n## ")[0]

    assert set(schema["properties"]) == keys_of(text)


def test_every_function_of_an_expression_is_documented():
    """The page on expressions has every function, macro and type, no more and no fewer."""
    text = page("expressions.md")
    functions = keys_of(text.partition("\n## Functions\n")[2].partition("\n## ")[0])
    macros = keys_of(text.partition("\n## Macros\n")[2].partition("\n## ")[0])

    assert set(FUNCTIONS) == functions
    assert {"has", "all", "exists", "exists_one", "filter", "map"} == macros
    assert [] == [name for name in TYPE_NAMES if f"`{name}`" not in text]


def test_the_version_of_the_documentation_is_that_of_the_package():
    """The documentation takes its version from the package."""
    assert "from circuit_breaker import __version__" in (DOCS / "conf.py").read_text()
    assert circuit_breaker.__version__
