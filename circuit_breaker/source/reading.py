"""Source: a YAML or JSON text read strictly, with the line and column of everything in it.

YAML is read by the core schema of YAML 1.2 and nothing beyond it: ``no`` is a text, ``012`` is twelve, tags that would
make objects do not exist. What most readers let pass is a fault here: a key that is there twice, a key that is no text,
a merge key, a second document, aliases that multiply. A text that begins with ``{`` is read by the rules of JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs
import yaml

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.source.json_text import read_json
from circuit_breaker.source.located import DEEPEST, Faults, Located, Path, Place, Source
from circuit_breaker.source.scalars import resolve
from circuit_breaker.source.writing import write_source

__all__ = ["Source", "read_source", "scan_source", "write_source"]

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
LARGEST = 1_000_000
MOST_ALIASES = 200
MOST_ALIASED_VALUES = 20_000
# Control characters, surrogates, and the line breaks that only YAML 1.1 knows.
UNREADABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
SURROGATE = re.compile("[\ud800-\udfff]")
TAG: Final = "tag:yaml.org,2002:"
TAGGED: dict[str, Callable[[Any], bool]] = {
    f"{TAG}null": lambda value: value is None,
    f"{TAG}bool": lambda value: isinstance(value, bool),
    f"{TAG}int": lambda value: isinstance(value, int) and not isinstance(value, bool),
    f"{TAG}float": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
}
TEXT_TAGS = frozenset({"!", f"{TAG}str"})
REMEDIES = {
    "mapping values are not allowed": "put a text that contains ': ' in quotes, or check the indentation",
    "expected ':'": "write 'key: value', with a space after the colon",
    "expected ',' or": "separate the entries with commas and close the bracket",
    "unexpected end of stream": "close the quote or the bracket that is open",
    "expected alphabetic or numeric": "put a text that begins with * or & in quotes",
    "unknown escape": "double the backslash, or use single quotes",
    "": "check the indentation, quotes and brackets here and in the line above",
}


def read_source(text: str, *, name: str = "<text>") -> Source:
    """The value of a YAML document, or of a JSON document when the text begins with ``{``.

    Args:
        text: The whole document, at most 1,000,000 characters.
        name: What the document is called in messages.

    Raises:
        DocumentInvalid: With every fault that could be found, each with its line and column.
    """
    faults = Faults(name)
    source = _read(text, faults)
    if faults.found:
        raise faults.error()
    return source


def scan_source(text: str, *, name: str = "<text>") -> Source:
    """Like :func:`read_source`, but faults after which reading can go on are kept in the source, and not raised.

    Raises:
        DocumentInvalid: Nothing can be read after some fault; those before it are named too.
    """
    return _read(text, Faults(name))


def _read(text: str, faults: Faults) -> Source:
    if len(text) > LARGEST:
        raise faults.stop(
            f"{len(text):,} characters are too many; the most is {LARGEST:,}",
            "split it into several documents",
            path=(),
            place=(1, 1),
        )
    text = text.removeprefix("\ufeff")
    root = read_json(text, faults) if text.lstrip()[:1] == "{" else _read_yaml(text, faults)
    return Source(faults.name, root.value, root, tuple(faults.found))


def _read_yaml(text: str, faults: Faults) -> Located:
    for found in UNREADABLE.finditer(text):
        message = f"the character {ascii(found[0])[1:-1]} is not allowed"
        before = text[: found.start()]
        place = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        faults.add(message, "remove it, or write it as an escape in double quotes", path=(), place=place)
    if faults.found:
        raise faults.error()
    reader = _Reader(faults)
    try:
        for event in _events(text):
            reader.read(event)
    except yaml.MarkedYAMLError as error:
        raise _unreadable(error, text, reader) from None
    if reader.root is None:
        raise faults.stop("it is empty", "write at least one key", path=(), place=(1, 1))
    return reader.root


def _events(text: str) -> Iterator[Any]:
    loader = LOADER(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    finally:
        loader.dispose()


def _unreadable(error: yaml.MarkedYAMLError, text: str, reader: _Reader) -> DocumentInvalid:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line, mark.column) if mark else (0, 0)
    problem = error.problem or "it is no YAML"
    lines = text.splitlines()
    around = lines[line] if line < len(lines) else ""
    if "\t" in around[: len(around) - len(around.lstrip())] or around[column : column + 1] == "\t":
        problem, remedy = "a tab cannot indent", "indent with spaces"
    elif around[column : column + 1] in ("@", "`", "%"):
        problem, remedy = f"no text can begin with {around[column]}", "put it in quotes"
    else:
        remedy = next(remedy for part, remedy in REMEDIES.items() if part in problem)
    return reader.faults.stop(problem, remedy, path=reader.path, place=(line + 1, column + 1))


_SKIP: Final = -1
"""Stands for the key of an entry that is at fault: its value is read, for more faults, and dropped."""


@attrs.define
class _Open:
    """A mapping or a sequence whose end has not been read."""

    node: Located
    anchor: str | None
    mapping: bool
    key: str | int | None = None


class _Reader:
    """Builds the value from the events of the parser, without recursion."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.root: Located | None = None
        self.open: list[_Open] = []
        self.anchors: dict[str, Located | None] = {}
        self.aliases = 0
        self.aliased = 0
        self.documents = 0
        self.readers: dict[type[Any], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document,
        }

    def read(self, event: Any) -> None:
        """Takes the next event; those that only frame the document are passed over."""
        reader = self.readers.get(type(event))
        if reader is not None:
            reader(event)

    @property
    def path(self) -> Path:
        """Where reading is, as keys and indexes."""
        steps = [frame.key if frame.mapping else len(frame.node.children) for frame in self.open]
        return tuple(step for step in steps if step is not None and step != _SKIP)

    def _fault(self, message: str, remedy: str, event: Any) -> None:
        self.faults.add(message, remedy, path=self.path, place=_place(event))

    def _stop(self, message: str, remedy: str, event: Any) -> DocumentInvalid:
        return self.faults.stop(message, remedy, path=self.path, place=_place(event))

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise self._stop("a second document begins", "keep one document, and remove the line '---'", event)
        if event.version and tuple(event.version) != (1, 2):
            self._fault("only YAML 1.2 is read", "remove the line that begins with %YAML", event)

    def _scalar(self, event: Any) -> None:
        frame = self.open[-1] if self.open else None
        if frame is not None and frame.mapping and frame.key is None:
            if event.implicit[0] and event.value == "<<":
                self._fault(
                    "merge keys are not in YAML 1.2", "write the entries out, or use an alias as a value", event
                )
                frame.key = _SKIP
            else:
                self._key(frame, self._value(event), event)
            if event.anchor:
                self.anchors[event.anchor] = Located(event.value, _place(event))
            return
        self._deliver(Located(self._value(event), _place(event)), event.anchor)

    def _value(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        if not text.isascii() and SURROGATE.search(text):
            self._fault("half of a surrogate pair is no character", "write the whole character", event)
        if tag in TEXT_TAGS or (tag is None and not event.implicit[0]):
            return text
        try:
            value = resolve(text)
        except ValueError as error:
            self._fault(str(error), "put it in quotes, or write null", event)
            return None
        if tag is None:
            return value
        if tag not in TAGGED:
            self._fault(f"the tag {_tag(tag)} is not known", "remove it", event)
        elif not TAGGED[tag](value):
            self._fault(f"{text!r} is no {_tag(tag)}", "remove the tag", event)
        elif tag == f"{TAG}float":
            return float(value)  # type: ignore[arg-type]  # the line above let only numbers pass
        return value

    def _key(self, frame: _Open, key: object, event: Any) -> None:
        if not isinstance(key, str):
            text = getattr(event, "value", "")
            what = f"the key {text}" if text else "this key"
            self._fault(f"{what} is no text", f"write '{text}' in quotes" if text else "use a text as key", event)
            frame.key = _SKIP
        elif key in frame.node.keys:
            line = frame.node.keys[key][0]
            self._fault(f"the key '{key}' is there twice, first in line {line}", "remove or rename one of them", event)
            frame.key = _SKIP
        else:
            frame.node.keys[key] = _place(event)
            frame.key = key

    def _mapping(self, event: Any) -> None:
        self._start(event, Located.empty({}, _place(event)), mapping=True)

    def _sequence(self, event: Any) -> None:
        self._start(event, Located.empty([], _place(event)), mapping=False)

    def _start(self, event: Any, node: Located, *, mapping: bool) -> None:
        if len(self.open) >= DEEPEST:
            raise self._stop(f"it is nested deeper than {DEEPEST}", "flatten it", event)
        if self.open and self.open[-1].mapping and self.open[-1].key is None:
            raise self._stop("a mapping or a sequence cannot be a key", "use a text as key", event)
        if event.tag not in (None, "!", f"{TAG}map" if mapping else f"{TAG}seq"):
            self._fault(f"the tag {_tag(event.tag)} is not known here", "remove it", event)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append(_Open(node, event.anchor, mapping))

    def _end(self, _: Any) -> None:
        frame = self.open.pop()
        self._deliver(frame.node, frame.anchor)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise self._stop(f"nothing is named by &{event.anchor}", "name a value with & before it is used", event)
        node = self.anchors[event.anchor]
        if node is None:
            raise self._stop(f"*{event.anchor} stands inside of what it names", "write the value out", event)
        self.aliases += 1
        self.aliased += node.size
        if self.aliases > MOST_ALIASES or self.aliased > MOST_ALIASED_VALUES:
            raise self._stop("aliases stand for too many values", "write the values out", event)
        if len(self.open) + node.height > DEEPEST:
            raise self._stop(f"it is nested deeper than {DEEPEST}", "flatten it", event)
        frame = self.open[-1]
        if frame.mapping and frame.key is None:
            self._key(frame, node.value, event)
        else:
            self._deliver(node.copied(_place(event)), None)

    def _deliver(self, node: Located, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        frame = self.open[-1]
        if not frame.mapping:
            frame.node.put(len(frame.node.children), node)
            return
        if isinstance(frame.key, str):
            frame.node.put(frame.key, node)
        frame.key = None


def _place(event: Any) -> Place:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _tag(tag: str) -> str:
    return tag.replace(TAG, "!!")
