"""Discriminators and partial joins: WCP-09 and 28 to 32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.flow import flow
from circuit_breaker.workflow.patterns.basics import Flows
from circuit_breaker.workflow.patterns.catalogue.pattern import Pattern, task
from circuit_breaker.workflow.patterns.discriminators import (
    blocking_discriminator,
    blocking_n_of_m,
    cancelling_discriminator,
    cancelling_n_of_m,
    discriminator,
    n_of_m,
)
from circuit_breaker.workflow.state import states

__all__ = ["PATTERNS"]

asked, ann, bob, eve = states("asked", "ann", "bob", "eve")
ann_said, bob_said, eve_said, decided = states("ann_said", "bob_said", "eve_said", "decided")
SAID: Final = (ann_said, bob_said, eve_said)


def _asking(name: str, *joins: Flows, twice: bool = False) -> Workflow:
    """Three people are asked; with ``twice`` Ann is asked two times before anybody answers."""
    first = ann * 2 if twice else ann
    rest = (bob * 2, eve * 2) if twice else (bob, eve)
    return Workflow(
        name,
        flow(asked >> (first, *rest)).transition("ask"),
        task("ann_answers", ann, ann_said),
        task("bob_answers", bob, bob_said),
        task("eve_answers", eve, eve_said),
        *(each for flows in joins for each in flows),
        initial="asked",
    )


def _structured(needed: int) -> Callable[[], Workflow]:
    made = discriminator(SAID, into=decided) if needed == 1 else n_of_m(SAID, needed, into=decided)
    return lambda: _asking(f"structured_{needed}_of_3", made)


def _blocking(needed: int) -> Callable[[], Workflow]:
    made = blocking_discriminator(SAID, into=decided) if needed == 1 else blocking_n_of_m(SAID, needed, into=decided)
    return lambda: _asking(f"blocking_{needed}_of_3", made, twice=True)


def _cancelling(needed: int) -> Callable[[], Workflow]:
    region = (ann, bob, eve)
    one = cancelling_discriminator(SAID, *region, into=decided)
    made = one if needed == 1 else cancelling_n_of_m(SAID, needed, *region, into=decided)
    return lambda: _asking(f"cancelling_{needed}_of_3", made)


PATTERNS: Final = (
    Pattern(
        9,
        "Structured Discriminator",
        "The first of several branches to end goes on; the others end without effect, and then it is as before.",
        "direct",
        ("discriminator",),
        _structured(1),
    ),
    Pattern(
        28,
        "Blocking Discriminator",
        "The same, and what comes again before all branches have ended waits until they have.",
        "direct",
        ("blocking_discriminator",),
        _blocking(1),
    ),
    Pattern(
        29,
        "Cancelling Discriminator",
        "The first of several branches to end goes on, and the others are withdrawn.",
        "direct",
        ("cancelling_discriminator",),
        _cancelling(1),
    ),
    Pattern(
        30,
        "Structured Partial Join",
        "It goes on when N of M branches have ended; the others end without effect, and then it is as before.",
        "direct",
        ("n_of_m",),
        _structured(2),
    ),
    Pattern(
        31,
        "Blocking Partial Join",
        "The same, and what comes again before all branches have ended waits until they have.",
        "direct",
        ("blocking_n_of_m",),
        _blocking(2),
    ),
    Pattern(
        32,
        "Cancelling Partial Join",
        "It goes on when N of M branches have ended, and the others are withdrawn.",
        "direct",
        ("cancelling_n_of_m",),
        _cancelling(2),
    ),
)
