"""The builders of branches: what :meth:`WorkflowBuilder.branch` and :meth:`WorkflowBuilder.try_` give."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from circuit_breaker.rules import Rule, all_of, as_rule
from circuit_breaker.workflow.draft import Change, Draft
from circuit_breaker.workflow.flow import Flow, flow
from circuit_breaker.workflow.patterns.basics import LAST
from circuit_breaker.workflow.state import State

if TYPE_CHECKING:
    from circuit_breaker.workflow.builder import WorkflowBuilder

__all__ = ["BranchBuilder", "TryBuilder", "drafted"]


def drafted(part: Any) -> Draft:
    """The draft of a part of a workflow: of a builder, or of a state by its name."""
    return Draft().with_states(str(part)) if isinstance(part, (str, State)) else part.draft


@attrs.frozen
class BranchBuilder:
    """Ways that begin at one state, of which the first whose condition holds is taken, by itself.

    Attributes:
        parent: The builder that the ways are added to.
        at: The state where they begin.
        condition: What must hold for any of them, beside their own conditions; None for nothing.
        ways: For each its condition and its part of the workflow.
    """

    parent: WorkflowBuilder
    at: str
    condition: Rule | None = None
    ways: tuple[tuple[Rule, Draft], ...] = ()

    def when(self, condition: Any, part: Any) -> BranchBuilder:
        """The way that is taken when the condition holds, and that of no earlier way.

        Args:
            condition: A rule, the name of one, or CEL text.
            part: A builder, or the name of a state.
        """
        return attrs.evolve(self, ways=(*self.ways, (as_rule(condition), drafted(part))))

    def otherwise(self, part: Any) -> WorkflowBuilder:
        """The parent with all ways, and the one that is taken when no other is.

        Where all of them end in the same state, the parent goes on there.
        """
        last = drafted(part)
        draft = self.parent.draft
        for number, (condition, way) in enumerate(self.ways, start=1):
            rule = condition if self.condition is None else all_of(self.condition, condition)
            draft = self._with_way(draft, f"{self.at}-when-{number}", way, rule)
        draft = self._with_way(draft, f"{self.at}-otherwise", last, None)
        ends = {way.exit for _, way in self.ways} | {last.exit}
        return attrs.evolve(self.parent, draft=attrs.evolve(draft, at=ends.pop() if len(ends) == 1 else None))

    def _with_way(self, draft: Draft, name: str, way: Draft, rule: Rule | None) -> Draft:
        step = flow(State(self.at) >> State(way.entry)).transition(name)
        step = step.priority(LAST) if rule is None else step.guard(rule)
        joined = draft.plus(way)
        return attrs.evolve(joined, flows=(*joined.flows, step))


@attrs.frozen
class TryBuilder:
    """A part of a workflow, of which the failures lead elsewhere.

    Attributes:
        parent: The builder that it is added to.
        at: The state where it begins.
        body: The part.
    """

    parent: WorkflowBuilder
    at: str
    body: Draft

    def catch(self, handler: Any, *, finally_: Any = None) -> WorkflowBuilder:
        """The parent with the body, where each action that fails for good leads to the handler.

        What failed is in the token's metadata under ``failure``. An action that has its own ``.on_failure(...)`` keeps
        it.

        Args:
            handler: A builder, or the name of a state.
            finally_: Where both the body and the handler lead when they end: a builder, or the name of a state. Without
                it the parent goes on where the body ends.
        """
        caught = drafted(handler)
        draft = self.parent.draft.plus(self.body.changed(_failing_to(caught.entry))).plus(caught)
        steps = [flow(State(self.at) >> State(self.body.entry)).transition(f"{self.at}-tries")]
        at = self.body.exit
        if finally_ is not None:
            last = drafted(finally_)
            draft, at = draft.plus(last), last.exit
            ends = dict.fromkeys((self.body.exit, caught.exit))
            steps += [flow(State(end) >> State(last.entry)).transition(f"{end}-finally") for end in ends]
        return attrs.evolve(self.parent, draft=attrs.evolve(draft, flows=(*draft.flows, *steps), at=at))


def _failing_to(state: str) -> Change:
    def change(each: Flow) -> Flow:
        return each.on_failure(State(state)) if each.steps and each.failed_to is None else each

    return change
