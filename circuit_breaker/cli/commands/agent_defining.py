"""Commands for the definitions of agents: ``agents list``, ``show``, ``register``, ``remove`` and ``schema``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

import click

from circuit_breaker.agents.conversations.conversation import VOICE
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import agent_schema, dump_agent
from circuit_breaker.cli.agency import Agency, Archive, definitions_in
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.completing import files
from circuit_breaker.cli.options import import_option, output_options, storage_option
from circuit_breaker.cli.output import Output, table_of
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import AgentNotFound

__all__ = ["DEFINING", "every_agent", "register", "timeless"]


@click.command("list", short_help="List the agents.")
@click.option("--tag", default="", metavar="TAG", help="Only those with this tag.")
@click.option("--capability", default="", metavar="NAME", help="Only those that can do this.")
@import_option
@storage_option
@output_options
@with_session
def list_agents(session: Session, *, tag: str, capability: str) -> None:
    """List the agents of the journal. With --json one object a line.

    Those that speak in the states of a machine have the tag state-machine, and are listed with it only.
    """
    found = complete(_listed(Agency(session), tag=tag, capability=capability))
    if session.output.json:
        for each in found:
            session.output.record({**each.to_document(), "version": each.version})
        return
    table = table_of("agent", "version", "type", "model", "tools", "what it is for")
    for each in found:
        who = f"{each.llm_provider}/{each.model}" if each.llm_provider else each.model
        cells = (each.version, each.type, who, ", ".join(each.tools), each.description)
        table.add_row(Line(each.id, style="bold"), *map(Line, cells))
    session.output.say(table if found else "no agents")


async def _listed(agency: Agency, **filters: str) -> list[AgentDefinition]:
    async with agency.archive() as archive:
        return [each async for each in every_agent(archive, **filters)]


@click.command(short_help="Show the definition of an agent.")
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
    session.output.text(dump_agent(timeless(found)))
    since = "" if found.updated_at is None else f" since {found.updated_at:%Y-%m-%d %H:%M:%S} UTC"
    session.output.note(f"version {found.version}{since}")


async def _definition(agency: Agency, agent: str, version: str | None) -> AgentDefinition:
    async with agency.archive() as archive:
        return await archive.store.get(agent, version)


@click.command(short_help="Register agents.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@import_option
@storage_option
@output_options
@with_session
def register(session: Session, *, files: Sequence[str]) -> None:
    """Register the agents of files, or of all YAML and JSON files in a folder. All are looked at before one is kept.

    An agent that is there already gets a new version; executions that have begun keep theirs.
    """
    if not (found := definitions_in(files)):
        raise AgentNotFound(f"there is no agent in {', '.join(files)}", remedy="name YAML or JSON files with agents")
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


@click.command(short_help="Remove an agent.")
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


@click.command(short_help="Print the JSON Schema of the files.")
@output_options
@click.pass_obj
def schema(output: Output) -> None:
    """Print the JSON Schema (draft 2020-12) of the files that `agents register` reads."""
    output.document(agent_schema())


async def every_agent(archive: Archive, **filters: Any) -> AsyncIterator[AgentDefinition]:
    """All agents that fit; those that speak in the states of a machine, and are made of it, only by their tag."""
    after = ""
    while page := await archive.store.listed(after=after, **filters):
        for each in page:
            if filters.get("tag") or VOICE not in each.metadata:
                yield each
        after = page[-1].id


def timeless(definition: AgentDefinition) -> AgentDefinition:
    """What somebody has written, without the times that the journal has added."""
    return definition.evolve(created_at=None, updated_at=None)


DEFINING: Final = (list_agents, show, register, remove, schema)
"""The commands of this file."""
