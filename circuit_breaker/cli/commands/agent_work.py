"""Commands for the work of agents: ``agents run``, ``chat``, ``executions``, ``replay``, ``approve`` and more."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click
from rich.table import Table

from circuit_breaker.agents.context import PARTS, ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import STATUSES, AgentExecution
from circuit_breaker.agents.store import execution_document
from circuit_breaker.cli.agency import Agency, definitions_in, is_document
from circuit_breaker.cli.agent_events import EventTeller, taken_text
from circuit_breaker.cli.agent_talk import AgentTalk, Watch, exit_code_of, report
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.completing import executions as execution_ids
from circuit_breaker.cli.completing import files
from circuit_breaker.cli.options import JsonObject, Seconds, by_option, import_option, output_options, storage_option
from circuit_breaker.cli.output import WIDE, Output
from circuit_breaker.cli.providers import SCRIPTED
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line

__all__ = ["WORK"]

STYLES: Final = {
    "completed": "green",
    "failed": "red",
    "timed_out": "red",
    "cancelled": "yellow",
    "interrupted": "yellow",
}
sources_option = click.option(
    "--agents",
    "sources",
    multiple=True,
    metavar="FILE|FOLDER",
    shell_complete=files,
    help="Agents in YAML or JSON, which are registered first; may be repeated.",
)
provider_option = click.option(
    "-p",
    "--provider",
    metavar="NAME",
    help=f"Who is asked, in place of whom the agent names; {SCRIPTED} needs no key.",
)
model_option = click.option("-m", "--model", metavar="NAME", help="The model, in place of what the agent names.")
execution_argument = click.argument("execution", metavar="EXECUTION", shell_complete=execution_ids)
context_option = click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="PATH=VALUE",
    help="Something of the context, such as user_context.user_id=ann; may be repeated.",
)


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
        sources, agent = (*sources, agent), _only(agent)
    agency = Agency(session, tuple(sources), provider, model)
    options = _options(**asked)

    async def begin(engine: AgentEngine) -> AgentExecution:
        begun = await engine.start(agent, overrides=agency.overrides, **options)
        await engine.resume(begun.id)
        return begun

    _finish(session.output, Watch(agency, asks=not no_wait and not session.output.json).over(begin))


def _only(file: str) -> str:
    found = definitions_in([file])
    if len(found) != 1:
        named = ", ".join(each.id for each in found)
        raise click.UsageError(f"'{file}' has {len(found)} agents: name one of {named}, and the file with --agents")
    return found[0].id


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


def _pairs(contexts: Sequence[str]) -> dict[str, str]:
    """What is in the context, by path; a path of one word is that of something of one's own."""
    found = {}
    for text in contexts:
        path, sign, value = text.partition("=")
        if not sign or not path:
            raise click.BadParameter(f"{text[:60]!r} has no path; write PATH=VALUE", param_hint="--context")
        known = path.split(".")[0] in (*PARTS, "tenant_id")
        found[path if known else f"custom_context.{path}"] = value
    return found


def _context(contexts: Sequence[str]) -> ExecutionContext | None:
    context = ExecutionContext()
    for path, value in _pairs(contexts).items():
        context = context.set(path, value)
    return context if contexts else None


def _finish(output: Output, execution: AgentExecution) -> None:
    report(output, execution)
    if code := exit_code_of(execution):
        raise click.exceptions.Exit(code)


