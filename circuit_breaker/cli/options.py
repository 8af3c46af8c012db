"""Options and arguments that several commands share."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from circuit_breaker.cli import completing
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.onward import DEFAULT_STORAGE
from circuit_breaker.cli.output import Output

__all__ = [
    "JsonObject",
    "Proof",
    "Seconds",
    "by_option",
    "case_argument",
    "data_option",
    "definitions_option",
    "import_option",
    "output_options",
    "storage_option",
    "workflow_argument",
]

Command = TypeVar("Command", bound=Callable[..., Any])

if TYPE_CHECKING:
    _ParamType = click.ParamType[dict[str, Any]]
else:
    _ParamType = click.ParamType  # older releases of click have no type parameter


class Proof(click.Command):
    """A command that says with 2 that something is not decided, so that whatever is wrong with its use is 3."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """What is left of the arguments."""
        with _wrong_use():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        with _wrong_use():
            return super().invoke(ctx)


@contextmanager
def _wrong_use() -> Iterator[None]:
    try:
        yield
    except click.UsageError as error:
        error.exit_code = ExitCode.INVALID  # type: ignore[misc]  # click means it to be set on the class
        raise


class JsonObject(_ParamType):
    """A JSON object on the command line, or in a file that is named after an ``@`` (``@-`` is standard input)."""

    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """The object.

        Raises:
            click.BadParameter: The file cannot be read, or the text is no JSON object.
        """
        text, where = self._read(value, param, ctx) if value.startswith("@") else (value, "")
        example = """write e.g. '{"title": "Plan"}'"""
        try:
            document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        except ValueError as error:
            self.fail(f"{where}no JSON: {error}; {example}", param, ctx)
        if not isinstance(document, dict):
            self.fail(f"{where}{text.strip()[:60]!r} is no JSON object; {example}", param, ctx)
        return document

    def _read(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        name = value[1:]
        try:
            if name == "-":
                return sys.stdin.read(), "standard input: "
            return Path(name).read_text(encoding="utf-8"), f"'{name}': "
        except OSError as error:
            self.fail(f"'{name}' cannot be read: {error.strerror}", param, ctx)
        except UnicodeDecodeError as error:
            self.fail(f"'{name}' is no text in UTF-8: {error.reason} at byte {error.start}", param, ctx)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object of these members; of two with one name nobody can say which one is meant."""
    document = dict(pairs)
    if len(document) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is given twice")
    return document


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


class Seconds(click.FloatRange):
    """A number of seconds; what is no number is refused, as what is out of its bounds is."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds.

        Raises:
            click.BadParameter: It is no number, or out of its bounds.
        """
        seconds: float = super().convert(value, param, ctx)
        if not math.isfinite(seconds):
            self.fail(f"{value!r} is no number of seconds", param, ctx)
        return seconds


def _note_json(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Output).json |= value


def _note_debug(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    ctx.ensure_object(Output).debug |= value


def output_options(command: Command) -> Command:
    """``--json`` and ``--debug``, which every command has."""
    quiet: dict[str, Any] = {"is_flag": True, "expose_value": False, "is_eager": True}
    as_json = click.option("--json", callback=_note_json, help="Print JSON, for programs.", **quiet)
    debug = click.option("--debug", callback=_note_debug, help="Show tracebacks.", **quiet)
    return as_json(debug(command))


def storage_option(command: Command) -> Command:
    """``--storage``: the journal."""
    return click.option(
        "--storage",
        metavar="URL",
        envvar="CIRCUIT_BREAKER_STORAGE",
        default=DEFAULT_STORAGE,
        show_default=True,
        show_envvar=True,
        help="The journal.",
    )(command)


def import_option(command: Command) -> Command:
    """``--import``: modules whose actions, executors and rules definitions in YAML or JSON can name."""
    return click.option(
        "--import",
        "modules",
        multiple=True,
        metavar="MODULE",
        shell_complete=completing.files,
        help="Module or file.py with the actions, executors and rules that a document names; may be repeated.",
    )(command)


def definitions_option(command: Command) -> Command:
    """``--workflow`` for commands on cases, with ``--import``."""
    return click.option(
        "-w",
        "--workflow",
        "workflows",
        multiple=True,
        metavar="WORKFLOW",
        shell_complete=completing.files,
        help="The definition of the case; without it the one that the journal keeps is read. May be repeated.",
    )(import_option(command))


def workflow_argument(command: Command) -> Command:
    """The definition, with ``--import``."""
    return click.argument("workflow", shell_complete=completing.files)(import_option(command))


def case_argument(command: Command) -> Command:
    """The case, by its id."""
    return click.argument("case", shell_complete=completing.cases)(command)


def data_option(text: str) -> Callable[[Command], Command]:
    """``--data``: a JSON object."""
    return click.option("--data", type=JsonObject(), metavar="JSON|@FILE", help=text)


def by_option(command: Command) -> Command:
    """``--by``: who asks for it."""
    return click.option("--by", default="", metavar="NAME", help="Who does it; recorded in the history.")(command)
