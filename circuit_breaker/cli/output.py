"""Output: what a command says, to people or to programs, and how it reports what went wrong."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection
from typing import Any, TextIO

import attrs
import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from circuit_breaker.cli.exits import ExitCode, exit_code
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.remedies import in_commands, remedy_of
from circuit_breaker.cli.visible import Line, SafeConsole, json_text, safe_json, visible
from circuit_breaker.errors import CircuitBreakerError, DefinitionError, Fault, ParameterInvalid

__all__ = ["WIDE", "Output", "gist", "table_of"]

PIPED = 160
"""The width, in characters, of what is printed into a file or a pipe, unless COLUMNS says another."""
HANGING = 4
"""Columns by which the further lines of a long one are set in."""
NARROWEST = 20
"""Columns that a text needs to be broken between its words."""
WIDE = 110
"""Columns of a terminal from which on a list has room for more than what is needed to go on with it."""


def _console() -> Console:
    wide = not sys.stdout.isatty() and "COLUMNS" not in os.environ
    return SafeConsole(width=PIPED if wide else None)


def table_of(*titles: str, whole: Collection[str] = ()) -> Table:
    """An empty table with these columns.

    Args:
        titles: Of the columns.
        whole: Titles of the columns of which no text is broken, such as ids that somebody copies.
    """
    made = Table(box=None, pad_edge=False, header_style="dim")
    for title in titles:
        made.add_column(title, overflow="fold", no_wrap=title in whole)
    return made


def gist(error: CircuitBreakerError) -> str:
    """What an error says in one sentence: the first of its faults, where it has several."""
    faults = getattr(error, "faults", ())
    return str(faults[0].message) if faults else error.message


@attrs.define
class Output:
    """Where a command writes.

    Attributes:
        json: Whether everything on standard output is JSON.
        debug: Whether errors come with their traceback.
        out: Standard output, for programs.
        console: Standard output, for people.
        errors: Standard error, for people.
        onward: What a command that is recommended has to name, to be about the same things.
        case: The case that the command is about, if it is about one.
        setting: With what an option begins that sets something of an executor; empty where the command has none.
    """

    json: bool = False
    debug: bool = False
    out: TextIO = attrs.field(factory=lambda: sys.stdout)
    console: Console = attrs.field(factory=_console)
    errors: Console = attrs.field(factory=lambda: SafeConsole(stderr=True))
    onward: Onward = Onward()
    case: str = ""
    setting: str = ""

    @property
    def live(self) -> bool:
        """Whether somebody watches: standard output is a terminal, and people are meant to read it."""
        return self.console.is_terminal and not self.json

    def say(self, *parts: Any, **options: Any) -> None:
        """Prints for people; nothing where programs read."""
        if not self.json:
            self.console.print(*parts, **options)

    def line(self, line: Text) -> None:
        """Prints a line for people; on a terminal what does not fit goes on in further lines, set in a little more.

        Into a file or a pipe it stays one line, so that programs find it whole.
        """
        indent = len(line.plain) - len(line.plain.lstrip(" "))
        width = self.console.width - indent - HANGING
        if self.json or not self.console.is_terminal or len(line) <= self.console.width or width < NARROWEST:
            self.say(line, soft_wrap=True)
            return
        for number, part in enumerate(line[indent:].wrap(self.console, width)):
            part.rstrip()
            self.say(Text(" " * (indent + HANGING if number else indent)) + part, soft_wrap=True)

    def text(self, text: str) -> None:
        """Prints a text as it is, not wrapped and not coloured; on a terminal nothing in it can steer that."""
        shown = visible(text, keep="\n\t") if self.console.is_terminal else text
        click.echo(shown, nl=not text.endswith("\n"))

    def document(self, document: Any) -> None:
        """Prints one JSON document."""
        click.echo(json_text(document, indent=2 if self.out.isatty() else None), file=self.out)

    def record(self, document: Any) -> None:
        """Prints one JSON document on a line of its own, as a part of a list."""
        click.echo(json_text(document), file=self.out)

    def kept(self, document: bytes) -> None:
        """Prints one JSON document on a line of its own, as it is kept."""
        click.echo(safe_json(document.decode()), file=self.out)

    def note(self, text: str) -> None:
        """Prints a remark on standard error, where it is in nobody's way."""
        self.errors.print(Line(text), style="dim", soft_wrap=True)

    def warn(self, text: str) -> None:
        """Prints a warning on standard error."""
        self.errors.print(Line.assemble(("warning:", "yellow"), " ", text), soft_wrap=True)

    def fail(self, error: Exception) -> ExitCode:
        """Reports an error, and gives the exit code for it."""
        if isinstance(error, click.UsageError):
            return self._usage(error)
        code = exit_code(error)
        if self.json:
            self.record({"error": self._document(error)})
        else:
            self._explain(error)
        return code

    def _usage(self, error: click.UsageError) -> ExitCode:
        if self.json:
            self.record({"error": {"code": "usage", "message": error.format_message(), "remedy": "see --help"}})
            return ExitCode(error.exit_code)
        if error.ctx is not None:
            click.echo(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} --help' for help.\n", err=True)
        self._headline(error.format_message())
        return ExitCode(error.exit_code)

    def _headline(self, text: str) -> None:
        line = Text.assemble(("error:", "bold red"), " ", visible(text, keep="\n"))
        self.errors.print(line, soft_wrap=True)

    def _explain(self, error: Exception) -> None:
        faults = error.faults if isinstance(error, DefinitionError | ParameterInvalid) else ()
        message = error.message if isinstance(error, CircuitBreakerError) else f"{type(error).__name__}: {error}"
        self._headline(message.partition("\n")[0] if faults else message)
        for fault in faults:
            self.errors.print(_fault(fault, self.setting), soft_wrap=True)
        for note in getattr(error, "__notes__", ()):
            self.errors.print(Line(f"  {note}"), soft_wrap=True)
        if remedy := self._remedy(error):
            self.errors.print(Line(f"       {remedy}", "dim"), soft_wrap=True)

    def _remedy(self, error: Exception) -> str:
        if isinstance(error, CircuitBreakerError):
            return remedy_of(error, self.onward, case=self.case, setting=self.setting)
        return "run it again with --debug to see where"

    def _document(self, error: Exception) -> dict[str, Any]:
        if isinstance(error, CircuitBreakerError):
            document = error.to_document() | {"remedy": self._remedy(error)}
            document["message"] = in_commands(document["message"], setting=self.setting)
            for fault in document.get("faults", ()):
                fault["remedy"] = in_commands(fault["remedy"], setting=self.setting)
            return document
        return {"code": "internal", "message": f"{type(error).__name__}: {error}", "remedy": self._remedy(error)}


def _fault(fault: Fault, setting: str) -> Text:
    where = f"  {fault.line}{'' if fault.column is None else f':{fault.column}'} " if fault.line is not None else "  "
    line = Line.assemble((where, "cyan"), (fault.place, "bold"), ": ", fault.message)
    return line.append(f" ({in_commands(fault.remedy, setting=setting)})", "dim") if fault.remedy else line
