"""Personal data is found by what it looks like, and hidden the same whether a text comes whole or in pieces."""

from __future__ import annotations

import re
import time
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.agents.guardrails import Pattern, PersonalData
from circuit_breaker.agents.guardrails.vault import Vault
from circuit_breaker.errors import AgentInvalid

NAMED = PersonalData(names=["Ann Smith", "Bob"]).hider("e1")


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Write to ann.smith+x@mail.example.org.", "Write to [EMAIL]."),
        ("jörg@bücher.example is [me@example.org]", "[EMAIL] is [[EMAIL]]"),
        ("call +49 (0)170 1234567 now", "call [PHONE] now"),
        ("call (555) 123-4567 or 555-123-4567", "call [PHONE] or [PHONE]"),
        ("030 1234567 040 7654321", "[PHONE] [PHONE]"),
        ("01.23.45.67.89", "[PHONE]"),
        ("DE89 3704 0044 0532 0130 00 is mine", "[IBAN] is mine"),
        ("gb82west12345698765432", "[IBAN]"),
        ("4111 1111 1111 1111 and 378282246310005", "[CREDIT_CARD] and [CREDIT_CARD]"),
        ("from 192.168.1.1 or 2001:db8::8a2e:370:7334", "from [IP] or [IP]"),
        ("ANN SMITH met bob.", "[NAME] met [NAME]."),
    ],
)
def test_what_is_personal_is_hidden(text, hidden):
    """Mail addresses, telephones, accounts, cards, addresses of machines and listed names become their kind."""
    assert hidden == NAMED.text(text)


@pytest.mark.parametrize(
    "text",
    [
        "1200000, 1150000, 1300000 and 450000 in 2024-01-17T10:00:00Z, 01.02.2024, 12:30:45",
        "4111 1111 1111 1112",  # the last digit is wrong
        "DE88 3704 0044 0532 0130 00",  # the check digits are wrong
        "0.5 0.7 0.9 1.1 of 999.1.1.1 in std::vector a::b",
        "Bobby and Annie Smithers at x@y",
        "order-4111111111111111b",
    ],
)
def test_what_only_looks_alike_stays(text):
    """Figures, dates, times, code, wrong check digits and longer words are left alone."""
    assert text == NAMED.text(text)


FORMS = {
    "+49 30 901820": "[PHONE]",
    "555-123-4567": "[PHONE]",
    "4111 1111 1111 1111": "[CREDIT_CARD]",
    "DE89 3704 0044 0532 0130 00": "[IBAN]",
    "Ann Smith": "[NAME]",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "separator", "\u00a0 \u202f \u2009 \u3000 \u2011 \u2013 \u2212 \u00ad\u00a0 \u200b\u2010".split(" ")
)
def test_spaces_and_hyphens_of_all_kinds_are_plain_ones(form, separator):
    """J6: a value is found whichever space or hyphen stands in it, and characters that nobody sees do not hide it."""
    text = re.sub("[ -]", separator, form) if separator[-1] != "\u00a0" else form.replace(" ", separator)
    named = PersonalData(names=["Ann Smith", "Ann-Smith"]).hider("e1")

    assert f"x: {FORMS[form]}." == named.text(f"x: {text}.")
    assert f"x: {FORMS[form]}." == named.text(f"x: {text}.".encode("unicode_escape").decode().replace("\\x", "\\u00"))


@pytest.mark.parametrize("white", ["  ", "\t", "\n", "\r\n", " \n "])
def test_names_and_accounts_go_on_in_the_next_line(white):
    """J6: white space of other kinds may stand inside of a name and of a bank account."""
    assert f"[NAME],{white}[IBAN]" == NAMED.text(
        f"Ann{white}Smith,{white}DE89 3704{white}0044 0532 0130{white}00".replace(" ", " ")
    )


@pytest.mark.parametrize("name", ["Jürgen Groß", "Ali Yıldız"])
def test_a_name_is_found_however_it_is_written(name):
    """J6: characters put together, capitals, and the capitals that a letter has in one language only."""
    named = PersonalData(names=[name]).hider("e1")
    written = {name, name.upper(), name.lower(), normalize("NFD", name), normalize("NFD", name.upper())}

    assert {"[NAME]"} == set(map(named.text, written))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("0049-30-901820", "[PHONE]"),
        ("0049 30 901820", "[PHONE]"),
        ("ping fe80::1 or ::ffff:192.168.0.1", "ping [IP] or [IP]"),
        ("2001:db8::1, ::1", "[IP], [IP]"),
        ("a::b, dead::beef, 1::2, 2024-01-17", "a::b, dead::beef, 1::2, 2024-01-17"),
    ],
)
def test_other_forms_of_numbers_are_found(text, hidden):
    """J6: telephones with two noughts, and short addresses of machines; what is rather code stays."""
    assert hidden == NAMED.text(text)


def test_values_are_hidden_wherever_they_are():
    """Texts in lists and objects are hidden, keys too, and a card that was written as a number."""
    given_ = {"a@b.org": 1, "c@d.org": ["x 10.0.0.1", 4111111111111111, True, 17, None]}

    assert {"[EMAIL]": 1, "[EMAIL] (2)": ["x [IP]", "[CREDIT_CARD]", True, 17, None]} == NAMED.value(given_)


