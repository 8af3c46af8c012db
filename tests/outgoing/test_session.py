"""Calls over HTTP, to servers that behave and to servers that do not."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import zlib
from datetime import UTC, datetime

import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver

from circuit_breaker.errors import ActionTimeout, AddressRefused, OutputTooLarge, ServiceFailed, ServiceUnavailable
from circuit_breaker.outgoing import Perimeter, Request, Session, read_body, read_url, retry_after
from tests.services.web import site, wire


async def fetched(session, url, *, limit=1000, cut=False, redirects=0, **request):
    asked = Request(method=request.pop("method", "GET"), url=read_url(url), **request)
    async with session.open(asked, redirects=redirects) as response:
        return await read_body(response, limit, cut=cut)


def inside(*allow, **options):
    return Session(Perimeter(allow), **options)


class Names(AbstractResolver):
    """Gives one list of addresses after another."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {"hostname": host, "host": one, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for one in found
        ]

    async def close(self):
        pass


async def test_an_answer_is_read():
    """The body of an allowed address comes back."""
    async with site(lambda _: web.Response(text="hello")) as there, inside(there.place) as session:
        assert b"hello" == await fetched(session, there.url)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"])  # noqa: S104
async def test_a_private_address_is_not_even_connected_to(host):
    """An address or a name that leads to this machine is refused before a byte is sent."""
    async with site(lambda _: web.Response()) as there, inside() as session:
        with pytest.raises(AddressRefused, match=r"loopback|unspecified"):
            await fetched(session, f"http://{host}:{there.port}/")
        assert [] == there.seen


async def test_one_private_address_of_several_is_too_many():
    """A name with a public and a private address is refused, so that no retry reaches the private one."""
    async with inside(resolver=Names(["8.8.8.8", "127.0.0.1"])) as session:
        with pytest.raises(AddressRefused, match=r"example\.com is at 127\.0\.0\.1, which is loopback"):
            await fetched(session, "http://example.com/")


async def test_a_name_that_changes_its_address_gains_nothing():
    """The address that was checked is connected to; every new look-up is checked again."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    async with site(lambda _: web.Response(text="hello")) as there:
        async with inside("127.0.0.1", resolver=names) as session:
            assert b"hello" == await fetched(session, f"http://rebinding.example:{there.port}/")
        async with inside("127.0.0.1", resolver=names) as session:
            with pytest.raises(AddressRefused, match=r"127\.0\.0\.2"):
                await fetched(session, f"http://rebinding.example:{there.port}/")


async def test_a_redirect_into_the_private_is_refused():
    """Each hop is checked: an allowed server cannot send the caller to one that is not."""
    async with (
        site(lambda _: web.Response(text="secret")) as inner,
        site(lambda _: web.Response(status=302, headers={"Location": inner.url})) as outer,
        inside(outer.place) as session,
    ):
        with pytest.raises(AddressRefused, match="loopback"):
            await fetched(session, outer.url, redirects=5)
        assert [] == inner.seen


async def test_redirects_are_followed_so_far():
    """As many redirects are followed as allowed; without any, a redirect is an answer."""

    def answer(request):
        left = int(request.path[1:])
        return web.Response(status=302, headers={"Location": f"/{left - 1}"}) if left else web.Response(text="end")

    async with site(answer) as there, inside(there.place) as session:
        assert b"end" == await fetched(session, f"{there.url}/3", redirects=3)
        with pytest.raises(ServiceFailed, match="redirects more than 2 times"):
            await fetched(session, f"{there.url}/3", redirects=2)
        assert b"" == await fetched(session, f"{there.url}/3")


async def test_the_environment_says_nothing(monkeypatch):
    """A proxy of the environment is not used."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    async with site(lambda _: web.Response(text="direct")) as there, inside(there.place) as session:
        assert b"direct" == await fetched(session, there.url)


async def test_cookies_are_not_kept():
    """What one answer sets is not sent with the next request."""
    async with site(lambda _: web.Response(headers={"Set-Cookie": "a=b"})) as there, inside(there.place) as session:
        await fetched(session, there.url)
        await fetched(session, there.url)
        assert [None, None] == [seen.headers.get("cookie") for seen in there.seen]


