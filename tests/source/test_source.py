"""Reading YAML and JSON strictly, with positions, and writing it so that it is read back the same."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from circuit_breaker.errors import DataInvalid, DocumentInvalid
from circuit_breaker.source import reading as source
from circuit_breaker.source.reading import read_source, write_source

AWKWARD = st.sampled_from(
    ["no", "on", "012", "1:30", "null", "~", "<<", "---", "...", "=", "a: b", "a #b", "x\n", "x\n\n", " x\ny", "\n"]
)
TEXTS = st.one_of(st.text(), st.text(alphabet=" \n\t:#-?|>a'\"{}[]0,&*!%@`", max_size=12), AWKWARD)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(TEXTS, inner)),
    max_leaves=20,
)


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both parsers: the fast one, and the one that is there without it."""
    monkeypatch.setattr(source, "LOADER", getattr(yaml, request.param))


def faults(text: str) -> list[tuple[int | None, int | None, str, str]]:
    """Line, column, place and message of each fault in the text."""
    with pytest.raises(DocumentInvalid) as caught:
        read_source(text, name="flow.yaml")
    assert str(caught.value).startswith("flow.yaml cannot be read\n")
    assert all(fault.remedy for fault in caught.value.faults)
    return [(fault.line, fault.column, fault.place, fault.message) for fault in caught.value.faults]


def message(text: str) -> str:
    """The message of the only fault in the text."""
    [(_, _, _, only)] = faults(text)
    return only


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("true", True),
        ("FALSE", False),
        ("null", None),
        ("~", None),
        ("012", 12),
        ("0o14", 12),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2024-01-01", "2024-01-01"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("1.2.3", "1.2.3"),
        ("'12'", "12"),
        ('"true"', "true"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!!int '12'", 12),
        ("!!float 3", 3.0),
        ("!!bool true", True),
        ("!!null ''", None),
        ("!!map {a: 1}", {"a": 1}),
        ("!!seq [1]", [1]),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("été 日本", "été 日本"),
    ],
)
@pytest.mark.usefixtures("loader")
def test_scalars_mean_what_the_core_schema_says(text: str, value: object) -> None:
    """YAML 1.2: words are text, leading zeros count for nothing, and only what looks like a number is one."""
    found = read_source(f"key: {text}\n").value["key"]
    assert (value, type(value)) == (found, type(found))


@pytest.mark.usefixtures("loader")
def test_every_value_and_key_has_its_place() -> None:
    """Lines and columns are counted from 1, for mappings, sequences, keys and values."""
    found = read_source("name: doc\nflows:\n  - path: a\n    guard: x\n  -   b\n")
    assert (1, 1) == found.position()
    assert (1, 7) == found.position(("name",))
    assert (2, 1) == found.key_position(("flows",))
    assert (3, 3) == found.position(("flows",))
    assert (4, 5) == found.key_position(("flows", 0, "guard"))
    assert (4, 12) == found.position(("flows", 0, "guard"))
    assert (5, 7) == found.position(("flows", 1)) == found.key_position(("flows", 1))


def test_what_is_missing_has_the_place_of_what_should_hold_it() -> None:
    """The position of a path that leads nowhere is that of the last value on the way."""
    found = read_source("flows:\n  - path: a\n")
    assert (2, 5) == found.position(("flows", 0, "transition")) == found.key_position(("flows", 0, "guard"))
    assert (2, 3) == found.position(("flows", 7))


def test_json_has_places_too() -> None:
    """A text that begins with a brace is read as JSON, with the same positions."""
    found = read_source('\n{"name": "doc",\n "flows": [1, {"a": [],\t"b": -1.5e3}]}\n')
    assert {"name": "doc", "flows": [1, {"a": [], "b": -1500.0}]} == found.value
    assert (2, 10) == found.position(("name",))
    assert (3, 2) == found.key_position(("flows",))
    assert (3, 15) == found.position(("flows", 1))
    assert (3, 25) == found.key_position(("flows", 1, "b"))


def test_a_source_knows_its_name_and_ignores_a_byte_order_mark() -> None:
    """The name is kept for messages, and a mark at the beginning is no content."""
    found = read_source("\ufeffa: 1\n", name="flow.yaml")
    assert ("flow.yaml", {"a": 1}) == (found.name, found.value)


