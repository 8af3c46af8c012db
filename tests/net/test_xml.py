"""XML is read with places, and what could harm a reader is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.net.xml import read_xml

BOMB = '<!DOCTYPE a [<!ENTITY b "xxxxxxxx"><!ENTITY c "&b;&b;&b;&b;">]>\n<a>&c;</a>'
REFUSED = [
    (BOMB, "document type", (1, 13)),
    ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', "document type", (1, 40)),
    ("<a>\n <b></c></a>", "mismatched tag", (2, 7)),
    ("<a>\n&x;</a>", "undefined entity", (2, 1)),
    ('<a b="1" b="2"/>', "duplicate attribute", (1, 10)),
    ("<x:a/>", "unbound prefix", (1, 1)),
    ("", "no element found", (1, 1)),
    ("plain", "syntax error", (1, 1)),
    ("<a/><b/>", "junk after document element", (1, 5)),
    ("<a>" * 200, "nested deeper than 100", (1, 301)),
    (b'<?xml version="1.0" encoding="none"?><a/>', "encoding cannot be read", (1, 1)),
    (b'<?xml version="1.0" encoding="gb2312"?><a/>', "encoding cannot be read", (1, 1)),
    ("<a>\ud800</a>", "not well-formed", (1, 4)),
]


@pytest.mark.parametrize(("text", "message", "place"), REFUSED)
def test_a_hostile_or_torn_document_is_refused_with_its_place(text, message, place) -> None:
    """Entities, outside references, what is torn, too deep or in no known encoding: one error with line and column."""
    with pytest.raises(DocumentInvalid, match=message) as caught:
        read_xml(text, name="m.bpmn")
    (fault,) = caught.value.faults
    assert (place, "m.bpmn cannot be read") == ((fault.line, fault.column), caught.value.message.splitlines()[0])


def test_what_is_too_large_is_refused_before_it_is_read() -> None:
    """The length is looked at first, and the limit is named."""
    with pytest.raises(DocumentInvalid, match="the most is 10"):
        read_xml("<" * 11, largest=10)


def test_too_many_elements_are_refused(monkeypatch) -> None:
    """The number of elements is bounded, however small each is."""
    monkeypatch.setattr("circuit_breaker.net.xml.MOST_ELEMENTS", 3)
    with pytest.raises(DocumentInvalid, match="more than 3 elements"):
        read_xml("<a><b/><c/><d/></a>")


def test_elements_know_their_place_and_their_names() -> None:
    """Namespaces are told apart from names, attributes are found with and without theirs, texts are gathered."""
    root = read_xml('<p:a xmlns:p="urn:x" p:k="1" l="2">\n  <p:b>one <c/>two</p:b>\n</p:a>')
    (inner,) = root.all("b")
    assert ("a", "urn:x", "1", "2", "") == (root.tag, root.namespace, root.get("k"), root.get("l"), root.get("m"))
    assert (2, 3, "one two", root) == (inner.line, inner.column, inner.text, inner.parent)
    assert (["a", "b", "c"], None) == ([element.tag for element in root.walk()], root.first("z"))


def test_bytes_are_read_in_the_encoding_that_they_declare() -> None:
    """ISO 8859-1 and UTF-16 are read; a text is a text whatever it declares."""
    latin = '<?xml version="1.0" encoding="iso-8859-1"?><a>\xe9</a>'
    assert ["\xe9"] * 2 == [read_xml(latin).text, read_xml(latin.encode("latin-1")).text]
    assert "\xe9" == read_xml("<a>\xe9</a>".encode("utf-16")).text


@given(st.text(max_size=60) | st.binary(max_size=60))
def test_any_text_is_read_or_refused(text) -> None:
    """Nothing but a DocumentInvalid comes out of nonsense."""
    try:
        found = read_xml(text).tag
    except DocumentInvalid as error:
        found = error.faults
    assert found
