"""The composer: runs compositions, and tells what came of them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from typing import Any, Final, Self

import attrs

from circuit_breaker.agents.bridge.case_client import CaseClient
from circuit_breaker.agents.bridge.composition.heard import latest
from circuit_breaker.agents.bridge.composition.position import place_of
from circuit_breaker.agents.bridge.composition.transcript import Transcript, transcript_of
from circuit_breaker.agents.bridge.driving import driven
from circuit_breaker.agents.bridge.executor import agent_executors
from circuit_breaker.agents.bridge.permission import check_workflow
from circuit_breaker.agents.bridge.recalling import recalled
from circuit_breaker.agents.bridge.undecided import undecided
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.data import EMPTY, thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.engine.ports import Journal
from circuit_breaker.errors import ActionError, AgentForbidden, BudgetExceeded
from circuit_breaker.workflow import Case, Workflow
from circuit_breaker.workflow.events import ActionFailed

__all__ = ["AgentComposer", "Composed"]

_TOLD: Final = (ActionError, AgentForbidden, BudgetExceeded)
"""What came of a part that was tried again, which the case tells."""


@attrs.frozen(kw_only=True)
class Composed:
    """What came of a composition.

    Attributes:
        case: Its case, as it stands.
        outputs: What each part has said, by its name; of the last time, where it spoke more often.
        output: The answer: what the last part has said, or by name what the last ones have; None while there is none.
        error: What went wrong where a part failed last: ``code``, ``transition`` and ``message``; empty where nothing
            did.
        waiting: The executions that a person must decide on before it goes on, by :meth:`AgentEngine.approve` and then
            :meth:`AgentComposer.go_on`.
    """

    case: Case
    outputs: Mapping[str, Any]
    output: Any
    error: Mapping[str, Any]
    waiting: tuple[AgentExecution, ...] = ()

    @property
    def completed(self) -> bool:
        """Whether it came to its end."""
        return self.case.status == "completed"

    @classmethod
    def of(
        cls,
        workflow: Workflow,
        case: Case,
        waiting: Iterable[AgentExecution] = (),
        *,
        error: Mapping[str, Any] = EMPTY,
    ) -> Self:
        """What the tokens of a case say."""
        results: dict[str, Any] = {}
        for token in case.marking:
            results |= token.results
        told = workflow.metadata.get("composition", EMPTY)
        said = {name: thaw(results[name]["output"]) for name in told.get("parts", ()) if _spoke(results, name)}
        last = (
            {name: said[name] for name in latest(told.get("ends", ()), results)} if case.status == "completed" else {}
        )
        return cls(
            case=case,
            outputs=said,
            output=next(iter(last.values())) if len(last) == 1 else last or None,
            error=error,
            waiting=tuple(waiting),
        )


def _spoke(results: Mapping[str, Any], name: str) -> bool:
    return bool(results.get(name, EMPTY).get("status") == "completed")


class AgentComposer:
    """Compositions at work; an async context manager.

    ::

        async with AgentEngine(storage, providers=[...]) as agents, AgentComposer(agents, journal) as composer:
            review = chain("researcher", "writer", "critic", budget=Budget(dollars="0.50"))
            done = await composer.run(review, {"topic": "Petri nets"})
            print(done.output, (await composer.transcript(done.case)).dollars)

    Args:
        agents: The engine of agents; open for as long as this.
        storage: The journal of the cases, which it opens and closes; or an engine of workflows that has
            :func:`agent_executors`.
    """

    def __init__(self, agents: AgentEngine, storage: Journal | Engine) -> None:
        self.agents = agents
        self._own = not isinstance(storage, Engine)
        self.engine = (
            storage if isinstance(storage, Engine) else Engine(storage=storage, executors=agent_executors(agents))
        )
        agents.serve(CaseClient(self.engine.storage))

    async def __aenter__(self) -> Self:
        if self._own:
            await self.engine.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._own:
            await self.engine.__aexit__(*exc)

    async def run(
        self,
        workflow: Workflow,
        data: Mapping[str, Any] | None = None,
        *,
        id: str | None = None,  # noqa: A002 - the word of the field
        by: str = "",
    ) -> Composed:
        """What came of a new case of the composition; a failure is told in it, not raised.

        Where nothing goes on before a person has decided about a call of a tool, it says so: see ``waiting``.

        Args:
            workflow: The composition.
            data: What it is given.
            id: Of the case; made from the time unless given.
            by: Who asks.

        Raises:
            AgentInvalid: An agent is not there, or may not be used; nothing was begun.
            CaseExists: There is a case of that id: go on with it by :meth:`go_on`.
        """
        await check_workflow(self.agents, workflow)
        case = await self.engine.start(workflow, data=dict(data or {}), id=id, by=by)
        return await self._come_of(workflow, case)

    async def go_on(self, case: Case | str) -> Composed:
        """What came of a case that was left behind, by a crash or because something failed that may work now.

        It goes on under the composition that it began with, which the storage has.

        Raises:
            CaseNotFound: There is no case of that id.
            WorkflowNotFound: Its composition cannot be read any more: it has functions that nobody has given.
        """
        now = await recalled(self.engine, case)
        return await self._come_of(self.engine.workflow(now), now)

    async def try_again(self, case: Case | str) -> Composed:
        """What came of a case once more: what failed is tried again, and nobody is asked twice who has answered.

        Raises:
            CaseNotFound: There is no case of that id.
            WorkflowNotFound: Its composition cannot be read any more.
        """
        now = await recalled(self.engine, case)
        workflow = self.engine.workflow(now)
        for block in now.blocked:
            if block.kind == "failed":
                with suppress(*_TOLD):
                    await self._driven(now, self.engine.fire(now, workflow.by_id[block.transition].name))
        return await self.go_on(now)

    async def _come_of(self, workflow: Workflow, case: Case) -> Composed:
        waiting = await self._driven(case, self.engine.run(case))
        now = await self.engine.get(case)
        return Composed.of(workflow, now, waiting, error=await self._error(now))

    async def _error(self, case: Case) -> Mapping[str, Any]:
        failed = [block for block in case.blocked if block.kind == "failed"]
        if not failed:
            return EMPTY
        last = failed[-1]
        history = await self.engine.history(case)
        failures = (one for one in reversed(history) if isinstance(one, ActionFailed))
        told = next((one.error for one in failures if one.transition == last.transition), EMPTY)
        code = str(told.get("code", ""))
        return {"code": code, "transition": last.transition, "message": last.reason}

    async def _driven(self, case: Case, deed: Coroutine[Any, Any, Case]) -> list[AgentExecution]:
        """What a person must decide on before the deed can come to its end; empty where it has."""
        waiting: list[AgentExecution] = []

        async def asking() -> bool:
            waiting[:] = await self._asking(case)
            return bool(waiting)

        poll = self.agents.config.poll
        async with driven(deed, poll=poll, asking=asking) as driving:
            await asyncio.wait({driving}, timeout=poll)  # first something may begin beside what waits already
        return waiting

    async def _asking(self, case: Case) -> list[AgentExecution]:
        """The executions of parts that wait for a person, where nothing else is under way; else none."""
        found = [one for one in await undecided(self.agents, case.id) if place_of(one.context)]
        return found if len(found) >= len((await self.engine.get(case)).pending) else []

    async def transcript(self, case: Case | str) -> Transcript:
        """Who said what to whom in the case, when, in which execution, and for how much."""
        return await transcript_of(self.agents, case if isinstance(case, str) else case.id)

    async def dollars(self, case: Case | str) -> Decimal:
        """US dollars that the case has taken."""
        return (await self.transcript(case)).dollars
