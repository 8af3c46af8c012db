"""Commands that bring agents and conversations into files and back: ``agents export`` and ``import``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import click

from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.documents import dump_agents
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.commands.agent_defining import every_agent, register, timeless
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.completing import files
from circuit_breaker.cli.options import import_option, output_options, storage_option
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete

__all__ = ["MOVING"]


@click.command(short_help="Print agents, or a conversation, for a file.")
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
    found = list(map(timeless, complete(_exported(Agency(session), names))))
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
        return [each async for each in every_agent(archive)]


@click.command("import", short_help="Read what `agents export` has printed.")
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


MOVING: Final = (export, import_)
"""The commands of this file."""
