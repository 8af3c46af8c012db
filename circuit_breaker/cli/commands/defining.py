"""Commands on definitions: ``check``, ``draw``, ``export`` and ``schema``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import click
from rich.text import Text

from circuit_breaker.cli.completing import cases
from circuit_breaker.cli.definitions import notes_on
from circuit_breaker.cli.doubts import doubts_about
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.options import output_options, storage_option, workflow_argument
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import Line
from circuit_breaker.lazy import deferred
from circuit_breaker.net.drawing import terminal
from circuit_breaker.net.graph import counted
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.documents import dump_workflow, workflow_schema, workflow_to_document
from circuit_breaker.workflow.events import Event
from circuit_breaker.workflow.explain import told_schema
from circuit_breaker.workflow.pages import Form as PageForm
from circuit_breaker.workflow.picture import Form as PictureForm
from circuit_breaker.workflow.picture import picture

__all__ = ["check", "draw", "export", "schema", "write_to"]

PICTURES: dict[str, PictureForm] = {
    "mermaid": "mermaid", "dot": "dot", "plantuml": "plantuml", "svg": "svg", "terminal": "terminal",
}  # fmt: skip
PAGES: dict[str, PageForm] = {"html": "html", "markdown": "markdown"}
TextForm = Literal["yaml", "json"]
Document = Literal["definition", "explanation", "policy-diff", "verification"]
verification_schema = deferred("circuit_breaker.workflow.verification", "verification_schema")
SUFFIXES: dict[str, str] = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".puml": "plantuml",
    ".plantuml": "plantuml",
    ".svg": "svg",
    ".html": "html",
    ".htm": "html",
    ".md": "markdown",
    ".txt": "terminal",
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

    Warnings tell what is possible and probably not meant. Of a BPMN model notes tell what was left alone.
    """
    output, (definition,) = session.output, session.workflows
    agents = None if session.staff is None else {agent.id for agent in session.staff.agents}
    warnings = doubts_about(definition, session.registry.executors, agents)
    notes = [note for name in session.onward.workflows for note in notes_on(name, session.registry)]
    faulty = strict and bool(warnings)
    if output.json:
        told = {"notes": notes} if notes else {}
        output.document({"ok": not faulty, **_summary(definition), "warnings": warnings, **told})
    else:
        for note in notes:
            output.note(note)
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


@click.command(short_help="Draw a definition, with a case, its history or a path in it.")
@workflow_argument
@click.option(
    "--format",
    "form",
    type=click.Choice([*PICTURES, *PAGES]),
    help="By default what the suffix of the file says, or terminal. The last two are whole pages.",
)
@click.option("--case", "case_id", metavar="CASE", shell_complete=cases, help="Show where the tokens of this case are.")
@click.option("--history", "past", is_flag=True, help="Number what happened to the case, with how often and when.")
@click.option("--path", "way", metavar="NAME,NAME", help="Number these transitions, and show the tokens after them.")
@output_file
@storage_option
@output_options
@with_session
def draw(
    session: Session, *, form: str | None, case_id: str | None, past: bool, way: str | None, file: Path | None
) -> None:
    """Draw the definition WORKFLOW as a picture for a terminal, as Mermaid, DOT, PlantUML or SVG, or as a page."""
    (workflow,) = session.workflows
    if past and not case_id:
        raise click.UsageError("--history needs --case: the history of which case is meant?")
    case, history = complete(_case(session, case_id, past=past)) if case_id else (None, ())
    path = [name.strip() for name in (way or "").split(",") if name.strip()]
    chosen = form or (_form_of(file) if file else "terminal")
    if chosen == "terminal" and file is None:
        drawing = picture(workflow, case, history=history, path=path)
        text = terminal(drawing, width=session.output.console.width)
    elif chosen in PAGES:
        text = workflow.to_page(PAGES[chosen], case=case, history=history, path=path)
    else:
        text = workflow.draw(PICTURES[chosen], case=case, history=history, path=path)
    _deliver(session.output, text, file, {"workflow": workflow.name, "format": chosen})


def _form_of(file: Path) -> str:
    """The form that the suffix of the file says; the terminal's where it has none.

    Raises:
        click.UsageError: It says none.
    """
    form = SUFFIXES.get(file.suffix.lower(), "" if file.suffix else "terminal")
    if not form:
        ends = ", ".join(SUFFIXES)
        raise click.UsageError(f"-o knows no '{file.suffix}'; let the name end with {ends}, or say the --format")
    return form


async def _case(session: Session, case_id: str, *, past: bool) -> tuple[Case, Sequence[Event]]:
    """The case, and its history if that is asked for."""
    async with session.engine() as engine:
        case = await engine.get(case_id)
        return case, await engine.history(case) if past else ()


def _deliver(output: Output, text: str, file: Path | None, facts: dict[str, Any]) -> None:
    """Writes a text to a file if one is named, otherwise prints it."""
    if file is not None:
        write_to(file, text)
        if output.json:
            output.document(facts | {"file": str(file)})
        else:
            output.note(f"written to {file}")
    elif output.json:
        output.document(facts | {"text": text})
    else:
        output.text(text)


def write_to(file: Path, text: str) -> None:
    """Writes a text to a file.

    Raises:
        click.UsageError: It cannot be written.
    """
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


@click.command(short_help="Print the JSON Schema of definitions, or of what is told with --json.")
@click.argument("document", type=click.Choice(get_args(Document)), default="definition", metavar="[DOCUMENT]")
@output_options
@click.pass_obj
def schema(output: Output, *, document: Document) -> None:
    """Print the JSON Schema of DOCUMENT: of definitions in YAML or JSON, for editors, unless another is named.

    DOCUMENT is definition, explanation (what `explain --json` prints), policy-diff (what `diff-policy --json`
    prints) or verification (what `verify --json` prints).
    """
    if document == "definition":
        output.document(workflow_schema())
    else:
        output.document(verification_schema() if document == "verification" else told_schema(document))
