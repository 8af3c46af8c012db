"""Commands that have executions of agents go on: ``agents run``, ``resume``, ``approve`` and ``cancel``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency, is_document
from circuit_breaker.cli.agent_options import (
    context_option,
    context_pairs,
    execution_argument,
    execution_record,
    model_option,
    only_agent,
    provider_option,
    sources_option,
)
from circuit_breaker.cli.agent_watch import Watch, exit_code_of, report
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.options import JsonObject, Seconds, by_option, import_option, output_options, storage_option
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line

__all__ = ["RUNNING"]


@click.command(short_help="Run an agent, and show what it does.")
@click.argument("agent", metavar="AGENT", shell_complete=agent_ids)
@click.option(
    "-i", "--input", "inputs", multiple=True, metavar="NAME=TEXT", help="An input; NAME=@FILE reads it, NAME:=JSON too."
)
@click.option("--data", type=JsonObject(), metavar="JSON|@FILE", help="All inputs as one object.")
@context_option
@click.option("--key", default="", metavar="TEXT", help="With the same key it runs once.")
@click.option("-c", "--conversation", default="", metavar="ID", help="The conversation that it belongs to.")
@click.option("--timeout", type=Seconds(min=0.001), metavar="SECONDS", help="How long it may take.")
@click.option("--no-wait", is_flag=True, help="Do not ask for approvals here; see `agents approve`.")
@provider_option
@model_option
@sources_option
@import_option
@storage_option
@output_options
@with_session
def run(
    session: Session,
    *,
    agent: str,
    no_wait: bool,
    sources: Sequence[str],
    provider: str | None,
    model: str | None,
    **asked: Any,
) -> None:
    """Run an agent once: AGENT is an id, or a YAML or JSON file with one agent.

    The answer is printed on standard output as it comes; calls of tools and the like on standard error. With --json
    every event is printed as it is kept, one a line.

    \b
    circuit-breaker agents run reviewer.yaml -i text=@draft.md -i language=German
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    if is_document(agent):
        sources, agent = (*sources, agent), only_agent(agent)
    agency = Agency(session, tuple(sources), provider, model)
    options = _options(**asked)

    async def begin(engine: AgentEngine) -> AgentExecution:
        begun = await engine.start(agent, overrides=agency.answering.overrides, **options)
        await engine.resume(begun.id)
        return begun

    _finish(session.output, Watch(agency, asks=not no_wait and not session.output.json).over(begin))


def _options(
    *, inputs: Sequence[str], data: dict[str, Any] | None, contexts: Sequence[str], **more: Any
) -> dict[str, Any]:
    """How the execution is to begin."""
    return {"given": {**(data or {}), **dict(map(_input, inputs))}, "context": _context(contexts), **more}


def _input(text: str) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip(":"):
        raise click.BadParameter(f"{text[:60]!r} has no name; write NAME=TEXT", param_hint="--input")
    as_json = name.endswith(":")
    try:
        read = Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value
        return name.removesuffix(":"), json.loads(read) if as_json else read
    except OSError as error:
        raise click.BadParameter(f"'{value[1:]}' cannot be read: {error.strerror}", param_hint="--input") from error
    except ValueError as error:
        what = "JSON" if as_json else "text in UTF-8"
        raise click.BadParameter(f"{name.rstrip(':')}: no {what}: {error}", param_hint="--input") from error


def _context(contexts: Sequence[str]) -> ExecutionContext | None:
    context = ExecutionContext()
    for path, value in context_pairs(contexts).items():
        context = context.set(path, value)
    return context if contexts else None


def _finish(output: Output, execution: AgentExecution) -> None:
    report(output, execution)
    if code := exit_code_of(execution):
        raise click.exceptions.Exit(code)


@click.command(short_help="Go on with what a process has left behind.")
@execution_argument
@click.option("--no-wait", is_flag=True, help="Do not ask for approvals here.")
@import_option
@storage_option
@output_options
@with_session
def resume(session: Session, *, execution: str, no_wait: bool) -> None:
    """Go on with an execution whose process has ended, and show what it does from its beginning.

    Calls of models and tools that were finished are not made again. One that another process works on is shown.
    """
    agency = Agency(session)

    async def begin(engine: AgentEngine) -> AgentExecution:
        await agency.check(engine, execution)
        await engine.resume(execution)
        return await engine.execution(execution)

    _finish(session.output, Watch(agency, asks=not no_wait and not session.output.json).over(begin))


@click.command(short_help="Cancel an execution.")
@execution_argument
@click.option("--reason", default="", help="Why.")
@by_option
@import_option
@storage_option
@output_options
@with_session
def cancel(session: Session, *, execution: str, reason: str, by: str) -> None:
    """Cancel an execution, wherever it goes on: the call of a model that it waits for is ended."""
    found = complete(_cancel(Agency(session, silent=True), execution, reason, by))
    if session.output.json:
        session.output.document(execution_record(found))
    else:
        session.output.say(Line(f"{found.id} is {found.status}"))


async def _cancel(agency: Agency, execution_id: str, reason: str, by: str) -> AgentExecution:
    async with agency.engine() as engine:
        await engine.cancel(execution_id, by=by, reason=reason)
        return await engine.execution(execution_id)


@click.command(short_help="Say yes or no to calls of tools.")
@execution_argument
@click.option("--yes/--no", "verdict", default=None, help="What is said; without it each call is asked about.")
@click.option("--digest", metavar="TEXT", help="A yes to exactly the calls of this digest.")
@by_option
@import_option
@storage_option
@output_options
@with_session
def approve(session: Session, *, execution: str, verdict: bool | None, digest: str | None, by: str) -> None:
    """Say yes or no to the calls of tools that an execution waits with, and show how it goes on."""

    async def begin(engine: AgentEngine) -> AgentExecution:
        await agency.check(engine, execution)
        waiting = await engine.execution(execution)
        if asks:
            return waiting
        return await engine.approve(
            execution, digest or (waiting.approval.get("digest", "") if verdict else False), by=by
        )

    agency, asks = Agency(session), verdict is None and digest is None
    _finish(session.output, Watch(agency, asks=asks).over(begin))


RUNNING: Final = (run, resume, approve, cancel)
"""The commands of this file."""
