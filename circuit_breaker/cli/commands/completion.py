"""The command that lets a shell complete the others: ``completion``."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from circuit_breaker.cli.options import output_options
from circuit_breaker.cli.output import Output

__all__ = ["completion"]

PROGRAM = "circuit-breaker"
VARIABLE = "_CIRCUIT_BREAKER_COMPLETE"
SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}


HELP = """Print the script that makes SHELL complete commands and options, files, and the ids of cases.

\b
bash:  eval "$(circuit-breaker completion bash)"    in ~/.bashrc
zsh:   eval "$(circuit-breaker completion zsh)"     in ~/.zshrc
fish:  circuit-breaker completion fish | source     in config.fish
"""


@click.command(help=HELP, short_help="Print what makes a shell complete these commands.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@output_options
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Prints the script for a shell."""
    program = ctx.find_root().command
    maker = SHELLS[shell](program, {}, PROGRAM, VARIABLE)
    script = maker.source_template % maker.source_vars()
    output = ctx.ensure_object(Output)
    if output.json:
        output.document({"shell": shell, "script": script})
    else:
        output.text(script)