@pytest.mark.usefixtures("loader")
def test_all_faults_are_told_at_once_in_the_order_of_the_text() -> None:
    """Keys that are there twice, keys that are no text and values that are no JSON come in one error."""
    text = "a: 1\na: {b: 1, b: 2}\n12: x\nnull: y\nc: .inf\nd: !!python/name:os.system x\n"
    assert [
        (2, 1, "the document", "the key 'a' is there twice, first in line 1"),
        (2, 11, "the document", "the key 'b' is there twice, first in line 2"),
        (3, 1, "the document", "the key 12 is no text"),
        (4, 1, "the document", "the key null is no text"),
        (5, 4, "c", ".inf is no JSON number"),
        (6, 4, "d", "the tag !!python/name:os.system is not known"),
    ] == faults(text)


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ("a:\n\tb: 1\n", (2, 1), "a tab cannot indent"),
        ("a: b: c\n", (1, 5), "mapping values are not allowed"),
        ("a: @b\n", (1, 4), "no text can begin with @"),
        ("a: 'x\n", (2, 1), "unexpected end of stream"),
        ("a: *b\n", (1, 4), "nothing is named by &b"),
        ("a: &b [*b]\n", (1, 8), "stands inside of what it names"),
        ("<<: {a: 1}\n", (1, 1), "merge keys are not in YAML 1.2"),
        ("? [a]\n: b\n", (1, 3), "cannot be a key"),
        ("? \n: b\n", (1, 2), "this key is no text"),
        ("a: &x 1\n*x : 2\n", (2, 1), "this key is no text"),
        ("---\na: 1\n---\nb: 2\n", (3, 1), "a second document begins"),
        ("%YAML 1.1\n---\na: 1\n", (1, 1), "only YAML 1.2"),
        ("", (1, 1), "it is empty"),
        ("# only a comment\n", (1, 1), "it is empty"),
        ("a\x07: 1\n", (1, 2), "the character \\x07 is not allowed"),
        ("a: 1\nb: x\u2028y\n", (2, 5), "the character \\u2028 is not allowed"),
        ("a: !!int x\n", (1, 4), "'x' is no !!int"),
        ("a: !!map [1]\n", (1, 4), "the tag !!map is not known here"),
        ("a: 1e999\n", (1, 4), "the number 1e999 is too large"),
        (f"a: {'9' * 5000}\n", (1, 4), "a number of 5000 characters is too long"),
        (f"a: 0x{'f' * 5000}\n", (1, 4), "a number of 5002 characters is too long"),
    ],
)
@pytest.mark.usefixtures("loader")
def test_a_wrong_document_is_told_where_and_why(text: str, place: tuple[int, int], part: str) -> None:
    """Every fault has its line and column, and says what to do."""
    [(line, column, _, found)] = faults(text)
    assert place == (line, column)
    assert part in found


@pytest.mark.parametrize(
    ("text", "place", "part"),
    [
        ('{"a": 1,\n "a": 2}', (2, 2), "the key 'a' is there twice, first in line 1"),
        ('{"a": NaN}', (1, 7), "NaN is no JSON"),
        ('{"a": -Infinity}', (1, 7), "-Infinity is no JSON"),
        ('{"a": 1e999}', (1, 7), "too large"),
        ('{"a": 1,}', (1, 9), "a key in double quotes is expected, not '}'"),
        ("{a: 1}", (1, 2), "a key in double quotes is expected, not 'a'"),
        ('{"a": 01}', (1, 8), ", or } is expected, not '1'"),
        ('{"a": [1 2]}', (1, 10), ", or ] is expected, not '2'"),
        ('{"a" 1}', (1, 6), ": is expected, not '1'"),
        ('{"a": 1', (1, 8), "not the end of the text"),
        ('{"a": "x\ny"}', (1, 9), "invalid control character, at '\\n'"),
        ('{"a": }', (1, 7), "expecting value, at '}'"),
        ("{} {}", (1, 4), "the document has ended here"),
        ('{"a": "\\ud800"}', (1, 7), "half of a surrogate pair"),
        ('{"a": ' + "[" * 100, (1, 70), "nested deeper than 64"),
    ],
)
def test_wrong_json_is_told_where_and_why(text: str, place: tuple[int, int], part: str) -> None:
    """JSON keeps its own rules, and says where they are broken."""
    [(line, column, _, found)] = faults(text)
    assert place == (line, column)
    assert part in found


def test_a_text_with_half_a_character_is_refused() -> None:
    """Surrogates are no characters, raw or as an escape."""
    assert "\\ud800 is not allowed" in message("a: \ud800\n")
    assert "escape" in message('a: "\\ud800"\n')


def test_half_a_character_from_the_slow_parser_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parser that lets the escape pass does not decide."""
    monkeypatch.setattr(source, "LOADER", yaml.SafeLoader)
    assert "half of a surrogate pair is no character" == message('a: "\\ud800"\n')


@pytest.mark.usefixtures("loader")
def test_deep_nesting_is_refused_before_it_costs_anything() -> None:
    """The depth is bounded, and the path in the message stays short."""
    [(line, column, place, found)] = faults("[" * 100_000)
    assert (1, 65, "it is nested deeper than 64") == (line, column, found)
    assert "…" in place


def test_aliases_stand_for_copies() -> None:
    """A value that is named once and used twice is two values, each with its place."""
    found = read_source("a: &x {k: [1]}\nb: *x\nc: *x\nd: &y e\n*y : 1\n&z f: *y\n")
    assert {"a": {"k": [1]}, "b": {"k": [1]}, "c": {"k": [1]}, "d": "e", "e": 1, "f": "e"} == found.value
    assert found.value["a"]["k"] is not found.value["b"]["k"] is not found.value["c"]["k"]
    assert (2, 4) == found.position(("b",))
    assert (1, 11) == found.position(("b", "k"))


def test_a_key_can_be_named_and_used() -> None:
    """An anchor on a key names its text."""
    assert {"a": 1, "b": "a"} == read_source("&k a: 1\nb: *k\n").value


def test_a_billion_laughs_are_refused() -> None:
    """Aliases of aliases cannot multiply beyond a bound."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert "aliases stand for too many values" == message("\n".join(lines))


