"""A request, and the request that a redirect makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import attrs
from yarl import URL

from circuit_breaker.errors import AddressRefused, ServiceFailed
from circuit_breaker.outgoing.target import origin_of, read_url

__all__ = ["REDIRECTS", "Request", "redirected"]

REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})

_PUBLIC: Final = frozenset({"accept", "accept-encoding", "accept-language", "user-agent"})
_OF_BODY: Final = frozenset({"content-type", "content-encoding", "content-language", "content-length"})


@attrs.frozen(kw_only=True)
class Request:
    """One request.

    Attributes:
        method: In capitals, such as ``"GET"``.
        url: Where it goes; made by :func:`~circuit_breaker.outgoing.read_url`.
        headers: By name; not shown, for they may hold secrets.
        body: Its bytes, or None.
    """

    method: str
    url: URL = attrs.field(repr=origin_of)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    body: bytes | None = attrs.field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.method} {origin_of(self.url)}"


def redirected(request: Request, status: int, location: str) -> Request:
    """The request that follows an answer with this status and ``Location``.

    As RFC 9110 and browsers have it: 303, and 301 and 302 after a POST, make it a GET without a body. Another origin
    is told no header that could hold a secret.

    Raises:
        ServiceFailed: The location is no address.
        AddressRefused: It leads from https to http, or would hand the body to another origin.
    """
    try:
        url = read_url(str(request.url.join(URL(location))))
    except ValueError as error:
        raise ServiceFailed(f"{request} redirects to an address that {error}", status=status) from error
    method, body, headers = request.method, request.body, dict(request.headers)
    if (status == 303 and method != "HEAD") or (status in (301, 302) and method == "POST"):
        method, body, headers = "GET", None, _without(headers, _OF_BODY)
    if not _same_place(request.url, url):
        if body is not None:
            raise AddressRefused(
                f"{request} redirects its body to {origin_of(url)}", remedy="call that address, if it is the right one"
            )
        headers = {name: value for name, value in headers.items() if name.lower() in _PUBLIC}
    return Request(method=method, url=url, headers=headers, body=body)


def _without(headers: Mapping[str, str], names: frozenset[str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in names}


def _same_place(old: URL, new: URL) -> bool:
    """Whether both are one origin, or the new one is the same host with TLS.

    Raises:
        AddressRefused: The new one gives up TLS.
    """
    if (old.scheme, new.scheme) == ("https", "http"):
        raise AddressRefused(f"{origin_of(old)} redirects to {origin_of(new)}, which is not encrypted")
    upgrade = (old.scheme, new.scheme) == ("http", "https") and old.is_default_port() and new.is_default_port()
    return old.raw_host == new.raw_host and (old.port == new.port or upgrade)
