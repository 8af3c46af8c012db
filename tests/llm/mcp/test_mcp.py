"""MCP servers as toolsets: a real server of the official SDK, as a program and over HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
import traceback
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from circuit_breaker.errors import (
    AddressRefused,
    CircuitBreakerError,
    ExtraMissing,
    ServiceFailed,
    ServiceUnavailable,
    ToolNotFound,
)
from circuit_breaker.llm.mcp import Access, MCPToolset, _listed
from circuit_breaker.llm.mcp_result import text_of
from circuit_breaker.llm.parts import ToolCall
from circuit_breaker.llm.tools import ToolContext, ToolLimits, run_tool_call, run_tool_calls
from circuit_breaker.outgoing import Perimeter

pytest.importorskip("mcp")

import anyio
from mcp import Client
from mcp.server.mcpserver import MCPServer
from mcp.shared.message import SessionMessage
from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    JSONRPCRequest,
    ResourceLink,
    TextResourceContents,
)

from circuit_breaker.llm import mcp_http, mcp_program

SERVER = str(Path(__file__).parent / "server.py")
COMMAND = [sys.executable, SERVER, "stdio"]
HERE = Perimeter(["127.0.0.1"])


def call(name, call_id="1", /, **arguments):
    return ToolCall(id=call_id, name=name, arguments=json.dumps(arguments))


@contextmanager
def serving(port):
    """A server on that port, which is there when the block begins."""
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(params=["stdio", "http"])
def server(request):
    """A toolset over each way to a server, not yet connected."""
    if request.param == "stdio":
        yield lambda **options: MCPToolset.stdio(COMMAND, **options)
        return
    port = request.getfixturevalue("port")
    with serving(port):
        yield lambda **options: MCPToolset.http(f"http://127.0.0.1:{port}/mcp", perimeter=HERE, **options)


async def test_tools_are_discovered_and_called(server):
    """K10: the tools of a server, with their schemas, are tools like any other; failures are results."""
    async with server() as mcp:
        calls = [call("add", "a", a=1, b=2), call("add", "b", a="x"), call("broken", "c"), call("picture", "d")]
        results = await run_tool_calls(calls, mcp.tools)

    assert {"type": "integer"}.items() <= mcp.tools["add"].parameters["properties"]["a"].items()
    assert "Adds two numbers." == mcp.tools["add"].description
    assert [False, True, True, False] == [result.is_error for result in results]
    assert ("3", "see:\n[image image/png, 5 bytes]") == (results[0].content, results[3].content)
    assert "broken" in results[2].content


async def test_names_permissions_and_approval_are_the_operators(server):
    """K10: a prefix, a choice of tools, approval and roles are said where the server is named."""
    options = {"prefix": "ops_", "only": ["add", "d*"], "approval": ["die"], "roles": {"add": "admin"}}
    async with server(**options) as mcp:
        assert ("ops_add", "ops_die", "ops_die_once") == mcp.tools.names
        assert (call("ops_die"),) == mcp.tools.needing_approval([call("ops_die"), call("ops_add")])
        assert "there is no tool" in (await run_tool_call(call("ops_add", a=1, b=2), mcp.tools)).content
        assert "3" == (await run_tool_call(call("ops_add", a=1, b=2), mcp.tools, ToolContext(roles={"admin"}))).content


async def test_progress_comes_while_the_tool_works(server):
    """K11: what the server says on the way reaches whoever listens."""
    seen = []
    async with server() as mcp:
        await run_tool_call(call("slow", seconds=0), mcp.tools, ToolContext(report=seen.append))

    assert [("half", 0.5)] == [(each.message, each.fraction) for each in seen]


async def test_a_call_ends_after_its_time_and_is_cancelled_at_the_server(server, tmp_path):
    """A slow tool holds up neither us nor the server, and the connection serves the next call."""
    mark = tmp_path / "cancelled"
    async with server() as mcp:
        limits = ToolContext(limits=ToolLimits(seconds=0.5))
        slow = await run_tool_call(call("slow", seconds=60, mark=str(mark)), mcp.tools, limits)
        again = await run_tool_call(call("add", a=1, b=2), mcp.tools)
        for _ in range(100):
            if mark.exists():
                break
            await asyncio.sleep(0.02)

    assert "longer than 0.5 seconds" in slow.content
    assert "3" == again.content
    assert mark.exists()


async def test_new_tools_are_found_by_a_refresh(server):
    """K10: tools are loaded anew while the server runs."""
    async with server() as mcp:
        assert "grown" not in mcp.tools
        await run_tool_call(call("grow"), mcp.tools)
        assert "new" == (await run_tool_call(call("grown"), await mcp.refresh())).content


async def test_a_lost_server_is_started_again(tmp_path):
    """The call that was under way is told as unknown, the next one works."""
    async with MCPToolset.stdio(COMMAND) as mcp:
        lost = await run_tool_call(call("die"), mcp.tools)
        again = await run_tool_call(call("add", a=1, b=2), mcp.tools)

    assert "may have done its work or not" in lost.content
    assert "3" == again.content


async def test_a_call_that_does_no_harm_is_repeated(tmp_path):
    """A tool that only reads is called again when the connection was lost."""
    async with MCPToolset.stdio(COMMAND) as mcp:
        result = await run_tool_call(call("die_once", mark=str(tmp_path / "died")), mcp.tools)

    assert ("alive", False) == (result.content, result.is_error)


async def test_a_server_that_is_restarted_is_connected_to_again(port):
    """Over HTTP as well, a server that comes back is used again."""
    with serving(port):
        mcp = await MCPToolset.http(f"http://127.0.0.1:{port}/mcp", perimeter=HERE).__aenter__()
    assert (await run_tool_call(call("add", a=1, b=2), mcp.tools)).is_error
    with serving(port):
        results = [await run_tool_call(call("add", a=1, b=2), mcp.tools) for _ in range(2)]
        await mcp.__aexit__(None, None, None)

    assert "3" == results[-1].content


async def test_it_may_be_closed_by_another_task(server):
    """The cancel scopes of the SDK are entered and left by one task, whoever opens and closes the toolset."""
    mcp = server()
    async with asyncio.TaskGroup() as group:
        await group.create_task(mcp.__aenter__())
        assert 1 == (await group.create_task(run_tool_call(call("add", a=0, b=1), mcp.tools))).content.count("1")
        await group.create_task(mcp.__aexit__(None, None, None))

    with pytest.raises(RuntimeError, match="async with"):
        await mcp.refresh()


async def test_calls_after_the_end_are_results():
    """A tool that outlives its server says so."""
    async with MCPToolset.stdio(COMMAND) as mcp:
        tools = mcp.tools

    assert "is closed" in (await run_tool_call(call("add", a=1, b=2), tools)).content


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (["/no/such/program"], "No such file"),
        ([sys.executable, "-c", "pass"], "cannot be used"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "took too long to begin"),
    ],
)
async def test_a_program_that_is_no_server_is_told(command, reason):
    """A command that is wrong, ends at once or never answers is one clear error."""
    with pytest.raises(ServiceUnavailable, match=reason):
        async with MCPToolset.stdio(command, connecting=1.5):
            raise AssertionError("it is no server")


async def test_a_message_of_a_program_that_never_ends_is_read_no_further():
    """A server that writes one endless line cannot fill the memory: its session is lost, and it is ended."""
    writes = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    with pytest.raises(ServiceUnavailable, match=r"connection|closed|cannot be used"):
        await asyncio.wait_for(MCPToolset.stdio([sys.executable, "-c", writes], connecting=20).__aenter__(), 30)


async def test_a_program_that_does_not_want_to_end_is_ended(tmp_path, monkeypatch):
    """Neither a closed input nor a request to end moves it: with what it has started it is gone all the same."""
    monkeypatch.setattr(mcp_program, "GRACE", 0.2)
    mark = tmp_path / "pids"
    stubborn = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(mark)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(60)\n"
    )
    begun = time.monotonic()
    async with mcp_program.program(sys.executable, ["-c", stubborn], {}, None):
        while not mark.exists() or not mark.read_text():  # noqa: ASYNC110 - it is another program's file
            await asyncio.sleep(0.01)

    assert time.monotonic() - begun < 10
    assert not any(map(_runs, mark.read_text().split()))


async def test_a_program_may_write_what_it_has_left_when_it_is_to_end(tmp_path):
    """What nobody hears any more is read all the same, or a server with much to say could never end by itself."""
    mark = tmp_path / "ended"
    last = f"sys.stdin.read(); print('x' * 1_000_000, flush=True); open({str(mark)!r}, 'w')"
    async with mcp_program.program(sys.executable, ["-c", f"import sys; print('hi', flush=True); {last}"], {}, None):
        pass

    assert mark.exists()


async def test_what_is_no_message_is_told():
    """A server that prints what it likes loses nothing but that line."""
    says = "import sys; print('hello', flush=True); sys.stdin.read()"
    async with mcp_program.program(sys.executable, ["-c", says], {}, None) as (received, _):
        assert isinstance(await received.receive(), ValueError)


async def test_a_program_that_reads_no_more_has_lost_its_session():
    """Whoever waits for an answer is not left waiting when the server has closed its input."""
    closes = "import os, time; os.close(0); print('hello', flush=True); time.sleep(60)"
    ping = SessionMessage(JSONRPCRequest(jsonrpc="2.0", id=1, method="ping"))
    async with mcp_program.program(sys.executable, ["-c", closes], {}, None) as (received, sent):
        assert isinstance(await received.receive(), ValueError)
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await asyncio.wait_for(_asked_twice(ping, sent, received), 5)


async def _asked_twice(message, sent, received):
    for _ in range(2):
        await sent.send(message)
    await received.receive()


def _runs(pid):
    """Whether a process runs; a zombie that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_private_address_is_not_called(port):
    """A server on this machine or its network is called only where the operator allows it."""
    with serving(port), pytest.raises(AddressRefused, match="loopback"):
        async with MCPToolset.http(f"http://localhost:{port}/mcp"):
            raise AssertionError("it was called")


