"""A check for test suites: that a workflow is sound."""

from __future__ import annotations

from circuit_breaker.workflow import Workflow
from circuit_breaker.workflow.verification import Property, Verification

__all__ = ["assert_sound"]


def assert_sound(workflow: Workflow, *properties: Property, strict: bool = False, limit: int = 200_000) -> Verification:
    """What is proved of a workflow that is sound; the test fails where it is not, with the shortest way to the failure.

    A workflow that is sound if something else holds, such as that branches set no key differently, passes as well.

    Args:
        workflow: The workflow.
        *properties: What else must hold; see :mod:`circuit_breaker.workflow.verification`.
        strict: Whether warnings and conditions count as well.
        limit: The most markings to find.

    Raises:
        AssertionError: It is not sound, or that is not decided.
    """
    found = workflow.verify(*properties, limit=limit)
    if not found.faultless or (strict and (found.findings or found.conditions)):
        raise AssertionError(str(found))
    return found