@click.command(short_help="Talk to an agent in the terminal.")
@click.argument("agent", metavar="AGENT", shell_complete=agent_ids)
@click.argument("text", required=False)
@click.option("-c", "--conversation", default="", metavar="ID", help="The conversation that goes on, or begins.")
@provider_option
@model_option
@sources_option
@import_option
@storage_option
@output_options
@with_session
def chat(
    session: Session,
    *,
    agent: str,
    text: str | None,
    conversation: str,
    sources: Sequence[str],
    provider: str | None,
    model: str | None,
) -> None:
    """Talk to an agent. Answers are shown while they are made; what an agent with a memory remembers is kept.

    With TEXT it answers once. Otherwise each line is said to it; Ctrl-D ends the talk.

    \b
    circuit-breaker agents chat helper --conversation monday
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    if is_document(agent):
        sources, agent = (*sources, agent), _only(agent)
    agency = Agency(session, tuple(sources), provider, model)
    talk = AgentTalk(agency, agent, conversation)
    if text is None:
        talk.lead()
    elif code := exit_code_of(talk.say(text)):
        raise click.exceptions.Exit(code)


@click.command(short_help="List executions.")
@click.argument("agent", metavar="[AGENT]", default="", shell_complete=agent_ids)
@click.option("--status", type=click.Choice(STATUSES), help="Only these.")
@click.option("--conversation", default="", metavar="ID", help="Only those of this conversation.")
@context_option
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to list.")
@click.option("--after", default="", metavar="EXECUTION", help="Begin after this one: the next page.")
@import_option
@storage_option
@output_options
@with_session
def executions(session: Session, *, agent: str, contexts: Sequence[str], **filters: Any) -> None:
    """List executions, of one agent or of all, in the order of time. With --json one object a line.

    One whose process has ended before it was over is interrupted; `agents resume` goes on with it.
    """
    found, left = complete(_executions(Agency(session), agent, contexts, **filters))
    output = session.output
    if output.json:
        for each in found:
            output.record({**_record(each), "interrupted": each.id in left})
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    titles = ("execution", "agent", "status", "taken", "seconds", "asked for (UTC)")
    for title in titles if output.console.width >= WIDE else titles[:4]:
        table.add_column(title, overflow="fold", no_wrap=title == "execution")
    for each in found:
        status = "interrupted" if each.id in left else each.status
        waits = f", waits for {each.waiting_for}" if each.waiting_for and each.id not in left else ""
        cells = (
            Line(each.id, style="bold"),
            Line(each.agent_id),
            Line(f"{status}{waits}", style=STYLES.get(status, "")),
            _taken(each),
            "" if each.seconds is None else f"{each.seconds:.3f}",
            each.created_at.strftime("%Y-%m-%d %H:%M:%S"),
        )
        table.add_row(*cells[: len(table.columns)])
    output.say(table if found else "no executions")


def _taken(execution: AgentExecution) -> str:
    priced = None if execution.unpriced_calls and not execution.dollars else f"{execution.dollars:f}"
    return taken_text(execution.usage, priced)


def _record(execution: AgentExecution) -> dict[str, Any]:
    shown = {name: value for name, value in execution.approval.items() if name != "state"}
    return {"execution": execution.id, **execution_document(execution), "approval": shown}


async def _executions(
    agency: Agency,
    agent: str,
    contexts: Sequence[str],
    *,
    status: str | None,
    conversation: str,
    limit: int,
    after: str,
) -> tuple[list[AgentExecution], set[str]]:
    """The executions, and the ids of those whose process is gone."""
    keys = {f"context.{path}": value for path, value in _pairs(contexts).items()}
    keys |= {"conversation": conversation, "agent": agent, "status": status or ""}
    async with agency.archive() as archive:
        found = {name: value for name, value in keys.items() if value}
        executions = await archive.store.executions(found, after=after, limit=limit)
        return executions, await archive.store.left(executions)


@click.command(short_help="Show again what an execution did.")
@execution_argument
@click.option("--after", default=0, metavar="N", type=click.IntRange(0), help="Only events above this number.")
@click.option("-f", "--follow", is_flag=True, help="Go on until it is over.")
@import_option
@storage_option
@output_options
@with_session
def replay(session: Session, *, execution: str, after: int, follow: bool) -> None:
    """Show the events of an execution as they were shown live. With --json as they are kept, one a line."""
    complete(_replay(Agency(session), execution, after, follow=follow))


async def _replay(agency: Agency, execution_id: str, after: int, *, follow: bool) -> None:
    teller = EventTeller(agency.output, last=after)
    async with agency.archive() as archive:
        if follow:
            async with archive.events.subscribe_raw(execution_id, after=after) as documents:
                await teller.follow(documents)
        else:
            for document in await archive.events.read(execution_id, after=after):
                teller.tell(document)
            teller.rest()
        report(agency.output, await archive.store.execution(execution_id))


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

    async def begin(engine: AgentEngine) -> AgentExecution:
        await engine.resume(execution)
        return await engine.execution(execution)

    _finish(session.output, Watch(Agency(session), asks=not no_wait and not session.output.json).over(begin))


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
        session.output.document(_record(found))
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
        waiting = await engine.execution(execution)
        if asks:
            return waiting
        return await engine.approve(
            execution, digest or (waiting.approval.get("digest", "") if verdict else False), by=by
        )

    asks = verdict is None and digest is None
    _finish(session.output, Watch(Agency(session), asks=asks).over(begin))


WORK: Final = (run, chat, executions, replay, resume, approve, cancel)
"""The commands for the work of agents, in the order of the help text."""
