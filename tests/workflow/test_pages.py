"""Pages about a workflow: complete, escaped, without scripts."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker import State, Workflow, field, flow, rule, states
from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.pages import Section, html, markdown, page
from tests.workflow.running import begin

new, checked, sent, broken = states("new", State("checked", message="It is checked."), "sent", State("broken"))


@rule("good enough to be sent")
def good(token: object) -> bool:
    return bool(token)


def undo(token: object) -> None: ...


shipping = Workflow(
    "shipping",
    flow(new >> checked).transition("check").roles("clerk", "boss").guard(good).describe("By two people."),
    flow(checked >> sent)
    .transition("send")
    .execute("Courier", address=field("address"), note="hunter2")
    .policy(validations=field("amount") > 10, rules=field("ok").exists())
    .timeout("30s")
    .retry(3)
    .compensate(undo)
    .otherwise(new)
    .on_failure(broken),
    flow(checked >> broken).transition("expire").after("2h"),
    flow(broken * 2 >> new).transition("mend").on_signal("glue").reads(checked).unless(sent).clears(checked),
    flow(broken >> new).transition("nag").every("1d"),
    rules=[good],
    description="Parcels | of *all* <kinds> & more.",
)


TOLD = (
    f"Version {shipping.version}: 4 states, 5 transitions. A case starts in new and may end in sent.",
    "By two people.", "by hand by boss or clerk", "good enough to be sent", "before: data.amount > 10",
    "afterwards: data.ok exists", "otherwise → new", "Courier with address, note", "at most 30s", "up to 3 attempts",
    "undone by undo", "if it fails → broken", "2h after entering", "every 1d", "on the signal glue", "2× broken → new",
    "needs a token in checked", "not while there is a token in sent", "clears checked", "It is checked.",
)  # fmt: skip


class Reader(HTMLParser):
    """Gathers the tags and the cells of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_page_tells_all_about_a_workflow() -> None:
    """Start and ends, states, transitions with rules in words, roles, timers, signals, executors and the version."""
    said = " ".join(Reader(page(shipping)).texts)
    for words in TOLD:
        assert words in said


@pytest.mark.parametrize("form", ["html", "markdown"])
def test_a_page_has_its_sections_and_no_values_of_parameters(form) -> None:
    """What a parameter is set to may be secret."""
    text = page(shipping, form)
    assert "hunter2" not in text
    places = [text.index(name) for name in ("Picture", "States", "Transitions", "Roles", "Timers", "Signals", "Rules")]
    assert places == sorted(places)


def test_a_page_in_html_is_one_file_without_scripts() -> None:
    """Nothing is fetched, nothing runs, the picture is in it, and it has colours for light, dark and paper."""
    text = page(shipping)
    tags = Reader(text).tags
    assert ({"svg", "table"}, set()) == ({"svg", "table"} & set(tags), {"script", "link", "img", "iframe"} & set(tags))
    assert "<title>shipping</title>" in text
    parts = ("prefers-color-scheme:dark", "@media print", "default-src &#x27;none&#x27;")
    assert all(part in text for part in parts)
    assert "&lt;kinds&gt; &amp; more" in text
    ET.fromstring(re.search(r"<svg.*</svg>", text, re.DOTALL)[0])  # type: ignore[index]  # noqa: S314 - our own text


def test_a_page_in_markdown_has_mermaid_and_tables() -> None:
    """What Markdown would read as its own is escaped."""
    text = page(shipping, "markdown")
    assert ("# shipping", True) == (text.splitlines()[0], "```mermaid\n" in text)
    assert r"Parcels \| of \*all\* &lt;kinds&gt; &amp; more." in text
    assert "| sent | end |  |  |" in text


def test_a_page_draws_a_case_and_takes_more_sections() -> None:
    """What others find out about a workflow is put at the end."""
    more = [Section("Verdict", ("It is sound.",), columns=("a", "b"), rows=[("1", "x\ny")])]
    for form in ("html", "markdown"):
        text = page(shipping, form, case=begin(shipping), more=more)
        assert text.index("c (waiting)") < text.index("Verdict") < text.index("It is sound.") < text.index("x<br>y")


def test_a_workflow_gives_its_page() -> None:
    """``to_page`` is the same; another form is refused."""
    assert page(shipping, path=["check"]) == shipping.to_page(path=["check"])
    with pytest.raises(WorkflowInvalid, match="did you mean 'html'"):
        shipping.to_page("htm")  # type: ignore[arg-type]


@given(st.text(max_size=40))
def test_text_is_never_markup(text: str) -> None:
    """Whatever is written in a sentence or a cell, the page has the same tags and the table the same lines."""
    section = Section(text, (text,), columns=("a",), rows=[(text,)])
    plain = Section("t", ("t",), columns=("a",), rows=[("t",)])
    tags = [[tag for tag in Reader(html("t", [each])).tags if tag not in ("br", "h2")] for each in (section, plain)]
    assert tags[0] == tags[1]
    lines = [line for line in markdown("t", [section]).splitlines() if line.startswith("|")]
    assert 3 == len(lines)
    assert 2 == len(re.findall(r"(?<!\\)\|", lines[2]))
