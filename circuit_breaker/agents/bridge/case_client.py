"""Cases as clients of agents: which executions nobody wants any more, and which of those that are over still count."""

from __future__ import annotations

import re
from typing import Final, cast

import attrs

from circuit_breaker.agents.bridge.composition.position import place_of
from circuit_breaker.agents.bridge.visits import Visit, Visits
from circuit_breaker.agents.engine import AgentEngine
from circuit_breaker.agents.execution import AgentExecution
from circuit_breaker.engine.ports import Journal
from circuit_breaker.workflow.case import Case
from circuit_breaker.workflow.events import Moved

__all__ = ["CaseClient", "serve_cases"]

_MOST_KNOWN: Final = 100
_ACTION: Final = re.compile(r":.+:\d+(:\d+)?/\d+\.\d+", re.DOTALL)
"""What follows the case in the key of an execution: transition, event and part of an action, and the attempts."""


def serve_cases(agents: AgentEngine) -> None:
    """Has agents stop what they do for cases that do not want it any more, if their storage is that of cases."""
    if hasattr(agents.storage, "load"):
        agents.serve(CaseClient(cast(Journal, agents.storage)))


@attrs.frozen
class CaseClient:
    """Knows what the cases of a journal want of agents.

    A transition wants an answer for as long as its action is in progress, in whichever process; a place agent for as
    long as its token stands there, or until it has moved it itself. Executions that have another reason are left alone.

    Attributes:
        journal: Where the cases are.
    """

    journal: Journal
    _known: dict[str, Case] = attrs.field(factory=dict, eq=False)

    async def unwanted(self, execution: AgentExecution) -> str:
        """Why the case does not want an execution any more; empty where it does, or where it is for no case.

        Raises:
            StorageError: The case cannot be read.
        """
        if not _is_for_action(execution) and not _visit_of(execution):
            return ""
        case = await self._case(execution)
        if case is None:
            return ""
        if case.status == "cancelled":
            return f"case '{case.id}' was cancelled"
        if _is_for_action(execution):
            transition = execution.get_context_value("workflow_context.transition_id")
            over = f"transition '{transition}' of case '{case.id}' does not want it any more"
            return "" if _is_in_progress(case, execution) else over
        return await self._left(case, execution)

    async def needs(self, execution: AgentExecution) -> bool:
        """Whether the case still looks at an execution that is over: at what it said, or at what it took.

        Raises:
            StorageError: The case cannot be read.
        """
        case = await self._case(execution)
        if case is None or case.closed:
            return False
        if place_of(execution.context) or (_is_for_action(execution) and _is_in_progress(case, execution)):
            return True
        visit = await self._visit(execution)
        return visit is not None and not visit.ended and execution.key.startswith(f"{visit.key}.")

    async def _left(self, case: Case, execution: AgentExecution) -> str:
        """Why a place agent need not wait for a person: somebody else has moved its token."""
        visit = await self._visit(execution)
        if execution.waiting_for != "approval" or visit is None or visit.standing(case) is not None:
            return ""
        if await self._moved_by(visit) == f"agent:{execution.agent_id}":
            return ""
        return f"the token had left '{visit.place}'"

    async def _visit(self, execution: AgentExecution) -> Visit | None:
        visit_id = _visit_of(execution)
        return await Visits(self.journal).get(visit_id) if visit_id else None

    async def _moved_by(self, visit: Visit) -> str:
        """Who has moved the token of a visit out of its place."""
        there = (visit.token, visit.place)
        events = await self.journal.events(visit.case, after=visit.event)
        moves = (event for event in events if isinstance(event, Moved) and (event.produced or event.cleared))
        return next((event.by for event in moves if there in (*event.consumed, *event.cleared)), "")

    async def _case(self, execution: AgentExecution) -> Case | None:
        """The case that an execution is for, as it stands, or None; it is read again when it has changed."""
        case_id = str(execution.get_context_value("workflow_context.resource_id", ""))
        known = self._known.get(case_id)
        if known is not None and known.sequence == await self.journal.sequence(case_id):
            return known
        found = await self.journal.load(case_id) if case_id else None
        if found is not None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[case_id] = found
        return found


def _is_for_action(execution: AgentExecution) -> bool:
    """Whether the action of a transition has begun it, which its key says."""
    case = str(execution.get_context_value("workflow_context.resource_id", ""))
    named = execution.key.startswith(f"{case}:") and _ACTION.fullmatch(execution.key, len(case))
    return bool(case and named and execution.get_context_value("workflow_context.transition_id"))


def _is_in_progress(case: Case, execution: AgentExecution) -> bool:
    return any(execution.key.startswith((f"{pending.key}/", f"{pending.key}:")) for pending in case.pending)


def _visit_of(execution: AgentExecution) -> str:
    """The id of the visit of a place agent that has begun it, or empty."""
    visit = str(execution.get_context_value("custom_context.visit", ""))
    return visit if visit and execution.key.startswith(f"place:{visit}:") else ""
