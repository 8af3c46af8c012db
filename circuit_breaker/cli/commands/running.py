"""Commands that begin cases and keep them going: ``run``, ``start`` and ``work``."""

from __future__ import annotations

from typing import Any

import click

from circuit_breaker.cli.exits import exit_code_of_case
from circuit_breaker.cli.options import (
    Seconds,
    by_option,
    data_option,
    definitions_option,
    output_options,
    storage_option,
    workflow_argument,
)
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete, winding_down
from circuit_breaker.cli.watching import report, watched
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ids import new_id
from circuit_breaker.workflow.case import Case, Status

__all__ = ["run", "start", "work"]

id_option = click.option(
    "--id", "case_id", metavar="CASE", help="The id of the new case; made from the time unless given."
)
OPEN: tuple[Status, ...] = ("running", "waiting", "stuck", "failed", "in_doubt")


@click.command(short_help="Start a case and run it until it rests.")
@workflow_argument
@data_option("The data of the new case.")
@id_option
@by_option
@storage_option
@output_options
@with_session
def run(session: Session, *, data: dict[str, Any] | None, case_id: str | None, by: str) -> None:
    """Start a case of WORKFLOW and run it until it rests: completed, or waiting for somebody.

    What happens is told line by line. A run that is interrupted is taken up by `circuit-breaker work`.
    """
    case = complete(_run(session, {"data": data, "id": new_id() if case_id is None else case_id, "by": by}))
    raise click.exceptions.Exit(exit_code_of_case(case))


async def _run(session: Session, options: dict[str, Any]) -> Case:
    async with session.engine(existing=False, working=True) as engine:
        async with watched(engine, session.output, case=options["id"]):
            case = await engine.run(await engine.start(session.workflows[0], **options))
            case = await session.settled(engine, case)
        await report(engine, session, case)
        return case


@click.command(short_help="Start a case, without running it.")
@workflow_argument
@data_option("The data of the new case.")
@id_option
@by_option
@storage_option
@output_options
@with_session
def start(session: Session, *, data: dict[str, Any] | None, case_id: str | None, by: str) -> None:
    """Start a case of WORKFLOW and print its id. Nothing fires yet: see `fire`, `signal` and `work`."""
    case = complete(_start(session, {"data": data, "id": case_id, "by": by}))
    if session.output.json:
        session.output.document(case.to_document())
    else:
        session.output.text(case.id)


async def _start(session: Session, options: dict[str, Any]) -> Case:
    async with session.engine(existing=False) as engine:
        return await engine.start(session.workflows[0], **options)


@click.command(short_help="Take up what was interrupted, and fire timers.")
@click.option(
    "--until-idle",
    is_flag=True,
    help="End when nothing can be done and no timer runs; an action that waits for a person is waited for.",
)
@click.option(
    "--poll",
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    type=Seconds(min=0.01, max=86_400),
    help="The longest time until work of other processes is noticed.",
)
@click.option(
    "--grace",
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    type=Seconds(min=0, max=86_400),
    help="How long actions in progress may go on when it is to end.",
)
@definitions_option
@storage_option
@output_options
@with_session
def work(session: Session, *, until_idle: bool, poll: float, grace: float) -> None:
    """Keep the cases of a journal going, until it is stopped: take up what was interrupted, fire timers when due.

    Cases whose definition is not known are left alone, and named. So are those of state machines and compositions of
    agents, unless the environment has the key of a provider, or a module with a staff is named.

    At SIGTERM or Ctrl-C no action begins any more, and those in progress may end. What takes longer than the --grace is
    given up, and taken up again by whoever works next; at a second signal everything is given up at once.
    """
    complete(_work(session, until_idle=until_idle, poll=poll, grace=grace))


async def _work(session: Session, *, until_idle: bool, poll: float, grace: float) -> None:
    output = session.output
    async with session.engine(existing=not session.workflows, working=True) as engine:
        for unknown in await session.know_all(engine, await _definitions(engine)):
            output.warn(str(unknown))
        async with winding_down(engine, output, grace=grace), watched(engine, output):
            await engine.work(until_idle=until_idle, poll=poll)
            while until_idle and not engine.winding_down and await session.busy():
                await engine.work(until_idle=True, poll=poll)
        if output.json:
            output.document({"counts": await engine.storage.count()})


async def _definitions(engine: Engine) -> list[tuple[str, str]]:
    """Name and version of every definition that an open case runs under."""
    found: dict[tuple[str, str], None] = {}
    after = ""
    while page := await engine.cases(status=OPEN, after=after, limit=500):
        after = page[-1].id
        found.update(dict.fromkeys((summary.workflow, summary.definition) for summary in page))
    return list(found)
