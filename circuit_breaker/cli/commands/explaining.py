"""Commands that tell why: ``explain`` and ``diff-policy``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from circuit_breaker.cli.definitions import find_workflow
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.onward import Onward
from circuit_breaker.cli.options import (
    case_argument,
    definitions_option,
    import_option,
    output_options,
    storage_option,
)
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.telling import STATUS_STYLES
from circuit_breaker.cli.visible import Line
from circuit_breaker.net.graph import counted
from circuit_breaker.workflow.case import CLOSED
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.explain import Explanation, Reason
from circuit_breaker.workflow.policy_diff import Decision, PolicyDiff

__all__ = ["diff_policy", "explain"]


@click.command(short_help="Say what can happen to a case, what cannot, why, and what it would take.")
@case_argument
@click.option("--role", "roles", multiple=True, help="Judge with these roles; may be repeated.")
@click.option("-t", "--transition", "names", multiple=True, help="Only this transition; may be repeated.")
@definitions_option
@storage_option
@output_options
@with_session
def explain(session: Session, *, case: str, roles: Sequence[str], names: Sequence[str]) -> None:
    """Say of every transition of CASE whether it can fire, and if not, exactly why, and what it would take.

    What can fire comes first. A suggestion was tried on a copy of the case: after these changes the transition can
    fire. Where that is not known, it says so.
    """
    output = session.output
    explanation, onward = complete(_explain(session, case, roles or None, names))
    if output.json:
        output.document(explanation.to_document())
        return
    output.say(
        Line.assemble(
            "case ", (explanation.case, "bold"), " is ", (explanation.status, STATUS_STYLES[explanation.status]),
            " in ", (explanation.state or "no state", "bold"),
        ),
        soft_wrap=True,
    )  # fmt: skip
    if explanation.message and explanation.status != "cancelled":
        output.line(Line(f"  {explanation.message}", style="italic"))
    if explanation.status in CLOSED:
        output.say(Line("  nothing can happen to it any more", style="dim"))
        return
    for reason in sorted(explanation.reasons, key=lambda each: not each.enabled):
        _say_reason(output, reason)
    if explanation.interrupted:
        line = f"  what was interrupted is taken up again by: {onward.going_on(case)}"
        output.line(Line(line, style="dim"))


async def _explain(
    session: Session, case_id: str, roles: Sequence[str] | None, names: Sequence[str]
) -> tuple[Explanation, Onward]:
    """What can happen to the case, and what commands on it have to name."""
    async with session.engine() as engine:
        case = await session.case(engine, case_id)
        for name in names:
            engine.workflow(case).named(name)
        stopped, history = await engine.stopped(case), await engine.history(case)
        explanation = engine.explain(case, roles=roles, stopped=stopped, history=history).only(names)
        return explanation, await session.onward_from(engine, case)


def _say_reason(output: Output, reason: Reason) -> None:
    first, *others = reason.lines()
    output.line(Line(first, style="green" if reason.enabled else ""))
    for line in others:
        output.line(Line(line, style="" if "✗" in line else "dim"))


@click.command("diff-policy", short_help="Say which past decisions another version would make otherwise.")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--case", "cases", multiple=True, metavar="CASE", help="Only this case; may be repeated.")
@import_option
@storage_option
@output_options
@with_session
def diff_policy(session: Session, *, old: str, new: str, cases: Sequence[str]) -> None:
    """Say which decisions that cases made under the version OLD of a workflow the version NEW would make otherwise.

    Every decision in the journal, that a transition fired or was refused, is made again on the tokens as they were
    then. Nothing is changed. The exit code is 0 if all decisions stay as they were, and 1 if some do not.
    """
    before, after = (find_workflow(name, session.registry) for name in (old, new))
    diff = complete(_diff(session, before, after, cases))
    if session.output.json:
        session.output.document(diff.to_document())
    else:
        _say_diff(session.output, diff)
    raise click.exceptions.Exit(ExitCode.REFUSED if diff else ExitCode.OK)


async def _diff(session: Session, old: Workflow, new: Workflow, cases: Sequence[str]) -> PolicyDiff:
    async with session.engine() as engine:
        return await engine.diff_policy(old, new, cases=cases or None)


def _say_diff(output: Output, diff: PolicyDiff) -> None:
    counts = diff.counts
    same = counts["same_fired"] + counts["same_refused"]
    output.say(Line(f"{diff.workflow}: version {diff.old} against {diff.new}"), soft_wrap=True)
    stay = f"{counted(same, 'decision')} stay{'' if same != 1 else 's'}"
    output.say(Line(f"  {counted(diff.cases, 'case')}; {stay}, {len(diff.changed)} would be otherwise"))
    for decision in diff.changed:
        _say_decision(output, decision)
    for reason, count in diff.reasons.items():
        output.line(Line(f"  {count:,} not judged: {reason}", style="dim"))
    if diff.elsewhere:
        output.say(Line(f"  {diff.elsewhere:,} left out, since they were made under other versions", style="dim"))


def _say_decision(output: Output, decision: Decision) -> None:
    turned = "would be refused" if decision.would == "refused" else "would fire"
    who = f" by {decision.by}" if decision.by else ""
    moment = decision.at.isoformat(sep=" ", timespec="seconds")
    head = f" {decision.transition} {decision.was} at {moment}{who}, and {turned}"
    style = "red" if decision.would == "refused" else "green"
    output.line(Line.assemble((f"{decision.case} #{decision.sequence}", "bold"), (head, style)))
    verdict = decision.new if decision.would == "refused" else decision.old
    for line in str(verdict).splitlines():
        output.line(Line(f"    {line}"))
