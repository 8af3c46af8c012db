"""Writes: the paths at which a firing can change a token."""

from __future__ import annotations

from collections.abc import Iterable

from circuit_breaker.rules.path import spelled_step
from circuit_breaker.workflow.merging import Collect, Last
from circuit_breaker.workflow.outlets import EVERYTHING, outlets_of
from circuit_breaker.workflow.transition import Transition

__all__ = ["FAILURE", "answered", "brought", "counted", "fresh", "merged", "written"]

FAILURE = "metadata.failure"
"""What a failure leaves behind; of several that of the last branch is kept."""


def counted(transition: Transition) -> tuple[str, ...]:
    """What a firing itself writes, after its rules were judged: what it counts, notes and deals."""
    keys = (*transition.counts, *transition.restarts, *transition.stamps.values())
    dealt = () if transition.deal is None else (f"data.{spelled_step(transition.deal.item)}",)
    return (*_metadata(keys), *dealt)


def _metadata(keys: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"metadata.{spelled_step(key)}" for key in keys)


def merged(transition: Transition) -> tuple[str, ...]:
    """What of the token that it makes of several none of them had, in which what they have in common can change."""
    merge = transition.merge
    if merge is None or isinstance(merge, Last):
        return ()
    return (f"data.{spelled_step(merge.into)}",) if isinstance(merge, Collect) else EVERYTHING


def answered(transition: Transition) -> tuple[str, ...]:
    """What its action can change."""
    return tuple(path for step in transition.steps for path in outlets_of(step))


def brought(transition: Transition) -> tuple[str, ...]:
    """What comes with it from whoever fires it, or with its signal."""
    return ("data",) if transition.waits and transition.delay is None else ()


def fresh(transition: Transition) -> tuple[str, ...]:
    """What its policy judges that was not there before: what its action answers, and what comes with it."""
    return (*brought(transition), *answered(transition))


def written(transition: Transition, *, acted: bool = True) -> tuple[str, ...]:
    """Everything that it can change, with what its action answers and what comes with it.

    Args:
        transition: It.
        acted: Whether it fired; where a refusal or a failure led elsewhere, it counts and deals nothing.
    """
    if acted:
        return (*counted(transition), *fresh(transition))
    noted = (transition.stamps.get(state) for state in (transition.otherwise, transition.on_failure) if state)
    return (*_metadata(key for key in noted if key), *brought(transition))
