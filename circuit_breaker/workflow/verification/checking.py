"""Checking: from a workflow or a net to what was proved of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.net.statespace import StateSpace, explore
from circuit_breaker.net.structure import Net
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.verification.abstraction import model_of
from circuit_breaker.workflow.verification.conflicts import conflict_findings
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.findings import Finding, Mend
from circuit_breaker.workflow.verification.mends import proposals
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.properties import Property, check_names, workflow_names
from circuit_breaker.workflow.verification.report import Verdict, Verification
from circuit_breaker.workflow.verification.soundness import soundness_findings, unbounded_finding
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["ENDLESS", "LIMIT", "verify", "verify_net"]

LIMIT = 200_000
"""How many markings are found unless another limit is given."""
_MENDING = 2_000
_MOST_MENDED = 12


def ENDLESS(_: int) -> bool:  # noqa: N802 - a constant that is called
    """Never enough."""
    return False


@attrs.frozen
class Bounds:
    """How far the search goes: the most markings, and what is asked whether to stop."""

    limit: int = LIMIT
    enough: Callable[[int], bool] = ENDLESS


def verify(
    workflow: Workflow,
    *,
    properties: Sequence[Property] = (),
    limit: int = LIMIT,
    enough: Callable[[int], bool] | None = None,
    mend: bool = True,
) -> Verification:
    """What is proved of a workflow: whether every case can end cleanly, and everything in it can happen.

    Args:
        workflow: The workflow.
        properties: What else must hold: :func:`never`, :func:`always_followed_by`, :func:`mutually_exclusive`,
            :func:`at_most`.
        limit: The most markings to find; with more than that it is not decided.
        enough: Asked now and then, with the number of markings found so far, whether to stop: for a limit of time.
        mend: Whether ways to put it right are looked for, and tried.

    Raises:
        DefinitionError: A property speaks of a state or transition that there is not.
    """
    check_names(properties, workflow_names(workflow))
    checked = _checked(model_of(workflow), workflow, properties, Bounds(limit, enough or ENDLESS))
    if not mend or not checked.findings:
        return checked
    findings = [
        attrs.evolve(finding, mend=_mended(workflow, finding, checked)) if number < _MOST_MENDED else finding
        for number, finding in enumerate(checked.findings)
    ]
    return attrs.evolve(checked, findings=tuple(findings))


def verify_net(
    net: Net,
    initial: Mapping[str, int],
    *,
    name: str = "net",
    final: frozenset[str] | None = None,
    properties: Sequence[Property] = (),
    limit: int = LIMIT,
    enough: Callable[[int], bool] | None = None,
) -> Verification:
    """The same of a plain net: its tokens have arrived where no arc leads on, unless ``final`` says where.

    Raises:
        DefinitionError: A property speaks of a place or transition that there is not.
    """
    check_names(properties, [*net.places, *(transition.name for transition in net.transitions)])
    left = {arc.place for transition in net.transitions for arc in transition.takes}
    finals = frozenset(net.places) - left if final is None else final
    spots = {place: Spot(place) for place in net.places}
    acts = tuple(Act(transition.name) for transition in net.transitions)
    model = Model(net, dict(initial), finals, spots, acts)
    return attrs.evolve(_checked(model, None, properties, Bounds(limit, enough or ENDLESS)), workflow=name)


def _checked(
    model: Model,
    workflow: Workflow | None,
    properties: Sequence[Property],
    bounds: Bounds,
    *,
    quick: bool = False,
) -> Verification:
    space = explore(model.net, model.start, limit=bounds.limit, enough=bounds.enough)
    telling = Telling(model, workflow, quick=quick)
    findings = list(_findings(model, space, telling, properties))
    findings.sort(key=lambda finding: (finding.severity != "error", not finding.certain))
    verdict, why = _verdict(space, findings, properties)
    return Verification(
        workflow="" if workflow is None else workflow.name,
        verdict=verdict,
        markings=space.markings,
        edges=space.edges,
        findings=tuple(findings),
        bounds=_bounds(model, space),
        assumptions=model.assumptions,
        not_decided=why,
    )


def _findings(
    model: Model, space: StateSpace, telling: Telling, properties: Sequence[Property]
) -> Iterator[Finding]:
    if space.pumping is not None:
        pumping = space.pumping
        yield unbounded_finding(telling, (pumping.prefix, pumping.cycle, pumping.grows))
        return
    walks = Walks(model, space)
    yield from soundness_findings(walks, telling)
    if space.complete:
        yield from conflict_findings(walks, telling)
    for each in properties:
        way = each.violation(walks)
        if way is not None:
            example, _ = telling.told(way)
            text = f"{each} does not hold"
            yield Finding("violated", text, str(each), example, certain=example.confirmed)


def _verdict(space: StateSpace, findings: Sequence[Finding], properties: Sequence[Property]) -> tuple[Verdict, str]:
    errors = [finding for finding in findings if finding.severity == "error"]
    if any(finding.certain for finding in errors):
        return "not sound", ""
    if space.pumping is not None and properties:
        return "not decided", "tokens may pile up without end"
    if not space.complete:
        return "not decided", space.not_decided or "tokens may pile up without end"
    if errors:
        return "not decided", f"perhaps {errors[0].text}, but no data were found with which it happens"
    return "sound", ""


def _bounds(model: Model, space: StateSpace) -> dict[str, int | None]:
    """The most tokens of each state; of one that is several places at most their sum."""
    bounds: dict[str, int | None] = {}
    grouped: dict[str, list[str]] = {}
    for place, spot in model.spots.items():
        grouped.setdefault(spot.state, []).append(place)
    several = {state for state, places in grouped.items() if len(places) > 1}
    for state, places in grouped.items():
        found = [space.bounds[place] for place in places]
        bounds[state] = None if None in found else max((each or 0 for each in found), default=0)
    if several and space.pumping is None:
        for marking in space.states():
            for state, count in model.states(marking).items():
                if state in several:
                    bounds[state] = max(bounds[state] or 0, count)
    return bounds


def _mended(workflow: Workflow, finding: Finding, before: Verification) -> Mend | None:
    """The first proposal after which the finding is gone and no error is new; otherwise the first one, as it is."""
    tried: Mend | None = None
    for proposal in proposals(workflow, finding):
        tried = tried or Mend(proposal.text)
        if finding.certain and proposal.made is not None and _helps(proposal.made, finding, before):
            return Mend(proposal.text, verified=True)
    return tried


def _helps(made: Callable[[], Workflow], finding: Finding, before: Verification) -> bool:
    try:
        mended = made()
        after = _checked(model_of(mended), mended, (), Bounds(_MENDING), quick=True)
    except CircuitBreakerError:
        return False
    known = {each.key for each in before.errors}
    gone = finding.key not in {each.key for each in after.findings}
    return gone and not after.not_decided.startswith("not") and all(each.key in known for each in after.errors)
