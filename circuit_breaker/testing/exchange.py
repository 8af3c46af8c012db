"""Exchanges with a provider as they are kept in a file: what was asked and what came back, without secrets."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.llm.discretion import HIDDEN, is_secret_name, without_keys
from circuit_breaker.llm.stream import StreamEvent, TextDelta, ThinkingDelta, ToolCallDelta

__all__ = ["Exchange", "cleaned", "differences", "first_difference", "read_exchanges", "write_exchanges"]

_PIECES: Final[Mapping[type, str]] = {TextDelta: "text", ThinkingDelta: "text", ToolCallDelta: "arguments"}
_VERSION: Final = 1
_ASKED: Final = frozenset({"complete", "stream", "embed", "models"})


@attrs.frozen(kw_only=True)
class Exchange:
    """One exchange.

    Attributes:
        kind: ``"complete"``, ``"stream"``, ``"embed"`` or ``"models"``.
        request: What was asked, as a document.
        response: What came back, as a document, or None.
        events: For a stream, what came back.
        error: What went wrong instead, as a document, or None.
    """

    kind: str
    request: Any = None
    response: Any = None
    events: Sequence[Any] = ()
    error: Any = None


def write_exchanges(path: Path, exchanges: Sequence[Exchange]) -> None:
    """Writes a recording: the whole file, or nothing of it."""
    kept = [attrs.asdict(each, filter=lambda _, value: value not in (None, (), [])) for each in exchanges]
    text = json.dumps({"version": _VERSION, "exchanges": kept}, ensure_ascii=False, indent=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f"{text}\n")
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_exchanges(path: Path) -> list[Exchange]:
    """The exchanges of a recording.

    Raises:
        DocumentInvalid: It is no recording.
        FileNotFoundError: There is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["version"] != _VERSION:
            raise DocumentInvalid(f"the recording {path} has version {document['version']!r}, not {_VERSION}")
        found = [Exchange(**each) for each in document["exchanges"]]
    except (ValueError, KeyError, TypeError) as error:
        raise DocumentInvalid(f"{path} is no recording: {error!r}", remedy="record it again") from error
    unknown = next((each.kind for each in found if each.kind not in _ASKED), None)
    if unknown is not None:
        raise DocumentInvalid(f"{path} is no recording: it has an exchange of kind {unknown!r}")
    return found


def cleaned(value: Any, redact: Callable[[str], str]) -> Any:
    """The document without secrets: those that ``redact`` knows, what looks like a key, what is called like one."""
    if isinstance(value, Mapping):
        return {
            redact(str(key)): HIDDEN if is_secret_name(str(key)) and inner else cleaned(inner, redact)
            for key, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [cleaned(inner, redact) for inner in value]
    return without_keys(redact(value)) if isinstance(value, str) else value


def cleaned_whole(events: Sequence[StreamEvent], redact: Callable[[str], str]) -> list[StreamEvent]:
    """The events without the secrets that are spread over several of their pieces."""
    runs: dict[tuple[Any, ...], list[int]] = {}
    for at, event in enumerate(events):
        if type(event) in _PIECES:
            runs.setdefault((type(event), getattr(event, "index", 0), getattr(event, "call", 0)), []).append(at)
    kept: list[StreamEvent | None] = list(events)
    for places in runs.values():
        _clean_run(kept, places, redact)
    return [event for event in kept if event is not None]


def _clean_run(events: list[StreamEvent | None], places: Sequence[int], redact: Callable[[str], str]) -> None:
    """Spreads the clean text over the pieces again, about as it was; a piece that is left empty goes."""
    member = _PIECES[type(events[places[0]])]
    pieces = [getattr(events[at], member) for at in places]
    left = cleaned("".join(pieces), redact)
    if left == "".join(pieces):
        return
    for at, piece in zip(places, pieces, strict=True):
        size = len(left) if at == places[-1] else len(piece)
        text, left = left[:size], left[size:]
        event: Any = events[at]
        events[at] = attrs.evolve(event, **{member: text}) if text else None


def first_difference(asked: Any, recorded: Any) -> str:
    """Where two documents differ first, and how; empty where they do not."""
    return next((f"{place}: {how}" for place, how in _differences(asked, recorded, "")), "")


def _differences(asked: Any, recorded: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(asked, dict) and isinstance(recorded, dict):
        for key in dict.fromkeys([*recorded, *asked]):
            yield from _differences(asked.get(key), recorded.get(key), f"{place}.{key}" if place else key)
    elif isinstance(asked, list) and isinstance(recorded, list) and asked and recorded:
        if len(asked) != len(recorded):
            yield place, f"{len(asked)} in place of {len(recorded)}"
        for at, (one, other) in enumerate(zip(asked, recorded, strict=False)):
            yield from _differences(one, other, f"{place}[{at}]")
    elif asked != recorded:
        yield place, f"{_shown(asked)} in place of {_shown(recorded)}"


def differences(asked: Any, recorded: Any) -> int:
    """In how many places two documents differ."""
    return sum(1 for _ in _differences(asked, recorded, ""))


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else f"{text[:119]}…"
