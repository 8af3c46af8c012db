"""Program: the commands, found when they are needed, and the one place where errors become exit codes."""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from typing import Any, ClassVar, NoReturn

import click

from circuit_breaker import __version__
from circuit_breaker.cli.exits import EXIT_CODES, ExitCode, Terminated
from circuit_breaker.cli.output import Output
from circuit_breaker.errors import nearest

__all__ = ["Program", "program"]

_COMMANDS = "circuit_breaker.cli.commands"


class Program(click.Group):
    """A group whose commands are imported one by one, when they are used."""

    homes: ClassVar[dict[str, str]] = {
        "demo": "circuit_breaker.cli.demo.command",
        "run": f"{_COMMANDS}.running",
        "start": f"{_COMMANDS}.running",
        "work": f"{_COMMANDS}.running",
        "fire": f"{_COMMANDS}.changing",
        "signal": f"{_COMMANDS}.changing",
        "cancel": f"{_COMMANDS}.changing",
        "resolve": f"{_COMMANDS}.changing",
        "cases": f"{_COMMANDS}.looking",
        "show": f"{_COMMANDS}.looking",
        "history": f"{_COMMANDS}.looking",
        "explain": f"{_COMMANDS}.explaining",
        "diff-policy": f"{_COMMANDS}.explaining",
        "check": f"{_COMMANDS}.defining",
        "verify": f"{_COMMANDS}.verify",
        "draw": f"{_COMMANDS}.defining",
        "export": f"{_COMMANDS}.defining",
        "schema": f"{_COMMANDS}.defining",
        "statespace": f"{_COMMANDS}.statespace",
        "executors": f"{_COMMANDS}.executing",
        "execute": f"{_COMMANDS}.executing",
        "functions": f"{_COMMANDS}.functions",
        "agents": f"{_COMMANDS}.agents",
        "chat": f"{_COMMANDS}.chatting",
        "models": f"{_COMMANDS}.chatting",
        "route": f"{_COMMANDS}.chatting",
        "budgets": f"{_COMMANDS}.budgeting",
        "completion": f"{_COMMANDS}.completion",
    }

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of the commands, in the order of the help text."""
        del ctx
        return list(self.homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        del ctx
        home = self.homes.get(cmd_name)
        command: click.Command | None = getattr(import_module(home), cmd_name.replace("-", "_")) if home else None
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a misspelt one is an error with a hint."""
        if args and not args[0].startswith("-") and args[0] not in self.homes:
            hint = nearest(args[0], self.homes)
            raise click.UsageError(f"there is no command '{args[0]}' ({hint})", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; this is the boundary where every error becomes a message and an exit code."""
        output = ctx.obj = Output()
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except (KeyboardInterrupt, Terminated) as stop:
            _stopped(output, stop)
        except Exception as error:
            if output.debug:
                raise
            ctx.exit(_failed(output, error))


def _failed(output: Output, error: Exception) -> ExitCode:
    """Reports an error, and gives the exit code; where it is that nothing can be printed, that is told in its place."""
    try:
        if isinstance(error, OSError):
            raise error
        return output.fail(error)
    except OSError as problem:
        if problem.errno != errno.ENOSPC:
            return output.fail(problem)
    output.note("standard output cannot be written: there is no room left")
    return ExitCode.STORAGE


def _stopped(output: Output, stop: BaseException) -> NoReturn:
    """Ends the program; what becomes of what was begun is said by whoever has stopped it."""
    output.note(f"interrupted; {str(stop) or 'what was done is in the journal, and goes on from there'}")
    sys.exit(ExitCode.TERMINATED if isinstance(stop, Terminated) else ExitCode.INTERRUPTED)


def _epilog() -> str:
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    return f"\b\nExit codes:\n{codes}"


@click.group(cls=Program, epilog=_epilog(), context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="circuit-breaker", message="%(prog)s %(version)s")
def program() -> None:
    """Workflows for AI models, containers and people, that survive a crash.

    A WORKFLOW is named as module:attribute, as path/file.py:attribute, or as a YAML, JSON or BPMN file. Cases are kept
    in the journal that --storage names (or the variable CIRCUIT_BREAKER_STORAGE), by default in circuit_breaker.db.

    New here? Try: circuit-breaker demo
    """
