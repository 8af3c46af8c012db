"""MCP servers as toolsets: their tools discovered, and called over stdio or HTTP (extra ``mcp``).

See https://modelcontextprotocol.io; the official SDK speaks the protocol, in its older and its newer form.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Self

import attrs

from circuit_breaker.errors import ActionError, ServiceFailed, ToolInvalid
from circuit_breaker.llm.mcp_connection import Connection
from circuit_breaker.llm.mcp_result import text_of
from circuit_breaker.llm.mcp_transport import Connect, check_sdk, over_http, over_stdio
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.outgoing.perimeter import Perimeter

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Access", "MCPToolset"]

_MOST_TOOLS: Final = 1000
_MOST_PAGES: Final = 100
_LONGEST_DESCRIPTION: Final = 4000
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_.-]")


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
        listed = await self._asked().ask(_listed, again=True)
        tools, self.left_out = [], {}
        for told in listed:
            try:
                tools.append(_MCPTool(told, self._asked(), self._seconds))
            except ToolInvalid as error:
                self.left_out[told.name] = str(error)
        self._tools = self._access.applied(Toolset(*tools))
        return self._tools

    def _asked(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("the toolset is not connected; use 'async with MCPToolset.http(...) as server'")
        return self._connection

    def __repr__(self) -> str:
        return f"MCPToolset({self.name!r}, tools={list(self._tools.names)})"


def _public(url: str) -> str:
    """The address without what may be secret in it: the name and password before the host, and the query."""
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


class _MCPTool(Tool):
    """A tool of a server."""

    def __init__(self, told: Any, connection: Connection, seconds: float) -> None:
        self._told_name = told.name
        self._connection = connection
        hints = told.annotations
        self._again = bool(hints and (hints.read_only_hint or hints.idempotent_hint))
        description = (told.description or told.title or told.name)[:_LONGEST_DESCRIPTION]
        super().__init__(_FOREIGN.sub("_", told.name), description, told.input_schema, timeout=seconds)

    @property
    def is_async(self) -> bool:
        return True

    def execute(self, *_: Any, **arguments: Any) -> Any:
        return self.perform(arguments, ToolContext())

    async def perform(self, arguments: dict[str, Any], context: ToolContext) -> Any:
        async def tell(progress: float, total: float | None, message: str | None) -> None:
            context.progress(message or "", progress / total if total else None)

        result = await self._connection.ask(
            lambda client: client.call_tool(self._told_name, arguments, self.timeout, tell), again=self._again
        )
        text = text_of(result)
        if result.is_error:
            raise ActionError(text or "the server says no more than that it failed")
        return text


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
        if cursor is None:
            return found
        if len(found) >= _MOST_TOOLS:
            raise ServiceFailed(f"an MCP server has more than {_MOST_TOOLS} tools")
    raise ServiceFailed(f"an MCP server has more than {_MOST_PAGES} pages of tools")
