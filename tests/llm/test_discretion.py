"""Keys taken out of text."""

from __future__ import annotations

import time

import pytest

from circuit_breaker.llm.discretion import is_secret_name, without_keys


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Incorrect key sk-proj-abcdefghijklmnop given", "Incorrect key *** given"),
        ("AIza" + "x" * 35, "***"),
        ("AKIAABCDEFGHIJKLMNOP", "***"),
        ("Authorization: Bearer abc.def-123456", "Authorization: Bearer ***"),
        ('{"api_key": "short-key"}', '{"api_key": "***"}'),
        ("https://x/y?access_token=abcdef123&z=1", "https://x/y?access_token=***&z=1"),
        ("postgres://me:hunter2@db/x", "postgres://***@db/x"),
        ("eyJhbGciOiJI.eyJzdWIiOiI.sig", "***"),
        ("token-eyJhbGciOiJI.eyJzdWIiOiI.sig eyJ", "*** eyJ"),
        ("password = hunter22", "password = ***"),
        ("-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----", "***"),
    ],
)
def test_what_looks_like_a_key_is_taken_out(text, cleaned):
    """Keys of vendors, headers, tokens, passwords and private keys are replaced by three asterisks."""
    assert cleaned == without_keys(text)


@pytest.mark.parametrize(
    "text", ["max_tokens=4000000", "the task-force met", "a basic idea", "https://example.com/a?b=c", "monkey business"]
)
def test_what_is_no_key_stays(text):
    """Ordinary text is left alone."""
    assert text == without_keys(text)


@pytest.mark.parametrize("name", ["api_key", "X-Api-Key", "Authorization", "access_token", "Set-Cookie", "password"])
def test_names_of_secrets_are_known(name):
    """A header or a member of that name is never written down; those that only sound so are."""
    assert is_secret_name(name)
    assert not any(map(is_secret_name, ["max_tokens", "monkey", "keyboard", "tokenizer", "message"]))


@pytest.mark.parametrize(
    "text",
    [
        "a" * 300_000,
        "a-" * 100_000,
        "token" * 50_000,
        "-----BEGIN PRIVATE KEY-----" * 9000,
        "eyJaaaaaaaa-" * 30_000,
        "eyJaaaaaaaa." * 30_000,
    ],
)
def test_no_text_takes_for_ever(text):
    """The time is in proportion to the text."""
    started = time.perf_counter()
    without_keys(text)
    assert time.perf_counter() - started < 5