async def test_a_server_that_is_not_there_is_told(port):
    """Nobody listening is an error that names the address and no header."""
    with pytest.raises(ServiceUnavailable, match=f"127.0.0.1:{port}") as wrong:
        async with MCPToolset.http(
            f"http://127.0.0.1:{port}/mcp?key=hush", perimeter=HERE, headers={"Authorization": "Bearer hush"}
        ):
            raise AssertionError("nobody is there")
    assert "hush" not in str(wrong.value)


async def test_a_choice_of_tools_that_are_not_there_is_told(server):
    """A misspelt name in ``only`` is found when the server is connected."""
    with pytest.raises(ToolNotFound, match="did you mean 'add'"):
        async with server(only=["adds"]):
            raise AssertionError("there is no such tool")


async def test_the_environment_is_not_handed_on(monkeypatch):
    """A server sees what it is given, and not our keys."""
    monkeypatch.setenv("OPENAI_API_KEY", "hush")
    async with MCPToolset.stdio(COMMAND, env={"GIVEN": "1"}) as mcp:
        seen = (await run_tool_call(call("environment"), mcp.tools)).content.split()

    assert "GIVEN" in seen
    assert "OPENAI_API_KEY" not in seen


async def test_a_tool_that_cannot_be_offered_is_left_out():
    """A schema that is none, and a name that another tool has, do no harm to the other tools."""
    server = MCPServer("odd")
    server.add_tool(lambda: "ok", name="good", description="Is good")
    server.add_tool(lambda: "odd", name="strange name!", description="Has a strange name")
    server.add_tool(lambda: "bad", name="bad", description="Is bad")
    server._tool_manager.get_tool("bad").parameters = {"type": "object", "properties": {"a": {"type": "nonsense"}}}
    access = {"seconds": 5.0, "connecting": 5.0}
    async with MCPToolset("odd", lambda: Client(server), Access(), **access) as mcp:
        assert {"good", "strange_name_"} == set(mcp.tools.names)
        assert ["bad"] == list(mcp.left_out)
        assert "odd" == (await run_tool_call(call("strange_name_"), mcp.tools)).content
        assert "ok" == await mcp.tools["good"].execute()


