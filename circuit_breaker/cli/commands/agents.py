"""Commands for agents: the group, and those for definitions, conversations and what was spent."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import agent_schema, dump_agent, dump_agents
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency, Archive, definitions_in
from circuit_breaker.cli.commands.agent_work import WORK
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.completing import files
from circuit_breaker.cli.options import import_option, output_options, storage_option
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import AgentNotFound

__all__ = ["agents"]

GROUPS = ("agent", "model", "day")


@click.group(short_help="Register, run and talk to agents.")
def agents() -> None:
    """Agents: a model with prompts, tools and memory that works alone, in conversation, or for a workflow.

    They are kept in the journal. Keys are read from OPENAI_API_KEY, ANTHROPIC_API_KEY and GOOGLE_API_KEY, addresses
    from OPENAI_BASE_URL and OLLAMA_BASE_URL; where there is none of these, a script answers.
    """


for command in WORK:
    agents.add_command(command)


@agents.command("list", short_help="List the agents.")
@click.option("--tag", default="", metavar="TAG", help="Only those with this tag.")
@click.option("--capability", default="", metavar="NAME", help="Only those that can do this.")
@import_option
@storage_option
@output_options
@with_session
def list_agents(session: Session, *, tag: str, capability: str) -> None:
    """List the agents of the journal. With --json one object a line."""
    found = complete(_listed(Agency(session), tag=tag, capability=capability))
    if session.output.json:
        for each in found:
            session.output.record({**each.to_document(), "version": each.version})
        return
    table = _table("agent", "version", "type", "model", "tools", "what it is for")
    for each in found:
        who = f"{each.llm_provider}/{each.model}" if each.llm_provider else each.model
        cells = (each.version, each.type, who, ", ".join(each.tools), each.description)
        table.add_row(Line(each.id, style="bold"), *map(Line, cells))
    session.output.say(table if found else "no agents")


def _table(*titles: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        table.add_column(title, overflow="fold")
    return table


async def _listed(agency: Agency, **filters: str) -> list[AgentDefinition]:
    async with agency.archive() as archive:
        return [each async for each in _every(archive, **filters)]


async def _every(archive: Archive, **filters: Any) -> AsyncIterator[AgentDefinition]:
    after = ""
    while page := await archive.store.listed(after=after, **filters):
        for each in page:
            yield each
        after = page[-1].id


@agents.command(short_help="Show the definition of an agent.")
@click.argument("agent", metavar="AGENT", shell_complete=agent_ids)
@click.option("--version", help="Another version than the present one.")
@import_option
@storage_option
@output_options
@with_session
def show(session: Session, *, agent: str, version: str | None) -> None:
    """Show the definition of an agent, as the YAML that `agents register` reads."""
    found = complete(_definition(Agency(session), agent, version))
    if session.output.json:
        session.output.document({**found.to_document(), "version": found.version})
        return
    session.output.text(dump_agent(_timeless(found)))
    since = "" if found.updated_at is None else f" since {found.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    session.output.note(f"version {found.version}{since}")


def _timeless(definition: AgentDefinition) -> AgentDefinition:
    """What somebody has written, without the times that the journal has added."""
    return definition.evolve(created_at=None, updated_at=None)


async def _definition(agency: Agency, agent: str, version: str | None) -> AgentDefinition:
    async with agency.archive() as archive:
        return await archive.store.get(agent, version)


@agents.command(short_help="Register agents.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@import_option
@storage_option
@output_options
@with_session
def register(session: Session, *, files: Sequence[str]) -> None:
    """Register the agents of files, or of all YAML and JSON files in a folder. All are looked at before one is kept.

    An agent that is there already gets a new version; executions that have begun keep theirs.
    """
    found = definitions_in(files)
    complete(_registered(Agency(session, silent=True), found))
    for definition in found:
        if session.output.json:
            session.output.record({"agent": definition.id, "version": definition.version})
        else:
            session.output.text(f"{definition.id} {definition.version}")


async def _registered(agency: Agency, definitions: Sequence[AgentDefinition]) -> None:
    async with agency.engine(existing=False) as engine:
        for definition in definitions:
            engine.check(definition)
        for definition in definitions:
            await engine.register(definition)


@agents.command(short_help="Remove an agent.")
@click.argument("agent", metavar="AGENT", shell_complete=agent_ids)
@import_option
@storage_option
@output_options
@with_session
def remove(session: Session, *, agent: str) -> None:
    """Remove an agent: it takes no work any more. Its executions and conversations stay."""
    if not complete(_removed(Agency(session), agent)):
        raise AgentNotFound(f"there is no agent '{agent}'")
    session.output.say(Line(f"{agent} is removed"))


async def _removed(agency: Agency, agent: str) -> bool:
    async with agency.archive() as archive:
        return await archive.store.remove(agent)


@agents.command(short_help="Print agents, or a conversation, for a file.")
@click.argument("names", nargs=-1, metavar="[AGENT]...", shell_complete=agent_ids)
@click.option("-c", "--conversation", metavar="ID", help="A conversation instead, as JSON.")
@click.option("--markdown", is_flag=True, help="The conversation for people to read.")
@import_option
@storage_option
@output_options
@with_session
def export(session: Session, *, names: Sequence[str], conversation: str | None, markdown: bool) -> None:
    """Print agents as one YAML text, or as JSON: those that are named, or all. `agents import` reads it."""
    if conversation is not None:
        _print_conversation(session.output, complete(_conversation(Agency(session), conversation)), markdown=markdown)
        return
    found = list(map(_timeless, complete(_exported(Agency(session), names))))
    if session.output.json:
        session.output.document({"circuit_breaker": 1, "agents": [each.to_document() for each in found]})
    else:
        session.output.text(dump_agents(found))


def _print_conversation(output: Output, found: tuple[dict[str, Any], str], *, markdown: bool) -> None:
    document, text = found
    if markdown:
        output.text(text)
    else:
        output.document(document)


async def _conversation(agency: Agency, conversation: str) -> tuple[dict[str, Any], str]:
    async with agency.archive() as archive:
        conversations = archive.conversations
        return await conversations.export(conversation), await conversations.as_markdown(conversation)


async def _exported(agency: Agency, names: Sequence[str]) -> list[AgentDefinition]:
    async with agency.archive() as archive:
        if names:
            return [await archive.store.get(name) for name in names]
        return [each async for each in _every(archive)]


@agents.command("import", short_help="Read what `agents export` has printed.")
@click.argument("file", metavar="FILE", shell_complete=files)
@click.option("--id", "conversation_id", default="", metavar="ID", help="Another id for a conversation.")
@import_option
@storage_option
@output_options
@with_session
def import_(session: Session, *, file: str, conversation_id: str) -> None:
    """Read agents, or a conversation, from a file that `agents export` has printed."""
    document = _json_of(file)
    if document is not None and "conversation" in document:
        restored = complete(_restored(Agency(session), document, conversation_id))
        if session.output.json:
            session.output.record({"conversation": restored})
        else:
            session.output.text(restored)
        return
    click.get_current_context().invoke(register, **_named(session), files=(file,))


def _named(session: Session) -> dict[str, Any]:
    return {"storage": session.onward.storage, "modules": session.onward.modules}


def _json_of(file: str) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is something else."""
    try:
        found = json.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


