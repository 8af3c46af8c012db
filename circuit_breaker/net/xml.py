"""XML read strictly: a tree of elements that know where they stood.

A document declares no types and no entities, and refers to nothing outside of itself: what could make a reader multiply
text or fetch files is refused with its place. So is what is too large, too deep or torn. Names are those of
https://www.w3.org/TR/xml-names/.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.parsers import expat

import attrs

from circuit_breaker.errors import DocumentInvalid, Fault

__all__ = ["DEEPEST", "LARGEST", "MOST_ELEMENTS", "Element", "read_xml"]

LARGEST = 20_000_000
"""The most characters or bytes of a document, unless the caller says otherwise."""
MOST_ELEMENTS = 500_000
DEEPEST = 100
_SPACE = " "
REMEDIES = {
    expat.errors.XML_ERROR_NO_ELEMENTS: "write one element that holds all others",
    expat.errors.XML_ERROR_TAG_MISMATCH: "close the elements in the reverse order of their beginning",
    expat.errors.XML_ERROR_UNBOUND_PREFIX: "declare the prefix with xmlns:prefix on the outermost element",
    expat.errors.XML_ERROR_UNDEFINED_ENTITY: "write the character itself: only &amp; &lt; &gt; &quot; &apos; are known",
    expat.errors.XML_ERROR_UNCLOSED_TOKEN: "the document ends too early; write it again",
    expat.errors.XML_ERROR_DUPLICATE_ATTRIBUTE: "keep one of them",
}


@attrs.define(eq=False)
class Element:
    """One element.

    Attributes:
        tag: Its name, without the namespace.
        namespace: The address of its namespace, or an empty text.
        line: Where it begins, counted from 1.
        column: Where it begins in that line, counted from 1.
        attributes: By name; those of a namespace as ``{address}name``.
        children: The elements in it.
        text: The text that is directly in it, without the spaces around it.
        parent: The element that it is in, or None for the outermost.
    """

    tag: str
    namespace: str
    line: int
    column: int
    attributes: dict[str, str] = attrs.field(factory=dict)
    children: list[Element] = attrs.field(factory=list, repr=False)
    text: str = ""
    parent: Element | None = attrs.field(default=None, repr=False)

    def get(self, name: str, default: str = "") -> str:
        """The attribute of that name, whatever its namespace."""
        if name in self.attributes:
            return self.attributes[name]
        ending = "}" + name
        return next((value for key, value in self.attributes.items() if key.endswith(ending)), default)

    def all(self, *tags: str) -> Iterator[Element]:
        """The elements directly in it that have one of these names."""
        return (child for child in self.children if child.tag in tags)

    def first(self, *tags: str) -> Element | None:
        """The first of :meth:`all`, or None."""
        return next(self.all(*tags), None)

    def walk(self) -> Iterator[Element]:
        """The element and every one in it, in the order of the document."""
        waiting = [self]
        while waiting:
            element = waiting.pop()
            yield element
            waiting.extend(reversed(element.children))

    def fault(self, place: str, message: str, remedy: str = "") -> Fault:
        """A fault that stands at this element."""
        return Fault(place, message, remedy, self.line, self.column)


def read_xml(text: str | bytes, *, name: str = "<xml>", largest: int = LARGEST) -> Element:
    """The outermost element of a document.

    Args:
        text: The whole document; bytes are read in the encoding that they declare.
        name: What the document is called in messages.
        largest: The most characters or bytes.

    Raises:
        DocumentInvalid: It is no XML, declares types or entities, or is too large or too deep. The error has the place.
    """
    if len(text) > largest:
        fault = Fault("the document", f"has a length of {len(text):,}; the most is {largest:,}", "split it", 1, 1)
        raise _refusal(name, fault)
    reading = _Reading(name, encoding="utf-8" if isinstance(text, str) else None)
    return reading.read(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)


def _refusal(name: str, fault: Fault) -> DocumentInvalid:
    return DocumentInvalid(f"{name} cannot be read", faults=[fault])


class _Reading:
    """Builds the tree from the events of the parser."""

    def __init__(self, name: str, *, encoding: str | None) -> None:
        self.name = name
        self.open: list[Element] = []
        self.texts: list[list[str]] = []
        self.root: Element | None = None
        self.elements = 0
        self.parser: Any = expat.ParserCreate(encoding, _SPACE)
        self.parser.buffer_text = True
        self.parser.ordered_attributes = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def read(self, data: bytes) -> Element:
        try:
            self.parser.Parse(data, True)
        except expat.ExpatError as error:
            remedy = REMEDIES.get(expat.ErrorString(error.code) or "", "")
            words = (expat.ErrorString(error.code) or "it is no XML").lower()
            raise self._stop(words, remedy, error.lineno, error.offset + 1) from None
        except (LookupError, ValueError) as error:  # an encoding that nobody knows, or that has several bytes
            raise self._stop(f"its encoding cannot be read: {error}", "write it in UTF-8", 1, 1) from None
        if self.root is None:
            raise self._stop("it is empty", "write one element that holds all others", 1, 1)
        return self.root

    def _stop(self, message: str, remedy: str, line: int | None = None, column: int | None = None) -> DocumentInvalid:
        at = (line or self.parser.CurrentLineNumber, column or self.parser.CurrentColumnNumber + 1)
        inside = "/".join(element.tag for element in self.open[-3:])
        return _refusal(self.name, Fault(f"in <{inside}>" if inside else "the document", message, remedy, *at))

    def _doctype(self, *_: Any) -> None:
        raise self._stop("declares a document type, which may hold entities", "remove <!DOCTYPE ...>")

    def _start(self, given: str, attributes: list[str]) -> None:
        self.elements += 1
        if self.elements > MOST_ELEMENTS:
            raise self._stop(f"has more than {MOST_ELEMENTS:,} elements", "split it")
        if len(self.open) >= DEEPEST:
            raise self._stop(f"is nested deeper than {DEEPEST} elements", "flatten it")
        namespace, _, tag = given.rpartition(_SPACE)
        place = (self.parser.CurrentLineNumber, self.parser.CurrentColumnNumber + 1)
        pairs = zip(attributes[::2], attributes[1::2], strict=True)
        named = {_attribute(key): value for key, value in pairs}
        element = Element(tag, namespace, *place, named, parent=self.open[-1] if self.open else None)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)
        self.texts.append([])

    def _end(self, _: str) -> None:
        self.open.pop().text = "".join(self.texts.pop()).strip()

    def _characters(self, text: str) -> None:
        self.texts[-1].append(text)


def _attribute(given: str) -> str:
    namespace, _, name = given.rpartition(_SPACE)
    return f"{{{namespace}}}{name}" if namespace else name
