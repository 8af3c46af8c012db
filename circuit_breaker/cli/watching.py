"""Watching: what happens to a case is told while it happens, and how it stands at the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager

from rich.status import Status

from circuit_breaker.cli.onward import Onward, quoted
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.remedies import deciding
from circuit_breaker.cli.session import Session
from circuit_breaker.cli.telling import status_text, tell
from circuit_breaker.cli.tokens import resolving
from circuit_breaker.cli.visible import Line
from circuit_breaker.engine.bus import Progress, Subscription
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.running import only
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionStarted
from circuit_breaker.workflow.explain import Explanation

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
            status.update(Line(f"{prefix}{event.transition}", style="dim"))
        else:
            output.say(Line(prefix, style="dim").append_text(tell(event).text()), soft_wrap=True)


def _progress(event: Progress, output: Output, status: Status | None, prefix: str) -> None:
    share = "" if event.fraction is None else f"{event.fraction:.0%} "
    message = deciding(event.message, output.onward)
    line = Line(f"{prefix}{event.transition}  {share}{message}", style="dim")
    if status is not None and message == event.message:  # what somebody is to type stays in sight
        status.update(line)
    else:
        output.say(Line("  ").append_text(line), soft_wrap=True)


async def report(engine: Engine, session: Session, case: Case) -> None:
    """Says how a case stands, and what to type to bring it on."""
    output = session.output
    if output.json:
        output.document(case.to_document())
        return
    output.say(Line.assemble("case ", (case.id, "bold"), " is ", status_text(case)), soft_wrap=True)
    explanation = engine.explain(case)
    if explanation.message and case.status != "cancelled":
        output.say(Line(f"  {explanation.message}", style="italic"), soft_wrap=True)
    for execution in await session.undecided(case):
        names = ", ".join(call["name"] for call in execution.approval["calls"])
        command = output.onward.command("agents approve", execution.id)
        output.say(Line(f"  {execution.agent_id} waits for a yes or no to {names}: {command}", "dim"), soft_wrap=True)
    for line in _onward(case, explanation, engine.workflow(case), await session.onward_from(engine, case)):
        output.say(Line(f"  {line}", style="dim"), soft_wrap=True)


def _onward(case: Case, explanation: Explanation, workflow: Workflow, onward: Onward) -> Iterator[str]:
    """The commands that bring a case on, or tell why nothing does."""
    if case.status == "running":
        yield onward.going_on(case.id)
    if case.status in ("waiting", "stuck", "failed"):
        yield onward.command("explain", case.id)
    for pending in case.pending:
        if pending.doubt:
            yield resolving(case, pending, onward)
    manual = [reason for reason in explanation.reasons if reason.trigger == "manual" and not reason.missing]
    for reason in manual:
        roles = workflow.by_id[reason.id].roles
        role = f"--role {quoted(roles[0])}" if roles else ""
        yield onward.command("fire", case.id, reason.transition, options=role)
