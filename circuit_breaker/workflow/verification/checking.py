"""Checking: from a workflow or a net to what was proved of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.net.statespace import explore
from circuit_breaker.net.structure import Net
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.verification.abstraction import model_of
from circuit_breaker.workflow.verification.conditions import conditions_of
from circuit_breaker.workflow.verification.conflicts import conflict_findings
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.decisions import Answers
from circuit_breaker.workflow.verification.findings import Finding, Mend
from circuit_breaker.workflow.verification.ground import Explored, Ordered, first_only
from circuit_breaker.workflow.verification.mends import proposals
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.properties import Property, check_names, workflow_names
from circuit_breaker.workflow.verification.report import Verdict, Verification
from circuit_breaker.workflow.verification.soundness import soundness_findings, unbounded_finding
from circuit_breaker.workflow.verification.walks import Walks

__all__ = ["ENDLESS", "LIMIT", "verify", "verify_net"]

LIMIT = 200_000
"""How many markings are found unless another limit is given."""
_ORDERED = 20_000
"""How many markings are looked at in the order in which things happen, where there seems to be no end to them."""
_MENDING = 2_000
_MENDED_IN_ALL = 2_000
"""How many markings all workflows that are tried as mends may have together; further mends are told, and not tried."""
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
    known = Answers(workflow)
    telling = Telling(model_of(workflow, known, enough=enough), workflow, known=known)
    checked = _checked(telling, properties, Bounds(limit, enough or ENDLESS))
    if not mend or not checked.findings:
        return checked
    trials = 0 if known.forgets else max(1, _MENDED_IN_ALL // max(checked.markings, 1))
    mending = _Mending(workflow, checked, known, trials)
    findings = [
        attrs.evolve(finding, mend=mending.of(finding)) if number < _MOST_MENDED else finding
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
    checked = _checked(Telling(model, None), properties, Bounds(limit, enough or ENDLESS))
    return attrs.evolve(checked, workflow=name)


def _checked(telling: Telling, properties: Sequence[Property], bounds: Bounds) -> Verification:
    model, workflow = telling.model, telling.workflow
    found = _Found.of(model, telling, bounds)
    findings = list(_findings(found, telling, properties))
    findings.sort(key=lambda finding: (finding.severity != "error", not finding.certain))
    verdict, why = _verdict(found, findings)
    conditions: tuple[str, ...] = ()
    if verdict == "sound" and workflow is not None and found.walks is not None and not telling.quick:
        conditions = conditions_of(workflow, found.walks, telling)
    return Verification(
        workflow="" if workflow is None else workflow.name,
        verdict="sound if" if conditions else verdict,
        markings=found.markings,
        edges=found.edges,
        findings=tuple(findings),
        bounds=_bounds(model, found),
        conditions=conditions,
        assumptions=model.assumptions,
        not_decided=why,
    )


@attrs.frozen
class _Found:
    """What an exploration found.

    Attributes:
        markings: How many markings.
        edges: How many steps.
        walks: Where cases go; None where there is no end to them.
        endless: That there is no end to them.
        why: Why not everything was found, or an empty text.
        unbounded: The states without a bound.
    """

    markings: int
    edges: int
    walks: Walks | None
    endless: Finding | None = None
    why: str = ""
    unbounded: frozenset[str] = frozenset()

    @classmethod
    def of(cls, model: Model, telling: Telling, bounds: Bounds) -> _Found:
        """Everything; what there is no end to only as far as it is reached in the order in which things happen."""
        space = explore(model.net, model.start, limit=bounds.limit, enough=bounds.enough)
        if space.complete:
            return cls(space.markings, space.edges, Walks(model, Explored(model, space)), why=model.doubt)
        pumping = space.pumping
        endless = None if pumping is None else unbounded_finding(
            telling, (pumping.prefix, pumping.cycle, pumping.grows)
        )  # fmt: skip
        states = frozenset(model.spots[place].state for place in space.unbounded)
        if endless is not None and endless.certain:
            return cls(space.markings, space.edges, None, endless, unbounded=states)
        ordered = Ordered(model, first_only(model), min(bounds.limit, _ORDERED), bounds.enough)
        if ordered.complete:
            return cls(ordered.size, ordered.edges, Walks(model, ordered), why=model.doubt)
        why = space.not_decided or "not decided: tokens may pile up without end"
        walks = None if endless is not None else Walks(model, Explored(model, space))
        return cls(space.markings, space.edges, walks, endless, why, states)


def _findings(found: _Found, telling: Telling, properties: Sequence[Property]) -> Iterator[Finding]:
    if found.endless is not None:
        yield found.endless
    walks = found.walks
    if walks is None:
        return
    yield from soundness_findings(walks, telling)
    if walks.complete:
        yield from conflict_findings(walks, telling)
    for each in properties:
        way = each.violation(walks)
        if way is not None:
            example, _ = telling.told(way)
            yield Finding("violated", f"{each} does not hold", str(each), example, certain=example.confirmed)


def _verdict(found: _Found, findings: Sequence[Finding]) -> tuple[Verdict, str]:
    errors = [finding for finding in findings if finding.severity == "error"]
    if any(finding.certain for finding in errors):
        return "not sound", ""
    if found.why:
        return "not decided", found.why
    if errors:
        return "not decided", f"perhaps {errors[0].text}, but no data were found with which it happens"
    return "sound", ""


def _bounds(model: Model, found: _Found) -> dict[str, int | None]:
    """The most tokens of each state, in what was found."""
    bounds: dict[str, int | None] = dict.fromkeys((spot.state for spot in model.spots.values()), 0)
    walks = found.walks
    for node in [] if walks is None else walks.nodes:
        for state, count in model.states(walks.marking(node)).items() if walks else ():
            bounds[state] = max(bounds[state] or 0, count)
    return bounds | dict.fromkeys(found.unbounded)


@attrs.define
class _Mending:
    """Looks for ways to put right what was found.

    Attributes:
        workflow: The workflow.
        before: What was found.
        known: What was found out about its rules.
        trials: How many ways may still be tried.
    """

    workflow: Workflow
    before: Verification
    known: Answers
    trials: int

    def of(self, finding: Finding) -> Mend | None:
        """The first proposal after which the finding is gone and no error is new; otherwise the first one, as it is."""
        first: Mend | None = None
        for proposal in proposals(self.workflow, finding):
            first = first or Mend(proposal.text)
            if finding.certain and proposal.made is not None and self._tried(proposal.made, finding):
                return Mend(proposal.text, verified=True)
        return first

    def _tried(self, made: Callable[[], Workflow], finding: Finding) -> bool:
        """Whether it helps; False where there were too many trials before."""
        self.trials -= 1
        return self.trials >= 0 and self._helps(made, finding)

    def _helps(self, made: Callable[[], Workflow], finding: Finding) -> bool:
        try:
            mended = made()
            telling = Telling(model_of(mended, self.known), mended, quick=True, known=self.known)
            after = _checked(telling, (), Bounds(_MENDING))
        except CircuitBreakerError:
            return False
        errors = {each.key for each in self.before.errors}
        gone = finding.key not in {each.key for each in after.findings}
        return gone and not after.not_decided.startswith("not") and all(each.key in errors for each in after.errors)