async def _restored(agency: Agency, document: dict[str, Any], conversation_id: str) -> str:
    async with agency.archive() as archive:
        return (await archive.conversations.restore(document, id=conversation_id)).id


@agents.command(short_help="List conversations.")
@click.argument("agent", metavar="[AGENT]", default="", shell_complete=agent_ids)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 10_000), help="The most to list.")
@click.option("--after", default="", metavar="ID", help="Begin after this one: the next page.")
@import_option
@storage_option
@output_options
@with_session
def conversations(session: Session, *, agent: str, limit: int, after: str) -> None:
    """List conversations, of one agent or of all. With --json one object a line."""
    found = complete(_conversations(Agency(session), agent=agent, limit=limit, after=after))
    if session.output.json:
        for each in found:
            session.output.record(each.to_document())
        return
    table = _table("conversation", "agents", "turns", "title", "last (UTC)")
    for each in found:
        last = each.updated_at.strftime("%Y-%m-%d %H:%M:%S")
        who = ", ".join(each.agents or (each.agent_id,))
        table.add_row(Line(each.id, style="bold"), Line(who), str(each.turns - each.cleared), Line(each.title), last)
    session.output.say(table if found else "no conversations")


async def _conversations(agency: Agency, **filters: Any) -> Any:
    async with agency.archive() as archive:
        return await archive.conversations.listed(**filters)


@agents.command(short_help="Say what was spent.")
@click.option(
    "--by",
    multiple=True,
    type=click.Choice(GROUPS),
    help="For each agent, model or day; may be repeated. For each agent, unless given.",
)
@click.option("--agent", default="", metavar="AGENT", shell_complete=agent_ids, help="Only of this one.")
@import_option
@storage_option
@output_options
@with_session
def cost(session: Session, *, by: Sequence[str], agent: str) -> None:
    """Say what executions have taken: tokens, and US dollars where prices are known. With --json one object a line."""
    chosen = tuple(dict.fromkeys(by)) or ("agent",)
    rows = complete(_costs(Agency(session), chosen, agent))
    if session.output.json:
        for row in rows:
            session.output.record(row)
        return
    table = _table(*chosen, "executions", "input", "output", "$", "unpriced calls")
    for row in rows:
        counts = ("executions", "input_tokens", "output_tokens", "dollars", "unpriced_calls")
        table.add_row(*(Line(row[name] or "none") for name in chosen), *(str(row[name]) for name in counts))
    session.output.say(table if rows else "no executions")


async def _costs(agency: Agency, by: Sequence[str], agent: str) -> list[dict[str, Any]]:
    rows: dict[tuple[str, ...], dict[str, Any]] = {}
    async with agency.archive() as archive:
        async for execution in archive.store.every(**({"agent": agent} if agent else {})):
            group = _group(execution)
            named = {name: group[name] for name in by}
            _add(rows.setdefault(tuple(named.values()), {**named, **_NOTHING}), execution)
    return [{**rows[key], "dollars": f"{rows[key]['dollars']:f}"} for key in sorted(rows)]


_NOTHING = {"executions": 0, "input_tokens": 0, "output_tokens": 0, "dollars": Decimal(0), "unpriced_calls": 0}


def _group(execution: AgentExecution) -> dict[str, str]:
    model = f"{execution.provider}/{execution.model}" if execution.provider else execution.model
    day = execution.created_at.astimezone(UTC).date().isoformat()
    return {"agent": execution.agent_id, "model": model, "day": day}


def _add(row: dict[str, Any], execution: AgentExecution) -> None:
    row["executions"] += 1
    row["dollars"] += execution.dollars
    row["unpriced_calls"] += execution.unpriced_calls
    for name in ("input_tokens", "output_tokens"):
        row[name] += int(execution.usage.get(name, 0))


@agents.command(short_help="Print the JSON Schema of the files.")
@output_options
@click.pass_obj
def schema(output: Output) -> None:
    """Print the JSON Schema (draft 2020-12) of the files that `agents register` reads."""
    output.document(agent_schema())
