"""Telling: what happened to a case, one line an event, in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import attrs
from rich.text import Text

from circuit_breaker.cli.visible import Line
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import (
    ActionCompensated,
    ActionFailed,
    ActionInDoubt,
    ActionRetried,
    ActionStarted,
    CaseCancelled,
    CaseCompleted,
    CaseMigrated,
    CaseStarted,
    Event,
    Move,
    Moved,
    SignalReceived,
    StepFinished,
    TokenAdded,
    TokenChanged,
    TransitionFired,
    TransitionRefused,
)

__all__ = ["STATUS_STYLES", "Telling", "failures", "status_text", "tell"]

STATUS_STYLES = {
    "running": "cyan",
    "waiting": "yellow",
    "completed": "green",
    "stuck": "bold red",
    "failed": "bold red",
    "cancelled": "dim",
    "in_doubt": "bold magenta",
}

_LINES = re.compile(r"\n\s*(?:- )?")
TERSE = frozenset({"AssertionError", "AttributeError", "IndexError", "KeyError", "TypeError", "UnicodeDecodeError"})
"""Errors of Python that say little without their kind."""


@attrs.frozen
class Telling:
    """An event in words.

    Attributes:
        mark: One character that says what kind of thing it was.
        style: How it looks on a terminal.
        what: The transition, signal or step that it is about.
        detail: What came of it.
    """

    mark: str
    style: str
    what: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.mark} {self.what}{f': {self.detail}' if self.detail else ''}"

    def text(self) -> Text:
        """The line with its style."""
        line = Line.assemble((self.mark, self.style), " ", (self.what, "bold"))
        return line.append(f"  {self.detail}") if self.detail else line


def status_text(case: Case) -> Text:
    """The status of a case and where its tokens are, such as ``waiting in human_review``."""
    return Line.assemble((case.status, STATUS_STYLES[case.status]), " in ", (case.state or "no state", "bold"))


def tell(event: Event) -> Telling:
    """The event in words."""
    return _TELLERS[type(event)](event)


def _places(moves: Iterable[Move]) -> str:
    return " + ".join(dict.fromkeys(state for _, state in moves))


def _path(event: Moved) -> str:
    cleared = f", withdrawn from {_places(event.cleared)}" if event.cleared else ""
    return f"{_places(event.consumed)} → {_places(event.produced)}{cleared}"


def failures(verdict: Mapping[str, Any]) -> Iterator[str]:
    """The leaves of a verdict's document that did not hold, in words: a named rule stands for what is below it."""
    if verdict.get("passed"):
        return
    children = verdict.get("children", ())
    if verdict.get("kind") != "all" or not children:
        yield _failure(verdict)
        return
    for child in children:
        yield from failures(child)


def _failure(verdict: Mapping[str, Any]) -> str:
    said = str(verdict.get("text") or verdict.get("name", ""))
    if "seen" not in verdict:
        return said
    seen = verdict["seen"]
    missing = isinstance(seen, Mapping) and seen.get("missing") is True
    return f"{said} (saw {'nothing' if missing else repr(seen)[:60]})"


def _refused(event: TransitionRefused) -> Telling:
    onward = f" → {_places(event.produced)}" if event.produced else ""
    return Telling("✗", "yellow", event.transition, f"refused{onward}: {'; '.join(failures(event.verdict))}")


def _failed(event: ActionFailed) -> Telling:
    onward = f" → {_places(event.produced)}" if event.produced else ""
    return Telling("✗", "red", event.transition, f"failed{onward}: {_reason(event.error)}")


def _reason(error: Mapping[str, Any]) -> str:
    """What an error says, with its kind where that is the half of it: ``KeyError: 'text'``."""
    headline, *faults = _LINES.split(error.get("message", ""))
    message = f"{headline.removesuffix(':')}: {'; '.join(faults)}" if faults else headline
    kind = error.get("kind", "")
    return f"{kind}: {message}" if kind in TERSE and kind != message else message


def _retried(event: ActionRetried) -> Telling:
    detail = f"attempt {event.attempt} failed: {_reason(event.error)}; the next in {event.wait:g} s"
    return Telling("↻", "yellow", _transition(event), detail)


def _transition(event: ActionRetried | ActionInDoubt) -> str:
    """The transition that an action belongs to, read from its key: case, transition and number."""
    return event.key.removeprefix(f"{event.case}:").rpartition(":")[0] or event.key


def _started(event: CaseStarted) -> Telling:
    where = " + ".join(dict.fromkeys(token.state for token in event.tokens))
    return Telling("○", "cyan", event.workflow, f"starts in {where}")


def _added(event: TokenAdded) -> Telling:
    return Telling("○", "cyan", "a token", f"enters {event.token.state}" if event.token else "")


def _changed(event: TokenChanged) -> str:
    parts = (("data", event.data), ("metadata", event.metadata), ("results", event.results))
    return f"changed: {', '.join(f'{part}.{name}' for part, names in parts for name in names)}"


_TELLERS: dict[type[Event], Callable[[Any], Telling]] = {
    CaseStarted: _started,
    TokenAdded: _added,
    TokenChanged: lambda event: Telling("○", "cyan", f"a token in {event.state}", _changed(event)),
    TransitionFired: lambda event: Telling("●", "green", event.transition, _path(event)),
    TransitionRefused: _refused,
    ActionStarted: lambda event: Telling("·", "dim", event.transition, "begins"),
    ActionRetried: _retried,
    StepFinished: lambda event: Telling("·", "dim", event.name, "step done"),
    ActionFailed: _failed,
    ActionInDoubt: lambda event: Telling("?", "magenta", _transition(event), "interrupted, and may not be repeated"),
    ActionCompensated: lambda event: Telling("↶", "yellow", event.transition, "undone"),
    SignalReceived: lambda event: Telling("→", "cyan", event.name, "signal"),
    CaseCompleted: lambda _: Telling("✓", "bold green", "completed"),
    CaseCancelled: lambda event: Telling("✗", "bold", "cancelled", event.reason),
    CaseMigrated: lambda event: Telling("→", "cyan", "migrated", f"to version {event.definition}"),
}
