"""Watching an execution in the terminal: what it does as it does it, and what a person must decide."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import attrs
import click

from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.agent_events import EventTeller
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import visible
from circuit_breaker.engine.running import only

__all__ = ["Begin", "Turn", "Watch", "decisions_on", "exit_code_of", "report"]

Begin = Callable[[AgentEngine], Awaitable[AgentExecution]]
Turn = Callable[[], AbstractAsyncContextManager[tuple[AgentEngine, AgentExecution]]]
"""Begins an execution, or goes on with one; inside of the block it is carried out."""
Decide = Callable[[str, Mapping[str, Any]], Turn]


@attrs.frozen
class Watch:
    """Watches an execution until it is over.

    Attributes:
        agency: The agents.
        brief: Whether only the answer and the calls of tools are told.
        asks: Whether a person is asked here where one must decide.
        cancels: Whether Ctrl-C ends the execution, and not only the watching.
        decide: How an execution goes on with what a person has decided about it; unless given, alone.
    """

    agency: Agency
    brief: bool = False
    asks: bool = True
    cancels: bool = False
    decide: Decide | None = None

    def over(self, begin: Begin) -> AgentExecution:
        """The execution that begins so, once it is over or waits for somebody who is not here; it is told meanwhile."""
        return self.through(self._alone(begin))

    def through(self, turn: Turn) -> AgentExecution:
        """The execution of a turn, once it is over or waits for somebody who is not here; it is told meanwhile."""
        teller = EventTeller(self.agency.output, brief=self.brief)
        execution = complete(self._until_rest(turn, teller))
        while self.asks and execution.waiting_for == "approval" and (said := decisions_on(execution)) is not None:
            execution = complete(self._until_rest(self._decided(execution.id, said), teller))
        return execution

    def _alone(self, begin: Begin) -> Turn:
        @asynccontextmanager
        async def turn() -> AsyncIterator[tuple[AgentEngine, AgentExecution]]:
            async with self.agency.engine() as engine:
                yield engine, await begin(engine)

        return turn

    def _decided(self, execution_id: str, decisions: Mapping[str, Any]) -> Turn:
        async def begin(engine: AgentEngine) -> AgentExecution:
            return await engine.approve(execution_id, decisions, by="terminal")

        return self._alone(begin) if self.decide is None else self.decide(execution_id, decisions)

    async def _until_rest(self, turn: Turn, teller: EventTeller) -> AgentExecution:
        async with turn() as (engine, begun):
            try:
                return await _told(engine, begun.id, teller)
            except asyncio.CancelledError:
                await self._stopped(engine, begun.id)
                raise

    async def _stopped(self, engine: AgentEngine, execution_id: str) -> None:
        output = self.agency.output
        if self.cancels:
            await engine.cancel(execution_id, by="terminal")
        elif not (await engine.execution(execution_id)).ended:
            output.note(f"to go on: {output.onward.command('agents resume', execution_id)}")


async def _told(engine: AgentEngine, execution_id: str, teller: EventTeller) -> AgentExecution:
    """The execution when it is over or waits for a person, its events told."""
    teller.recall(await engine.events.read(execution_id, after=teller.last))
    try:
        async with (
            engine.events.subscribe_raw(execution_id, after=teller.last) as documents,
            asyncio.TaskGroup() as group,
        ):
            telling = group.create_task(teller.follow(documents))
            execution = await engine.wait(execution_id)
            telling.cancel()
    except BaseExceptionGroup as errors:
        raise only(errors) from None
    for document in await engine.events.read(execution_id, after=teller.last):
        teller.tell(document)
    teller.rest()
    return execution


def decisions_on(execution: AgentExecution) -> dict[str, Any] | None:
    """What somebody at the terminal says to each call that waits, by its digest; None where nobody answers."""
    try:
        return {call["digest"]: _approved(call) for call in execution.approval["calls"]}
    except click.Abort:  # the input ended, or somebody went away: that is no answer
        click.echo(err=True)
        return None


def _approved(call: Any) -> bool:
    shown = visible(f"call {call['name']} with {call['arguments']}?")
    return click.confirm(shown, default=False, err=True)


def report(output: Output, execution: AgentExecution) -> None:
    """Says why an execution has no answer, and what to type; its answer was told."""
    if output.json:
        return
    if execution.waiting_for == "approval":
        for call in execution.approval["calls"]:
            output.note(f"waits for a yes to: {call['name']} {call['arguments']}")
        output.note(f"  {output.onward.command('agents approve', execution.id)}")
    elif execution.error:
        output.warn(f"{execution.status}: {execution.error['message']}")
        if remedy := execution.error.get("remedy"):
            output.note(f"       {remedy}")


def exit_code_of(execution: AgentExecution) -> ExitCode:
    """Whether the execution has come to an answer, or waits for a person."""
    return ExitCode.OK if execution.status in ("completed", "pending", "running") else ExitCode.REFUSED
