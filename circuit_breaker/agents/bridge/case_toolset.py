"""A case as tools: its transitions, and why one of them cannot fire. So the net bounds what an agent can do."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import attrs

from circuit_breaker.agents.bridge.outputs import plain
from circuit_breaker.agents.bridge.permission import permit
from circuit_breaker.agents.definition import AgentDefinition
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.agents.keys import unkeyed
from circuit_breaker.agents.store import AgentStore
from circuit_breaker.data import thaw
from circuit_breaker.engine.engine import Engine
from circuit_breaker.errors import (
    AgentExecutionNotFound,
    AgentForbidden,
    CircuitBreakerError,
    StorageError,
    TransitionNotFound,
    nearest,
    words_of,
)
from circuit_breaker.llm.tools.base import Tool
from circuit_breaker.llm.tools.context import ToolContext
from circuit_breaker.llm.tools.toolset import Toolset
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.events import ActionFailed, TransitionFired, TransitionRefused
from circuit_breaker.workflow.explain import Explanation
from circuit_breaker.workflow.timing import Manual
from circuit_breaker.workflow.transition import Transition

__all__ = ["CaseTools", "ExplainTool", "TransitionTool", "case_tools", "forget_firings"]

FIRING: Final = "agent-firing"
EXPLAIN: Final = "explain"
_ENDS: Final = (TransitionFired, TransitionRefused, ActionFailed)
_ODD: Final = re.compile(r"[^A-Za-z0-9_.-]+")


async def case_tools(
    engine: Engine,
    case: Case | str,
    *,
    only: Collection[str] | None = None,
    by: str = "agent",
    roles: Iterable[str] = (),
    run: bool = False,
) -> Toolset:
    """The transitions of a case that somebody may fire as tools, and ``explain``.

    Every manual transition that one of the roles may fire is one. Called where it cannot fire, it answers why
    not. What fires by itself, at a signal or at a time is none.

    Args:
        engine: The engine.
        case: The case.
        only: The names of the transitions that there are tools for; all unless given.
        by: Who fires them, such as ``"agent:reviewer"``.
        roles: The roles that it has.
        run: Whether the case is run until it rests after each firing. Not for an agent that a transition of this case
            waits for.

    Raises:
        CaseNotFound: There is no such case.
        TransitionNotFound: ``only`` names one that somebody cannot fire; the message names those that there are.
    """
    held = frozenset(roles)
    now = await engine.get(case)
    workflow = engine.workflow(now)
    firable = {each.name: each for each in workflow.transitions if _is_for(each, held)}
    if unknown := [name for name in only or () if name not in firable]:
        raise TransitionNotFound(
            f"workflow '{workflow.name}' has no transition '{unknown[0]:.60}' that can be fired so",
            remedy=nearest(unknown[0], firable),
        )
    called = _tool_names(workflow)
    offered = {name: called[name] for name in firable if only is None or name in only}
    tools = [
        TransitionTool(engine, now.id, name, workflow=workflow, by=by, roles=held, run=run, offered=offered)
        for name in offered
    ]
    return Toolset(*tools, ExplainTool(engine, now.id, roles=held))


def _is_for(transition: Transition, roles: frozenset[str]) -> bool:
    if not isinstance(transition.trigger, Manual) and not transition.roles:
        return False
    return not transition.roles or not roles.isdisjoint(transition.roles)


@attrs.frozen
class CaseTools:
    """Gives each execution that works for a case the transitions of that case as tools.

    It is what ``AgentEngine(tools_for=...)`` takes, and :class:`Staff` adds. Asked again after a crash, it gives the
    same tools.

    Attributes:
        engine: The engine of workflows.
        agents: The agents that have such tools; all unless given.
        only: The names of the transitions; all unless given.
        roles: The roles that an agent has.
        run: Whether the case is run until it rests after each firing; see :func:`case_tools`.
    """

    engine: Engine
    agents: Collection[str] | None = None
    only: Collection[str] | None = None
    roles: Collection[str] = ()
    run: bool = False

    async def __call__(self, definition: AgentDefinition, execution: AgentExecution) -> Toolset:
        """The tools of an execution; none where it works for no case.

        Raises:
            AgentForbidden: The workflow of the case may not use the agent, or the agent is bound to another one.
        """
        case = execution.get_context_value("workflow_context.resource_id")
        if not case or (self.agents is not None and definition.id not in self.agents):
            return Toolset()
        workflow = self.engine.workflow(await self.engine.get(case))
        permit(definition, workflow)
        if definition.workflow not in ("", workflow.name):
            raise AgentForbidden(
                f"agent '{definition.id}' is bound to workflow '{definition.workflow}', not to '{workflow.name}'",
                remedy="ask it about a case of its workflow",
            )
        await forget_firings(self.engine, case, execution)
        by = f"agent:{definition.id}"
        return await case_tools(self.engine, case, only=self.only, by=by, roles=self.roles, run=self.run)


async def forget_firings(engine: Engine, case: str, execution: AgentExecution) -> None:
    """Removes what was noted of the calls of executions of the case that are over: nobody makes these again.

    Args:
        engine: The engine of workflows.
        case: The id of the case.
        execution: One that has just begun. Where the storage does not know it, executions are kept elsewhere, and
            nothing can be said of the others.
    """
    records, store = engine.storage.records, AgentStore(engine.storage)
    if await _is_over(store, execution.id):
        return
    for record in await records.find(FIRING, keys={"case": case}):
        if await _is_over(store, str(record.document.get("execution", ""))):
            await records.delete(FIRING, record.id)


async def _is_over(store: AgentStore, execution: str) -> bool:
    """Whether the storage has no such execution, or one that has ended."""
    try:
        return (await store.written(execution)).ended
    except AgentExecutionNotFound:
        return True


class TransitionTool(Tool):
    """Fires a transition of a case, once for each call, however often a crash makes it be called again."""

    def __init__(
        self,
        engine: Engine,
        case: str,
        transition: str,
        *,
        workflow: Workflow,
        by: str,
        roles: frozenset[str],
        run: bool,
        offered: Mapping[str, str],
    ) -> None:
        self._engine = engine
        self._case = case
        self._transition = transition
        self._by = by
        self._roles = roles
        self._run = run
        self._offered = offered
        ways = workflow.by_name[transition]
        super().__init__(offered[transition], _description(transition, ways), _schema(ways))

    async def execute(self, context: ToolContext, **arguments: Any) -> dict[str, Any]:
        """Whether it has fired, where the case is now, and why not if it has not."""
        before = await self._before(context)
        if before is not None:
            return before
        try:
            case = await self._engine.fire(
                self._case, self._transition, by=self._by, data=arguments or None, roles=self._roles
            )
        except StorageError:
            raise
        except CircuitBreakerError as error:
            return await self._refused(error)
        return self._fired(await self._engine.run(case) if self._run else case)

    async def _before(self, context: ToolContext) -> dict[str, Any] | None:
        """What came of the same call before a crash; None where nothing did."""
        records, key = self._engine.storage.records, context.idempotency_key
        record = await records.get(FIRING, key)
        if record is None:
            case = await self._engine.get(self._case)
            noted = {"case": case.id, "sequence": case.sequence, "execution": context.work.partition("/")[0]}
            await records.put(FIRING, key, noted, keys={"case": case.id})
            return None
        for event in await self._engine.storage.events(self._case, after=record.document["sequence"]):
            if isinstance(event, _ENDS) and event.transition == self._transition and event.by == self._by:
                case = await self._engine.get(self._case)
                return self._fired(case) if isinstance(event, TransitionFired) else {"fired": False, **_where(case)}
        return None

    def _fired(self, case: Case) -> dict[str, Any]:
        return {"fired": True, **_where(case), "possible": self._possible(self._explained(case))}

    async def _refused(self, error: CircuitBreakerError) -> dict[str, Any]:
        case = await self._engine.get(self._case)
        explanation = self._explained(case)
        return {
            "fired": False,
            **_where(case),
            "error": _shown(words_of(error), case),
            "why": _shown("\n".join(explanation[self._transition].lines()), case),
            "possible": self._possible(explanation),
        }

    def _explained(self, case: Case) -> Explanation:
        return self._engine.explain(case, roles=self._roles)

    def _possible(self, explanation: Explanation) -> list[str]:
        """The tools whose transitions can fire now."""
        return [self._offered[name] for name in explanation.enabled if name in self._offered]


class ExplainTool(Tool):
    """Tells what can happen to a case, and why the rest cannot."""

    def __init__(self, engine: Engine, case: str, *, roles: frozenset[str] = frozenset()) -> None:
        self._engine = engine
        self._case = case
        self._roles = roles
        super().__init__(
            EXPLAIN,
            "What can happen to the case now, and what cannot, why, and what it would take. Ask before you give up.",
            {"transition": {"type": "string", "description": "Only this transition; all unless given", "default": ""}},
        )

    async def execute(self, transition: str = "") -> dict[str, Any]:
        """The explanation in words."""
        case = await self._engine.get(self._case)
        explanation = self._engine.explain(case, roles=self._roles)
        names = [reason.transition for reason in explanation.reasons]
        if transition and transition not in names:
            return {"error": f"there is no transition '{transition:.60}'", "known": names}
        return {"explanation": _shown(str(explanation.only([transition] if transition else [])), case)}


def _shown(text: str, case: Case) -> str:
    """What a model may read of it: values that rules saw are told, keys are not."""
    return unkeyed(text, *(part for token in case.marking for part in (plain(token.data), thaw(token.metadata))))


def _where(case: Case) -> dict[str, Any]:
    return {"state": case.state, "status": case.status}


def _tool_names(workflow: Workflow) -> dict[str, str]:
    """For each transition the name of its tool, the same whichever of them are given."""
    found: dict[str, str] = {}
    for name in workflow.by_name:
        short = _ODD.sub("_", name)[:60]
        ways = (short, *(f"{short}_{number}" for number in range(2, len(workflow.by_name) + 3)))
        found[name] = next(each for each in ways if each not in {EXPLAIN, *found.values()})
    return found


def _description(name: str, ways: Iterable[Transition]) -> str:
    told = [f"Fires the transition '{name}' of the case."]
    for way in ways:
        if way.description:
            told.append(way.description)
        targets = " and ".join(arc.place for arc in way.net.gives) or "nowhere"
        told.append(f"It leads from {' and '.join(way.sources)} to {targets}.")
        told += [f"It needs: {rule}." for rule in (way.gate,) if rule is not None]
    return " ".join(dict.fromkeys(told))


def _schema(ways: Iterable[Transition]) -> Mapping[str, Any]:
    """The data that its rules look at, by name; more may be given."""
    names = dict.fromkeys(name for way in ways for name in _names(way))
    properties = {name: {"description": f"Sets {name} of the case; leave it out to keep what it has"} for name in names}
    return {"type": "object", "properties": properties, "additionalProperties": True}


def _names(transition: Transition) -> Iterator[str]:
    for rule in (transition.gate, transition.rules):
        for path in sorted(rule.paths) if rule is not None else ():
            space, *steps = path.split(".")
            if space == "data" and steps:
                yield steps[0]
