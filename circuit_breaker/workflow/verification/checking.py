"""Checking: from a workflow or a net to what was proved of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import attrs

from circuit_breaker.errors import CircuitBreakerError
from circuit_breaker.net.statespace.exploration import ENDLESS, Bounds
from circuit_breaker.net.structure import Net
from circuit_breaker.workflow.definition import Workflow
from circuit_breaker.workflow.verification.abstraction import model_of
from circuit_breaker.workflow.verification.barriers import Barriers, barriers
from circuit_breaker.workflow.verification.clashes import clashing
from circuit_breaker.workflow.verification.conditions import conditions_of
from circuit_breaker.workflow.verification.conflicts import conflict_findings
from circuit_breaker.workflow.verification.counterexample import Telling
from circuit_breaker.workflow.verification.decisions import Answers
from circuit_breaker.workflow.verification.findings import Finding, Mend
from circuit_breaker.workflow.verification.mends import proposals
from circuit_breaker.workflow.verification.model import Act, Model, Spot
from circuit_breaker.workflow.verification.properties import Property, check_names, workflow_names
from circuit_breaker.workflow.verification.reach import LIMIT, Reach
from circuit_breaker.workflow.verification.report import Verification
from circuit_breaker.workflow.verification.soundness import soundness_findings
from circuit_breaker.workflow.verification.verdicts import seen_in, unlooked, verdict_of

__all__ = ["LIMIT", "verify", "verify_net"]

_MENDING = 2_000
_MENDED_IN_ALL = 2_000
"""How many markings all workflows that are tried as mends may have together; further mends are told, and not tried."""
_MOST_MENDED = 12


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
    if enough is not None and enough(0):
        unseen = {state.name: 0 for state in workflow.states}
        why = "not decided within the time given, after 0 markings"
        return Verification(workflow.name, "not decided", 0, 0, at_least=unseen, not_decided=why)
    known = Answers(workflow)
    telling = Telling(model_of(workflow, known, enough=enough), workflow, known=known)
    checked = _checked(telling, properties, Bounds(limit, enough or ENDLESS)).checked
    if not mend or not checked.findings:
        return checked
    trials = 0 if telling.model.doubt else max(1, _MENDED_IN_ALL // max(checked.markings, 1))
    mending = _Mending(workflow, checked, known, trials, enough or ENDLESS)
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
    checked = _checked(Telling(model, None), properties, Bounds(limit, enough or ENDLESS)).checked
    return attrs.evolve(checked, workflow=name)


@attrs.frozen(eq=False)
class _Decided:
    """What is proved, and of what it is.

    Attributes:
        checked: What is proved.
        telling: What tells the ways of what it is proved of.
        found: How far cases were followed.
    """

    checked: Verification
    telling: Telling
    found: Reach

    @property
    def whole(self) -> bool:
        """Whether everything was looked at, so that what was not found is not there."""
        return self.found.whole and not self.found.why


def _checked(telling: Telling, properties: Sequence[Property], bounds: Bounds) -> _Decided:
    """What is proved: first as if joins could always take their tokens, then where those that matter cannot."""
    first = last = _decided(telling, properties, bounds)
    while unsure := _clashing(last.telling, last.found):
        telling = _rewritten(last.telling, bounds, unsure=last.telling.model.unsure | unsure)
        last = _decided(telling, properties, bounds)
    if last.checked.verdict == "not decided" and first.checked.conditions:
        return first
    return last if last is first else attrs.evolve(last, checked=_with_shown(first.checked, last))


def _with_shown(first: Verification, last: _Decided) -> Verification:
    """What is proved at last, with what was shown to happen before."""
    workflow, checked = last.telling.workflow, last.checked
    ends = workflow is not None and bool(workflow.final)
    shown = [each for each in first.findings if _stands(each, ends=ends)]
    if all(each.severity != "error" for each in shown):
        return checked
    keys = {each.key for each in shown}
    kept = (each for each in checked.findings if each.certain or each.code == "violated")
    shown += [each for each in kept if each.key not in keys]
    return attrs.evolve(checked, verdict="not sound", findings=tuple(_sorted(shown)), not_decided=first.not_decided)


def _stands(finding: Finding, *, ends: bool) -> bool:
    """Whether it was shown to happen, also if joins that clash let something else happen somewhere."""
    lasting = finding.code == "livelock" or (finding.code == "never-ends" and ends)
    return finding.certain and finding.counterexample is not None and not lasting


def _clashing(telling: Telling, found: Reach) -> frozenset[str]:
    """Joins that keep something else from happening where that is not certain."""
    if telling.workflow is None or found.walks is None:
        return frozenset()
    return clashing(telling.workflow, found.walks, telling.model.unsure)


def _decided(telling: Telling, properties: Sequence[Property], bounds: Bounds) -> _Decided:
    """What is proved, and of what it is."""
    workflow = telling.workflow
    for every in (bool(properties), True):
        telling, found = _reached(telling, bounds, every=every)
        barred = _barred(found, workflow)
        findings = _sorted(_findings(found, telling, properties, barred))
        if found.every or all(finding.certain for finding in findings):
            break  # otherwise it may be confirmed in another order
    verdict, why = verdict_of(found, findings)
    why = why or unlooked(found, properties)
    conditions: tuple[str, ...] = ()
    if verdict == "sound" and workflow is not None and found.walks is not None and not telling.quick:
        conditions = conditions_of(workflow, found.walks, telling, barred)
    seen = seen_in(telling.model, found)
    checked = Verification(
        workflow="" if workflow is None else workflow.name,
        verdict="sound if" if conditions else verdict,
        markings=found.markings,
        edges=found.edges,
        findings=tuple(findings),
        bounds=seen if found.whole else dict.fromkeys(found.unbounded),
        at_least={} if found.whole else seen,
        conditions=conditions,
        assumptions=telling.model.assumptions,
        not_decided=why,
    )
    return _Decided(checked, telling, found)


def _reached(telling: Telling, bounds: Bounds, *, every: bool) -> tuple[Telling, Reach]:
    """How far cases can be followed, and what tells their ways: with every action apart for which that matters.

    Where there is no end to them, or not everything was found, that is not decided otherwise by following more.
    """
    found = Reach.of(telling.model, telling, bounds, every=every)
    while found.overtaken and not (found.why or found.unbounded or found.endless is not None):
        telling = _rewritten(telling, bounds, apart=telling.model.apart | found.overtaken)
        found = Reach.of(telling.model, telling, bounds, every=every)
    return telling, found


def _rewritten(
    telling: Telling, bounds: Bounds, *, apart: frozenset[str] | None = None, unsure: frozenset[str] | None = None
) -> Telling:
    """What tells the ways where these actions begin and end apart, and these joins cannot always take their tokens."""
    model, workflow = telling.model, telling.workflow
    if workflow is None:
        return telling
    model = model_of(
        workflow, telling.known, enough=bounds.enough,
        apart=model.apart if apart is None else apart, unsure=model.unsure if unsure is None else unsure,
    )  # fmt: skip
    return Telling(model, workflow, quick=telling.quick, known=telling.known)


def _sorted(findings: Iterable[Finding]) -> list[Finding]:
    """Errors first, and what is certain before what may be."""
    return sorted(findings, key=lambda finding: (finding.severity != "error", not finding.certain))


def _barred(found: Reach, workflow: Workflow | None) -> Barriers:
    """The joins of which the rules can hold a case up, where everything was found."""
    return {} if workflow is None or found.walks is None or not found.whole else barriers(found.walks, workflow)


def _findings(found: Reach, telling: Telling, properties: Sequence[Property], barred: Barriers) -> Iterator[Finding]:
    if found.endless is not None:
        yield found.endless
    walks = found.walks
    if walks is None:
        return
    yield from soundness_findings(walks, telling)
    if walks.complete:
        yield from conflict_findings(walks, telling, barred)
    for each in properties:
        way = each.violation(walks)
        if way is not None:
            example, _ = telling.told(way)
            yield Finding("violated", f"{each} does not hold", str(each), example, certain=example.confirmed)


@attrs.define
class _Mending:
    """Looks for ways to put right what was found.

    Attributes:
        workflow: The workflow.
        before: What was found.
        known: What was found out about its rules.
        trials: How many ways may still be tried.
        enough: Whether there is no more time to try any.
    """

    workflow: Workflow
    before: Verification
    known: Answers
    trials: int
    enough: Callable[[int], bool]

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
        return self.trials >= 0 and not self.enough(0) and self._helps(made, finding)

    def _helps(self, made: Callable[[], Workflow], finding: Finding) -> bool:
        try:
            mended = made()
            telling = Telling(model_of(mended, self.known, enough=self.enough), mended, quick=True, known=self.known)
            tried = _checked(telling, (), Bounds(_MENDING, self.enough))
        except CircuitBreakerError:
            return False
        errors = {each.key for each in self.before.errors}
        after = tried.checked
        gone = finding.key not in {each.key for each in after.findings}
        return gone and tried.whole and all(each.key in errors for each in after.errors)
