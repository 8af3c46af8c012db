"""Workflow patterns as functions that return flows: ``Workflow("x", *sequence(a, b), *parallel(b, p, q, into=c))``.

Each gives real structure of the net, with states of its own where it needs them; their names begin with the name of a
state that was given, and a slash. Transitions fire by themselves unless they say otherwise. They are named after the
states they join, such as ``a-to-b``, and a flow can be refined before it is used: ``one.timeout(30)``.

The patterns follow van der Aalst, ter Hofstede, Kiepuszewski and Barros, "Workflow Patterns" (2003), and Russell and
others, "Workflow Control-Flow Patterns: A Revised View" (2006); WCP numbers refer to the latter.
:mod:`circuit_breaker.workflow.patterns.catalogue` has all 43 of them, each with a workflow that shows it.
"""

from __future__ import annotations

from circuit_breaker.workflow.patterns.basics import join, merge, parallel, sequence, thread_merge, thread_split
from circuit_breaker.workflow.patterns.choices import branch, deferred_choice, multi_choice, trigger
from circuit_breaker.workflow.patterns.cycles import loop, recursion, retry_path, rounds_key
from circuit_breaker.workflow.patterns.discriminators import (
    blocking_discriminator,
    blocking_n_of_m,
    cancelling_discriminator,
    cancelling_n_of_m,
    discriminator,
    n_of_m,
)
from circuit_breaker.workflow.patterns.inlining import sub_workflow
from circuit_breaker.workflow.patterns.instances import Batch, instances
from circuit_breaker.workflow.patterns.joins import acyclic_merge, or_join, or_merge
from circuit_breaker.workflow.patterns.regions import (
    cancel_activity,
    cancel_region,
    compensation,
    critical_section,
    explicit_termination,
    interleaved,
    milestone,
)

__all__ = [
    "Batch",
    "acyclic_merge",
    "blocking_discriminator",
    "blocking_n_of_m",
    "branch",
    "cancel_activity",
    "cancel_region",
    "cancelling_discriminator",
    "cancelling_n_of_m",
    "compensation",
    "critical_section",
    "deferred_choice",
    "discriminator",
    "explicit_termination",
    "instances",
    "interleaved",
    "join",
    "loop",
    "merge",
    "milestone",
    "multi_choice",
    "n_of_m",
    "or_join",
    "or_merge",
    "parallel",
    "recursion",
    "retry_path",
    "rounds_key",
    "sequence",
    "sub_workflow",
    "thread_merge",
    "thread_split",
    "trigger",
]