def test_what_is_no_text_is_told_of():
    """A model learns that there was a picture, a sound or a file; structured content stands in for missing text."""
    text = TextResourceContents(uri="file:///a", text="inside")
    blob = BlobResourceContents(uri="file:///b", blob="aGVsbG8=", mime_type="image/png")
    blocks = [
        EmbeddedResource(resource=text),
        EmbeddedResource(resource=blob),
        ResourceLink(uri="file:///c", name="c"),
        AudioContent(data="aGVsbG8=", mime_type="audio/wav"),
    ]

    assert [
        "inside", "[resource file:///b, image/png]", "[resource file:///c: c]", "[audio audio/wav, 5 bytes]"
    ] == text_of(CallToolResult(content=blocks)).splitlines()  # fmt: skip
    assert '{"a": 1}' == text_of(CallToolResult(content=[], structured_content={"a": 1}))
    assert "[video]" == text_of(SimpleNamespace(content=[SimpleNamespace(type="video")], structured_content=None))


def test_a_command_is_a_list():
    """No shell reads a text, and an unknown option is named."""
    with pytest.raises(ValueError, match="as a list"):
        MCPToolset.stdio("python server.py")
    with pytest.raises(TypeError, match="no option prefx"):
        MCPToolset.stdio(COMMAND, prefx="x")
    assert "MCPToolset('x', tools=[])" == repr(MCPToolset.stdio(COMMAND, name="x"))


