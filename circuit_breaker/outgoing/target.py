"""The address of a call, read so that nobody who reads it later can take it for another."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from yarl import URL

__all__ = ["LONGEST", "origin_of", "read_url"]

LONGEST: Final = 8192
"""Characters of the longest address."""

_NAME: Final = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
_NUMBER: Final = re.compile(r"(.*\.)?([0-9]+|0x[0-9a-f]*)\.?")
_AUTHORITY: Final = re.compile(r"[/?#]")
_UNSEEN: Final = re.compile(r"[\x00-\x20\x7f\\]")


def read_url(text: str) -> URL:
    """The address, without its fragment.

    Raises:
        ValueError: It is too long, is no address of http or https, holds a user or a password, or spells its host in
            a way that programs read differently. The text itself, which may hold a secret, is not repeated.
    """
    if len(text) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    if _UNSEEN.search(text):
        raise ValueError("holds a blank, a backslash or a control character")
    try:
        url = URL(text)
    except ValueError as error:
        raise ValueError("is no address") from error
    _check_authority(url, text)
    _check_host(url.raw_host or "")
    return url.with_fragment(None)


def _check_authority(url: URL, text: str) -> None:
    if url.scheme not in ("http", "https"):
        raise ValueError("is no address of http or https")
    if "@" in _AUTHORITY.split(text.partition("//")[2], maxsplit=1)[0]:
        raise ValueError("holds a user or a password; give them as a header")
    if url.explicit_port == 0:
        raise ValueError("has the port 0")


def _check_host(host: str) -> None:
    """A host is a name, or an address in its one usual form: not ``127.1``, ``0x7f000001`` or ``2130706433``."""
    if ":" in host:
        if "%" in host or not _parses(IPv6Address, host):
            raise ValueError(f"has the host {host!r}, which is no address of IPv6")
    elif _NUMBER.fullmatch(host):
        if not _parses(IPv4Address, host):
            raise ValueError(f"has the host {host!r}: write an address as four decimal numbers")
    elif not _NAME.fullmatch(host):
        raise ValueError("has no host" if not host else f"has the host {host!r}, which is no name")


def _parses(kind: type[IPv4Address | IPv6Address], host: str) -> bool:
    try:
        kind(host)
    except ValueError:
        return False
    return True


def origin_of(url: URL) -> str:
    """Scheme, host and port: what a message may show of an address, for its path and query may hold secrets."""
    return str(url.origin())
