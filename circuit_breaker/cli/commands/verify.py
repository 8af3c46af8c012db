"""The command ``verify``: what is proved before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from circuit_breaker.cli import completing
from circuit_breaker.cli.commands.defining import write_to
from circuit_breaker.cli.commands.proof_pictures import drawing_of
from circuit_breaker.cli.commands.statespace import read_net, until
from circuit_breaker.cli.definitions import HOW, Registry, find_workflow, module_of
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.foreign import FRAMEWORKS, verified
from circuit_breaker.cli.options import Proof, Seconds, import_option, output_options
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.sarif import sarif
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import WorkflowNotFound, nearest
from circuit_breaker.net.graph import counted
from circuit_breaker.workflow.verification import Finding, Property, Verdict, Verification, property_from, verify_net

__all__ = ["verify"]

MARKS: Mapping[Verdict, tuple[str, str]] = {
    "sound": ("✓", "green"),
    "sound if": ("✓", "yellow"),
    "not sound": ("✗", "red"),
    "not decided": ("?", "yellow"),
}
HELP = """Prove that every case of TARGET can end, and ends cleanly; or show the shortest way in which it does not.

TARGET is a WORKFLOW, or a net in PNML. Each finding comes with the shortest way to it, with the data that it takes, and
with a proposal how to mend it.

\b
  circuit-breaker verify orders.py:orders
  circuit-breaker verify order.yaml --property "never(paid, rejected)"
  circuit-breaker verify langgraph module:graph    (or crewai module:Flow)

With the name of a framework the graph is one of that framework, and is judged by the way in which that runs it.

It can be sound only if something holds that the definition does not say, such as that two branches never set one key
differently; then that is said.

The exit code is 0 when it is sound (also if ...), 1 when it is not, 2 when it is not decided, and 3 when what was asked
is wrong. With --strict a warning gives 1, and a condition 2.
"""


@click.command(
    cls=Proof, help=HELP, short_help="Prove that every case can end; or show the shortest way to where it cannot."
)
@click.argument("target", nargs=-1, required=True, shell_complete=completing.files)
@click.option(
    "--property", "properties", multiple=True, metavar="PROPERTY",
    help='What else must hold: "never(a, b)", "always_followed_by(a, b)", "mutually_exclusive(a, b)", "at_most(1, a)".',
)  # fmt: skip
@click.option("--limit", default=200_000, show_default=True, type=click.IntRange(1), help="The most markings to find.")
@click.option("--time", "seconds", default=60.0, show_default=True, type=Seconds(0), help="The most seconds to look.")
@click.option(
    "--draw", "file", type=click.Path(dir_okay=False, writable=True, path_type=Path), metavar="FILE",
    help="Draw the way to the first finding (.svg, .mmd, .dot, .puml), or write a page with all of them (.html, .md).",
)  # fmt: skip
@click.option("--sarif", "as_sarif", is_flag=True, help="Print SARIF, for code hosts.")
@click.option(
    "--strict", is_flag=True, help="A warning counts like an error, and a condition like what is not decided."
)
@import_option
@output_options
@click.pass_obj
def verify(  # noqa: PLR0913 - one for each option
    output: Output, *, target: Sequence[str], properties: Sequence[str], limit: int, seconds: float, file: Path | None,
    as_sarif: bool, strict: bool, modules: Sequence[str],
) -> None:  # fmt: skip
    """Prints what is proved of a workflow."""
    asked = [property_from(text) for text in properties]
    reference = target[-1]
    try:
        drawn = None if file is None else drawing_of(file, target, modules)
        alone = len(target) == 1 and reference not in FRAMEWORKS
        found = _verified(reference, modules, asked, limit, until(seconds)) if alone else _foreign(target, asked)
    except WorkflowNotFound as error:  # to a script that verifies, what is not there is as wrong as what is broken
        output.fail(error)
        raise click.exceptions.Exit(ExitCode.INVALID) from error
    if drawn is not None and file is not None:
        write_to(file, drawn(found))
    if as_sarif:
        output.document(sarif(found, reference))
    elif output.json:
        output.document(found.to_document())
    else:
        _say(output, found)
    raise click.exceptions.Exit(_code(found, strict=strict))


def _verified(
    reference: str, modules: Sequence[str], properties: Sequence[Property], limit: int, enough: Callable[[int], bool]
) -> Verification:
    if reference.lower().endswith(".pnml"):
        net = read_net(reference, "")
        return verify_net(
            net.net, net.initial, name=net.name or net.id, properties=properties, limit=limit, enough=enough
        )
    workflow = find_workflow(reference, Registry.of(modules))
    return workflow.verify(*properties, limit=limit, enough=enough)


def _foreign(target: Sequence[str], properties: Sequence[Property]) -> Verification:
    framework, *rest = target
    if not rest:
        raise click.UsageError(f"say which graph of {framework}: {framework} module:graph, or path/file.py:graph")
    if framework not in FRAMEWORKS or len(rest) != 1:
        hint = nearest(framework, FRAMEWORKS)
        raise click.UsageError(f"give one TARGET, or the name of a framework and one ({hint})")
    if properties:
        raise click.UsageError("--property is for workflows of our own")
    place, _, attribute = rest[0].rpartition(":")
    if not place:
        raise WorkflowNotFound(f"'{rest[0]}' names no graph", remedy="write module:graph, or path/file.py:graph")
    found: Any = module_of(place)
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise WorkflowNotFound(f"module '{place}' has no '{attribute}'", remedy=nearest(part, vars(found)) or HOW)
        found = getattr(found, part)
    return verified(FRAMEWORKS[framework](found, rest[0]))


def _say(output: Output, found: Verification) -> None:
    mark, style = MARKS[found.verdict]
    size = f"{counted(found.markings, 'marking')}, {counted(found.edges, 'edge')}"
    output.line(
        Line.assemble((f"{mark} ", style), (found.workflow, "bold"), f" is {found.headline}", (f" ({size})", "dim"))
    )
    for finding in found.findings:
        _say_finding(output, finding)
    for text in found.assumptions:
        output.line(Line(f"  assumed: {text}", style="dim"))


def _say_finding(output: Output, finding: Finding) -> None:
    head, *lines = str(finding).splitlines()
    output.line(Line(f"  {head}", style="red" if finding.severity == "error" else "yellow"))
    for line in lines:
        output.line(Line(f"  {line}", style="green" if line.startswith("  mend:") else ""))


def _code(found: Verification, *, strict: bool) -> ExitCode:
    if found.verdict == "not sound" or (strict and found.findings):
        return ExitCode.REFUSED
    return ExitCode.OK if found.sound or (found.faultless and not strict) else ExitCode.UNDECIDED
