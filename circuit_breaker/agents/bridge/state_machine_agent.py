"""State machines to talk to: what is said is a signal to the case, and the answer is the work of a transition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

from circuit_breaker.agents.bridge.case_agent import CaseAgent
from circuit_breaker.agents.bridge.driving import driven
from circuit_breaker.agents.bridge.machine import END, MESSAGE, OVERRIDES, machine_agents, machine_workflow
from circuit_breaker.agents.bridge.recalling import recalled
from circuit_breaker.agents.chat import ChatRequest, asking_in
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.bus import Progress
from circuit_breaker.engine.ids import new_id
from circuit_breaker.errors import AgentError, AgentExecutionNotFound, ConversationNotFound
from circuit_breaker.workflow import Case

__all__ = ["StateMachineAgent"]

_LOOKS: Final = 20
"""How often a case is looked at that another process neither has answered nor goes on with, until it is given up."""


class StateMachineAgent(CaseAgent):
    """A state machine to talk to: what is said moves it, and it stays where it is across crashes.

    ::

        async with Engine(storage=journal, executors=agent_executors(agents)) as engine, agents:
            bot = await StateMachineAgent.deploy(engine, agents, definition)
            response = await bot.chat("I want my money back")
            print(response.message, await bot.state())
    """

    kind = "state_machine"
    _machine: AgentDefinition | None = None

    async def state(self) -> str:
        """The state in which it waits.

        Raises:
            CaseNotFound: Nothing was said yet.
        """
        return (await self.case()).state

    async def end(self, *, by: str = "") -> Case:
        """The case, which somebody has ended.

        Raises:
            NotEnabled: It has ended already, or an answer is being worked on.
        """
        return await self.engine.fire(await recalled(self.engine, self.conversation_id), END, by=by)

    async def _prepared(self, definition: AgentDefinition) -> None:
        self._machine = definition
        workflow = machine_workflow(definition)
        for speaker in machine_agents(definition):
            await self.agents.register(speaker)
        await self.engine.add_workflow(workflow)

    async def _workflow(self) -> str:
        return self.id

    def _key_of(self, execution: AgentExecution) -> str:
        return str(execution.get_context_value("custom_context.machine.message_id", ""))

    @asynccontextmanager
    async def _answering(self, case: Case, asked: ChatRequest) -> AsyncIterator[AgentExecution]:
        message_id = self._said_as(asked.key) if asked.key else new_id()
        said = await self._kept(case, {MESSAGE: asked.message, "context": thaw(asked.context)})
        if not await self._executions(case, message_id):
            data = {**said, "message_id": message_id, OVERRIDES: self.overrides}
            await self.engine.signal(case, MESSAGE, data=data, unless=partial(_has_heard, message_id=message_id))
        async with self._driven(case, message_id) as execution:
            yield execution

    async def _kept(self, case: Case, said: dict[str, Any]) -> dict[str, Any]:
        """What is kept of what was said: the journal of the case is to have no more of it than the conversation."""
        definition = self._machine or await self.agents.definition(self.id)
        kept: dict[str, Any] = self.agents.guardrails.concealed(definition, case.id, said)
        return kept

    @asynccontextmanager
    async def _going_on(self, case: Case, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
        async with self._driven(case, self._key_of(execution)) as found:
            yield found

    @asynccontextmanager
    async def _driven(self, case: Case, message_id: str) -> AsyncIterator[AgentExecution]:
        """The execution that answers a message, while the case goes on until it rests or a person must decide."""

        async def asking() -> bool:
            return await asking_in(self.agents, case.id) is not None

        async with driven(self._rested(case), poll=self.agents.config.poll, asking=asking) as driving:
            yield await self._begun(case, message_id, driving)

    async def _rested(self, case: Case) -> Case:
        """The case when it rests, also where another process goes on with it."""
        now, looks = await self.engine.run(case), 0
        while self._is_elsewhere(now) and looks < _LOOKS:
            await asyncio.sleep(self.agents.config.poll)
            before, now = now.sequence, await self.engine.run(await self.engine.get(case))
            looks = 0 if now.sequence > before or await self._is_answering(case) else looks + 1
        return now

    def _is_elsewhere(self, case: Case) -> bool:
        return any(one.worker != self.engine.storage.worker and not one.doubt for one in case.pending)

    async def _is_answering(self, case: Case) -> bool:
        """Whether somebody works on an answer in the conversation, or waits for a person."""
        with suppress(ConversationNotFound, AgentExecutionNotFound):
            holder = (await self.agents.conversations.get(case.id)).holder
            return bool(holder) and not (await self.agents.store.written(holder)).ended
        return False

    async def _begun(self, case: Case, message_id: str, driving: asyncio.Task[Case]) -> AgentExecution:
        """The execution that answers a message, as soon as there is one, here or in another process.

        Raises:
            AgentError: The case rests without one, or a person must decide about something else first.
        """
        with self.engine.subscribe(case=case, types=(Progress,), size=1) as begun:
            driving.add_done_callback(lambda _: begun.close())
            while True:
                rests = driving.done()
                if found := await self._executions(case, message_id):
                    return found[-1]
                if rests:
                    raise self._unanswered(driving.result())
                if (other := await asking_in(self.agents, case.id)) and self._key_of(other) != message_id:
                    raise AgentError(
                        f"conversation '{case.id}' waits for a yes or no to execution '{other.id}'; what was said "
                        "meanwhile is answered after that",
                        remedy="decide with approve(await agent.waiting(), ...)",
                    )
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.agents.config.poll):
                        await begun.take()

    def _unanswered(self, case: Case) -> AgentError:
        what = f"agent '{self.id}' has not answered in '{case.state}'"
        if self._is_elsewhere(case):
            return AgentError(
                f"{what}: another process has the conversation, and does not go on",
                remedy="wait until it ends, or goes on; what was said is answered then",
            )
        return AgentError(f"{what}: {_failure(case)}", remedy="say it again")

    async def _executions(self, case: Case, message_id: str) -> list[AgentExecution]:
        """What was done to answer a message, the oldest first."""
        message = {"workflow_context.resource_id": case.id, "custom_context.machine.message_id": message_id}
        return await self.agents.executions(context=message)


def _has_heard(case: Case, message_id: str) -> bool:
    """Whether the message came before; a crash may have come between it and the answer."""
    waiting = [signal.data.get("message_id") for signal in case.signals]
    return message_id in waiting or any(token.data.get("message_id") == message_id for token in case.marking)


def _failure(case: Case) -> str:
    failures = [str(token.metadata["failure"].get("message")) for token in case.marking if "failure" in token.metadata]
    return failures[-1] if failures else "it has not come to that"
