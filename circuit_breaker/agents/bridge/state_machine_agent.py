"""State machines to talk to: what is said is a signal to the case, and the answer is the work of a transition."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from hashlib import sha256

from circuit_breaker.agents.bridge.case_agent import CaseAgent
from circuit_breaker.agents.bridge.machine import END, MESSAGE, OVERRIDES, machine_agents, machine_workflow
from circuit_breaker.agents.bridge.recalling import recalled
from circuit_breaker.agents.chat import ChatRequest, asking_in
from circuit_breaker.agents.context import LONGEST_KEY
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import thaw
from circuit_breaker.engine.bus import Progress
from circuit_breaker.engine.ids import new_id
from circuit_breaker.engine.running import only
from circuit_breaker.errors import AgentError
from circuit_breaker.workflow import Case

__all__ = ["StateMachineAgent"]


class StateMachineAgent(CaseAgent):
    """A state machine to talk to: what is said moves it, and it stays where it is across crashes.

    ::

        async with Engine(storage=journal, executors=agent_executors(agents)) as engine, agents:
            bot = await StateMachineAgent.deploy(engine, agents, definition)
            response = await bot.chat("I want my money back")
            print(response.message, await bot.state())
    """

    kind = "state_machine"

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
        workflow = machine_workflow(definition)
        for speaker in machine_agents(definition):
            await self.agents.register(speaker)
        await self.engine.add_workflow(workflow)

    async def _workflow(self) -> str:
        return self.id

    def _said_as(self, key: str) -> str:
        # executions are found by it, which they are not by a longer text
        return key if len(key) <= LONGEST_KEY else sha256(key.encode(errors="surrogatepass")).hexdigest()

    def _key_of(self, execution: AgentExecution) -> str:
        return str(execution.get_context_value("custom_context.machine.message_id", ""))

    @asynccontextmanager
    async def _answering(self, case: Case, asked: ChatRequest) -> AsyncIterator[AgentExecution]:
        message_id = self._said_as(asked.key) if asked.key else new_id()
        if not _has_heard(case, message_id) and not await self._executions(case, message_id):
            said = {MESSAGE: asked.message, "context": thaw(asked.context), "message_id": message_id}
            await self.engine.signal(case, MESSAGE, data={**said, OVERRIDES: self.overrides})
        async with self._driven(case, message_id) as execution:
            yield execution

    @asynccontextmanager
    async def _going_on(self, case: Case, execution: AgentExecution) -> AsyncIterator[AgentExecution]:
        async with self._driven(case, self._key_of(execution)) as found:
            yield found

    @asynccontextmanager
    async def _driven(self, case: Case, message_id: str) -> AsyncIterator[AgentExecution]:
        """The execution that answers a message, while the case goes on until it rests or a person must decide.

        What waits for a person is left as a crash would leave it: whoever drives the case next goes on with it.
        """
        try:
            async with asyncio.TaskGroup() as group:
                driving = group.create_task(self.engine.run(case))
                yield await self._begun(case, message_id, driving)
                while not driving.done() and await asking_in(self.agents, case.id) is None:
                    await asyncio.wait({driving}, timeout=self.agents.config.poll)
                driving.cancel()
        except BaseExceptionGroup as errors:
            raise only(errors) from None

    async def _begun(self, case: Case, message_id: str, driving: asyncio.Task[Case]) -> AgentExecution:
        """The execution that answers a message, as soon as there is one, here or in another process.

        Raises:
            AgentError: The case rests without one.
        """
        with self.engine.subscribe(case=case, types=(Progress,), size=1) as begun:
            driving.add_done_callback(lambda _: begun.close())
            while True:
                rests = driving.done()
                if found := await self._executions(case, message_id):
                    return found[-1]
                if rests:
                    now = driving.result()
                    raise AgentError(
                        f"agent '{self.id}' has not answered in '{now.state}': {_failure(now)}", remedy="say it again"
                    )
                with suppress(TimeoutError):
                    async with asyncio.timeout(self.agents.config.poll):
                        await begun.take()

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
