"""Commands that change a case: ``fire``, ``signal``, ``cancel`` and ``resolve``."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import attrs
import click

from circuit_breaker.cli.exits import exit_code_of_case
from circuit_breaker.cli.options import (
    JsonObject,
    by_option,
    case_argument,
    data_option,
    definitions_option,
    output_options,
    storage_option,
)
from circuit_breaker.cli.session import Session, with_session
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.watching import report, watched
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import ActionError, CircuitBreakerError, words_of
from circuit_breaker.workflow.case import Case

__all__ = ["cancel", "fire", "resolve", "signal"]

Deed = Callable[[Engine, Case], Awaitable[Case]]
run_option = click.option("--run/--no-run", default=True, help="Run on afterwards until the case rests; so by default.")


@attrs.frozen
class Change:
    """One change of one case, whether the case runs on afterwards, and whether actions can be carried out."""

    session: Session
    case: str
    runs_on: bool
    acts: bool = True

    def make(self, deed: Deed) -> None:
        """Makes the change, tells what happens, and ends the command."""
        case = complete(self._made(deed))
        raise click.exceptions.Exit(exit_code_of_case(case))

    async def _made(self, deed: Deed) -> Case:
        async with self.session.engine(working=self.acts) as engine:
            case = await self.session.case(engine, self.case, acting=self.acts)
            async with watched(engine, self.session.output, case=case.id):
                case = await self._done(deed, engine, case)
                if self.runs_on:
                    case = await self.session.settled(engine, await engine.run(case))
            await report(engine, self.session, case)
            return case

    async def _done(self, deed: Deed, engine: Engine, case: Case) -> Case:
        try:
            return await deed(engine, case)
        except CircuitBreakerError:
            raise
        except Exception as error:
            raise ActionError(f"the action failed: {type(error).__name__}: {words_of(error)}") from error


@click.command(short_help="Fire a transition of a case.")
@case_argument
@click.argument("transition")
@data_option("Added to the data before the rules are judged; kept if it fires.")
@click.option("--role", "roles", multiple=True, help="A role of whoever fires it; may be repeated.")
@by_option
@run_option
@definitions_option
@storage_option
@output_options
@with_session
def fire(
    session: Session,
    *,
    case: str,
    transition: str,
    data: dict[str, Any] | None,
    roles: Sequence[str],
    by: str,
    run: bool,
) -> None:
    """Fire TRANSITION of CASE, and run the case on until it rests.

    A refusal says which rule said no, what it saw and what it wanted; the exit code is then 1.
    """

    async def deed(engine: Engine, before: Case) -> Case:
        return await engine.fire(before, transition, data=data, roles=roles, by=by)

    Change(session, case, run).make(deed)


@click.command(short_help="Send a signal to a case.")
@case_argument
@click.argument("name")
@data_option("Comes with the signal; added to the data of the token that waits for it.")
@by_option
@run_option
@definitions_option
@storage_option
@output_options
@with_session
def signal(
    session: Session,
    *,
    case: str,
    name: str,
    data: dict[str, Any] | None,
    by: str,
    run: bool,
) -> None:
    """Send the signal NAME to CASE. It is kept until a transition uses it up."""

    async def deed(engine: Engine, before: Case) -> Case:
        return await engine.signal(before, name, data=data, by=by)

    Change(session, case, run).make(deed)


@click.command(short_help="Cancel a case.")
@case_argument
@click.option("--reason", default="", help="Why; recorded in the history.")
@click.option("--compensate", is_flag=True, help="First undo what was done, the last first.")
@by_option
@definitions_option
@storage_option
@output_options
@with_session
def cancel(
    session: Session,
    *,
    case: str,
    reason: str,
    compensate: bool,
    by: str,
) -> None:
    """Cancel CASE: nothing can happen to it any more."""

    async def deed(engine: Engine, before: Case) -> Case:
        return await engine.cancel(before, reason=reason, by=by, compensate=compensate)

    Change(session, case, runs_on=False, acts=False).make(deed)


@click.command(short_help="Say what became of an action in doubt.")
@case_argument
@click.argument("transition")
@click.option("--key", help="The idempotency key of the action, where several of TRANSITION are in doubt.")
@click.option("--token", help="A token that the action took; another way to say which action is meant.")
@click.option("--outcome", type=JsonObject(), metavar="JSON|@FILE", help="It was done, and this is what it returned.")
@click.option("--failed", metavar="REASON", help="It was not done, for this reason.")
@click.option("--again", is_flag=True, help="It was not done, and shall be done now.")
@by_option
@run_option
@definitions_option
@storage_option
@output_options
@with_session
def resolve(
    session: Session, *, case: str, transition: str, outcome: dict[str, Any] | None, by: str, run: bool, **meant: Any
) -> None:
    """Say what became of the action of TRANSITION, which was interrupted and may not be repeated by itself.

    Exactly one of --outcome, --failed and --again says it.
    """
    if [outcome is not None, meant["failed"] is not None, meant["again"]].count(True) != 1:
        raise click.UsageError("say what became of it: one of --outcome JSON, --failed REASON and --again")

    async def deed(engine: Engine, before: Case) -> Case:
        said = meant if outcome is None else meant | {"outcome": outcome}
        return await engine.resolve(before, transition, by=by, **said)

    Change(session, case, run).make(deed)
