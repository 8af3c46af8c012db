"""Talking with an agent in the terminal: what is said, its answer while it is made, and what a person must decide."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import click

from circuit_breaker.agents.chat import Agent
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.agent_events import EventTeller
from circuit_breaker.cli.conversation import lines
from circuit_breaker.cli.exits import ExitCode
from circuit_breaker.cli.output import Output
from circuit_breaker.cli.stopping import complete
from circuit_breaker.cli.visible import visible
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    CircuitBreakerError,
    ConversationNotFound,
    DataInvalid,
)

__all__ = ["AgentTalk", "Watch", "exit_code_of", "report"]

HINT = "/quit or Ctrl-D to end, /clear to forget, /history, /usage; Ctrl-C stops an answer"
Begin = Callable[[AgentEngine], Awaitable[AgentExecution]]


@attrs.frozen
class Watch:
    """Watches an execution until it is over.

    Attributes:
        agency: The agents.
        brief: Whether only the answer and the calls of tools are told.
        asks: Whether a person is asked here where one must decide.
        cancels: Whether Ctrl-C ends the execution, and not only the watching.
    """

    agency: Agency
    brief: bool = False
    asks: bool = True
    cancels: bool = False

    def over(self, begin: Begin) -> AgentExecution:
        """The execution that begins so, once it is over or waits for somebody who is not here; it is told meanwhile."""
        teller = EventTeller(self.agency.output, brief=self.brief)
        execution = complete(self._until_rest(begin, teller))
        while execution.waiting_for == "approval" and self.asks:
            decisions = {call["digest"]: _approved(call) for call in execution.approval["calls"]}
            execution = complete(self._until_rest(_decided(execution.id, decisions), teller))
        return execution

    async def _until_rest(self, begin: Begin, teller: EventTeller) -> AgentExecution:
        async with self.agency.engine() as engine:
            begun = await begin(engine)
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
    async with engine.events.subscribe_raw(execution_id, after=teller.last) as documents, asyncio.TaskGroup() as group:
        telling = group.create_task(teller.follow(documents))
        execution = await engine.wait(execution_id)
        telling.cancel()
    for document in await engine.events.read(execution_id, after=teller.last):
        teller.tell(document)
    teller.rest()
    return execution


def _decided(execution_id: str, decisions: Any) -> Begin:
    async def begin(engine: AgentEngine) -> AgentExecution:
        return await engine.approve(execution_id, decisions, by="terminal")

    return begin


def _approved(call: Any) -> bool:
    shown = visible(f"call {call['name']} with {call['arguments']}?")
    try:
        return click.confirm(shown, default=False, err=True)
    except click.Abort:
        return False


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


@attrs.define
class AgentTalk:
    """A talk with an agent.

    Attributes:
        agency: The agents.
        agent: With whom.
        conversation: Which one goes on; empty until one begins.
        taken: Tokens that were taken so far.
    """

    agency: Agency
    agent: str
    conversation: str = ""
    taken: int = 0

    @property
    def interactive(self) -> bool:
        """Whether a person types what is said."""
        return sys.stdin.isatty() and not self.agency.output.json

    def lead(self) -> None:
        """Hears line after line, until there is none."""
        output = self.agency.output
        if self.interactive:
            output.note(HINT)
        for line in lines(interactive=self.interactive):
            if line.strip() == "/quit":
                break
            self._hear(line.strip())
        if self.interactive and self.conversation:
            option = f"--conversation {self.conversation}"
            output.note(f"to go on: {output.onward.command('agents chat', self.agent, options=option)}")

    def _hear(self, line: str) -> None:
        output = self.agency.output
        match line:
            case "":
                return
            case "/usage":
                output.note(f"{self.taken} tokens taken")
            case "/clear" | "/history" if not self.conversation:
                output.note("nothing was said yet, or nothing is remembered")
            case "/clear":
                complete(self._cleared())
            case "/history":
                output.text(complete(self._history()))
            case _ if line.startswith("/"):
                output.note(f"there is no {line.split(maxsplit=1)[0]}; {HINT}")
            case _:
                self._heard(line)

    def _heard(self, line: str) -> None:
        """Says a line; what goes wrong is told, and the talk goes on where a person types."""
        try:
            self.say(line)
        except KeyboardInterrupt:
            if not self.interactive:
                raise
            self.agency.output.note("\nstopped; what was begun is forgotten")
        except CircuitBreakerError as error:
            if not self.interactive:
                raise
            self.agency.output.fail(error)

    def say(self, text: str) -> AgentExecution:
        """The execution that answers, told while it does."""
        execution = Watch(self.agency, brief=True, cancels=True).over(self._begun(text))
        self.taken += int(execution.usage.get("total_tokens", 0))
        report(self.agency.output, execution)
        return execution

    def _begun(self, text: str) -> Begin:
        async def begin(engine: AgentEngine) -> AgentExecution:
            await self._enter(engine)
            partner = Agent(engine, self.agent, conversation_id=self.conversation, overrides=self.agency.overrides)
            try:
                return await partner.begin(text)
            finally:
                self.conversation = partner.conversation_id

        return begin

    async def _enter(self, engine: AgentEngine) -> None:
        """Begins the conversation that was named, where there is none; a turn that was left behind in it goes on."""
        if not self.conversation:
            return
        if (await engine.definition(self.agent)).memory is None:
            raise DataInvalid(
                f"agent '{self.agent}' has no memory of conversations", remedy="give its definition 'memory: {}'"
            )
        try:
            holder = (await engine.conversations.get(self.conversation)).holder
        except ConversationNotFound:
            await engine.conversations.create(self.agent, id=self.conversation)
            return
        if holder:
            await self._settle(engine, holder)

    async def _settle(self, engine: AgentEngine, execution_id: str) -> None:
        """Sees to it that a turn that was left in the conversation comes to its end."""
        output = self.agency.output
        try:
            if await engine.resume(execution_id):
                output.note(f"first goes on what was left behind: execution {execution_id}")
            waits = (await engine.execution(execution_id)).waiting_for == "approval"
        except AgentExecutionNotFound:
            return
        if waits:
            raise AgentError(
                f"the conversation waits for a yes or no to execution '{execution_id}'",
                remedy=output.onward.command("agents approve", execution_id),
            )

    async def _cleared(self) -> None:
        async with self.agency.archive() as archive:
            await archive.conversations.clear(self.conversation)

    async def _history(self) -> str:
        async with self.agency.archive() as archive:
            return await archive.conversations.as_markdown(self.conversation)
