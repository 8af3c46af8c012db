"""What a tool is given beside its arguments: which call it is, what the execution remembers, and a way to go on."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.llm.parts import ToolCall

if TYPE_CHECKING:
    from circuit_breaker.llm.tools.base import Tool

__all__ = ["ToolContext", "ToolLimits", "ToolProgress"]


def _positive(_: Any, field: attrs.Attribute[Any], value: float) -> None:
    if not value > 0:
        raise ValueError(f"{field.name} is {value!r}, and must be more than 0")


@attrs.frozen(kw_only=True)
class ToolLimits:
    """What a call of a tool may take.

    Attributes:
        seconds: How long a call may take; that of the tool, where it has one, if that is less.
        output: The most characters of a result that the model is shown.
        at_once: How many calls run at the same time.
        chained: How many tools one call may go on to.

    Raises:
        ValueError: One of them is not positive.
    """

    seconds: float = attrs.field(default=60.0, validator=_positive)
    output: int = attrs.field(default=50_000, validator=_positive)
    at_once: int = attrs.field(default=8, validator=_positive)
    chained: int = attrs.field(default=8, validator=_positive)


@attrs.frozen(kw_only=True)
class ToolProgress:
    """What a tool says while it works.

    Attributes:
        tool: The name of the tool.
        call_id: The call that it is about.
        message: What it does now, or a piece of what it found.
        fraction: How far it is, from 0 to 1, or None.
    """

    tool: str
    call_id: str
    message: str = ""
    fraction: float | None = None


def _ignore(_: ToolProgress) -> None:
    """Nobody listens."""


@attrs.define(kw_only=True)
class ToolContext:
    """The surroundings of a call.

    Attributes:
        state: What tools remember from call to call of one execution; the same dict for all of its calls.
        available_tools: The tools that this call may go on to.
        call: The call, or None outside of one.
        tool: The name under which the model called it.
        roles: The roles of whoever it is done for; a tool that wants others is not there for them.
        approve: Says whether a person has approved a call of a tool that needs it; without one, nobody has.
        report: Told what tools say while they work.
        redact: Takes secrets out of what the model is to see; what looks like a key is taken out of errors in any case.
        limits: What a call may take.
        work: What stays the same when the same work is done again, such as the idempotency key of an execution. Where
            it is not given each run of a loop, and each call outside of one, is work of its own.
    """

    state: dict[str, Any] = attrs.field(factory=dict, repr=False)
    available_tools: tuple[Tool, ...] = attrs.field(default=(), repr=False)
    call: ToolCall | None = None
    tool: str = ""
    roles: frozenset[str] = attrs.field(default=frozenset(), converter=frozenset)
    approve: Callable[[ToolCall], bool | Awaitable[bool]] | None = attrs.field(default=None, repr=False)
    report: Callable[[ToolProgress], object] = attrs.field(default=_ignore, repr=False)
    redact: Callable[[str], str] = attrs.field(default=str, repr=False)
    limits: ToolLimits = ToolLimits()
    work: str = attrs.field(default="", repr=False)
    next_tool: Tool | None = attrs.field(default=None, init=False)

    @property
    def call_id(self) -> str:
        """The id of the call; an empty text outside of one."""
        return self.call.id if self.call else ""

    @property
    def idempotency_key(self) -> str:
        """A text of its own for this call, and the same when the call is made again after a crash or a retry.

        Give it to whatever has effects, so that a payment is made once.
        """
        return hashlib.sha256(json.dumps([self.work, self.tool, self.call_id]).encode()).hexdigest()[:32]

    def progress(self, message: str = "", fraction: float | None = None) -> None:
        """Says what the tool does now, and how far it is, from 0 to 1."""
        self.report(ToolProgress(tool=self.tool, call_id=self.call_id, message=message, fraction=fraction))

    def chain(self, tool: Tool) -> None:
        """Goes on with another tool, which is given the result of this one when it is there."""
        self.next_tool = tool

    def inside(self, call: ToolCall, tool: str, available: tuple[Tool, ...]) -> ToolContext:
        """The context of one call of a tool: it shares the state, and has a way on of its own."""
        work = self.work or uuid.uuid4().hex
        return attrs.evolve(self, call=call, tool=tool, available_tools=available, work=work)
