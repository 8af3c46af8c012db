"""Which addresses may be called."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuit_breaker.errors import AddressRefused
from circuit_breaker.outgoing import Perimeter
from circuit_breaker.outgoing.perimeter import Allowed, kind_of

CLOSED = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.2.0/24",
    "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4",
]  # fmt: skip
DRESSES = [
    lambda address: address,
    lambda address: IPv6Address(f"::ffff:{address}"),
    lambda address: IPv6Address((0x2002 << 112) | (int(address) << 80)),
    lambda address: IPv6Address((0x64FF9B << 96) | int(address)),
]
KINDS = [
    ("127.0.0.1", "loopback"), ("::1", "loopback"), ("169.254.169.254", "link-local"), ("fe80::1", "link-local"),
    ("fe80::1%eth0", "link-local"), ("10.1.2.3", "private"), ("fd00:ec2::254", "private"), ("0.0.0.0", "unspecified"),  # noqa: S104
    ("::", "unspecified"), ("224.0.0.1", "multicast"), ("ff02::1", "multicast"), ("255.255.255.255", "reserved"),
    ("100.64.0.1", "private"), ("::127.0.0.1", "reserved"), ("fec0::1", "reserved"), ("2001::1", "reserved"),
    ("64:ff9b:1::a00:1", "reserved"), ("64:ff9b::a9fe:a9fe", "link-local"), ("2002:7f00:1::", "loopback"),
    ("8.8.8.8", "public"), ("2606:4700::1111", "public"), ("::ffff:8.8.8.8", "public"), ("64:ff9b::808:808", "public"),
]  # fmt: skip


@pytest.mark.parametrize(("address", "kind"), KINDS)
def test_an_address_has_a_kind(address, kind):
    """An address is judged by what it stands for, whatever dress it wears."""
    assert kind == kind_of(ip_address(address))


@given(st.data(), st.sampled_from(CLOSED), st.sampled_from(DRESSES))
def test_no_dress_opens_a_closed_range(data, network, dress):
    """An address of a range that is not public is refused, also mapped, in 6to4 and behind NAT64."""
    address = dress(data.draw(st.ip_addresses(network=IPv4Network(network))))

    with pytest.raises(AddressRefused):
        Perimeter().check("example.com", 443, str(address))


@given(st.ip_addresses(v=4), st.sampled_from(DRESSES))
def test_a_dress_changes_nothing(address, dress):
    """An address of IPv4 is allowed or refused in every dress alike."""
    assert kind_of(address) == kind_of(dress(address))


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("api.internal", "api.internal", "10.0.0.1"),
        ("API.internal.", "api.internal", "10.0.0.1"),
        ("api.internal:8080", "api.internal", "10.0.0.1"),
        ("*.internal", "a.b.internal", "10.0.0.1"),
        ("10.0.0.0/8", "anything", "10.255.0.1"),
        ("10.0.0.0/8", "anything", "::ffff:10.255.0.1"),
        ("10.0.0.1", "10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:8080", "anything", "10.0.0.1"),
        ("fd00::/8", "anything", "fd00::1"),
        ("[fd00::1]:8080", "fd00::1", "fd00::1"),
        ("[FD00:0::1]:8080", "anything", "fd00::1"),
    ],
)
def test_an_operator_opens_what_is_closed(entry, host, address):
    """A host, a host with a port, or a range of addresses may be called when the operator says so."""
    Perimeter([entry]).check(host, 8080, address)


@pytest.mark.parametrize(
    ("entry", "host", "address"),
    [
        ("api.internal", "other.internal", "10.0.0.1"),
        ("api.internal:80", "api.internal", "10.0.0.1"),
        ("*.internal", "internal", "10.0.0.1"),
        ("*.internal", "evilinternal", "10.0.0.1"),
        ("10.0.0.0/8", "10.example.com", "127.0.0.1"),
        ("10.0.0.1:80", "10.0.0.1", "10.0.0.1"),
    ],
)
def test_an_entry_opens_nothing_else(entry, host, address):
    """An entry speaks of its own host, port or range alone."""
    with pytest.raises(AddressRefused):
        Perimeter([entry]).check(host, 8080, address)


def test_only_what_is_listed_where_the_public_is_closed():
    """With public=False even a public address must be on the list."""
    perimeter = Perimeter(["api.example.com"], public=False)

    perimeter.check("api.example.com", 443, "8.8.8.8")
    with pytest.raises(
        AddressRefused, match=r"^example\.org is at 8\.8\.8\.8, which may not be called|may not be called"
    ):
        perimeter.check("example.org", 443, "8.8.8.8")


def test_a_refusal_says_what_to_write():
    """The message names the host, the address and its kind, and what the operator would write."""
    with pytest.raises(AddressRefused) as refused:
        Perimeter().check("db.example.com", 5432, "10.0.0.7")
    assert "db.example.com is at 10.0.0.7, which is private" in refused.value.message
    assert "allow=['db.example.com:5432']" in refused.value.remedy

    with pytest.raises(AddressRefused) as refused:
        Perimeter().check("::1", 80, "::1")
    Perimeter([refused.value.remedy.partition("['")[2].partition("']")[0]]).check("::1", 80, "::1")


@pytest.mark.parametrize("entry", ["", "a b", "http://a", "a:0", "a:70000", "a:x", "10.0.0.0/99", "*", "a/b", "[::1"])
def test_a_wrong_entry_is_refused(entry):
    """What is no host, host with a port or range is told as such."""
    with pytest.raises(ValueError, match=r"is no host|has no port"):
        Allowed.read(entry)


@pytest.mark.parametrize("allow", ["10.0.0.0/8", 5, None])
def test_the_list_is_a_list(allow):
    """One text is no list of entries, though it could be read as one of letters."""
    with pytest.raises(TypeError, match="give a list"):
        Perimeter(allow)


@given(st.ip_addresses(v=4), st.integers(1, 65535))
def test_an_address_with_a_port_is_an_entry(address: IPv4Address, port: int):
    """Whatever address and port there are, an entry can name them."""
    Perimeter([f"{address}:{port}"], public=False).check(str(address), port, str(address))


# The registries of special-purpose addresses of IANA, and those that clouds serve from the host below.
SPECIAL = """
0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.0.0/29 192.0.0.8/32
192.0.0.9/32 192.0.0.10/32 192.0.0.170/32 192.0.0.171/32 192.0.2.0/24 192.31.196.0/24 192.52.193.0/24 192.88.99.0/24
192.168.0.0/16 192.175.48.0/24 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 255.255.255.255/32
::1/128 ::/128 ::ffff:0:0:0/96 64:ff9b:1::/48 100::/64 100:0:0:1::/64 2001::/23 2001::/32 2001:1::1/128 2001:1::2/128
2001:1::3/128 2001:2::/48 2001:3::/32 2001:4:112::/48 2001:10::/28 2001:20::/28 2001:30::/28 2001:db8::/32
2620:4f:8000::/48 3fff::/20 5f00::/16 fc00::/7 fe80::/10 fec0::/10 ff00::/8
168.63.129.16/32 192.0.0.192/32 100.100.100.200/32 169.254.169.254/32 fd00:ec2::254/128
""".split()


@pytest.mark.parametrize("network", SPECIAL)
def test_no_address_of_a_special_purpose_is_public(network):
    """Every range that the registries name is closed from its first address to its last, and so are clouds' own."""
    first, last = ip_network(network)[0], ip_network(network)[-1]

    assert "public" not in (kind_of(first), kind_of(last))
