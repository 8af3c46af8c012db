"""Unions: what of a token made of several is as one of them had it; each key of it comes from one of them."""

from __future__ import annotations

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.decisions import Decisions, touches
from circuit_breaker.workflow.verification.effects import cut
from circuit_breaker.workflow.verification.lineage import Lineage

__all__ = ["Unions"]


class Unions:
    """What rules say of tokens made of several.

    Args:
        workflow: The workflow.
        decisions: Its rules.
    """

    def __init__(self, workflow: Workflow, decisions: Decisions) -> None:
        self._workflow, self._decisions = workflow, decisions
        self._lineage: Lineage | None = None
        self._found: dict[tuple[int, int], bool] = {}

    def of_one(self, number: int, transition: Transition) -> bool:
        """Whether all that a rule reads of what a transition joins is as one of the tokens had it."""
        found = self._found.get((number, transition.index))
        if found is None:
            keys = cut(self._decisions.paths(number))
            single = len(keys) == 1 and all("." in key for key in keys)
            found = self._found[number, transition.index] = single or self._agree(keys, transition)
        return found

    def _agree(self, keys: frozenset[str], transition: Transition) -> bool:
        """Whether the tokens differ in one at most of these keys."""
        if self._lineage is None:
            self._lineage = Lineage(self._workflow)
        if not self._lineage.joins(transition):
            return False
        differ = self._lineage.differ(transition)
        apart = [key for key in keys if any(touches(key, each) for each in differ)]
        return not apart or (len(apart) == 1 and "." in apart[0])
