"""Secrets by reference: names in what is kept, values only where the work is done, and out of what it says."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from circuit_breaker.errors import SecretNotFound
from circuit_breaker.executors.secrets import NO_SECRETS, Redaction, is_secret, revealed, secret

values = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="*"), min_size=8, max_size=30).filter(
    lambda text: text.strip() == text
)
PEM = "-----BEGIN KEY-----\nMIIBVgIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"


def test_a_reference_is_plain_json():
    """A reference can be written down and recognised, and shows only the name."""
    assert {"$secret": "KEY"} == secret("KEY") == json.loads(json.dumps(secret("KEY")))
    assert is_secret(secret("KEY"))
    assert not any(map(is_secret, ["KEY", {}, {"$secret": 1}, {"$secret": "a", "b": 1}, None]))
    with pytest.raises(ValueError, match="needs a name"):
        secret("")


async def test_references_are_replaced_wherever_they_stand():
    """The values come from the operator's source, a mapping or a function, plain or async."""

    async def source(name):
        return {"A": "first", "B": "second"}.get(name)

    for given_source in (source, {"A": "first", "B": "second"}, {"A": "first", "B": "second"}.get):
        value, _ = await revealed({"x": [secret("A"), (1, secret("B"))], "y": "A"}, given_source)
        assert {"x": ["first", [1, "second"]], "y": "A"} == value


async def test_all_that_are_missing_are_named():
    """A secret that nobody gave, or an empty one, is an error that names every such one."""
    with pytest.raises(SecretNotFound, match="there is no secret 'B', 'C'") as error:
        await revealed([secret("C"), secret("A"), secret("B")], {"A": "a", "B": ""})
    assert "under(secrets=...)" in error.value.remedy
    with pytest.raises(SecretNotFound):
        await revealed(secret("A"), NO_SECRETS)


@given(values)
@example("with/slash")
@example('a "quoted" \\ one')
def test_a_secret_is_found_in_the_spellings_of_programs(value):
    """As it is, in JSON, in a URL and in base64, the value is taken out."""
    redaction = Redaction.of([value])
    spellings = [
        value,
        json.dumps(value),
        json.dumps(value, ensure_ascii=False),
        json.dumps(value).replace("/", "\\/"),
        quote(value),
        quote_plus(value, safe=""),
        base64.b64encode(value.encode()).decode(),
    ]

    for spelling in spellings:
        assert spelling.strip('"=') not in redaction.clean(f"before {spelling} after")


@given(value=values, user=st.text(alphabet="abc", max_size=4), rest=st.text(alphabet="xyz", max_size=4))
def test_a_secret_is_found_inside_what_is_base64(value, user, rest):
    """The password in ``user:password`` is taken out of a basic authorization, save a character at either end."""
    encoded = base64.b64encode(f"{user}:{value}{rest}".encode()).decode()
    cleaned = Redaction.of([value]).clean(encoded)

    assert "***" in cleaned
    assert not [start for start in range(len(encoded) - 9) if encoded[start : start + 10] in cleaned] or (
        len(user) + len(rest) >= 5
    )


def test_a_key_of_several_lines_is_found_line_by_line():
    """Of a key in PEM, whole or trimmed or one long line of it, nothing is shown."""
    redaction = Redaction.of([PEM])

    assert "key: ***" == redaction.clean(f"key: {PEM.strip()}")
    assert "***" == redaction.clean("MIIBVgIBADANBgkq")


def test_a_secret_that_was_read_from_a_file_is_found_without_its_line_end():
    """The white space around a secret does not hide it."""
    assert "the *** is" == Redaction.of(["hunter2\n"]).clean("the hunter2 is")


@given(st.lists(values, min_size=1, max_size=4), st.text(alphabet="ab *", max_size=10))
def test_nothing_is_left_of_any_secret(secrets, between):
    """Of several secrets, none is in what was cleaned, as text, bytes or JSON."""
    redaction = Redaction.of(secrets)
    text = between.join(secrets)
    cleaned = (
        redaction.clean(text),
        redaction.clean_bytes(text.encode()).decode(),
        redaction.clean_json({text: [text]}),
    )

    assert not [value for value in secrets if value in str(cleaned[:2]) or value in str(cleaned[2])]


def test_redaction_itself_shows_nothing():
    """The repr has no value, and without secrets nothing changes."""
    assert "hunter2" not in repr(Redaction.of(["hunter2"]))
    assert 0 == Redaction().longest
    assert {"a": [1.5, "x"]} == Redaction().clean_json({"a": [1.5, "x"]})


SAYINGS = [
    r'{"p":"p\u0026ss\u003cw\u003e \"x\" it\u0027s/+`"}',
    r'{"p":"p\u0026ss\u003Cw\u003E \u0022x\u0022 it\u0027s/\u002B\u0060"}',
    r'{"p":"p\u0026ss\u003cw\u003e \"x\" it' + "'" + r's/+`"}',
    r'password="p&ss<w> \"x\" it' + "'" + 's/+`"',
    r"{'p': 'p&ss<w> " + '"x"' + r" it\'s/+`'}",
    "<b>p&amp;ss&lt;w&gt; &quot;x&quot; it&#x27;s/+`</b>",
]


@pytest.mark.parametrize("said", SAYINGS)
def test_a_secret_is_found_in_the_spellings_of_others(said):
    """JSON as Go, .NET and PHP write it, Go's %q, Python's repr and HTML hide no secret."""
    cleaned = Redaction.of(['p&ss<w> "x" it\'s/+`']).clean(said)

    assert "***" in cleaned
    assert "ss" not in cleaned.replace("password", "")


def test_bytes_as_python_shows_them_hide_no_secret():
    """A secret of other letters is found in repr(bytes), and in ascii()."""
    cleaned = Redaction.of(["schlüssel"]).clean(repr("schlüssel".encode()) + ascii("schlüssel"))

    assert "ssel" not in cleaned