def test_it_needs_the_extra(monkeypatch):
    """Without the SDK the message says what to install."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ExtraMissing, match=r"circuit-breaker-sdk\[mcp\]"):
        MCPToolset.stdio(COMMAND)


def test_a_password_in_an_address_is_not_shown():
    """What stands before the host, and the query, are no part of the name."""
    shown = repr(MCPToolset.http("https://bob:s3cr3t@tools.example.com/mcp?key=s3cr3t"))

    assert "s3cr3t" not in shown
    assert "https://tools.example.com/mcp" in shown


async def test_a_listing_without_end_is_refused():
    """A server that always has one more page, with nothing on it, is not asked for ever."""

    async def list_tools(**_):
        return SimpleNamespace(tools=[], next_cursor="more")

    with pytest.raises(ServiceFailed, match="100 pages"):
        await _listed(SimpleNamespace(list_tools=list_tools))


def offering(*tools, **more):
    """A client of a server that says so of its tools."""

    async def list_tools(**_):
        return SimpleNamespace(tools=tools, next_cursor=None, **more)

    return SimpleNamespace(list_tools=list_tools)


def told(name, schema=None):
    empty = {"type": "object", "properties": {}}
    return SimpleNamespace(
        name=name, title=None, description="x", annotations=None, input_schema=schema or empty, output_schema=None
    )


def connected(client, **options):
    """A toolset over that client."""

    @asynccontextmanager
    async def connect():
        yield client

    return MCPToolset("liar", connect, Access(prefix=options.pop("prefix", "")), **{"seconds": 5.0, **options})


async def test_more_tools_than_anybody_needs_are_refused():
    """A list of tools without an end on one page is one error."""
    with pytest.raises(ServiceFailed, match="more than 1000 tools"):
        await _listed(offering(*map(told, map(str, range(1001)))))


async def test_what_cannot_be_offered_is_left_out_with_the_reason():
    """Two tools of one name, a name too long for its prefix and a huge schema do no harm to the others."""
    huge = {"type": "object", "properties": {"a": {"type": "string", "description": "x" * 70_000}}}
    lying = offering(told("a b"), told("a/b"), told("n" * 62), told("huge", huge), told("é" * 999), told("good"))
    async with connected(lying, connecting=5.0, prefix="ops_") as mcp:
        assert ("ops_a_b", "ops_good") == mcp.tools.names
        assert ["a/b", "n" * 62, "huge", "é" * 64] == list(mcp.left_out)
        assert "another tool 'a_b'" in mcp.left_out["a/b"]


async def test_a_server_that_never_lists_its_tools_is_given_up():
    """The time for connecting is that for the tools as well."""

    async def list_tools(**_):
        await asyncio.sleep(60)

    with pytest.raises(ServiceUnavailable, match=r"longer than 0\.05 s to list"):
        async with connected(SimpleNamespace(list_tools=list_tools), connecting=0.05):
            raise AssertionError("it listed its tools")


@pytest.mark.parametrize(
    ("progress", "total", "fraction"),
    [(1, 2, 0.5), (7, 2, 1.0), (-1, 2, 0.0), (1, 0, None), (1, None, None), (float("nan"), 1, None)],
)
async def test_progress_is_a_share_whatever_a_server_says(progress, total, fraction):
    """K11: what is told of progress is from 0 to 1 or nothing, and short."""
    seen = []

    async def call_tool(name, arguments, _, tell):
        await tell(progress, total, "x" * 5000)
        return CallToolResult(content=[])

    client = SimpleNamespace(call_tool=call_tool, list_tools=offering(told("work")).list_tools)
    async with connected(client, connecting=5.0) as mcp:
        await run_tool_call(call("work"), mcp.tools, ToolContext(report=seen.append))

    assert [(fraction, 1000)] == [(one.fraction, len(one.message)) for one in seen]


class Endless:
    """An answer that does not end, of a media type."""

    def __init__(self, kind, piece):
        self.content_type, self.content, self._piece = kind, self, piece
        self.sent = 0

    async def iter_any(self):
        while self.sent < 3 * mcp_http.MOST_BYTES:
            self.sent += len(self._piece)
            yield self._piece

    def close(self):
        """Nothing is open."""


@pytest.mark.parametrize(
    ("kind", "piece", "refused"),
    [
        ("application/json", b" \n\n" * 100_000, True),
        ("text/event-stream", b"data: " + b"x" * 300_000, True),
        ("text/event-stream", b"data: x\n" * 50_000, True),
        ("text/event-stream", b"data: x\n\n" * 50_000, False),
    ],
)
async def test_an_answer_without_an_end_is_not_read_to_it(kind, piece, refused):
    """A server that sends for ever fills no memory; a stream of many events may go on."""
    response = Endless(kind, piece)

    async def read():
        async for _ in mcp_http._Body(response, AsyncExitStack()):
            pass

    if not refused:
        return await read()
    with pytest.raises(mcp_http.httpx2.ReadError, match="more than 16,777,216 bytes"):
        await read()
    assert response.sent <= mcp_http.MOST_BYTES + len(piece)
    return None


@pytest.mark.parametrize("url", ["https://bob:s3cr3t@tools.example.com/mcp?key=s3cr3t", "bob:s3cr3t@host/mcp"])
async def test_a_password_in_an_address_is_in_no_error(url):
    """An address with a password, even one that is none, is refused without showing it, and so are its causes."""
    with pytest.raises(CircuitBreakerError) as wrong:
        async with MCPToolset.http(url, connecting=2.0):
            raise AssertionError("it was called")

    assert "s3cr3t" not in "".join(traceback.format_exception(wrong.value))
