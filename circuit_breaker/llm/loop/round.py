"""One round of tools: the calls of one answer, judged, made side by side, and kept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import attrs

from circuit_breaker.llm.documents import from_document, to_document
from circuit_breaker.llm.loop.approvals import Decisions, call_digest, said_of
from circuit_breaker.llm.loop.events import RepetitionTold, ToolEnded, ToolReported, ToolStarted
from circuit_breaker.llm.loop.repetition import judged, told_so
from circuit_breaker.llm.loop.state import CallRecord, LoopState
from circuit_breaker.llm.loop.surroundings import Surroundings
from circuit_breaker.llm.parts import ToolCall, ToolResult
from circuit_breaker.llm.tools.context import ToolContext, ToolProgress
from circuit_breaker.llm.tools.result import redacted
from circuit_breaker.llm.tools.running import run_tool_call
from circuit_breaker.llm.tools.toolset import Toolset

__all__ = ["Round", "plain"]


@attrs.frozen(kw_only=True)
class Round:
    """The calls of one answer.

    Attributes:
        calls: The calls, in order.
        state: What happened before.
        toolset: The tools that there are.
        context: The surroundings of the calls.
        around: Who is told, and who keeps the results.
        repeats: See :class:`LoopLimits`.
        decisions: What a person has said of those that need it.
    """

    calls: tuple[ToolCall, ...]
    state: LoopState
    toolset: Toolset
    context: ToolContext
    around: Surroundings
    repeats: int
    decisions: Decisions = None

    @property
    def stopped(self) -> bool:
        """Whether the model repeats itself although it was told."""
        return "stopped" in self._judgements

    @cached_property
    def waiting(self) -> tuple[ToolCall, ...]:
        """Calls that need the approval of a person."""
        made = [call for call, found in zip(self.calls, self._judgements, strict=True) if found == "made"]
        return self.toolset.needing_approval(made)

    @property
    def undecided(self) -> tuple[ToolCall, ...]:
        """Those of them of which nothing was said."""
        said = self._said
        return tuple(call for call in self.waiting if call_digest(call) not in said)

    @cached_property
    def _said(self) -> Mapping[str, bool]:
        return said_of(self.decisions, self.waiting)

    @cached_property
    def _judgements(self) -> Sequence[str]:
        return [judged(self.state.calls, call, self.repeats) for call in self.calls]

    async def records(self) -> list[CallRecord]:
        """What the calls gave, in their order; at most so many run at once as the limits of the context say."""
        if len(self.calls) == 1:
            return [await self._record(0, self.calls[0], self._judgements[0])]
        turns = asyncio.Semaphore(self.context.limits.at_once)

        async def in_turn(at: int, call: ToolCall, judgement: str) -> CallRecord:
            async with turns:
                return await self._record(at, call, judgement)

        try:
            async with asyncio.TaskGroup() as group:
                work = enumerate(zip(self.calls, self._judgements, strict=True))
                tasks = [group.create_task(in_turn(at, *each)) for at, each in work]
        except ExceptionGroup as errors:
            # Tools do not fail here: their results say so. It is whoever keeps results that has failed.
            raise errors.exceptions[0] from errors
        return [task.result() for task in tasks]

    async def _record(self, at: int, call: ToolCall, judgement: str) -> CallRecord:
        return self._told(call) if judgement == "told" else await self._made(at, call)

    def _told(self, call: ToolCall) -> CallRecord:
        self.around.tell(RepetitionTold(iteration=self.state.iteration, call=call))
        result = told_so(call, self.repeats)
        return CallRecord(iteration=self.state.iteration, call=call, result=result, told=True)

    async def _made(self, at: int, call: ToolCall) -> CallRecord:
        """The record of one call, which is made unless its result is kept."""
        number = self.state.iteration

        name = f"{number}/tool/{at}/{call.name:.64}"

        async def run() -> dict[str, Any]:
            return await self._run(call, name)

        document, kept = await self.around.kept(name, run)
        self.context.state.update(document["memory"])
        result: ToolResult = from_document(document["result"], ToolResult)
        seconds = document["seconds"]
        self.around.tell(ToolEnded(iteration=number, call=call, result=result, seconds=seconds, kept=kept))
        return CallRecord(iteration=number, call=call, result=result, seconds=seconds)

    async def _run(self, call: ToolCall, name: str) -> dict[str, Any]:
        number, begun, before = self.state.iteration, self.around.now(), plain(self.context.state)
        self.around.tell(ToolStarted(iteration=number, call=call))
        # Some vendors begin to count their calls anew with each answer: the place tells them apart.
        work = f"{self.context.work}/{name}"
        own = attrs.evolve(self.context, approve=self._approved, report=self._report, work=work)
        result = await run_tool_call(call, self.toolset, own)
        after = plain(self.context.state)
        changed = {name: value for name, value in after.items() if before.get(name, self) != value}
        return {
            "result": to_document(result),
            "seconds": round(self.around.now() - begun, 6),
            "memory": redacted(changed, self.context.redact),
        }

    def _approved(self, call: ToolCall) -> bool:
        return self._said.get(call_digest(call)) is True

    def _report(self, progress: ToolProgress) -> None:
        self.around.tell(ToolReported(iteration=self.state.iteration, progress=progress))
        self.context.report(progress)


def plain(memory: Mapping[str, Any]) -> dict[str, Any]:
    """What of the memory of tools can be kept: the part that is JSON, as a copy."""
    found = {}
    for name, value in memory.items():
        try:
            found[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            continue
    return found
