"""Calls of tools carried out: whatever goes wrong is told to the model as a result, and never raised."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from circuit_breaker.errors import CircuitBreakerError, ResponseInvalid, words_of
from circuit_breaker.invocation import cancelled_from_outside, inline, threaded
from circuit_breaker.llm.arguments import arguments_of
from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.refusal import ToolRefused, misfit, told, unapproved, unknown
from circuit_breaker.llm.tools.result import failed, shown
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.rules.schema import misfits

__all__ = ["check_output", "joined", "run_tool_call", "run_tool_calls"]


async def run_tool_calls(
    calls: Iterable[ToolCall], toolset: Toolset, context: ToolContext | None = None
) -> tuple[ToolResult, ...]:
    """The results of several calls, in the order of the calls.

    They are made at the same time, as many as :attr:`ToolLimits.at_once` says. When the caller is cancelled, all stop.
    """
    around = context or ToolContext()
    turns = asyncio.Semaphore(around.limits.at_once)

    async def in_turn(call: ToolCall) -> ToolResult:
        async with turns:
            return await run_tool_call(call, toolset, around)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(in_turn(call)) for call in calls]
    return tuple(task.result() for task in tasks)


async def run_tool_call(call: ToolCall, toolset: Toolset, context: ToolContext | None = None) -> ToolResult:
    """The result of one call.

    A tool that is not there, arguments that do not fit, a call that nobody approved, a failure and a timeout are
    results as well: ``{"error": ..., "fallback": ...}``, for the model to read, with ``is_error`` set.
    """
    around = context or ToolContext()
    allowed = toolset.open_to(around.roles)
    own = around.inside(call, call.name, tuple(allowed))
    fallback = allowed[call.name].fallback_response if call.name in allowed else None
    try:
        arguments = await _admitted(call, allowed, own)
        given = await _carried_out(allowed, arguments, own)
        return shown(call, given, own)
    except ToolRefused as refusal:
        return failed(call, refusal.told, own, fallback)
    except asyncio.CancelledError:
        if cancelled_from_outside():
            raise
        return failed(call, {"error": f"the tool '{call.name}' was cancelled"}, own, fallback)
    except Exception as error:  # noqa: BLE001 - a tool may raise anything, and the model is to know
        return failed(call, {"error": f"the tool '{call.name}' failed: {_said(error)}"}, own, fallback)
    except SystemExit as error:
        return failed(call, {"error": f"the tool '{call.name}' ended the program with {error.code!r}"}, own, fallback)


async def _admitted(call: ToolCall, allowed: Toolset, context: ToolContext) -> dict[str, Any]:
    """The arguments of a call that may be made.

    Raises:
        ToolRefused: It may not be made.
    """
    if call.name not in allowed:
        raise unknown(call, allowed.names)
    offer = allowed.offer(call.name)
    try:
        arguments = arguments_of(call)
    except ResponseInvalid as error:
        raise ToolRefused({"error": str(error)}) from error
    _check(offer.tool, offer.name, arguments)
    if offer.approval and not (context.approve is not None and await inline(context.approve, call)):
        raise unapproved(call)
    return arguments


def _check(tool: Tool, name: str, arguments: Any) -> None:
    faults = list(misfits(tool.parameters, arguments))
    if faults:
        raise misfit(name, faults)


async def _carried_out(allowed: Toolset, arguments: dict[str, Any], context: ToolContext) -> Any:
    """What the tool gives, or the last of those that it went on to.

    Raises:
        ToolRefused: It took too long, or its result does not fit what comes next.
    """
    tool, name = allowed[context.tool], context.tool
    given = await _performed(tool, name, arguments, context)
    for _ in range(context.limits.chained):
        check_output(tool, name, given)
        if context.next_tool is None:
            return given
        tool, context.next_tool = context.next_tool, None
        name = _check_chained(tool, given, allowed)
        given = await _performed(tool, name, dict(given), context)
    if context.next_tool is None:
        check_output(tool, name, given)
        return given
    raise ToolRefused({"error": f"the tool '{context.tool}' went on to more than {context.limits.chained} tools"})


def check_output(tool: Tool, name: str, given: Any) -> None:
    """Does nothing where a result is as the tool says.

    Raises:
        ToolRefused: It is not.
    """
    schema = getattr(tool, "output_schema", None)
    faults = list(misfits(schema, given)) if schema is not None else []
    if faults:
        raise ToolRefused({"error": f"the tool '{name}' gave a result that is not as it says", "faults": told(faults)})


def _check_chained(tool: Tool, given: Any, allowed: Toolset) -> str:
    """The name of a tool to go on to: one that the model could have called itself, without asking a person.

    Raises:
        ToolRefused: It is none, or the result before does not fit it.
    """
    offers = [offer for offer in allowed.offers if offer.tool is tool]
    if not offers:
        raise ToolRefused({"error": f"the tool '{tool.name}' is not available to go on to"})
    name = offers[0].name
    if all(offer.approval for offer in offers):
        raise ToolRefused({"error": f"the tool '{name}' needs the approval of a person; call it by itself"})
    if not isinstance(given, Mapping):
        raise ToolRefused({"error": f"the tool '{name}' cannot go on with a result that is no mapping"})
    _check(tool, name, given)
    return name


async def _performed(tool: Tool, name: str, arguments: dict[str, Any], context: ToolContext) -> Any:
    seconds = min(tool.timeout or context.limits.seconds, context.limits.seconds)
    call = inline if tool.is_async else threaded
    try:
        async with asyncio.timeout(seconds) as limit:
            return await _whole(await call(tool.perform, arguments, context), context)
    except TimeoutError as error:
        if limit.expired():
            raise ToolRefused({"error": f"the tool '{name}' took longer than {seconds:g} seconds"}) from error
        raise


async def _whole(given: Any, context: ToolContext) -> Any:
    """What a tool gives in the end: of one that gives its result in pieces, each is told as progress when it comes."""
    if not isinstance(given, AsyncIterator):
        return given
    pieces = []
    async for piece in given:
        pieces.append(piece)
        context.progress(piece if isinstance(piece, str) else "")
    return joined(pieces)


def joined(pieces: list[Any]) -> Any:
    """What a tool gives in pieces, as one: a text where all of them are texts."""
    return "".join(pieces) if all(isinstance(piece, str) for piece in pieces) else pieces


def _said(error: Exception) -> str:
    """What a model may know of a failure: what it says, and never where in the code it was."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(_said(inner) for inner in error.exceptions[:3])
    kind = "" if isinstance(error, CircuitBreakerError) else f"{type(error).__name__}: "
    return f"{kind}{words_of(error)[:1000]}".removesuffix(": ")