async def test_nobody_there_is_told():
    """A refused connection and an unknown name are told as a service that cannot be reached."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with inside("127.0.0.1") as session:
            with pytest.raises(ServiceUnavailable, match="cannot be reached"):
                await fetched(session, f"http://127.0.0.1:{taken.getsockname()[1]}/")
    async with inside() as session:
        with pytest.raises(ServiceUnavailable, match=r"there is no host 'nowhere.invalid'"):
            await fetched(session, "http://nowhere.invalid/")


async def reset(_, writer):
    writer.transport.abort()


async def cut_short(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this")


async def cut_chunk(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nonly this")


@pytest.mark.parametrize("talk", [reset, cut_short, cut_chunk])
async def test_a_connection_that_breaks_is_told(talk):
    """A connection that is reset, or ends in the middle of the body, is told as such."""
    async with wire(talk) as there, inside(there.place) as session:
        with pytest.raises(ServiceUnavailable, match="closed the connection"):
            await fetched(session, there.url)


async def nonsense(_, writer):
    writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")


async def endless_head(_, writer):
    writer.write(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 1_000_000)


@pytest.mark.parametrize("talk", [nonsense, endless_head])
async def test_what_is_no_http_is_told(talk):
    """A server of another kind, or a head without end, is told as a service that failed."""
    async with wire(talk) as there, inside(there.place) as session:
        with pytest.raises(ServiceFailed, match="no HTTP"):
            await fetched(session, there.url)


async def silent(reader, _):
    await reader.read()


async def test_a_server_that_says_nothing_is_left():
    """When the answer does not begin in time, the call ends."""
    async with wire(silent) as there, inside(there.place, first_byte=0.05) as session:
        with pytest.raises(ActionTimeout, match="took too long to answer GET"):
            await fetched(session, there.url)


async def test_a_host_that_cannot_be_connected_to_is_left():
    """When connecting takes too long, the call ends."""

    class Slow(Names):
        async def resolve(self, host, port=0, family=socket.AF_INET):
            await asyncio.sleep(60)

    async with inside(connect=0.05, resolver=Slow()) as session:
        with pytest.raises(ActionTimeout, match=r"connecting to http://slow\.example took too long"):
            await fetched(session, "http://slow.example/path?secret")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def certified(authority, host):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(host).configure_cert(context)
    return context


async def test_a_certificate_needs_somebody_who_vouches_for_it(authority, tmp_path):
    """A certificate of an unknown authority is refused; with ca_file the operator trusts the authority."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with site(lambda _: web.Response(text="hello"), tls=certified(authority, "127.0.0.1")) as there:
        async with inside(there.place) as session:
            with pytest.raises(ServiceUnavailable, match=r"cannot be trusted: .*unable to get local issuer"):
                await fetched(session, there.url)
        async with inside(there.place, ca_file=str(tmp_path / "ca.pem")) as session:
            assert b"hello" == await fetched(session, there.url)


async def test_a_certificate_is_for_its_host(authority, tmp_path):
    """A certificate for another host is refused, whoever vouches for it."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    async with (
        site(lambda _: web.Response(), tls=certified(authority, "other.example")) as there,
        inside(there.place, ca_file=str(tmp_path / "ca.pem")) as session,
    ):
        with pytest.raises(ServiceUnavailable, match=r"cannot be trusted: .*not valid for '127\.0\.0\.1'"):
            await fetched(session, there.url)


def packing(coding, body):
    return lambda _: web.Response(body=body, headers={"Content-Encoding": coding})


@pytest.mark.parametrize("size", [999, 1000])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_body_up_to_the_limit_is_read(size, packed):
    """A body as long as the limit is read whole, packed or not."""
    body = b"a" * size
    answer = packing("gzip", gzip.compress(body)) if packed else packing("identity", body)
    async with site(answer) as there, inside(there.place) as session:
        assert body == await fetched(session, there.url)


@pytest.mark.parametrize("packed", [True, False])
async def test_a_flood_is_stopped(packed):
    """Of a longer body no more than the limit is kept, also when a little data unpacks to a lot."""
    answer = packing("gzip", gzip.compress(b"a" * 50_000_000)) if packed else packing("identity", b"a" * 1001)
    async with site(answer) as there, inside(there.place) as session:
        with pytest.raises(OutputTooLarge, match="longer than 1000 bytes"):
            await fetched(session, there.url)
        assert b"a" * 1000 == await fetched(session, there.url, cut=True)


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("br", b"x"),
        ("gzip", b"no gzip"),
        ("gzip", gzip.compress(b"a" * 99, mtime=0)[:-9]),
        ("gzip", gzip.compress(b"a", mtime=0) + b"more"),
        ("deflate", zlib.compress(b"a")),
    ],
)
async def test_a_body_that_is_wrongly_packed_fails(coding, body):
    """A packing that was not asked for, or that is damaged, is the server's fault."""
    async with site(packing(coding, body)) as there, inside(there.place) as session:
        with pytest.raises(ServiceFailed, match="packed"):
            await fetched(session, there.url)


@pytest.mark.parametrize("method", ["HEAD", "GET"])
async def test_an_empty_body_is_not_unpacked(method):
    """An answer without a body may say that it would be packed."""
    async with site(packing("gzip", b"")) as there, inside(there.place) as session:
        assert b"" == await fetched(session, there.url, method=method)


async def test_a_session_must_be_open():
    """A session that nobody has opened is not used."""
    with pytest.raises(RuntimeError, match="not open"):
        await fetched(inside(), "http://example.com/")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 -0000", 30.0),
        ("soon", None),
        ("-5", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_how_long_to_wait_is_a_number_or_a_date(value, seconds):
    """Retry-After is read in both of its forms; anything else says nothing."""
    assert seconds == retry_after(value, datetime(2026, 11, 21, 12, tzinfo=UTC))
