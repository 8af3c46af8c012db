"""Output: what a command says, to people or to programs, and how it reports what went wrong."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

import attrs
import click
from rich.console import Console
from rich.markup import escape

from circuit_breaker.cli.exits import ExitCode, exit_code
from circuit_breaker.errors import CircuitBreakerError, DefinitionError, Fault

__all__ = ["Output"]

PIPED = 160
"""The width, in characters, of what is printed into a file or a pipe, unless COLUMNS says another."""


def _console() -> Console:
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return Console(highlight=False, width=PIPED if wide else None)


@attrs.define
class Output:
    """Where a command writes.

    Attributes:
        json: Whether everything on standard output is JSON.
        debug: Whether errors come with their traceback.
        console: Standard output, for people.
        errors: Standard error, for people.
    """

    json: bool = False
    debug: bool = False
    console: Console = attrs.field(factory=_console)
    errors: Console = attrs.field(factory=lambda: Console(stderr=True, highlight=False))

    @property
    def live(self) -> bool:
        """Whether somebody watches: standard output is a terminal, and people are meant to read it."""
        return self.console.is_terminal and not self.json

    def say(self, *parts: Any, **options: Any) -> None:
        """Prints for people; nothing where programs read."""
        if not self.json:
            self.console.print(*parts, **options)

    def text(self, text: str) -> None:
        """Prints a text as it is: not wrapped, not coloured."""
        click.echo(text, nl=not text.endswith("\n"))

    def document(self, document: Any) -> None:
        """Prints one JSON document."""
        indent = 2 if sys.stdout.isatty() else None
        click.echo(json.dumps(document, ensure_ascii=False, indent=indent, default=str))

    def record(self, document: Any) -> None:
        """Prints one JSON document on a line of its own, as a part of a list."""
        click.echo(json.dumps(document, ensure_ascii=False, default=str))

    def note(self, text: str) -> None:
        """Prints a remark on standard error, where it is in nobody's way."""
        self.errors.print(escape(text), style="dim", soft_wrap=True)

    def warn(self, text: str) -> None:
        """Prints a warning on standard error."""
        self.errors.print(f"[yellow]warning:[/] {escape(text)}", soft_wrap=True)

    def fail(self, error: Exception) -> ExitCode:
        """Reports an error, and gives the exit code for it."""
        if isinstance(error, click.UsageError):
            return self._usage(error)
        code = exit_code(error)
        if self.json:
            self.record({"error": _document(error)})
        else:
            self._explain(error)
        return code

    def _usage(self, error: click.UsageError) -> ExitCode:
        if self.json:
            self.record({"error": {"code": "usage", "message": error.format_message(), "remedy": "see --help"}})
        else:
            error.show()
        return ExitCode(error.exit_code)

    def _explain(self, error: Exception) -> None:
        if isinstance(error, DefinitionError) and error.faults:
            headline, remedy = error.message.partition("\n")[0], error.remedy
        elif isinstance(error, CircuitBreakerError):
            headline, remedy = error.message, error.remedy
        else:
            headline, remedy = f"{type(error).__name__}: {error}", "run it again with --debug to see where"
        self.errors.print(f"[bold red]error:[/] {escape(headline)}", soft_wrap=True)
        for fault in getattr(error, "faults", ()) if isinstance(error, DefinitionError) else ():
            self.errors.print(_fault(fault), soft_wrap=True)
        if remedy:
            self.errors.print(f"[dim]       {escape(remedy)}[/]", soft_wrap=True)


def _fault(fault: Fault) -> str:
    where = f"[cyan]{fault.line}:{fault.column}[/] " if fault.line is not None else ""
    remedy = f" [dim]({escape(fault.remedy)})[/]" if fault.remedy else ""
    return f"  {where}[bold]{escape(fault.place)}[/]: {escape(fault.message)}{remedy}"


def _document(error: Exception) -> dict[str, Any]:
    if isinstance(error, CircuitBreakerError):
        return error.to_document()
    return {"code": "internal", "message": f"{type(error).__name__}: {error}", "remedy": "run it again with --debug"}
