"""Talking with an agent in the terminal: what is said, its answer while it is made, and what a person must decide."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from circuit_breaker.agents.chat import Agent, Partner, asking_in
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.cli.agency import Agency
from circuit_breaker.cli.agent_watch import Turn, Watch, decisions_on, report
from circuit_breaker.cli.conversation import lines
from circuit_breaker.cli.exits import Terminated
from circuit_breaker.cli.stopping import complete
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import (
    AgentError,
    AgentExecutionNotFound,
    CircuitBreakerError,
    ConversationNotFound,
    DataInvalid,
    WorkflowNotFound,
)
from circuit_breaker.lazy import Later

if TYPE_CHECKING:
    from circuit_breaker.agents.bridge.case_agent import CaseAgent

__all__ = ["AgentTalk"]

HINT = "/quit or Ctrl-D to end, /clear to forget, /history, /usage; Ctrl-C stops an answer"
_STOPPED: Final = "what was begun is forgotten"
_bridge = Later("circuit_breaker.agents.bridge")
_KINDS: Final[Mapping[str, str]] = {"state_machine": "StateMachineAgent", "workflow": "WorkflowAgent"}
"""What carries on a conversation that is a case, by the type of the agent."""


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
            self._decide()
        for line in lines(interactive=self.interactive):
            if line.strip() == "/quit":
                break
            self._hear(line.strip())
        if self.interactive and self.conversation:
            option = f"--conversation {self.conversation}"
            output.note(f"to go on: {output.onward.command('agents chat', self.agent, options=option)}")

    def _decide(self) -> None:
        """Asks first about what the conversation waits for, where it waits for a person."""
        if (found := complete(self._asking())) is None:
            return
        self.agency.output.note(f"the conversation waits for a yes or no to execution '{found.id}'")
        if (said := decisions_on(found)) is None:
            report(self.agency.output, found)
        else:
            self._bear(lambda: self._watched(self._decided(found.id, said)))

    async def _asking(self) -> AgentExecution | None:
        async with self.agency.engine() as agents:
            return await asking_in(agents, self.conversation)

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
                self._bear(lambda: self.say(line))

    def _bear(self, deed: Callable[[], object]) -> None:
        """Does something; what goes wrong is told, and the talk goes on where a person types."""
        try:
            deed()
        except KeyboardInterrupt as interrupt:
            if not self.interactive:
                raise
            click.echo(err=True)  # behind the ^C
            self.agency.output.note(f"stopped; {interrupt}")
        except CircuitBreakerError as error:
            if not self.interactive:
                raise
            self.agency.output.fail(error)

    def say(self, text: str) -> AgentExecution:
        """The execution that answers, told while it does."""
        return self._watched(self._turn(lambda partner: partner.turn(text)))

    def _watched(self, turn: Turn) -> AgentExecution:
        asks = not self.agency.output.json
        watch = Watch(self.agency, brief=True, asks=asks, cancels=True, decide=self._decided)
        try:
            execution = watch.through(turn)
        except (KeyboardInterrupt, Terminated) as stop:
            raise type(stop)(_STOPPED) from None
        self.taken += int(execution.usage.get("total_tokens", 0))
        report(self.agency.output, execution)
        return execution

    def _decided(self, execution_id: str, decisions: Mapping[str, Any]) -> Turn:
        return self._turn(lambda partner: partner.decided(execution_id, decisions, by="terminal"), settled=False)

    def _turn(
        self, begin: Callable[[Partner], AbstractAsyncContextManager[AgentExecution]], *, settled: bool = True
    ) -> Turn:
        """A turn of the talk that begins so; what was left behind in the conversation comes first."""

        @asynccontextmanager
        async def turn() -> AsyncIterator[tuple[AgentEngine, AgentExecution]]:
            async with self.agency.desk(self.conversation) as (engine, agents):
                if settled:
                    await self._enter(agents)
                partner = await self._partner(engine, agents)
                async with begin(partner) as execution:
                    self.conversation = partner.conversation_id
                    yield agents, execution

        return turn

    async def _partner(self, engine: Engine, agents: AgentEngine) -> Partner:
        """Whom one talks to: the agent alone, or with the cases of its workflow."""
        overrides = self.agency.answering.overrides
        definition = await agents.definition(self.agent)
        kind = _KINDS.get(definition.type)
        if kind is None:
            return Agent(agents, self.agent, conversation_id=self.conversation, overrides=overrides)
        if definition.type == "workflow" and definition.workflow not in engine.workflows:
            raise WorkflowNotFound(
                f"agent '{self.agent}' is bound to workflow '{definition.workflow}', which is not known here",
                remedy="name it with --workflow",
            )
        made: type[CaseAgent] = getattr(_bridge, kind)
        return await made.deploy(engine, agents, self.agent, conversation_id=self.conversation, overrides=overrides)

    async def _enter(self, engine: AgentEngine) -> None:
        """Begins the conversation that was named, where there is none; a turn that was left behind in it goes on."""
        if not self.conversation:
            return
        definition = await engine.definition(self.agent)
        alone = definition.type not in _KINDS
        if alone and definition.memory is None:
            raise DataInvalid(
                f"agent '{self.agent}' has no memory of conversations", remedy="give its definition 'memory: {}'"
            )
        try:
            holder = (await engine.conversations.get(self.conversation)).holder
        except ConversationNotFound:
            if alone:
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
