"""An errand: what an agent is asked for a token, each attempt an execution of its own."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, Final, Self

import attrs

from circuit_breaker.agents.context import ExecutionContext
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.events import AgentEvent
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.limits import codes_of
from circuit_breaker.engine.actions import HOPELESS, ONCE
from circuit_breaker.engine.running import only
from circuit_breaker.errors import CircuitBreakerError, Fault, ParameterInvalid
from circuit_breaker.rules import Field
from circuit_breaker.workflow.agent_step import retry_of
from circuit_breaker.workflow.timing import RetryPolicy

__all__ = ["Errand"]

_HOPELESS: Final = HOPELESS | {"agent_cancelled", "agent_forbidden", "agent_not_found", "guardrail_violated"}

Allow = Callable[[str], Awaitable[None]]
_SLOWER: Final = 1.25
_SELDOM: Final = 20

Begun = Callable[[AgentExecution, int], Awaitable[None]]
Tell = Callable[[AgentEvent], object]


async def _allowed(_: str) -> None:
    """Every attempt may be made."""


async def _unnoted(_: AgentExecution, __: int) -> None:
    """Nobody keeps which execution it is."""


def _untold(_: AgentEvent) -> None:
    """Nobody listens."""


@attrs.frozen(kw_only=True)
class Errand:
    """What is asked of which agent.

    Attributes:
        agent: The id of the agent.
        inputs: What it is given, by name.
        context: For whom and where.
        mapping: Where the inputs come from, by name, as far as they are fields of a token.
        overrides: What takes the place of members of its ``llm_config``.
        conversation: The conversation that it belongs to, or empty.
        timeout: Seconds that one attempt may take; None for what the agent allows itself.
        retry: When it is asked again.
    """

    agent: str
    inputs: Mapping[str, Any]
    context: ExecutionContext
    mapping: Mapping[str, Any] = attrs.field(factory=dict)
    overrides: Mapping[str, Any] = attrs.field(factory=dict)
    conversation: str = ""
    timeout: float | None = None
    retry: RetryPolicy = ONCE

    @classmethod
    def of(
        cls, asked: Mapping[str, Any], inputs: Mapping[str, Any], context: ExecutionContext, mapping: Mapping[str, Any]
    ) -> Self:
        """The errand of a step that :func:`agent_step` made, with its inputs as the token has them."""
        return cls(
            agent=asked["agent"],
            inputs=inputs,
            context=context,
            mapping=mapping,
            overrides=asked.get("llm_config") or {},
            timeout=asked.get("timeout"),
            retry=retry_of(asked["retry"]) if asked.get("retry") else ONCE,
        )

    async def run(
        self,
        agents: AgentEngine,
        key: str,
        *,
        allow: Allow = _allowed,
        begun: Begun = _unnoted,
        tell: Tell = _untold,
    ) -> AgentExecution:
        """The execution that ended it, completed or not.

        Args:
            agents: Who carries it out.
            key: With the same key there are the same executions: after a crash it goes on with them.
            allow: Given the key of each attempt before it is made; what it raises ends the errand.
            begun: Told of each execution, and which attempt it is, before anything is waited for.
            tell: Told of each event of each execution.

        Raises:
            AgentNotFound: There is no such agent.
            ParameterInvalid: The input is not what the agent needs.
        """
        number = 1
        while True:
            await allow(f"{key}.{number}")
            ended = await self._attempt(agents, f"{key}.{number}", number, begun, tell)
            if ended.status == "completed" or not self._again(str(ended.error.get("code", "")), number):
                return ended
            await asyncio.sleep(self.retry.wait(number) + random.uniform(0.0, self.retry.jitter))  # noqa: S311
            number += 1

    def _again(self, code: str, failures: int) -> bool:
        wanted = codes_of(self.retry.retry_on)
        if failures >= self.retry.max_attempts:
            return False
        return code in wanted if wanted else code not in _HOPELESS

    async def _attempt(self, agents: AgentEngine, key: str, number: int, begun: Begun, tell: Tell) -> AgentExecution:
        try:
            execution = await agents.start(
                self.agent,
                self.inputs,
                context=self.context,
                conversation=self.conversation,
                key=key,
                overrides=self.overrides or None,
                timeout=self.timeout,
            )
        except ParameterInvalid as error:
            raise _traced(error, self.mapping) from error
        await begun(execution, number)
        return execution if execution.ended else await _followed(agents, execution.id, tell)


def _traced(error: ParameterInvalid, mapping: Mapping[str, Any]) -> ParameterInvalid:
    """The error with the paths from which the inputs come that are not as they have to be."""
    faults = [_from(fault, mapping) for fault in error.faults]
    return ParameterInvalid(error.message.partition("\n")[0], faults=faults, remedy=error.remedy)


def _from(fault: Fault, mapping: Mapping[str, Any]) -> Fault:
    name = next((name for name in mapping if re.match(rf"input\.{re.escape(name)}(\W|$)", fault.place)), None)
    source = mapping.get(name) if name is not None else None
    if not isinstance(source, Field):
        return fault
    return attrs.evolve(fault, message=f"{fault.message}; it comes from '{source.path}' of the token")


async def _followed(agents: AgentEngine, execution_id: str, tell: Tell) -> AgentExecution:
    """The execution at its end; one that waits for a person is waited for, and one that nobody wants is stopped."""
    try:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_watch(agents, execution_id))
            async with agents.events.subscribe(execution_id) as events:
                async for event in events:
                    tell(event)
            watch.cancel()
    except BaseExceptionGroup as errors:
        raise only(errors) from None
    return await agents.wait(execution_id)


async def _watch(agents: AgentEngine, execution_id: str) -> None:
    """Stops the execution once nobody wants it any more; asks the less often the longer it takes."""
    pause = agents.config.poll
    while True:
        await asyncio.sleep(pause)
        pause = min(pause * _SLOWER, agents.config.poll * _SELDOM)
        with suppress(CircuitBreakerError):
            await agents.withdraw(execution_id)
