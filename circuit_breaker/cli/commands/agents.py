"""Commands for agents: the group, of which each other file of this name has a part."""

from __future__ import annotations

import click

from circuit_breaker.cli.commands.agent_defining import DEFINING
from circuit_breaker.cli.commands.agent_looking import LOOKING
from circuit_breaker.cli.commands.agent_moving import MOVING
from circuit_breaker.cli.commands.agent_running import RUNNING
from circuit_breaker.cli.commands.agent_spending import cost
from circuit_breaker.cli.commands.agent_talking import TALKING

__all__ = ["agents"]


@click.group(short_help="Register, run and talk to agents.")
def agents() -> None:
    """Agents: a model with prompts, tools and memory that works alone, in conversation, or for a workflow.

    They are kept in the journal. Keys are read from OPENAI_API_KEY, ANTHROPIC_API_KEY and GOOGLE_API_KEY, addresses
    from OPENAI_BASE_URL and OLLAMA_BASE_URL; where there is none of these, a script answers.
    """


for command in (*DEFINING, *RUNNING, *LOOKING, *TALKING, *MOVING, cost):
    agents.add_command(command)