def test_many_aliases_and_deep_ones_are_refused() -> None:
    """Neither the number of aliases nor the depth that they add is unbounded."""
    assert "aliases stand for too many values" == message(f"a: &x 1\nb: [{', '.join(['*x'] * 300)}]")
    deep = "[" * 40 + "]" * 40
    assert "it is nested deeper than 64" == message(f"a: &x {deep}\nb: {'[' * 40}*x{']' * 40}")


def test_a_document_that_is_too_large_is_refused_unread() -> None:
    """The size is bounded."""
    assert "1,000,006 characters are too many; the most is 1,000,000" == message("a: " + "x" * 1_000_003)


def test_the_number_of_faults_is_bounded() -> None:
    """A document that is wrong everywhere is not read to its end."""
    assert 50 == len(faults("a: 1\n" * 1000))
    assert 50 == len(faults("\x00" * 1000))


@given(VALUES)
def test_what_is_written_is_read_back_equal(value: object) -> None:
    """Every JSON value comes back the same, down to the type of its numbers."""
    assert repr(value) == repr(read_source(write_source(value)).value)


@settings(max_examples=30)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_json_is_read_as_json_reads_it(value: object) -> None:
    """Every JSON object, however it is spaced and escaped, means what the standard library says."""
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        assert repr(json.loads(text)) == repr(read_source(text).value)


@settings(max_examples=30)
@given(VALUES)
def test_other_readers_take_it_for_yaml(value: object) -> None:
    """What is written is YAML without tags, anchors or second documents, for either parser."""
    kinds = [type(event).__name__ for event in yaml.parse(write_source(value), Loader=yaml.SafeLoader)]
    assert 1 == kinds.count("DocumentStartEvent")
    assert 0 == kinds.count("AliasEvent")


def test_what_is_written_is_pleasant_to_read() -> None:
    """Block style, quotes only where needed, short lists in one line, lines of text as blocks."""
    value = {
        "name": "document",
        "flows": [{"path": ["draft", "pending"], "about": "Two lines,\nand no more.\n", "on": "no"}, "x"],
        "nested": [[["a: b"]], {"k": [{"version": "1.10"}]}],
        "nothing": None,
        "empty": [{}, []],
        "since": ("2024-01-01", 1.5, True),
        "last": "a\n\nb",
    }
    assert (
        "name: document\n"
        "flows:\n"
        "  - path: [draft, pending]\n"
        "    about: |\n"
        "      Two lines,\n"
        "      and no more.\n"
        '    "on": "no"\n'
        "  - x\n"
        "nested:\n"
        "  -\n"
        "    -\n"
        '      - "a: b"\n'
        "  - k:\n"
        '      - version: "1.10"\n'
        "nothing: null\n"
        "empty:\n"
        "  - {}\n"
        "  - []\n"
        "since:\n"
        '  - "2024-01-01"\n'
        "  - 1.5\n"
        "  - true\n"
        "last: |-\n"
        "  a\n"
        "\n"
        "  b\n"
    ) == write_source(value)


@pytest.mark.parametrize("text", ["no", "Yes", "on", "012", "1:30", "null", "1_000", "0x1F", ".inf", "2024-01-01", "="])
def test_texts_that_look_like_something_else_are_quoted(text: str) -> None:
    """Also for readers that follow YAML 1.1."""
    assert f'a: "{text}"\n' == write_source({"a": text})


@pytest.mark.parametrize("text", ["x" * 2000, "a\nb\n\n\n", " a\nb", "\ta\nb", "a\n \nb", "a\x85b", "\U000e0001"])
def test_awkward_texts_come_back(text: str) -> None:
    """Long keys, blank lines, leading space and invisible characters survive as key and as value."""
    value = {text: text, "list": [text, {text: [text]}]}
    assert value == read_source(write_source(value)).value


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"a": [{"b": float("nan")}]}, "a[0].b cannot be written: nan is no JSON number"),
        ({"a": 10**500}, "a cannot be written: the integer is too long"),
        ({"a": {1: 2}}, "a has the key 1, which is no text"),
        ({"a": {1, 2}}, "a is a set, which is no JSON"),
        ({"a": "\ud800"}, "a holds half of a surrogate pair"),
        (object(), "the document is a object, which is no JSON"),
    ],
)
def test_what_is_no_json_is_not_written(value: object, part: str) -> None:
    """The error names the path and the value."""
    with pytest.raises(DataInvalid, match=r"JSON|integer|text|pair") as caught:
        write_source(value)
    assert part in str(caught.value)


def test_a_value_that_holds_itself_is_not_written() -> None:
    """The depth is bounded when writing as well."""
    value: list[object] = []
    value.append(value)
    with pytest.raises(DataInvalid, match="nested deeper than 64"):
        write_source(value)
