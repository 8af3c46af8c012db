"""The catalogue: the 43 patterns of control flow, each as data, with a workflow that shows it.

Named and numbered as by the Workflow Patterns Initiative: van der Aalst, ter Hofstede, Kiepuszewski and Barros,
"Workflow Patterns" (2003), and Russell and others, "Workflow Control-Flow Patterns: A Revised View" (2006).
"""

from __future__ import annotations

from typing import Final

from circuit_breaker.errors import WorkflowInvalid
from circuit_breaker.workflow.patterns.catalogue import basic, joining, many, situations
from circuit_breaker.workflow.patterns.catalogue.pattern import Pattern, Support

__all__ = ["PATTERNS", "Pattern", "Support", "pattern"]

PATTERNS: Final[tuple[Pattern, ...]] = tuple(
    sorted((*basic.PATTERNS, *joining.PATTERNS, *many.PATTERNS, *situations.PATTERNS), key=lambda found: found.number)
)
"""All of them, by number."""


def pattern(number: int) -> Pattern:
    """The pattern of that number.

    Raises:
        WorkflowInvalid: There is none.
    """
    for found in PATTERNS:
        if found.number == number:
            return found
    raise WorkflowInvalid(f"there is no pattern {number!r}", remedy=f"give a number from 1 to {len(PATTERNS)}")
