"""The request that a redirect makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import AddressRefused, ServiceFailed
from circuit_breaker.outgoing import Request, read_url
from circuit_breaker.outgoing.redirect import redirected

SECRETS = {"Authorization": "Bearer x", "Cookie": "x", "X-Api-Key": "x", "Proxy-Authorization": "x"}


def request(method="GET", url="https://a.example/x?q=1", body=None, **headers):
    return Request(method=method, url=read_url(url), headers=headers, body=body)


@pytest.mark.parametrize(
    ("status", "method", "after"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (302, "GET", "GET"),
    ],
)
def test_the_method_changes_as_browsers_have_it(status, method, after):
    """303, and 301 and 302 after POST, drop the body and its type; 307 and 308 keep both."""
    found = redirected(request(method, body=b"{}", **{"Content-Type": "application/json"}), status, "/y")

    assert (after, "https://a.example/y") == (found.method, str(found.url))
    kept = after == method
    assert (b"{}" if kept else None, kept) == (found.body, "Content-Type" in found.headers)


@given(st.sampled_from([301, 302, 303, 307, 308]), st.dictionaries(st.sampled_from(sorted(SECRETS)), st.just("x")))
def test_another_origin_is_told_no_secret(status, headers):
    """Of the headers only those that never hold a secret go to another origin."""
    found = redirected(request("GET", Accept="text/plain", **headers), status, "https://b.example/")

    assert {"Accept": "text/plain"} == dict(found.headers)


@pytest.mark.parametrize("location", ["/y", "https://a.example/y", "https://a.example:443/y", "//a.example/y", "y"])
def test_the_same_origin_is_told_all(location):
    """Within an origin nothing is held back."""
    assert SECRETS == dict(redirected(request(**SECRETS), 302, location).headers)


def test_a_step_to_tls_is_the_same_place():
    """From http to https of the same host, on the usual ports, everything goes along."""
    plain = request("POST", "http://a.example/", b"{}", **SECRETS)

    found = redirected(plain, 308, "https://a.example/")

    assert (b"{}", SECRETS) == (found.body, dict(found.headers))


def test_tls_is_not_given_up():
    """A redirect from https to http is refused."""
    with pytest.raises(AddressRefused, match="not encrypted"):
        redirected(request(), 302, "http://a.example/")


@pytest.mark.parametrize("location", ["https://b.example/", "https://a.example:8443/"])
def test_a_body_is_not_handed_to_another_origin(location):
    """What is to be sent again to another origin might hold a secret, and is refused."""
    with pytest.raises(AddressRefused, match="redirects its body"):
        redirected(request("PUT", body=b"secret"), 307, location)


@pytest.mark.parametrize(
    "location", ["ftp://a.example/", "https://u:p@a.example/", "https://2130706433/", "http://[", "file:///x"]
)
def test_a_redirect_to_no_address_fails(location):
    """A location that cannot be called is the server's fault."""
    with pytest.raises(ServiceFailed, match="redirects to an address that"):
        redirected(request(), 302, location)


def test_a_request_shows_no_secret():
    """Neither the path, the query, the headers nor the body are shown."""
    shown = repr(request("POST", "https://a.example/path?key=s3cret", b"s3cret", Authorization="s3cret"))

    assert "s3cret" not in shown
    assert "path" not in shown
