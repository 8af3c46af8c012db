"""Clashes: joins that come first, but not where their tokens cannot be made one; then something else happens."""

from __future__ import annotations

from collections.abc import Iterable

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.lineage import Lineage
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["clashing"]


def clashing(workflow: Workflow, walks: Walks, unsure: Iterable[str] = ()) -> frozenset[str]:
    """The joins that keep something else from happening, though they cannot always take their tokens; by id.

    Until the first of them cannot, everything happens as in these walks; so only that counts which happens there.

    Args:
        workflow: The workflow.
        walks: Where its cases go.
        unsure: Joins of which that is known.
    """
    known = set(unsure)
    joins = [workflow.by_id[name] for name in walks.overtaking.preferred - known]
    joins = [each for each in joins if not each.alone and each.net.gives]
    typed = workflow.schema is not None
    joins = [each for each in joins if typed or each.merge is None]
    if not joins:
        return frozenset()
    alive = {walks.model.acts[label].label for label in walks.fired}
    lineage = Lineage(workflow, [each for each in workflow.transitions if each.id in alive])
    return frozenset(each.id for each in joins if _clashes(lineage, each, typed=typed))


def _clashes(lineage: Lineage, join: Transition, *, typed: bool) -> bool:
    """Whether its tokens may not be made one, or not make data of their class."""
    if not lineage.joins(join):
        return False
    if typed and any(path.split(".")[0] == "data" for path in lineage.differ(join)):
        return True
    return join.merge is None and bool(lineage.clashing(join))
