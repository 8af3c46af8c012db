"""What commands for the work of agents have in common: options, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from circuit_breaker.agents.context import PARTS
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.store import execution_document
from circuit_breaker.cli.agency import definitions_in
from circuit_breaker.cli.completing import executions as execution_ids
from circuit_breaker.cli.completing import files
from circuit_breaker.cli.providers import SCRIPTED

__all__ = [
    "context_option",
    "context_pairs",
    "execution_argument",
    "execution_record",
    "model_option",
    "only_agent",
    "provider_option",
    "sources_option",
]

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


def only_agent(file: str) -> str:
    """The id of the one agent of a file.

    Raises:
        click.UsageError: It has several.
    """
    found = definitions_in([file])
    if len(found) != 1:
        named = ", ".join(each.id for each in found)
        raise click.UsageError(f"'{file}' has {len(found)} agents: name one of {named}, and the file with --agents")
    return found[0].id


def context_pairs(contexts: Sequence[str]) -> dict[str, str]:
    """What is in the context, by path; a path of one word is that of something of one's own."""
    found = {}
    for text in contexts:
        path, sign, value = text.partition("=")
        if not sign or not path:
            raise click.BadParameter(f"{text[:60]!r} has no path; write PATH=VALUE", param_hint="--context")
        known = path.split(".")[0] in (*PARTS, "tenant_id")
        found[path if known else f"custom_context.{path}"] = value
    return found


def execution_record(execution: AgentExecution) -> dict[str, Any]:
    """The execution as programs read it; how it stands inside is left out."""
    shown = {name: value for name, value in execution.approval.items() if name != "state"}
    return {"execution": execution.id, **execution_document(execution), "approval": shown}
