"""Causes: why nothing can happen to a case that has not ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs

from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.transition import Transition
from circuit_breaker.workflow.verification.model import Spot
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["Cause", "cause_of", "listed"]


@attrs.frozen
class Cause:
    """Why nothing can happen.

    Attributes:
        code: The code of the finding.
        about: The state or transition.
        text: It in words; ``{data}`` stands for the data.
    """

    code: str
    about: str
    text: str


def listed(names: Sequence[str], *, last: str = "and") -> str:
    """Names in quotation marks as a part of a sentence."""
    quoted = [f"'{name}'" for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} {last} {quoted[-1]}"


def cause_of(walks: Walks, node: int, workflow: Workflow | None) -> Cause:
    """Why nothing can happen in a node."""
    model, marking = walks.model, walks.marking(node)
    ended = [place for place in marking if place in model.finals]
    busy = [model.spots[place] for place in marking if place not in model.finals]
    states = [spot.state for spot in busy]
    if workflow is not None:
        causes = [cause for spot in busy if (cause := _cause_at(workflow, spot, model.states(marking)))]
        causes.sort(key=lambda cause: _ORDER.index(cause.code))
        if causes:
            return causes[0]
    if ended:
        arrived = [model.spots[place].state for place in ended]
        return Cause(
            "left-behind", states[0],
            f"a branch has ended in {listed(arrived)}, but the token in {listed(states)} is left, and nothing takes it",
        )  # fmt: skip
    return Cause("stuck", states[0], f"a case can get stuck in {listed(states)}: nothing can happen there{{data}}")


_ORDER = ("refused", "gap", "trap", "starved-join")


def _cause_at(workflow: Workflow, spot: Spot, marking: Mapping[str, int]) -> Cause | None:
    """Why a token of a spot cannot go on, as far as it is for a reason of its own."""
    leaving = workflow.leaving[spot.state]
    never = [workflow.transitions[number] for number in sorted(spot.refused)]
    if never:
        text = f"the result of '{never[0].name}' can be refused, and then nothing leads on from '{spot.state}'"
        return Cause("refused", never[0].id, text)
    if not leaving:
        return Cause("trap", spot.state, f"nothing leads on from '{spot.state}', and it is no final state")
    alone = [t for t in leaving if t.alone]
    judged = [t for t in alone if t.gate is not None]
    if judged and len(judged) == len(alone) == len(leaving) and spot.facts:
        names = list(dict.fromkeys(t.name for t in judged))
        said = f"'{names[0]}' does not let it" if len(names) == 1 else f"none of {listed(names)} lets it"
        return Cause("gap", spot.state, f"a case{{data}} gets stuck in '{spot.state}': {said} pass")
    joins = [(t, lacking) for t in leaving if (lacking := _lacking(t, marking))]
    if not joins:
        return None
    transition, lacking = joins[0]
    text = f"'{transition.name}' waits for a token in {listed(lacking)}, but none can come any more"
    return Cause("starved-join", transition.id, text)


def _lacking(transition: Transition, marking: Mapping[str, int]) -> list[str]:
    """The states of a join in which there are not enough tokens."""
    arcs = (*transition.net.takes, *transition.net.reads)
    return list(dict.fromkeys(arc.place for arc in arcs if marking.get(arc.place, 0) < arc.weight))
