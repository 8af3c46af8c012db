"""Attendance: one visit, from the look at the token to what comes of the answer."""

from __future__ import annotations

import asyncio
from typing import Final

import attrs

from circuit_breaker.agents.bridge.errand import Errand
from circuit_breaker.agents.bridge.outputs import change_of, written_by
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.bridge.place import PlaceAgent
from circuit_breaker.agents.bridge.surroundings import surroundings
from circuit_breaker.agents.bridge.visits import Visit, Visits, VisitStatus
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.actions import ONCE, resolved
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import (
    CaseClosed,
    NotEnabled,
    StorageError,
    TokenNotFound,
    VersionConflict,
    WorkflowNotFound,
    words_of,
)
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.declared import typed
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.token import Token

__all__ = ["Attendance"]

_PAUSE: Final = 0.05


def _unused(visit: Visit) -> Visit:
    """The visit without a run that was noted and never began; the next one takes its number."""
    return attrs.evolve(visit, status="due", runs=visit.runs - 1) if visit.status == "running" else visit


@attrs.frozen
class Attendance:
    """Carries out visits of one place agent. The token is not held meanwhile: everybody may move and change it.

    Attributes:
        placed: The place agent.
        engine: The engine of workflows.
        agents: The engine of agents.
        visits: Where visits are kept.
    """

    placed: PlaceAgent
    engine: Engine
    agents: AgentEngine
    visits: Visits

    async def attend(self, visit: Visit) -> None:
        """Does what is due for a visit, unless somebody else does.

        Raises:
            StorageError: The storage fails.
            WorkflowNotFound: The definition of the case is not known here.
        """
        held = await self.visits.put(attrs.evolve(visit, worker=self.engine.storage.worker))
        if held is None:
            return
        try:
            await self._attend(held)
        except (StorageError, WorkflowNotFound):
            raise
        except Exception as error:  # noqa: BLE001 - the boundary of firing: what a visit fails with is recorded
            await self._over(await self._latest(held), "failed", words_of(error) or repr(error))

    async def _latest(self, visit: Visit) -> Visit:
        return await self.visits.get(visit.id) or visit

    async def _attend(self, visit: Visit) -> None:
        case = await self.engine.get(visit.case)
        token = visit.standing(case)
        if visit.status == "running" and not visit.execution:
            visit = attrs.evolve(visit, execution=await self._begun(visit))
        if visit.status == "running" and (visit.execution or (token and token.sequence == visit.sequence)):
            await self._work(visit, case, token)
        elif token is None or case.closed:
            await self._end(visit, "left", f"the token had left '{visit.place}'")
        else:
            await self._look(_unused(visit), case, token)

    async def _begun(self, visit: Visit) -> str:
        """The id of an execution that began, and of which the process ended before it was noted; empty for none."""
        known = self.agents.store.every(context={"custom_context.visit": visit.id})
        begun = [one.id async for one in known if one.key.startswith(f"{visit.key}.")]
        return begun[-1] if begun else ""

    async def _look(self, visit: Visit, case: Case, token: Token) -> None:
        """Asks the agent, if it is time and the conditions hold."""
        now, due, schedule = self.engine.clock.now(), visit.due or visit.entered, self.placed.schedule
        missed = schedule.is_missed(due, now)
        _, passed = schedule.following(due, now)
        visit = attrs.evolve(visit, missed=visit.missed + passed + int(missed and schedule.missed == "skip"))
        if missed and schedule.missed == "skip":
            await self._over(visit, "skipped", f"its time was {due.isoformat()}, when nothing was running")
            return
        workflow = self.engine.workflow(case)
        permit(await self.agents.definition(self.placed.agent), workflow)
        if why := self._objection(workflow, token):
            await self._unmet(visit, token, why)
            return
        begun = attrs.evolve(
            visit, status="running", runs=visit.runs + 1, sequence=token.sequence, execution="", reason=""
        )
        kept = await self.visits.put(begun)
        if kept is not None:
            await self._work(kept, case, token)

    def _objection(self, workflow: Workflow, token: Token) -> str:
        rule = self.placed.rule
        if rule is None:
            return ""
        verdict = rule.resolve(workflow.rules).judge(typed(workflow, token))
        return "" if verdict.passed else str(verdict)

    async def _unmet(self, visit: Visit, token: Token, why: str) -> None:
        if self.placed.schedule.interval is not None:
            await self._over(visit, "unmet", why)
            return
        kept = await self.visits.put(attrs.evolve(visit, status="unmet", due=None, reason=why, worker=""))
        if kept is None:
            return
        await self.visits.done_with(visit)
        now = visit.standing(await self.engine.get(visit.case))
        if now is not None and now.sequence != token.sequence:  # changed while it was judged: nobody saw that it waits
            await self.visits.wait(attrs.evolve(kept, status="due", due=self.engine.clock.now()))

    # The work

    async def _work(self, visit: Visit, case: Case, token: Token | None) -> None:
        kept = [visit]

        async def note(execution: AgentExecution, _: int) -> None:
            noted = await self.visits.put(attrs.evolve(kept[-1], execution=execution.id))
            if noted is None:
                raise VersionConflict(f"another process carries out visit '{visit.id}'")
            kept.append(noted)

        ended = await self._errand(visit, case, token).run(self.agents, visit.key, begun=note)
        visit = kept[-1]
        if ended.status != "completed":
            message = str(ended.error.get("message", ended.status))
            in_vain = ended.status == "cancelled" and await self._is_gone(visit)
            await self._over(visit, "discarded" if in_vain else "failed", message)
            return
        status, reason = await self._applied(visit, ended)
        await self._over(visit, status, reason)
        await self._run_on(visit.case)

    async def _is_gone(self, visit: Visit) -> bool:
        """Whether nothing can come of an answer: the case has ended, or the token is not there any more."""
        case = await self.engine.get(visit.case)
        return case.closed or visit.standing(case) is None

    def _errand(self, visit: Visit, case: Case, token: Token | None) -> Errand:
        placed = self.placed
        seen = token or Token(visit.token, visit.place)
        return Errand(
            agent=placed.agent,
            inputs={} if token is None else resolved(placed.inputs, typed(self.engine.workflow(case), token)),
            context=surroundings(
                seen,
                case=case.id,
                workflow=case.workflow,
                history=case.sequence,
                tenant=self.agents.settings.tenant,
                custom={"place_agent": placed.name, "visit": visit.id},
            ),
            mapping=placed.inputs,
            overrides=placed.llm_config,
            timeout=placed.limit,
            retry=placed.policy if token is not None and token.sequence == visit.sequence else ONCE,
        )

    async def _run_on(self, case_id: str) -> None:
        """Lets the case go on: what the agent wrote may have enabled something."""
        case = await self.engine.get(case_id)
        if case.status == "running":
            await self.engine.run(case)

    # What comes of the answer

    async def _applied(self, visit: Visit, ended: AgentExecution) -> tuple[VisitStatus, str]:
        """Writes the outputs to the token and fires the transition; what became of it, and why."""
        if not self.placed.outputs and not self.placed.auto_transition:
            return "completed", ""  # it did what it had to do by its tools
        written = await self._write(visit, ended)
        if isinstance(written, str):
            return "discarded", written
        return "completed", await self._fire(visit, written)

    async def _write(self, visit: Visit, ended: AgentExecution) -> int | str:
        """The number of the event by which the outputs were written, now or before; or why they are discarded."""
        while (written := await written_by(self.engine, visit.case, ended, after=visit.sequence)) is None:
            case = await self.engine.get(visit.case)
            token = visit.standing(case)
            if token is None or case.closed:
                return f"the token had left '{visit.place}' before the answer came"
            if token.sequence != visit.sequence:
                return "the token was changed before the answer came"
            try:
                after = await self.engine.change_token(
                    case,
                    token.id,
                    change_of(ended, self.placed.outputs, token),
                    by=f"agent:{ended.agent_id}",
                    expect=visit.sequence,
                    key=ended.id,
                )
            except NotEnabled:
                await asyncio.sleep(_PAUSE)  # an action holds it, which may end where it began
            except (CaseClosed, TokenNotFound, VersionConflict):
                continue  # the next look says what has become of it
            else:
                return after.find(token.id).sequence
        return written

    async def _fire(self, visit: Visit, written: int) -> str:
        """Fires the transition for the token that was written; why not, if it does not."""
        name = self.placed.auto_transition
        while name:
            case = await self.engine.get(visit.case)
            token = visit.standing(case)
            if token is None:
                return ""  # it has fired before a crash, or somebody else was faster
            if token.sequence != written:
                return f"transition '{name}' did not fire: the token was changed after the answer was written"
            try:
                by = f"agent:{self.placed.agent}"
                await self.engine.fire(case, name, by=by, expect=case.sequence, token=token.id)
            except VersionConflict:
                continue
            except StorageError:
                raise
            except Exception as error:  # noqa: BLE001 - the boundary of firing: whatever an action raises is recorded
                return f"transition '{name}' did not fire: {words_of(error) or repr(error)}"
            break
        return ""

    # What comes next

    async def _over(self, visit: Visit, status: VisitStatus, reason: str) -> None:
        """Ends the visit, or waits for the next time where there is one."""
        schedule, now = self.placed.schedule, self.engine.clock.now()
        following, _ = schedule.following(visit.due or visit.entered, now)
        more = schedule.most is None or visit.runs < schedule.most
        gone = status == "discarded" and await self._is_gone(visit)  # which is told now, or nowhere
        if following is None or not more or gone:
            await self._end(visit, status, reason)
            return
        told = f"{status}: {reason}" if reason else status
        await self.visits.wait(attrs.evolve(visit, status="due", due=following, worker="", reason=told))

    async def _end(self, visit: Visit, status: VisitStatus, reason: str) -> None:
        await self.visits.end(attrs.evolve(visit, status=status, reason=reason))
