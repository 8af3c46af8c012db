"""Analysis of rules: what they can let pass, proved over all tokens; see :mod:`circuit_breaker.rules.analysis.search`.

The values at a path fall into finitely many regions that the conditions of the rules cannot tell apart. A value of each
region is judged by the conditions themselves, so that the analysis and the rules cannot differ in what they mean.
"""

from __future__ import annotations

from circuit_breaker.rules.analysis.answers import (
    PLACEHOLDER,
    Answer,
    Change,
    Competition,
    Gap,
    Overlap,
    Shadow,
    Undecided,
    Witness,
)
from circuit_breaker.rules.analysis.change import smallest_change
from circuit_breaker.rules.analysis.domain import Domain, domains_of
from circuit_breaker.rules.analysis.guards import compete, contradictory, gaps, overlapping, shadowed
from circuit_breaker.rules.analysis.questions import disjoint, equivalent, implies, satisfiable

__all__ = [
    "PLACEHOLDER",
    "Answer",
    "Change",
    "Competition",
    "Domain",
    "Gap",
    "Overlap",
    "Shadow",
    "Undecided",
    "Witness",
    "compete",
    "contradictory",
    "disjoint",
    "domains_of",
    "equivalent",
    "gaps",
    "implies",
    "overlapping",
    "satisfiable",
    "shadowed",
    "smallest_change",
]
