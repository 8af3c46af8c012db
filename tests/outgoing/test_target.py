"""How the address of a call is read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.outgoing import read_url
from circuit_breaker.outgoing.target import LONGEST, origin_of

WRONG = [
    ("ftp://example.com/", "http or https"), ("file:///etc/passwd", "http or https"), ("gopher://a/", "http or https"),
    ("example.com", "http or https"), ("//example.com/", "http or https"), ("", "http or https"),
    ("http://u:p@example.com/", "user or a password"), ("http://@example.com/", "user or a password"),
    ("http://a@b@example.com/", "no address|user"), ("http:///path", "no host"), ("http://", "no address|no host"),
    ("http://2130706433/", "four decimal"), ("http://0x7f000001/", "four decimal"),
    ("http://0177.0.0.1/", "four decimal"),
    ("http://127.1/", "four decimal"), ("http://127.0.0.1./", "four decimal"), ("http://0x7f.1/", "four decimal"),
    ("http://0x/", "four decimal"), ("http://example.0x7f/", "four decimal"), ("http://999.1.1.1/", "four decimal"),
    ("http://１２７.1/", "four decimal"), ("http://[fe80::1%25eth0]/", "no address of IPv6"),
    ("http://[::1/", "no address"),
    ("http://exa mple.com/", "blank"), ("http://example.com\\@evil.example/", "backslash"),
    ("http://a\n.com/", "blank"),
    ("http://a%2eb/", "no name|no address"), ("http://a..b/", "no name"), ("http://a:0/", "port 0"),
    ("http://a:99999/", "no address"), ("http://a,b/", "no name"), ("https://" + "a" * LONGEST, "longer than"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), WRONG)
def test_what_programs_could_read_differently_is_refused(text, reason):
    """Other schemes, users in the address and odd spellings of a host are refused with the reason."""
    with pytest.raises(ValueError, match=reason):
        read_url(text)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://example.com/a?b=c#d", "https://example.com"),
        ("http://EXAMPLE.com.:8080", "http://example.com.:8080"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("http://[::FFFF:1.2.3.4]/", "http://[::ffff:102:304]"),
        ("http://bücher.example/", "http://xn--bcher-kva.example"),
        ("http://127。0。0。1/", "http://127.0.0.1"),
        ("http://under_score.example/", "http://under_score.example"),
    ],
)
def test_an_address_is_read_once_and_for_all(text, origin):
    """The host is in the form in which it is looked up, and the fragment is gone."""
    url = read_url(text)

    assert origin == str(url.with_host(url.raw_host).origin()) == origin_of(url).replace("bücher", "xn--bcher-kva")
    assert "#" not in str(url)


@given(st.text(max_size=40))
def test_any_text_is_an_address_or_a_value_error(text):
    """No text makes the reader fail in another way, and its host cannot be read as anything else."""
    for candidate in (text, f"http://{text}", f"https://example.com{text}"):
        try:
            url = read_url(candidate)
        except ValueError:
            continue
        assert url.scheme in ("http", "https")
        assert url.raw_host
        assert url.user is None
