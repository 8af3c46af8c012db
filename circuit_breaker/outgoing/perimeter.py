"""Which addresses may be called: the public ones, and those that an operator has allowed.

A program that calls addresses which others have written can be made to call its own neighbours: a database, a cloud's
metadata service, itself. So only addresses of the public internet are called unless the operator names others, and
what is judged is the address that a name resolves to and that is then connected to, not the name.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

import attrs

from circuit_breaker.errors import AddressRefused

__all__ = ["Allowed", "Perimeter", "kind_of"]

IP = IPv4Address | IPv6Address

_NAT64: Final = IPv6Network("64:ff9b::/96")
_SPECIAL: Final = tuple(
    map(
        ip_network,
        # Special purpose by the registries of IANA, whatever this version of Python knows of them; those that are
        # reached from everywhere are the services of networks nearby, such as relays and name servers.
        [
            "192.0.0.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "::/96",
            "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2620:4f:8000::/48", "3fff::/20", "5f00::/16",
            "fec0::/10",
        ],
    )
)  # fmt: skip
_NEIGHBOURS: Final = (IPv4Network("168.63.129.16/32"),)
"""Public by their number, and yet served by the host below: Azure's agent, which knows the keys of the machine."""

_NAMES: Final = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_MOST_PORTS: Final = 65535


def effective(address: IP) -> IP:
    """The IPv4 address that an IPv6 address stands for (mapped, 6to4 or NAT64); otherwise the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def kind_of(address: IP) -> str:
    """What kind of address this is: ``"public"``, ``"loopback"``, ``"link-local"``, ``"private"`` and so on."""
    meant = effective(address)
    kinds = {
        "unspecified": meant.is_unspecified,
        "loopback": meant.is_loopback,
        "link-local": meant.is_link_local,
        "multicast": meant.is_multicast,
        "reserved": meant.is_reserved or any(meant in network for network in _SPECIAL),
        "private": not meant.is_global or any(meant in network for network in _NEIGHBOURS),
    }
    return next((kind for kind, applies in kinds.items() if applies), "public")


@attrs.frozen
class Allowed:
    """One entry of an allow-list: a host, a host with a port, or a range of addresses.

    Attributes:
        host: A name or an address; ``*.example.com`` is every name below it. Empty for a range.
        port: The only port, or None for any.
        network: The range, or None.
    """

    host: str = ""
    port: int | None = None
    network: IPv4Network | IPv6Network | None = None

    @classmethod
    def read(cls, text: str) -> Allowed:
        """The entry that is written as ``api.internal``, ``api.internal:8080``, ``[fd00::1]:80`` or ``10.0.0.0/8``.

        Raises:
            ValueError: It is none of these.
        """
        network = _network(text)
        if network is not None:
            return cls(network=network)
        host, colon, port = text.rpartition(":")
        if not colon:
            host = text
        known = _network(host[1:-1]) if host.startswith("[") and host.endswith("]") else _network(host)
        if known is None and not _NAMES.fullmatch(plain(host)):
            raise ValueError(f"{text!r} is no host, host:port or range of addresses, such as '10.0.0.0/8'")
        name = str(known.network_address) if known is not None and "/" not in host else plain(host)
        return cls(host=name, port=_port(port, text) if colon else None)

    def covers(self, host: str, port: int, address: IP | None) -> bool:
        """Whether this entry speaks of the address, which the host resolved to."""
        if self.network is not None:
            return address is not None and effective(address) in self.network
        named = host.endswith(self.host[1:]) if self.host.startswith("*.") else host == self.host
        same = named or (address is not None and str(effective(address)) == self.host)
        return same and self.port in (None, port)


def plain(host: str) -> str:
    """The host in lower case, without the dot that may end it."""
    return host.lower().removesuffix(".")


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _port(text: str, entry: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= _MOST_PORTS):
        raise ValueError(f"{entry!r} has no port from 1 to {_MOST_PORTS}")
    return int(text)


def _entries(allow: tuple[str, ...]) -> tuple[Allowed, ...]:
    return tuple(map(Allowed.read, allow))


def _listed(allow: object) -> tuple[str, ...]:
    if isinstance(allow, str) or not isinstance(allow, (list, tuple, set, frozenset)):
        raise TypeError(f"give a list of hosts and ranges, such as ['10.0.0.0/8'], not {allow!r}")
    return tuple(map(str, allow))


@attrs.frozen
class Perimeter:
    """What may be called.

    Attributes:
        allow: Hosts (``"api.internal"``, ``"api.internal:8080"``, ``"*.internal"``) and ranges of addresses
            (``"10.0.0.0/8"``) that may be called although they are not public.
        public: Whether every address of the public internet may be called as well.
    """

    allow: tuple[str, ...] = attrs.field(default=(), converter=_listed)
    public: bool = attrs.field(default=True, kw_only=True)
    _entries: tuple[Allowed, ...] = attrs.field(init=False, repr=False, eq=False)

    @_entries.default
    def _read(self) -> tuple[Allowed, ...]:
        return _entries(self.allow)

    def check(self, host: str, port: int, address: str) -> None:
        """Lets a connection to this address pass, which the host resolved to.

        Raises:
            AddressRefused: It is not public, or only what is allowed may be called, and no entry allows it.
        """
        found = ip_address(address)
        name = plain(host)
        kind = kind_of(found)
        if (kind == "public" and self.public) or any(entry.covers(name, port, found) for entry in self._entries):
            return
        place = f"[{name}]:{port}" if ":" in name else f"{name}:{port}"
        at = name if name == str(found) else f"{name} is at {found}, which"
        raise AddressRefused(
            f"{at} is {kind}, and may not be called" if kind != "public" else f"{name} may not be called",
            remedy=f"let the operator allow it, as allow=['{place}']",
        )
