"""MCP servers as toolsets: their tools discovered, and called over stdio or HTTP (extra ``mcp``).

See https://modelcontextprotocol.io; the official SDK speaks the protocol, in its older and its newer form.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from circuit_breaker.errors import ServiceFailed, ServiceUnavailable, ToolInvalid
from circuit_breaker.llm.mcp_connection import Connection
from circuit_breaker.llm.mcp_tool import LONGEST_NAME, MCPTool, offered
from circuit_breaker.llm.mcp_transport import Connect, check_sdk, over_http, over_stdio
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.outgoing.perimeter import Perimeter

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Access", "MCPToolset"]

_MOST_TOOLS: Final = 1000
_MOST_PAGES: Final = 100


@attrs.frozen
class Access:
    """Which tools are offered, how, and to whom, by the names that the server gives them.

    Attributes:
        prefix: Stands before their names.
        only: Those that are offered, or None for all; may end with ``*``.
        approval: Those that a person must approve each call of.
        roles: Who may have a tool called.
    """

    prefix: str = ""
    only: tuple[str, ...] | None = None
    approval: tuple[str, ...] = ()
    roles: Mapping[str, Iterable[str]] = attrs.field(factory=dict)

    def applied(self, tools: Toolset) -> Toolset:
        """The tools of a server as they are offered."""
        chosen = tools if self.only is None else tools.only(*self.only)
        asking = chosen.with_approval(*self.approval) if self.approval and len(chosen) else chosen
        return asking.restricted(self.roles).prefixed(self.prefix)


class MCPToolset:
    """The tools of an MCP server, as an async context manager.

    ::

        async with MCPToolset.http("https://tools.example.com/mcp", headers={"Authorization": bearer}) as server:
            tools = server.tools.add_tool(weather)

    A server that was lost is connected to again at the next call. A call that was under way then is not repeated,
    unless the server says that repeating it does no harm. Make it with :meth:`stdio` or :meth:`http`: that is the
    operator's business, and no definition, request or model can name a command or an address.

    Attributes:
        name: What it is called in messages.
        left_out: Tools of the server that cannot be offered, with the reason.
    """

    def __init__(self, name: str, connect: Connect, access: Access, *, seconds: float, connecting: float) -> None:
        self.name = name
        self.left_out: dict[str, str] = {}
        self._access = access
        self._seconds = seconds
        self._connecting = connecting
        self._connect = connect
        self._connection: Connection | None = None
        self._tools = Toolset()

    @classmethod
    def stdio(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        name: str = "",
        **options: Any,
    ) -> Self:
        """The tools of a server that is started as a program and spoken to over its standard input and output.

        Args:
            command: The program and its arguments; no shell reads it.
            env: Its environment, beside ``PATH``, ``HOME`` and few more: it does not inherit ours.
            cwd: Where it is started.
            name: What it is called; the name of the program unless given.
            **options: As for :meth:`http`: ``prefix``, ``only``, ``approval``, ``roles``, ``seconds``, ``connecting``.

        Raises:
            ExtraMissing: The SDK is not installed.
            ValueError: The command is empty, or a text.
        """
        if isinstance(command, str) or not command:
            raise ValueError(f"give the command as a list, such as ['python', 'server.py'], not {command!r}")
        check_sdk()
        program, *arguments = map(str, command)
        connect = over_stdio(program, arguments, dict(env or {}), cwd)
        return cls._made(name or program.rpartition("/")[2], connect, options)

    @classmethod
    def http(
        cls,
        url: str,
        *,
        headers: Mapping[str, str | Callable[[], str]] | None = None,
        perimeter: Perimeter | None = None,
        name: str = "",
        **options: Any,
    ) -> Self:
        """The tools of a server that is spoken to over HTTP ("streamable HTTP").

        Args:
            url: Its address.
            headers: Sent with every request, such as ``Authorization``; a function is asked each time.
            perimeter: What may be called: public addresses unless given.
            name: What it is called; the address unless given.
            **options: ``prefix``: before the names of its tools. ``only``: the tools to offer, by the server's names,
                which may end with ``*``. ``approval``: those that a person must approve each call of. ``roles``: who
                may have a tool called, by tool. ``seconds``: how long a call may take (60). ``connecting``: how long
                connecting may take (30).

        Raises:
            ExtraMissing: The SDK is not installed.
        """
        check_sdk()
        connect = over_http(url, dict(headers or {}), perimeter or Perimeter(), options.get("connecting", 30.0))
        return cls._made(name or _public(url), connect, options)

    @classmethod
    def _made(cls, name: str, connect: Connect, options: dict[str, Any]) -> Self:
        seconds, connecting = options.pop("seconds", 60.0), options.pop("connecting", 30.0)
        only, approval = options.pop("only", None), options.pop("approval", ())
        access = Access(
            prefix=options.pop("prefix", ""),
            only=None if only is None else tuple(only),
            approval=tuple(approval),
            roles=options.pop("roles", {}),
        )
        if options:
            raise TypeError(f"there is no option {', '.join(options)}")
        return cls(name, connect, access, seconds=seconds, connecting=connecting)

    async def __aenter__(self) -> Self:
        """The toolset, connected, with its tools discovered.

        Raises:
            ServiceUnavailable: The server cannot be reached.
            AddressRefused: It may not be called.
            ToolNotFound: An option names a tool that it has not.
        """
        connection = Connection(self.name, self._connect, seconds=self._connecting)
        self._connection = await connection.__aenter__()
        try:
            await self.refresh()
        except BaseException:
            await connection.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._connection is not None:
            await self._connection.__aexit__(*exc)
            self._connection = None

    @property
    def tools(self) -> Toolset:
        """Its tools, as they were when they were last discovered."""
        return self._tools

    async def refresh(self) -> Toolset:
        """Its tools, discovered again.

        Raises:
            ServiceUnavailable: The server cannot be reached.
            ToolNotFound: An option names a tool that it has not.
        """
        connection = self._asked()
        try:
            async with asyncio.timeout(self._connecting):
                listed = await connection.ask(_listed, again=True)
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"the MCP server '{self.name}' took longer than {self._connecting:g} s to list its tools",
                remedy="allow more with connecting=",
            ) from error
        tools: dict[str, MCPTool] = {}
        self.left_out = {}
        for told in listed:
            try:
                made = offered(told, connection, seconds=self._seconds, prefix=self._access.prefix, others=tools)
            except ToolInvalid as error:
                self.left_out[told.name[:LONGEST_NAME]] = str(error)
            else:
                tools[made.name] = made
        self._tools = self._access.applied(Toolset(*tools.values()))
        return self._tools

    def _asked(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("the toolset is not connected; use 'async with MCPToolset.http(...) as server'")
        return self._connection

    def __repr__(self) -> str:
        return f"MCPToolset({self.name!r}, tools={list(self._tools.names)})"


def _public(url: str) -> str:
    """The address without what may be secret in it: the name and password before the host, and the query."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


async def _listed(client: Client) -> list[Any]:
    """Every tool of the server.

    Raises:
        ServiceFailed: There is no end to them.
    """
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor, cache_mode="refresh")
        found.extend(page.tools)
        cursor = page.next_cursor
        if len(found) > _MOST_TOOLS:
            raise ServiceFailed(f"an MCP server has more than {_MOST_TOOLS} tools")
        if cursor is None:
            return found
    raise ServiceFailed(f"an MCP server has more than {_MOST_PAGES} pages of tools")
