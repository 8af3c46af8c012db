"""Commands on definitions: ``check``, ``draw``, ``export`` and ``schema``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click
from rich.text import Text

from circuit_breaker.cli.completing import cases
from circuit_breaker.cli.doubts import doubts_about
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.options import output_options, storage_option, workflow_argument
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.net.drawing import terminal
from circuit_breaker.net.graph import counted
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.documents import dump_workflow, workflow_schema, workflow_to_document
from circuit_breaker.workflow.picture import picture

__all__ = ["check", "draw", "export", "schema"]

PictureForm = Literal["mermaid", "dot", "svg", "terminal"]
TextForm = Literal["yaml", "json"]
SUFFIXES: dict[str, PictureForm] = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".svg": "svg",
}
output_file = click.option(
    "-o", "--output", "file", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write to this file."
)


@click.command(short_help="Check a definition; report every fault.")
@workflow_argument
@click.option("--strict", is_flag=True, help="A warning is a fault too.")
@output_options
@with_session
def check(session: Session, *, strict: bool) -> None:
    """Check the definition WORKFLOW: every fault is reported, in a document with its line and column.

    Warnings tell what is possible and probably not meant.
    """
    output, (definition,) = session.output, session.workflows
    warnings = doubts_about(definition, session.registry.executors)
    faulty = strict and bool(warnings)
    if output.json:
        output.document({"ok": not faulty, **_summary(definition), "warnings": warnings})
    else:
        for warning in warnings:
            output.warn(warning)
        output.say(_faulty_line(definition, warnings) if faulty else _summary_line(definition), soft_wrap=True)
    raise click.exceptions.Exit(ExitCode.INVALID if faulty else ExitCode.OK)


def _summary(workflow: Workflow) -> dict[str, Any]:
    return {
        "workflow": workflow.name,
        "version": workflow.version,
        "states": len(workflow.states),
        "transitions": len(workflow.by_name),
    }


def _summary_line(workflow: Workflow) -> Text:
    size = f"{counted(len(workflow.states), 'state')}, {counted(len(workflow.by_name), 'transition')}"
    version = (f", version {workflow.version}", "dim")
    return Line.assemble(("✓ ", "green"), (workflow.name, "bold"), f" is valid: {size}", version)


def _faulty_line(workflow: Workflow, warnings: Sequence[str]) -> Text:
    faults = counted(len(warnings), "warning")
    return Line.assemble(("✗ ", "red"), (workflow.name, "bold"), f" has {faults}; with --strict each is a fault")


@click.command(short_help="Draw a definition, with the tokens of a case in it.")
@workflow_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["mermaid", "dot", "svg", "terminal"]),
    help="By default what the suffix of the file says, or terminal.",
)
@click.option("--case", "case_id", metavar="CASE", shell_complete=cases, help="Show where the tokens of this case are.")
@output_file
@storage_option
@output_options
@with_session
def draw(session: Session, *, form: PictureForm | None, case_id: str | None, file: Path | None) -> None:
    """Draw the definition WORKFLOW as a picture for a terminal, as Mermaid, DOT or SVG."""
    (workflow,) = session.workflows
    case = complete(_case(session, case_id)) if case_id else None
    chosen = form or (SUFFIXES.get(file.suffix.lower(), "terminal") if file else "terminal")
    if chosen == "terminal" and file is None:
        text = terminal(picture(workflow, case), width=session.output.console.width)
    else:
        text = workflow.draw(chosen, case=case)
    _deliver(session.output, text, file, {"workflow": workflow.name, "format": chosen})


async def _case(session: Session, case_id: str) -> Case:
    async with session.engine() as engine:
        return await engine.get(case_id)


def _deliver(output: Output, text: str, file: Path | None, facts: dict[str, Any]) -> None:
    """Writes a text to a file if one is named, otherwise prints it."""
    if file is not None:
        _write(file, text)
        if output.json:
            output.document(facts | {"file": str(file)})
        else:
            output.note(f"written to {file}")
    elif output.json:
        output.document(facts | {"text": text})
    else:
        output.text(text)


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"'{file}' cannot be written: {error.strerror}") from error


@click.command(short_help="Print a definition as YAML or JSON.")
@workflow_argument
@click.option("--format", "form", type=click.Choice(["yaml", "json"]), help="By default what the suffix says, or yaml.")
@output_file
@output_options
@with_session
def export(session: Session, *, form: TextForm | None, file: Path | None) -> None:
    """Print the definition WORKFLOW as a document that `run`, `check` and the others read.

    Functions and executors are written by their names; --import makes them known again.
    """
    output, (definition,) = session.output, session.workflows
    if output.json and file is None:
        output.document(workflow_to_document(definition))
        return
    chosen: TextForm = form or ("json" if file and file.suffix.lower() == ".json" else "yaml")
    _deliver(output, dump_workflow(definition, form=chosen), file, {"workflow": definition.name, "format": chosen})


@click.command(short_help="Print the JSON Schema of definitions.")
@output_options
@click.pass_obj
def schema(output: Output) -> None:
    """Print the JSON Schema of definitions in YAML or JSON, for editors."""
    output.document(workflow_schema())
