"""Watching: what happens to a case is told while it happens, and how it stands at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from rich.status import Status
from rich.text import Text

from circuit_breaker.cli.output import Output
from circuit_breaker.cli.records import case_record
from circuit_breaker.cli.telling import status_text, tell
from circuit_breaker.engine.bus import Progress, Subscription
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.running import only
from circuit_breaker.errors import WorkflowNotFound
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import ActionStarted

__all__ = ["report", "watched"]


@asynccontextmanager
async def watched(engine: Engine, output: Output, *, case: str | None = None) -> AsyncIterator[None]:
    """Tells the events of a case, or of all, as long as the ``async with`` block lasts; nothing to programs."""
    if output.json:
        yield
        return
    try:
        async with asyncio.TaskGroup() as group:
            with engine.subscribe(case=case, size=10_000) as events, ExitStack() as stack:
                status = stack.enter_context(output.console.status("")) if output.live else None
                telling = group.create_task(_tell_all(events, output, status, every=case is None))
                try:
                    yield
                finally:
                    events.close()
                    await asyncio.wait({telling})
    except BaseExceptionGroup as errors:
        raise only(errors) from None


async def _tell_all(events: Subscription, output: Output, status: Status | None, *, every: bool) -> None:
    while (notice := await events.take()) is not None:
        event = notice.event
        prefix = f"{event.case}  " if every else ""
        if isinstance(event, Progress):
            _progress(event, output, status, prefix)
        elif isinstance(event, ActionStarted) and status is not None:
            status.update(Text(f"{prefix}{event.transition}", style="dim"))
        else:
            output.say(Text(prefix, style="dim").append_text(tell(event).text()), soft_wrap=True)


def _progress(event: Progress, output: Output, status: Status | None, prefix: str) -> None:
    share = "" if event.fraction is None else f"{event.fraction:.0%} "
    line = Text(f"{prefix}{event.transition}  {share}{event.message}", style="dim")
    if status is not None:
        status.update(line)
    else:
        output.say(Text("  ").append_text(line), soft_wrap=True)


def report(engine: Engine, output: Output, case: Case) -> None:
    """Says how a case stands and who can bring it on."""
    if output.json:
        output.document(case_record(case))
        return
    output.say(Text.assemble("case ", (case.id, "bold"), " is ", status_text(case)), soft_wrap=True)
    try:
        explanation = engine.explain(case)
    except WorkflowNotFound:
        return
    if explanation.message:
        output.say(Text(f"  {explanation.message}", style="italic"))
    waiting = [reason for reason in explanation.reasons if reason.enabled and reason.trigger == "manual"]
    for name in dict.fromkeys(reason.transition for reason in waiting):
        output.say(Text(f"  circuit-breaker fire {case.id} {name}", style="dim"), soft_wrap=True)
    if case.status in ("stuck", "failed"):
        output.say(Text(f"  circuit-breaker explain {case.id}", style="dim"), soft_wrap=True)