PIECES = [
    "ann@example.org", "x.y@z", "+49 170 1234567", "030 1234567", "(555) 123-4567", "DE89 3704 0044 0532 0130 00",
    "GB82WEST12345698765432", "4111 1111 1111 1111", "4111111111111111", "10.0.0.1", "2001:db8::8a2e:370:7334",
    "Ann Smith", "Ann", "Bob", "bobby", "2024-01-17", "1200000", " ", ", ", "\n", ". ", "-", "a", "ä", "7",
    "@", "(", "+", "東京", "\u00a0", "\u200b", "\u2011", "fe80::1",
    "::ffff:10.0.0.1", "0049-30-901820", "\t", "ANN", "Smith", "İ", "ı",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=14).map("".join)


@given(TEXTS, st.lists(st.integers(1, 9), min_size=1, max_size=20))
def test_a_text_in_pieces_is_hidden_like_the_whole(text, sizes):
    """However a stream is cut, what is given out is together what becomes of the whole text."""
    stream, told, at, number = NAMED.stream(), [], 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        told.append(stream.push(text[at : at + size]))
        at, number = at + size, number + 1

    assert NAMED.text(text) == "".join([*told, stream.end()])


@given(st.lists(st.sampled_from(PIECES), max_size=9).map(", ".join))
def test_hiding_twice_changes_nothing(text):
    """What stands in the place of a value is no personal data itself."""
    assert NAMED.text(text) == NAMED.text(NAMED.text(text))


def test_plain_text_is_given_out_at_once():
    """A stream holds back only what may be the beginning of something."""
    stream = NAMED.stream()

    assert "Sure, the answer " == stream.push("Sure, the answer ")
    assert "is: " == stream.push("is: an")
    assert "" == stream.push("n@exa")
    assert "[EMAIL]. " == stream.push("mple.org. ")


ODD = ("\\", "\\n", "\\u0031", "\\u00", "1\u00a0", "1\u200b", "DE12\n", "ann ", "::1.", "fe80:")


def test_a_long_text_takes_linear_time():
    """Texts made to be slow for patterns are hidden within seconds, in pieces too."""
    for unit in ("a", "a@", "1-", "DE12 ", "1:", "1.", "+1 (2) ", "@a.", "0 ", *ODD):
        text, stream = unit * (20_000 // len(unit)), NAMED.stream()
        begun = time.process_time()
        for at in range(0, len(text), 50):
            stream.push(text[at : at + 50])
        stream.end()
        NAMED.text(text)
        assert time.process_time() - begun < 10, unit


def test_placeholders_are_reversible_within_one_execution():
    """The same value has the same placeholder in an execution, which gives it back there and nowhere else."""
    guard = PersonalData(reversible=True)
    hidden = guard.hider("e1").text("a@b.org, c@d.org, a@b.org")
    first, second, third = hidden.split(", ")

    assert re.fullmatch(r"\[EMAIL_[0-9a-f]{6}\]", first)
    assert first == third != second
    assert {"to": ["a@b.org, c@d.org, a@b.org", 3]} == guard.restored("e1", {"to": [hidden, 3]})
    assert hidden == guard.restored("e2", hidden) == guard.hider("e1").text(hidden)


def test_no_process_takes_the_placeholder_of_another_for_its_own():
    """Two vaults make different placeholders for the same value, unless they have the same secret."""
    one, other = (Vault().placeholder("e1", "email", "a@b.org") for _ in range(2))
    alike = {Vault(secret="s" * 32).placeholder("e1", "email", "a@b.org") for _ in range(2)}

    assert one != other
    assert 1 == len(alike)
    with pytest.raises(ValueError, match="32 characters"):
        Vault(secret="s" * 31)


def test_values_with_the_same_beginning_have_placeholders_of_their_own():
    """Of many values each has its own placeholder, which gives it back."""
    vault = Vault()
    found = {vault.placeholder("e1", "n", str(number)): str(number) for number in range(20_000)}

    assert 20_000 == len(found)
    assert all(value == vault.value("e1", placeholder) for placeholder, value in found.items())


def test_the_vault_forgets_the_oldest_and_shows_nothing():
    """A vault keeps so many executions, can be told to forget one, and its repr has no value."""
    vault = Vault(most=2)
    made = {owner: vault.placeholder(owner, "email", "a@b.org") for owner in ("e1", "e2", "e3")}
    vault.forget("e3")

    assert [None, "a@b.org", None] == [vault.value(*each) for each in made.items()]
    assert "a@b.org" not in repr(vault)


def test_another_pattern_can_be_plugged_in():
    """A finder of yours hides its own kind, also across the borders of pieces."""
    guard = PersonalData(kinds=(), finders=[Pattern("badge", re.compile(r"B-\d{4}"), reach=6)])
    stream = guard.hider("e1").stream()

    assert "my [BADGE]!" == stream.push("my B-1") + stream.push("234!") + stream.end()


def test_a_guard_that_makes_no_sense_is_refused():
    """An unknown kind, an empty name, and telling what is not kept are faults, all named."""
    with pytest.raises(AgentInvalid) as refused:
        PersonalData(kinds="emial", names=[" "], told=True)

    assert ["kinds", "names", "told"] == [fault.place for fault in refused.value.faults]
    assert "email" in str(refused.value)
