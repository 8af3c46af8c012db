"""The command on nets in PNML: ``statespace``."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from circuit_breaker.cli import completing
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.options import Proof, Seconds, output_options
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.visible import Line
from circuit_breaker.errors import DocumentInvalid
from circuit_breaker.net.graph import counted
from circuit_breaker.net.pnml import PetriNet, from_pnml
from circuit_breaker.net.statespace import StateSpace, explore
from circuit_breaker.net.xml import LARGEST

__all__ = ["read_net", "statespace", "until"]

OTHERS = frozenset({".py", ".yaml", ".yml", ".json", ".bpmn"})
"""The ends of the names of files that hold workflows, and no nets."""

HELP = """Find every marking that the place/transition net in FILE (PNML) can reach.

\b
With --json one object:
  markings, edges   how many; null where there is no end to them, or none
                    was found
  deadlocks         how many markings have nothing enabled
  deadlock_markings the nearest of them, with the way there
  bounds            the most tokens of each place, null if without a bound
  dead_transitions  those that can never fire
  unbounded         the places without a bound
  pumping           which steps fill them for ever
  decided           whether all of this is certain; what is not is null
  not_decided       why it is not certain
  found             what is known so far, where it is not certain

The exit code is 0 when all is decided, 2 when something is not, as a rule since a limit came first, and 3 when FILE is
wrong, or how the command is used.
"""


@click.command(cls=Proof, help=HELP, short_help="Count every marking that a net in PNML can reach.")
@click.argument("file", shell_complete=completing.files)
@click.option("--net", "net_id", default="", metavar="ID", help="Which net, where the file holds several.")
@click.option(
    "--limit", default=2_000_000, show_default=True, type=click.IntRange(1), help="The most markings to find."
)
@click.option("--time", "seconds", default=60.0, show_default=True, type=Seconds(0), help="The most seconds to look.")
@click.option(
    "--show",
    "most",
    default=3,
    show_default=True,
    type=click.IntRange(0),
    help="The most deadlocks to show the way to.",
)
@output_options
@click.pass_obj
def statespace(output: Output, *, file: str, net_id: str, limit: int, seconds: float, most: int) -> None:
    """Prints what is known of the state space of the net in a file."""
    document = read_net(file, net_id)
    space = explore(document.net, document.initial, limit=limit, enough=until(seconds))
    if output.json:
        output.document(_document(document, space, most))
    else:
        for line in _lines(document, space, most):
            output.line(line)
    raise click.exceptions.Exit(ExitCode.OK if space.decided else ExitCode.UNDECIDED)


def until(seconds: float) -> Callable[[int], bool]:
    """What an exploration asks whether its time is up."""
    end = time.monotonic() + seconds
    return lambda _: time.monotonic() >= end


def read_net(file: str, net_id: str) -> PetriNet:
    """The net in a file in PNML, of several the one of that id.

    Raises:
        DocumentInvalid: It cannot be read.
    """
    try:
        with Path(file).open("rb") as opened:
            text = opened.read(LARGEST + 1)
    except OSError as error:
        raise DocumentInvalid(f"'{file}' cannot be read: {error.strerror}", remedy="name a file in PNML") from error
    if Path(file).suffix.lower() in OTHERS:
        raise DocumentInvalid(f"'{file}' is no net in PNML", remedy="name a file in PNML, or verify a workflow")
    return from_pnml(text, name=f"'{file}'", net=net_id)


def _document(document: PetriNet, space: StateSpace, most: int) -> dict[str, Any]:
    pumping = space.pumping
    return {
        "net": document.name or document.id,
        "decided": space.decided,
        "markings": space.markings if space.complete else None,
        "edges": space.edges if space.complete else None,
        "deadlocks": space.deadlock_count if space.complete else None,
        "bounds": space.bounds if space.decided else None,
        "dead_transitions": list(space.dead_transitions) if space.decided else None,
        "unbounded": list(space.unbounded) if space.decided or pumping else None,
        "deadlock_markings": list(_deadlocks(space, most)),
        "pumping": {"first": pumping.prefix, "repeat": pumping.cycle, "grows": pumping.grows} if pumping else None,
        "not_decided": _why_not(space),
        "found": None if space.decided else _found(space),
    }


def _why_not(space: StateSpace) -> str:
    if space.decided or space.not_decided:
        return space.not_decided
    return "unbounded; what else holds is not decided"


def _found(space: StateSpace) -> Mapping[str, Any]:
    """What is known of a space that is not decided; at least so much."""
    return {
        "markings": space.markings,
        "edges": space.edges,
        "deadlocks": space.deadlock_count,
        "bounds": space.bounds,
        "never_fired": list(space.dead_transitions),
    }


def _deadlocks(space: StateSpace, most: int) -> Iterator[dict[str, Any]]:
    for marking in islice(space.stuck_markings(), most):
        yield {"marking": space.named(marking), "path": list(space.path_to(marking).transitions)}


def _lines(document: PetriNet, space: StateSpace, most: int) -> Iterator[Text]:
    size = f"{counted(len(document.net.places), 'place')}, {counted(len(document.net.transitions), 'transition')}"
    yield Line.assemble((document.name or document.id, "bold"), f": {size}")
    if why := _why_not(space):
        yield Line(f"  {why}; so far:", style="yellow")
    if pumping := space.pumping:
        yield Line(f"  unbounded: {_listed(space.unbounded)}", style="yellow")
        first = f"after {_way(pumping.prefix)}, " if pumping.prefix else ""
        yield Line(f"    {first}again and again: {_way(pumping.cycle)}")
    else:
        yield Line(f"  {space.markings:,} markings, {space.edges:,} edges, {_safe(space)}")
        yield Line(f"  {counted(space.deadlock_count, 'deadlock')}")
    for found in _deadlocks(space, most):
        marked = _listed(place if count == 1 else f"{count}×{place}" for place, count in found["marking"].items())
        yield Line(f"    {marked or 'no tokens'}: {_way(found['path']) or 'at once'}", style="dim")
    if space.dead_transitions:
        words = "never fire" if space.decided else "did not fire"
        yield Line(f"  {words}: {_listed(space.dead_transitions)}")


def _safe(space: StateSpace) -> str:
    most = max((bound for bound in space.bounds.values() if bound is not None), default=0)
    return f"at most {counted(most, 'token')} in a place"


def _listed(names: Any) -> str:
    return ", ".join(names)


def _way(names: Any) -> str:
    return " → ".join(names)
