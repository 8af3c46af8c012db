"""Commands for conversations with agents: ``agents chat`` and ``conversations``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import click

from circuit_breaker.agents.conversations import Conversation
from circuit_breaker.cli.agency import Agency, is_document
from circuit_breaker.cli.agent_options import model_option, only_agent, provider_option, sources_option
from circuit_breaker.cli.agent_talk import AgentTalk
from circuit_breaker.cli.agent_watch import exit_code_of
from circuit_breaker.cli.completing import agents as agent_ids
from circuit_breaker.cli.options import definitions_option, import_option, output_options, storage_option
from circuit_breaker.cli.output import table_of
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line

__all__ = ["TALKING"]


@click.command(short_help="Talk to an agent in the terminal.")
@click.argument("agent", metavar="AGENT", shell_complete=agent_ids)
@click.argument("text", required=False)
@click.option("-c", "--conversation", default="", metavar="ID", help="The conversation that goes on, or begins.")
@provider_option
@model_option
@sources_option
@definitions_option
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

    With TEXT it answers once. Otherwise each line is said to it; Ctrl-D ends the talk. A conversation with a state
    machine, or with an agent of a workflow, is a case: what may be done in it is what its workflow allows.

    \b
    circuit-breaker agents chat helper --conversation monday
    """  # noqa: D301 - click reads the mark of a paragraph that is not to be wrapped
    if is_document(agent):
        sources, agent = (*sources, agent), only_agent(agent)
    agency = Agency(session, tuple(sources), provider, model)
    talk = AgentTalk(agency, agent, conversation)
    if text is None:
        talk.lead()
    elif code := exit_code_of(talk.say(text)):
        raise click.exceptions.Exit(code)


@click.command(short_help="List conversations.")
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
    table = table_of("conversation", "agents", "turns", "title", "last (UTC)")
    for each in found:
        last = each.updated_at.strftime("%Y-%m-%d %H:%M:%S")
        who = ", ".join(_partners(each))
        table.add_row(Line(each.id, style="bold"), Line(who), str(each.turns - each.cleared), Line(each.title), last)
    session.output.say(table if found else "no conversations")


def _partners(conversation: Conversation) -> Iterable[str]:
    """Who has taken part; a machine stands for those that speak in its states."""
    spoke = conversation.agents or (conversation.agent_id,)
    machine = f"{conversation.agent_id}."
    return dict.fromkeys(conversation.agent_id if name.startswith(machine) else name for name in spoke)


async def _conversations(agency: Agency, **filters: Any) -> Any:
    async with agency.archive() as archive:
        return await archive.conversations.listed(**filters)


TALKING: Final = (chat, conversations)
"""The commands of this file."""
